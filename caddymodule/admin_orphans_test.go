package caddymodule

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// TestAdminOrphans: what waits for an endpoint that the configuration no longer
// has can be seen and ended, and redelivered where it was to go.
func TestAdminOrphans(t *testing.T) {
	up := newUpstream(t)
	up.status(410)
	s := by("stripe")
	before := s.directive("forward "+up.addr+" {\n as main\n}") + by("github").directive("forward "+up.addr)
	after := by("github").directive("forward " + up.addr)
	g, c := startAdmin(t, setup{site: before})
	g.expect(200, s.request(g, "evt_1", time.Now()))
	until(t, "the dead letter", func() bool { return g.destination("stripe/main").DeadLetters == 1 })
	g.load(after)

	e := get[adminapi.Endpoint](c, "GET", "/endpoints/stripe", nil)
	if e.Kind != "orphaned" || e.DeadLetters != 1 || len(e.Forwards) != 1 || !e.Forwards[0].Orphaned || e.Forwards[0].Circuit != nil {
		t.Errorf("orphaned: %+v", e)
	}
	if n := get[adminapi.Status](c, "GET", "/status", nil); n.Totals.Orphaned != 1 || n.Totals.DeadLetters != 1 || n.Totals.Endpoints != 1 {
		t.Errorf("status: %+v", n.Totals)
	}
	m := get[adminapi.Messages](c, "GET", "/messages?endpoint=stripe", nil).Messages[0]
	shown := get[adminapi.Message](c, "GET", "/messages/"+m.ID.String(), nil)
	if v := shown.Request.Header["Stripe-Signature"]; !slices.Equal(v, []string{redacted}) {
		t.Errorf("an orphan's signature: %q", v)
	}
	if n := get[adminapi.Done](c, "POST", "/redeliver", adminapi.Bulk{Filter: adminapi.Filter{Endpoint: "stripe", State: "dead_letter"}}); n.Changed != 1 {
		t.Errorf("redeliver: %+v", n)
	}
	if d := g.destination("stripe/main"); d.Waiting != 1 || d.DeadLetters != 0 {
		t.Errorf("redelivered to nobody, it waits: %+v", d)
	}
	c.refused(422, "DELETE", "/keys?message="+m.ID.String(), nil, "not in the configuration")
	if n := get[adminapi.Done](c, "POST", "/purge", adminapi.Bulk{Filter: adminapi.Filter{Endpoint: "stripe", State: "waiting"}}); n.Changed != 1 {
		t.Errorf("purge: %+v", n)
	}
	if all := get[adminapi.Endpoints](c, "GET", "/endpoints", nil).Endpoints; len(all) != 1 || all[0].Name != "github" {
		t.Errorf("nothing is left of it, and yet: %+v", all)
	}
}

