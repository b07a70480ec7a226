package caddymodule

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestFailedReload: a configuration of which another part cannot be started leaves
// no trace in the store.
func TestFailedReload(t *testing.T) {
	up := newUpstream(t)
	t.Setenv("HOOKWICKET_TEST_KEY", strings.Repeat("0f", 32))
	t.Setenv("HOOKWICKET_TEST_KEY_NEW", strings.Repeat("1f", 32))
	site := by("stripe").directive("retry {\n backoff 50ms 1\n}\n forward " + up.addr)
	g := start(t, setup{app: "max_backlog 1GiB\n encrypt {env.HOOKWICKET_TEST_KEY}", store: newMachine(t).line(), site: site})
	before := endpoint(t, "stripe").app.run()
	s := g.open()
	keys := s.store.(*notingStore).sealedWith

	// The port is taken, which comes out when the servers start; the apps start in
	// any order, so that ours has started in some of the runs only.
	g.app = "max_backlog 2GiB\n encrypt {env.HOOKWICKET_TEST_KEY_NEW} {env.HOOKWICKET_TEST_KEY}"
	taken := strings.TrimPrefix(up.addr, "127.0.0.1:")
	for range 8 {
		if err := g.try("respond 200\n}\nhttp://:" + taken + " {\n" + site); err == nil {
			t.Fatal("a configuration whose port is taken was loaded")
		}
		if limit := s.store.Stats().Limit; limit != 1<<30 {
			t.Fatalf("the limit is %d", limit)
		}
		if !bytes.Equal(keys(), []byte{0x0f}) || s.latest.Load() != before {
			t.Fatal("the configuration that could not be loaded has left its keys or its workers")
		}
	}
	g.expect(200, by("stripe").request(g, "evt_1", time.Now()))
	up.next()
	g.drained()

	// One that can be loaded exchanges them, and the backlog can still be read.
	up.status(503)
	g.expect(200, by("stripe").request(g, "evt_2", time.Now()))
	up.next()
	g.logs.await(t, "attempt failed", "evt_2")
	g.load(site)
	if limit := s.store.Stats().Limit; limit != 2<<30 {
		t.Errorf("the limit is %d", limit)
	}
	if !bytes.Equal(keys(), []byte{0x1f, 0x0f}) || before.before != nil || s.latest.Load().before != before {
		t.Error("the keys were not exchanged")
	}
	up.status(200)
	if r := up.next(); r.Header.Get("Webhook-Gateway-Event-Id") != "evt_2" {
		t.Errorf("delivered %v", r.Header)
	}
	g.drained()

	// A key that does not fit is refused, and nothing changes.
	g.app = "encrypt {env.HOOKWICKET_TEST_KEY_OTHER}"
	t.Setenv("HOOKWICKET_TEST_KEY_OTHER", strings.Repeat("2f", 32))
	if err := g.try(site); err == nil || !strings.Contains(err.Error(), "encrypted with another key") || strings.Contains(err.Error(), "2f2f") {
		t.Errorf("loading with a wrong key: %v", err)
	}
	g.expect(200, by("stripe").request(g, "evt_3", time.Now()))
	up.next()
	g.drained()
}
