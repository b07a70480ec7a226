package caddymodule

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"
)

// TestDiskFull: while the disk is full, senders are asked to try again, known events stay
// known, and no acknowledged event is lost. With space again, all goes on without a
// restart.
func TestDiskFull(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	s := by("stripe")
	g := start(t, setup{store: m.line(), site: s.directive("forward " + up.addr)})
	up.status(500) // so that deliveries wait
	acknowledged := make(map[string]bool)
	for i := range 5 {
		id := fmt.Sprint("before_", i)
		g.expect(200, s.request(g, id, time.Now()))
		acknowledged[id] = true
		up.next()
	}

	m.full.Store(true)
	before := counted(t, "stripe")
	var refused []string
	for i := range 20 {
		id := fmt.Sprint("full_", i)
		a := g.send(s.request(g, id, time.Now()))
		switch {
		case a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "":
			refused = append(refused, id)
		case a.status == 200:
			acknowledged[id] = true // then it has to be kept
		default:
			t.Errorf("%s: answered %v with %v", id, a, a.header)
		}
	}
	if len(refused) == 0 {
		t.Fatal("nothing was refused")
	}
	if n := counted(t, "stripe")["unavailable"] - before["unavailable"]; n != float64(len(refused)) {
		t.Errorf("%v requests counted as unavailable, want %d", n, len(refused))
	}
	if v := gather(t)["caddy_webhook_gateway_store_available"]; v != 0 {
		t.Errorf("store_available is %v", v)
	}
	for i := range 5 {
		g.expect(200, s.request(g, fmt.Sprint("before_", i), time.Now()))
	}
	g.logs.await(t, `"level":"error"`, "event not accepted", `"endpoint":"stripe"`, "full")

	m.full.Store(false)
	until(t, "the store to take events again", func() bool {
		return g.send(s.request(g, "after", time.Now())).status == 200
	})
	acknowledged["after"] = true
	for _, id := range refused { // as their sender would
		g.expect(200, s.request(g, id, time.Now()))
		acknowledged[id] = true
	}
	if v := gather(t)["caddy_webhook_gateway_store_available"]; v != 1 {
		t.Errorf("store_available is %v", v)
	}

	delivered := make(map[string]int)
	var mu sync.Mutex
	up.answers(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		delivered[r.Header.Get("Webhook-Gateway-Event-Id")]++
	})
	until(t, "the deliveries", func() bool { m.later(); return g.waiting() == 0 })
	mu.Lock()
	defer mu.Unlock()
	for id := range acknowledged {
		// Once, or twice if the mark of an attempt found no space.
		if delivered[id] == 0 {
			t.Errorf("%s was acknowledged and not delivered", id)
		}
		delete(delivered, id)
	}
	if len(delivered) > 0 {
		t.Errorf("delivered though nobody was told so: %v", delivered)
	}
}

// TestPassthroughDiskFull: the sender gets the upstream's answer even if its key cannot
// be kept. An event that cannot be looked up is not passed on.
func TestPassthroughDiskFull(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	g := start(t, setup{store: m.line(), site: passthrough(up)})
	s := by("stripe")
	g.expect(200, s.request(g, "evt_1", time.Now()))
	up.next()
	m.full.Store(true)
	a := g.send(s.request(g, "evt_2", time.Now()))
	if a.status == 200 {
		up.next()
		g.logs.await(t, `"level":"error"`, "cannot be remembered")
	} else if a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("answered %v", a)
	}
	g.expect(200, s.request(g, "evt_1", time.Now()))
	up.nothing()
	m.full.Store(false)
	until(t, "the store to remember again", func() bool {
		id := fmt.Sprint("later_", time.Now().UnixNano())
		g.expect(200, s.request(g, id, time.Now()))
		up.next()
		g.expect(200, s.request(g, id, time.Now()))
		return len(up.got) == 0 || up.next() == nil
	})
}

// TestStoreDoesNotOpen: a store that cannot be opened refuses the configuration,
// and the one that runs goes on.
func TestStoreDoesNotOpen(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	site := s.directive("forward " + up.addr)
	g := start(t, setup{site: site})
	m := newMachine(t)
	m.refuse.Store(true)
	good := g.store
	g.store = m.line()
	if err := g.try(site); err == nil {
		t.Error("a store that cannot be opened was taken")
	}
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g.store = "pebble " + file
	if err := g.try(site); err == nil {
		t.Error("a file was taken for a store")
	}
	g.store = good
	g.expect(200, s.request(g, "evt_1", time.Now()))
	up.next()
	if n := openStoresCount(); n != 1 {
		t.Errorf("%d stores are open", n)
	}
}
