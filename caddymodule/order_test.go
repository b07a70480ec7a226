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
