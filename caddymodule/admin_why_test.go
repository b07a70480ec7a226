package caddymodule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// TestWhyAndProbe: a delivery that waits says why, a redelivery to an open circuit says
// that it waits, and a probe tries the upstream at once.
func TestWhyAndProbe(t *testing.T) {
	up := newUpstream(t)
	up.status(503)
	s := by("stripe")
	g, c := startAdmin(t, setup{site: s.directive("forward {\n as main\n order\n retry {\n backoff 1h\n}\n circuit {\n consecutive 1\n open 1h\n}\n reverse_proxy " + up.addr + "\n}")})
	ids := make(map[string]string)
	for i := range 3 {
		g.expect(200, s.request(g, fmt.Sprint("evt_", i), time.Now()))
		for _, m := range get[adminapi.Messages](c, "GET", "/messages?limit=1", nil).Messages {
			ids[m.EventID] = m.ID.String()
		}
	}
	up.next()
	until(t, "the circuit to open", func() bool { return g.health("stripe/main").Circuit == queue.CircuitOpen })
	main := "main"
	target := adminapi.Target{Endpoint: "stripe", Forward: &main}
	why := func(event string) adminapi.Why {
		t.Helper()
		d := get[adminapi.Message](c, "GET", "/messages/"+ids[event], nil).Deliveries[0]
		if d.Why == nil {
			return adminapi.Why{}
		}
		return *d.Why
	}

	probed := func() time.Time { return g.health("stripe/main").Probe.UTC() }
	if w := why("evt_1"); w.Reason != "circuit_open" || !w.Until.Equal(probed()) {
		t.Errorf("behind an open circuit: %+v, want until %v", w, probed())
	}
	until(t, "the attempt to be marked", func() bool { return why("evt_0").Reason != "" })
	if w := why("evt_0"); w.Reason != "circuit_open" && w.Reason != "due" || w.Until.IsZero() {
		t.Errorf("the one that failed: %+v", w)
	}
	again := get[adminapi.Redelivered](c, "POST", "/messages/"+ids["evt_0"]+"/redeliver", nil)
	if w := again.Held["stripe/main"]; w.Reason != "circuit_open" || w.Until.IsZero() {
		t.Errorf("redelivered: %+v", again)
	}
	done := get[adminapi.Done](c, "POST", "/redeliver", adminapi.Bulk{Filter: adminapi.Filter{Endpoint: "stripe", State: "waiting"}})
	if w := done.Held["stripe/main"]; done.Changed != 3 || w.Reason != "circuit_open" {
		t.Errorf("redelivered: %+v", done)
	}

	get[adminapi.Paused](c, "POST", "/pause", target)
	if w := why("evt_0"); w.Reason != "paused" {
		t.Errorf("paused: %+v", w)
	}
	for _, d := range get[adminapi.Deliveries](c, "GET", "/deliveries?state=waiting", nil).Deliveries {
		if d.Why == nil || d.Why.Reason != "paused" {
			t.Errorf("in the list of deliveries: %+v", d)
		}
	}
	if p := get[adminapi.Probed](c, "POST", "/probe", target); len(p.Destinations) > 0 || p.Skipped["stripe/main"] != "paused" {
		t.Errorf("probed while paused: %+v", p)
	}
	get[adminapi.Paused](c, "POST", "/resume", target)

	// A probe that fails leaves the circuit open. The head of the line is not due then.
	before := probed()
	if p := get[adminapi.Probed](c, "POST", "/probe", target); !slices.Equal(p.Destinations, []string{"stripe/main"}) {
		t.Fatalf("probed: %+v", p)
	}
	up.next()
	until(t, "the probe to fail", func() bool { return probed().After(before) })
	up.status(200)
	if p := get[adminapi.Probed](c, "POST", "/probe", nil); !slices.Equal(p.Destinations, []string{"stripe/main"}) {
		t.Fatalf("probed: %+v", p)
	}
	for range 3 {
		up.next()
	}
	g.drained()
	if p := get[adminapi.Probed](c, "POST", "/probe", target); p.Skipped["stripe/main"] != "closed" {
		t.Errorf("probed a closed circuit: %+v", p)
	}

	c.refused(400, "POST", "/probe", map[string]any{"forward": "main"}, "of which endpoint")
	c.refused(404, "POST", "/probe", map[string]any{"endpoint": "strpe"}, "did you mean stripe?")
}

