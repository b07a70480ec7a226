package caddymodule

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestOrderByJSON: events of one key arrive in the order of their receipt, whatever
// fails; those of other keys do not wait for them.
func TestOrderByJSON(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	g := start(t, setup{store: m.line(), site: by("stripe").directive(
		"order by json task.id\n retry {\n backoff 1h 1\n}\n circuit off\n forward " + up.addr)})
	var mu sync.Mutex
	failed, done := make(map[string]int), make(map[string][]string)
	up.answers(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		id := r.Header.Get("Webhook-Gateway-Event-Id")
		key, _, _ := strings.Cut(id, "_")
		// Those of key a fail twice each; a dead letter lets the line go on.
		switch {
		case key == "a" && failed[id] < 2:
			failed[id]++
			w.WriteHeader(500)
		case id == "b_1":
			w.WriteHeader(410)
		default:
			done[key] = append(done[key], id)
		}
	})
	var want []string
	for i := range 5 {
		for _, key := range []string{"a", "b", "c"} {
			charge(g, fmt.Sprintf("%s_%d", key, i), "charge", `,"task":{"id":"`+key+`"}`)
		}
		want = append(want, fmt.Sprintf("a_%d", i))
	}
	until(t, "b and c, while a is held up", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(done["b"]) == 4 && len(done["c"]) == 5
	})
	mu.Lock()
	if len(done["a"]) != 0 || failed["a_1"] != 0 {
		t.Errorf("of a, %v were delivered and %v have failed", done["a"], failed)
	}
	mu.Unlock()
	until(t, "the deliveries", func() bool { m.later(); return g.waiting() == 0 })
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(done["a"], want) {
		t.Errorf("a arrived as %v", done["a"])
	}
	if fmt.Sprint(done["b"]) != "[b_0 b_2 b_3 b_4]" || fmt.Sprint(done["c"]) != "[c_0 c_1 c_2 c_3 c_4]" {
		t.Errorf("b arrived as %v, c as %v", done["b"], done["c"])
	}
}

// TestOrderChanged: after a reload that changes the order, events that were accepted
// before go first. Without an order no event waits for another.
func TestOrderChanged(t *testing.T) {
	orders := []string{"off", "order", "order by json task.id", "order by event_type"}
	for i, before := range orders {
		for _, after := range slices.Concat(orders[:i], orders[i+1:]) {
			t.Run(before+" to "+after, func(t *testing.T) {
				up, m := newUpstream(t), newMachine(t)
				site := func(order string) string {
					if order == "off" {
						order = "order off"
					}
					return by("stripe").directive(order + "\n retry {\n backoff 1m 1\n age off\n}\n circuit off\n forward " + up.addr)
				}
				var mu sync.Mutex
				var done []string
				healthy := false
				up.answers(func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					defer mu.Unlock()
					id := r.Header.Get("Webhook-Gateway-Event-Id")
					if !healthy && strings.HasPrefix(id, "old") {
						w.WriteHeader(500)
						return
					}
					done = append(done, id)
				})
				g := start(t, setup{store: m.line(), site: site(before)})
				const some = 20
				for i := range some {
					charge(g, fmt.Sprintf("old_%d", i), "charge", fmt.Sprintf(`,"task":{"id":"%d"}`, i%3))
				}
				g.load(site(after))
				for i := range some {
					charge(g, fmt.Sprintf("new_%d", i), "charge", fmt.Sprintf(`,"task":{"id":"%d"}`, i%3))
				}
				if after == "off" {
					until(t, "the new ones", func() bool { mu.Lock(); defer mu.Unlock(); return len(done) == some })
				}
				mu.Lock()
				if after != "off" && len(done) > 0 {
					t.Errorf("while those of before wait, %v came", done)
				}
				healthy = true
				mu.Unlock()
				until(t, "the deliveries", func() bool { m.later(); return g.waiting() == 0 })
				mu.Lock()
				defer mu.Unlock()
				first := slices.IndexFunc(done, func(id string) bool { return strings.HasPrefix(id, "new") })
				if len(done) != 2*some || after != "off" && first != some {
					t.Errorf("they came as %v", done)
				}
			})
		}
	}
}
