package caddymodule

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// lines joins the lines of a block.
func lines(l ...string) string { return strings.Join(l, "\n") }

// TestFanOut: one event, three forwards, three outcomes. Each has attempts, retries
// and dead letters of its own, and the event is kept once.
func TestFanOut(t *testing.T) {
	well, ill, gone := newUpstream(t), newUpstream(t), newUpstream(t)
	m := newMachine(t)
	g := start(t, setup{store: m.line(), app: "retention off", site: by("stripe").directive(lines(
		"name fan",
		"forward "+well.addr,
		"forward {\n as ill\n retry {\n backoff 1h\n }\n reverse_proxy "+ill.addr+"\n}",
		"forward "+gone.addr+" {\n as gone\n}",
	))})
	ill.status(503)
	gone.status(410)
	before := gather(t)
	const size = 100_000
	body := charge(g, "evt_1", "charge", `,"pad":"`+strings.Repeat("x", size)+`"`)

	ids := make(map[string]bool)
	for up, name := range map[*upstream]string{well: "", ill: "ill", gone: "gone"} {
		r := up.next()
		if string(r.body) != body || r.Header.Get("Webhook-Gateway-Forward") != name || r.Header.Get("Webhook-Gateway-Attempt") != "1" {
			t.Errorf("%q got %d bytes and %v", name, len(r.body), r.Header)
		}
		ids[r.Header.Get("Webhook-Gateway-Message-Id")] = true
	}
	if len(ids) != 1 {
		t.Errorf("the forwards got the messages %v", ids)
	}
	g.logs.await(t, "event delivered", `"endpoint":"fan"`)
	g.logs.await(t, "attempt failed", `"forward":"ill"`)
	g.logs.await(t, "event given up", `"forward":"gone"`, "410")
	until(t, "the three outcomes", func() bool {
		a, b, c := g.destination("fan"), g.destination("fan/ill"), g.destination("fan/gone")
		return a.Waiting == 0 && a.DeadLetters == 0 && b.Waiting == 1 && b.DeadLetters == 0 && c.Waiting == 0 && c.DeadLetters == 1
	})
	if n := g.open().store.Stats().Bytes; n < size/2 || n > size+size/4 {
		t.Errorf("%d bytes wait: the event is not kept once", n)
	}
	for name, want := range map[string]float64{
		"attempts_total endpoint=fan forward= outcome=delivered":       1,
		"attempts_total endpoint=fan forward=ill outcome=retry":        1,
		"attempts_total endpoint=fan forward=ill outcome=delivered":    0,
		"attempts_total endpoint=fan forward=gone outcome=dead_letter": 1,
		"backlog_deliveries endpoint=fan forward=ill":                  1,
		"dead_letters endpoint=fan forward=gone":                       1,
		"dead_letters endpoint=fan forward=":                           0,
		"circuit_open endpoint=fan forward=ill":                        0,
	} {
		name = "caddy_webhook_gateway_" + name
		if got := gather(t)[name] - before[name]; got != want {
			t.Errorf("%s grew by %v, want %v", name, got, want)
		}
	}

	ill.status(200)
	m.later()
	if r := ill.next(); string(r.body) != body || r.Header.Get("Webhook-Gateway-Attempt") != "2" {
		t.Errorf("attempt %s, %d bytes", r.Header.Get("Webhook-Gateway-Attempt"), len(r.body))
	}
	g.drained()
	well.nothing()
	gone.nothing()
}

// TestForwardPolicies: each forward goes by its own policy, and by the endpoint's
// where it has no word of its own.
func TestForwardPolicies(t *testing.T) {
	failing := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "86400")
		w.WriteHeader(409)
	}
	m := newMachine(t)
	ups := make(map[string]*upstream)
	var block strings.Builder
	for _, f := range [][2]string{
		{"two", "retry {\n attempts 2\n}"},
		{"once", "retry off"},
		{"final", "retry {\n final 4xx\n}"},
		{"heeds", "retry {\n retry_after 30m\n}"},
		{"inherits", ""},
	} {
		ups[f[0]] = newUpstream(t)
		ups[f[0]].answers(failing)
		fmt.Fprintf(&block, "forward %s {\n as %s\n %s\n}\n", ups[f[0]].addr, f[0], f[1])
	}
	slow := newUpstream(t)
	slow.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	fmt.Fprintf(&block, "forward %s {\n as slow\n retry {\n timeout 20ms\n attempts 1\n}\n}\n", slow.addr)
	g := start(t, setup{store: m.line(), site: by("stripe").directive(lines(
		"name policies", "retry {\n attempts 3\n retry_after off\n backoff 1s 1\n}", block.String()))})
	charge(g, "evt_1", "charge", "")

	for name, want := range map[string]int{"once": 1, "final": 1, "two": 2, "inherits": 3} {
		up := ups[name]
		until(t, name+" to be given up", func() bool {
			m.later()
			return g.destination("policies/"+name).DeadLetters == 1
		})
		for range want {
			up.next()
		}
		up.nothing()
	}
	g.logs.await(t, "event given up", `"forward":"slow"`, `"failure":"timeout"`)
	// A day was asked for, half an hour is granted; and who does not heed it is soon there.
	if wait := nextAttempt(t, g.logs.await(t, "attempt failed", `"forward":"heeds"`)); wait < 29*time.Minute || wait > 31*time.Minute {
		t.Errorf("the next attempt is %v away", wait)
	}
	if wait := nextAttempt(t, g.logs.await(t, "attempt failed", `"forward":"inherits"`)); wait > 2*time.Second {
		t.Errorf("the next attempt is %v away", wait)
	}
}

