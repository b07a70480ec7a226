package caddymodule

import (
	"fmt"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// health returns how the worker of a destination is doing.
func (g *gateway) health(destination string) queue.Health {
	return g.open().latest.Load().delivering[queue.ParseDestination(destination)].Health()
}

// TestCircuit: a dead upstream costs a few attempts and then none, a reload costs
// one more, and all that waited comes when it has been mended.
func TestCircuit(t *testing.T) {
	up := newUpstream(t)
	up.status(503)
	s := by("stripe")
	site := s.directive("forward {\n retry {\n backoff 1ms\n}\n concurrency 1\n circuit {\n consecutive 2\n open 1h 2h\n}\n reverse_proxy " + up.addr + "\n}")
	g := start(t, setup{site: site})
	for i := range 10 {
		g.expect(200, s.request(g, fmt.Sprint("evt_", i), time.Now()))
	}
	g.logs.await(t, "left alone")
	if h := g.health("stripe"); h.Circuit != queue.CircuitOpen || time.Until(h.Probe) < 59*time.Minute || h.Last != "HTTP status 503" {
		t.Errorf("%+v", h)
	}
	if len(up.got) != 2 {
		t.Errorf("%d attempts, want 2", len(up.got))
	}

	g.load(site + "\n# again")
	until(t, "the probe to fail", func() bool {
		h := g.health("stripe")
		return h.Circuit == queue.CircuitOpen && time.Until(h.Probe) > 119*time.Minute
	})
	if len(up.got) != 3 {
		t.Errorf("%d attempts, want 3", len(up.got))
	}

	up.status(204)
	g.load(site + "\n# and again")
	g.drained()
	if h := g.health("stripe"); h.Circuit != queue.CircuitClosed {
		t.Errorf("%+v", h)
	}
	if n := len(up.got); n != 13 {
		t.Errorf("%d attempts, want 13", n)
	}
}

// TestCircuitOfNothing: without a backlog, an open circuit delays only the next event.
func TestCircuitOfNothing(t *testing.T) {
	up := newUpstream(t)
	up.status(503)
	s := by("stripe")
	g := start(t, setup{site: s.directive("forward {\n retry off\n concurrency 1\n circuit {\n consecutive 2\n open 1h\n}\n reverse_proxy " + up.addr + "\n}")})
	for i := range 2 {
		g.expect(200, s.request(g, fmt.Sprint("evt_", i), time.Now()))
	}
	g.logs.await(t, "left alone")
	until(t, "two dead letters", func() bool { return g.destination("stripe").DeadLetters == 2 })
	const gauge = "caddy_webhook_gateway_circuit_open endpoint=stripe forward="
	if h := g.health("stripe"); h.Circuit != queue.CircuitOpen || gather(t)[gauge] != 0 {
		t.Errorf("%+v, and the metric is %v where nothing waits", h, gather(t)[gauge])
	}
	g.expect(200, s.request(g, "evt_2", time.Now()))
	if got := gather(t)[gauge]; got != 1 || g.destination("stripe").Waiting != 1 {
		t.Errorf("the metric is %v where an event waits", got)
	}
}