// TestAdminUnrouted: events that matched no forward go where the routing of today
// sends them, and a new forward gets the events of before it.
func TestAdminUnrouted(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	forward := func(name, on string) string {
		return fmt.Sprintf("forward %s {\n as %s\n on %s\n}\n", up.addr, name, on)
	}
	g, c := startAdmin(t, setup{site: s.directive(forward("main", "nothing.*"))})
	for i := range 3 {
		g.expect(200, s.request(g, fmt.Sprint("evt_", i), time.Now()))
	}
	unrouted := adminapi.Bulk{Filter: adminapi.Filter{Endpoint: "stripe", State: "unrouted"}}
	if n := get[adminapi.Done](c, "POST", "/count", unrouted); n.Matched != 3 {
		t.Fatalf("count: %+v", n)
	}
	if n := get[adminapi.Done](c, "POST", "/redeliver", unrouted); n.Matched != 3 || n.Changed != 0 || n.SkippedBy["nowhere"] != 3 {
		t.Errorf("they still match nothing: %+v", n)
	}
	if e := get[adminapi.Endpoint](c, "GET", "/endpoints/stripe", nil); e.Unrouted < 3 || len(e.Forwards) != 1 || e.Forwards[0].Orphaned {
		t.Errorf("endpoint: %+v", e)
	}
	g.load(s.directive(forward("main", "nothing.*") + forward("all", "*")))
	first := unrouted
	first.Limit = 2
	n := get[adminapi.Done](c, "POST", "/redeliver", first)
	if n.Changed != 2 || n.Next == "" {
		t.Errorf("the first chunk: %+v", n)
	}
	first.After, first.Filter.Until = n.Next, n.Until.Format(time.RFC3339Nano)
	if n := get[adminapi.Done](c, "POST", "/redeliver", first); n.Changed != 1 || n.Next != "" {
		t.Errorf("the second chunk: %+v", n)
	}
	for range 3 {
		if got := up.next(); got.Header.Get("Webhook-Gateway-Forward") != "all" {
			t.Errorf("it went to %s", got.Header.Get("Webhook-Gateway-Forward"))
		}
	}
	g.drained()

	main := "main"
	backfill := adminapi.Bulk{Filter: adminapi.Filter{Endpoint: "stripe", Since: "1h"}, Forward: &main}
	if n := get[adminapi.Done](c, "POST", "/count", backfill); n.Matched != 3 {
		t.Errorf("to be filled: %+v", n)
	}
	if n := get[adminapi.Done](c, "POST", "/redeliver", backfill); n.Changed != 3 {
		t.Errorf("filled: %+v", n)
	}
	for range 3 {
		if got := up.next(); got.Header.Get("Webhook-Gateway-Forward") != "main" {
			t.Errorf("it went to %s", got.Header.Get("Webhook-Gateway-Forward"))
		}
	}
	g.drained()
	for _, m := range get[adminapi.Messages](c, "GET", "/messages", nil).Messages {
		if len(m.Deliveries) != 2 || slices.ContainsFunc(m.Deliveries, func(d adminapi.DeliveryState) bool { return d.State != queue.StateDelivered }) {
			t.Errorf("after all: %+v", m)
		}
	}
}

// TestAdminBinary: a body that is no text is shown in base64, and whole as it was.
func TestAdminBinary(t *testing.T) {
	up := newUpstream(t)
	s := by("github")
	g, c := startAdmin(t, setup{site: s.directive("forward " + up.addr)})
	body := strings.Repeat("\x00\xff\xfe", 50_000)
	g.expect(200, s.with(g, body, time.Now(), "evt_1"))
	g.drained()
	id := get[adminapi.Messages](c, "GET", "/messages", nil).Messages[0].ID.String()
	q := get[adminapi.Message](c, "GET", "/messages/"+id, nil).Request
	if b, err := base64.StdEncoding.DecodeString(q.Body); err != nil || q.Encoding != "base64" || string(b) != body[:defaultShown] || !q.Truncated || q.BodyBytes != int64(len(body)) {
		t.Errorf("shown: %d bytes, %v, %+v", len(b), err, q.Encoding)
	}
	if got := c.call(200, "GET", "/messages/"+id+"/body", nil); got != body {
		t.Errorf("%d bytes of %d", len(got), len(body))
	}
}

// TestAdminBusy: a delivery that is being attempted is left alone, and counted.
func TestAdminBusy(t *testing.T) {
	up := newUpstream(t)
	hold := make(chan struct{})
	up.answers(func(w http.ResponseWriter, _ *http.Request) { <-hold })
	s := by("stripe")
	g, c := startAdmin(t, setup{site: s.directive("forward " + up.addr)})
	g.expect(200, s.request(g, "evt_1", time.Now()))
	up.next()
	m := get[adminapi.Deliveries](c, "GET", "/deliveries?state=waiting", nil).Deliveries[0]
	if !m.Claimed {
		t.Errorf("being attempted: %+v", m)
	}
	if n := get[adminapi.Done](c, "POST", "/purge", adminapi.Bulk{Filter: adminapi.Filter{State: "all"}}); n.Matched != 1 || n.Changed != 0 || n.SkippedBy["busy"] != 1 {
		t.Errorf("purge: %+v", n)
	}
	c.refused(409, "POST", "/messages/"+m.ID.String()+"/redeliver", nil, "under way")
	close(hold)
	g.drained()
}