// TestForwardsReload: a backlog belongs to its forward's name, through reloads that add,
// rename and remove forwards.
func TestForwardsReload(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	site := func(names ...string) string {
		var b strings.Builder
		for _, n := range names {
			fmt.Fprintf(&b, "forward %s {\n %s\n}\n", up.addr, n)
		}
		return by("stripe").directive(b.String())
	}
	g := start(t, setup{store: m.line(), site: site("as a", "as b")})
	up.status(503)
	charge(g, "evt_1", "charge", "")
	up.next()
	up.next()
	for _, name := range []string{"a", "b"} {
		g.logs.await(t, "attempt failed", `"forward":"`+name+`"`)
	}
	up.status(200)

	load := func(names ...string) {
		old := endpoint(t, "stripe").app.running
		g.load(site(names...))
		until(t, "the old workers to end", func() bool { return old.users.Load() == 0 })
		m.later()
	}
	// b is called c now, and d is new: neither gets the backlog of b.
	load("as a", "as c", "as d")
	if r := up.next(); r.Header.Get("Webhook-Gateway-Forward") != "a" || r.Header.Get("Webhook-Gateway-Attempt") != "2" {
		t.Errorf("delivered %v", r.Header)
	}
	g.logs.await(t, "deliveries are kept that nobody makes: this endpoint has no forward of this name",
		`"endpoint":"stripe"`, `"forward":"b"`, `"waiting":1`, `"dead_letters":0`)
	if orphans := endpoint(t, "stripe").app.run().orphans(); len(orphans) != 1 || orphans[queue.ParseDestination("stripe/b")].Waiting != 1 {
		t.Errorf("orphans %v", orphans)
	}
	until(t, "a to be done", func() bool { return g.destination("stripe/a").Waiting == 0 })
	up.nothing()
	if v := gather(t)["caddy_webhook_gateway_backlog_deliveries endpoint=stripe forward=b"]; v != 1 {
		t.Errorf("the metric counts %v", v)
	}
	// New events go to those that are there.
	charge(g, "evt_2", "charge", "")
	var got []string
	for range 3 {
		got = append(got, up.next().Header.Get("Webhook-Gateway-Forward"))
	}
	slices.Sort(got)
	if fmt.Sprint(got) != "[a c d]" {
		t.Errorf("evt_2 went to %v", got)
	}
	// With the old name, the backlog is delivered.
	load("as b")
	if r := up.next(); r.Header.Get("Webhook-Gateway-Forward") != "b" || r.Header.Get("Webhook-Gateway-Event-Id") != "evt_1" {
		t.Errorf("delivered %v", r.Header)
	}
	g.drained()
	up.nothing()
}

// TestForwardGetsAName: the backlog of a forward without a name does not move to a named
// one by itself.
func TestForwardGetsAName(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	g := start(t, setup{store: m.line(), site: by("stripe").directive("forward " + up.addr)})
	up.status(410)
	charge(g, "evt_1", "charge", "")
	until(t, "the dead letter", func() bool { return g.destination("stripe").DeadLetters == 1 })
	g.load(by("stripe").directive("forward " + up.addr + " {\n as a\n}"))
	g.logs.await(t, "all forwards of this endpoint have names now", `"endpoint":"stripe"`, `"forward":""`, `"dead_letters":1`)
	g.load(by("stripe").directive("") + "respond 200")
	g.logs.await(t, "this endpoint has no forward any more", `"dead_letters":1`)
	g.load(by("slack").directive("forward " + up.addr))
	g.logs.await(t, "the configuration has no endpoint of this name", `"endpoint":"stripe"`)
	if n := len(g.logs.lines("deliveries are kept that nobody makes")); n != 3 {
		t.Errorf("%d warnings", n)
	}
}

// TestNoForward: an endpoint without a forward warns of lines about deliveries.
func TestNoForward(t *testing.T) {
	up := newUpstream(t)
	s := by("github")
	g := start(t, setup{site: s.directive("retry off\n max_backlog 1MiB\n order") + "\nreverse_proxy " + up.addr})
	g.logs.await(t, `"level":"warn"`, "have no effect", `["retry","order","max_backlog"]`)
}