// TestProbeAfterFailure: a probe right after a failed one is not lost, although the
// delivery is still claimed for the mark of its failure.
func TestProbeAfterFailure(t *testing.T) {
	up := newUpstream(t)
	up.status(503)
	s := by("stripe")
	g, c := startAdmin(t, setup{site: s.directive("forward {\n order\n retry {\n backoff 1h\n}\n circuit {\n consecutive 1\n open 1h\n}\n reverse_proxy " + up.addr + "\n}")})
	g.expect(200, s.request(g, "evt_1", time.Now()))
	for i := range 50 {
		up.next()
		for g.health("stripe").Circuit != queue.CircuitOpen {
		}
		if p := get[adminapi.Probed](c, "POST", "/probe", adminapi.Target{Endpoint: "stripe"}); len(p.Destinations) != 1 {
			t.Fatalf("probe %d: %+v", i, p)
		}
	}
	up.next()
}

// TestWhyInLine: a delivery waits for the one before it in its order key, and that one
// for its time.
func TestWhyInLine(t *testing.T) {
	up := newUpstream(t)
	up.status(503)
	s := by("stripe")
	g, c := startAdmin(t, setup{site: s.directive("forward {\n order\n retry {\n backoff 1h\n}\n circuit off\n reverse_proxy " + up.addr + "\n}")})
	var ids []string
	for i := range 2 {
		g.expect(200, s.request(g, fmt.Sprint("evt_", i), time.Now()))
		ids = append(ids, get[adminapi.Messages](c, "GET", "/messages?limit=1", nil).Messages[0].ID.String())
	}
	up.next()
	why := func(id string) *adminapi.Why {
		return get[adminapi.Message](c, "GET", "/messages/"+id, nil).Deliveries[0].Why
	}
	until(t, "the head to wait for its time", func() bool { w := why(ids[0]); return w != nil && w.Reason == "due" && !w.Until.IsZero() })
	if w := why(ids[1]); w == nil || w.Reason != "order" || w.Behind != ids[0] {
		t.Errorf("the second: %+v, want behind %s", w, ids[0])
	}
	for _, query := range []string{"?event_id=evt_1", "?event_id=evt_1&state=waiting"} {
		var states []adminapi.DeliveryState
		for _, m := range get[adminapi.Messages](c, "GET", "/messages"+query, nil).Messages {
			states = append(states, m.Deliveries...)
		}
		for _, d := range get[adminapi.Deliveries](c, "GET", "/deliveries"+query, nil).Deliveries {
			states = append(states, d.DeliveryState)
		}
		for _, d := range states {
			if w := d.Why; w == nil || w.Reason != "order" || w.Behind != ids[0] {
				t.Errorf("in a list, %s: %+v", query, d)
			}
		}
		if len(states) != 2 {
			t.Errorf("%s: %d deliveries are listed", query, len(states))
		}
	}
}

// TestNoteOfOtherStates: where nothing matches, the note says what would.
func TestNoteOfOtherStates(t *testing.T) {
	s := by("stripe")
	g, c := startAdmin(t, setup{site: s.directive("forward " + newUpstream(t).addr)})
	get[adminapi.Paused](c, "POST", "/pause", adminapi.Target{Endpoint: "stripe"})
	for i := range 3 {
		g.expect(200, s.request(g, fmt.Sprint("evt_", i), time.Now()))
	}
	const want = "there are no dead letters; 3 are waiting: --state waiting"
	for path, body := range map[string]any{
		"/count": adminapi.Bulk{Filter: adminapi.Filter{State: "dead_letter"}}, "/redeliver": adminapi.Bulk{Filter: adminapi.Filter{State: "dead_letter", Endpoint: "stripe"}},
	} {
		if d := get[adminapi.Done](c, "POST", path, body); d.Note != want {
			t.Errorf("%s: %q, want %q", path, d.Note, want)
		}
	}
	for query, want := range map[string]string{
		"?state=dead_letter": want, "?state=dead_letter&event_id=evt_1": strings.ReplaceAll(want, "3 are", "1 is"),
		"?state=dead_letter,delivered": "nothing is in one of these states; 3 are waiting: --state waiting",
		"?state=delivered&type=none":   "nothing matches", "?state=waiting": "",
	} {
		if d := get[adminapi.Deliveries](c, "GET", "/deliveries"+query, nil); d.Note != want {
			t.Errorf("%s: %q, want %q", query, d.Note, want)
		}
	}
}
