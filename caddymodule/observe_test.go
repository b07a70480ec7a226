package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// observed returns an endpoint's count of requests that it would not have accepted.
func observed(t *testing.T, endpoint, reason string) float64 {
	t.Helper()
	return gather(t)["caddy_webhook_gateway_requests_total endpoint="+endpoint+" outcome=observed reason="+reason]
}

// TestObserveForwarding: every request is kept and answered with success. The reason for
// which an enforcing endpoint would refuse it is counted, logged and sent upstream.
func TestObserveForwarding(t *testing.T) {
	runs.Add(1)
	up := newUpstream(t)
	s := by("stripe")
	name := metered()
	lines := "name " + name + "\n max_body 1KB\n forward " + up.addr
	g := start(t, setup{site: s.directive("mode observe\n" + lines)})
	g.logs.await(t, `"level":"warn"`, "the endpoint observes", "anybody")

	now := time.Now()
	forged := func() *http.Request {
		r := s.request(g, "evt_forged", now)
		r.Header.Set("Stripe-Signature", "t="+unix(now)+",v1=00")
		r.Header.Set("Webhook-Gateway-Reason", "the sender's own")
		return r
	}
	bare := s.request(g, "evt_bare", now)
	bare.Header.Del("Stripe-Signature")
	put := s.request(g, "evt_put", now)
	put.Method = http.MethodPut
	for _, test := range []struct {
		r               *http.Request
		reason, id, typ string
	}{
		{s.request(g, "evt_1", now), "", "evt_1", "charge.succeeded"},
		{s.request(g, "evt_1", now), "duplicate", "evt_1", "charge.succeeded"},
		{s.request(g, "evt_1", now), "duplicate", "evt_1", "charge.succeeded"},
		{forged(), "wrong_signature", "evt_forged", "charge.succeeded"},
		{forged(), "wrong_signature", "evt_forged", "charge.succeeded"}, // it has taken no key
		{bare, "missing_signature", "evt_bare", "charge.succeeded"},
		{s.request(g, "evt_old", now.Add(-time.Hour)), "stale_timestamp", "evt_old", "charge.succeeded"},
		{s.with(g, "no JSON", now, ""), "malformed_body", "", ""},
		{put, "method_not_allowed", "evt_put", "charge.succeeded"},
	} {
		before := observed(t, name, test.reason)
		if a := g.send(test.r); a.String() != s.success.String() {
			t.Errorf("%s: answered %v", test.reason, a)
		}
		got := up.next()
		h := got.Header
		if h.Get("Webhook-Gateway-Reason") != test.reason || len(h["Webhook-Gateway-Reason"]) > 1 ||
			h.Get("Webhook-Gateway-Event-Id") != test.id || h.Get("Webhook-Gateway-Event-Type") != test.typ {
			t.Errorf("%s: the upstream was told %v", test.reason, h)
		}
		verified := test.reason == "" || test.reason == "duplicate"
		if signed := h.Get("Webhook-Gateway-Signed"); (signed != "") != verified {
			t.Errorf("%s: signed %q", test.reason, signed)
		}
		if test.reason == "" {
			continue
		}
		if n := observed(t, name, test.reason); n != before+1 {
			t.Errorf("%s: counted %v, before %v", test.reason, n, before)
		}
		g.logs.await(t, `"level":"warn"`, `"reason":"`+test.reason+`"`, "let through")
	}
	if n := counted(t, name); n["accepted"] != 1 || n["duplicate"] != 0 {
		t.Errorf("counted %v", n)
	}
	g.drained()

	// The bounds stay.
	if a := g.send(s.with(g, strings.Repeat("x", 2000), now, "")); a.status != 413 {
		t.Errorf("too large: %v", a)
	}
	// Enforcing begins with the keys of the verified events, and no others.
	g.load(s.directive(lines))
	g.expect(200, s.request(g, "evt_1", now))
	up.nothing()
	g.expect(401, forged())
	g.expect(200, s.request(g, "evt_forged", now))
	if got := up.next(); got.Header.Get("Webhook-Gateway-Event-Id") != "evt_forged" || got.Header.Get("Webhook-Gateway-Reason") != "" {
		t.Errorf("got %v", got.Header)
	}
	g.drained()
}

// TestObservePassing: before a live receiver nothing changes for it and its
// senders, whatever they send.
func TestObservePassing(t *testing.T) {
	runs.Add(1)
	up := newUpstream(t)
	up.answers(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Live", "yes")
		status := 202
		if r.Header.Get("X-Fail") != "" {
			status = 418
		}
		w.WriteHeader(status)
		fmt.Fprint(w, "the live one's")
	})
	s := by("stripe")
	name := metered()
	site := func(mode string) string {
		return "webhook_gateway /stripe stripe {\n mode " + mode + "\n name " + name + "\n secret whsec_stripe\n}\nreverse_proxy " + up.addr
	}
	g := start(t, setup{site: site("observe")})
	now := time.Now()
	forged := func() *http.Request {
		r := s.request(g, "evt_forged", now)
		r.Header.Set("Stripe-Signature", "t="+unix(now)+",v1=00")
		return r
	}
	failing := s.request(g, "evt_failed", now)
	failing.Header.Set("X-Fail", "1")
	get := s.request(g, "", now)
	get.Method = http.MethodGet
	for _, test := range []struct {
		r      *http.Request
		reason string
		status int
	}{
		{s.request(g, "evt_1", now), "", 202},
		{s.request(g, "evt_1", now), "duplicate", 202},
		{forged(), "wrong_signature", 202},
		{get, "method_not_allowed", 202},
		{failing, "", 418},
		{s.request(g, "evt_failed", now), "", 202}, // the failure took no key
		{s.request(g, "evt_failed", now), "duplicate", 202},
	} {
		a := g.send(test.r)
		if a.status != test.status || a.header.Get("X-Live") != "yes" || a.body != "the live one's" {
			t.Errorf("%q: answered %v", test.reason, a)
		}
		if got := up.next().Header.Get("Webhook-Gateway-Reason"); got != test.reason {
			t.Errorf("told %q, want %q", got, test.reason)
		}
	}
	if n := counted(t, name); n["accepted"] != 2 || n["failed"] != 1 || n["duplicate"] != 0 {
		t.Errorf("counted %v", n)
	}
	if d, w := observed(t, name, "duplicate"), observed(t, name, "wrong_signature"); d != 2 || w != 1 {
		t.Errorf("%v duplicates and %v wrong signatures observed", d, w)
	}
	g.load(site("enforce"))
	if a := g.send(s.request(g, "evt_1", now)); a.status != 200 || a.body != "" {
		t.Errorf("answered %v", a)
	}
	up.nothing()
	g.expect(401, forged())
	up.nothing()
}

// TestObserveStoreFails: an endpoint that observes goes on passing requests while
// the store fails; one that has to keep events cannot.
func TestObserveStoreFails(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	s := by("stripe")
	g := start(t, setup{store: m.line(), site: "webhook_gateway /stripe stripe {\n mode observe\n secret whsec_stripe\n}\nreverse_proxy " + up.addr +
		"\nwebhook_gateway /kept stripe {\n mode observe\n name kept\n secret whsec_stripe\n forward " + up.addr + "\n}"})
	m.full.Store(true)
	for i := range 3 {
		g.expect(200, s.request(g, fmt.Sprint("evt_", i), time.Now()))
		up.next()
	}
	r := s.request(g, "evt_kept", time.Now())
	r.URL.Path = "/kept"
	g.expect(503, r)
	up.nothing()
}

// TestObserveHandshakes: the live receiver answers them by itself; where the
// gateway forwards, nobody else could.
func TestObserveHandshakes(t *testing.T) {
	up := newUpstream(t)
	up.answers(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the live one's") })
	s := by("slack")
	g := start(t, setup{site: "webhook_gateway /live slack {\n mode observe\n name live\n secret slack-secret\n}\nreverse_proxy " + up.addr + "\n" +
		"webhook_gateway /kept slack {\n mode observe\n name kept\n secret slack-secret\n forward " + up.addr + "\n}"})
	challenge := func(path string) *http.Request {
		r := s.with(g, `{"type":"url_verification","challenge":"a challenge"}`, time.Now(), "")
		r.URL.Path = path
		return r
	}
	if a := g.expect(200, challenge("/live")); a.body != "the live one's" {
		t.Errorf("answered %v", a)
	}
	if got := up.next(); got.Header.Get("Webhook-Gateway-Reason") != "" {
		t.Errorf("told %v", got.Header)
	}
	if a := g.expect(200, challenge("/kept")); !strings.Contains(a.body, "a challenge") {
		t.Errorf("answered %v", a)
	}
	up.nothing()
	g.logs.await(t, `"level":"info"`, "handshake passed on")
}

// TestObservedMark: the sender of an observed event has the answer before its key is
// durable. A repetition is passed on when the key is, so it counts as a duplicate.
func TestObservedMark(t *testing.T) {
	runs.Add(1)
	up := newUpstream(t)
	m := newMachine(t)
	s, name := by("stripe"), metered()
	g := start(t, setup{store: m.line(), site: "webhook_gateway /stripe stripe {\n mode observe\n name " + name + "\n secret whsec_stripe\n}\nreverse_proxy " + up.addr})
	g.expect(200, s.request(g, "evt_0", time.Now())) // the store is open
	up.next()

	gate := make(chan struct{})
	m.syncing.Store(&gate)
	openGate := sync.OnceFunc(func() { m.syncing.Store(nil); close(gate) })
	defer openGate()
	g.expect(200, s.request(g, "evt_1", time.Now())) // returns while no sync does
	up.next()
	again := make(chan reply, 1)
	go func() { again <- g.send(s.request(g, "evt_1", time.Now())) }()
	until(t, "the repetition to wait", func() bool { return g.open().window.Waiting() == 1 })
	up.nothing()
	openGate()
	if a := <-again; a.status != 200 {
		t.Errorf("the repetition got %v", a)
	}
	if reason := up.next().Header.Get("Webhook-Gateway-Reason"); reason != "duplicate" {
		t.Errorf("the repetition has the reason %q", reason)
	}
	if n := observed(t, name, "duplicate"); n != 1 {
		t.Errorf("%v duplicates observed", n)
	}
}

// TestObservedTwins: identical requests at the same moment are all passed on, and one of
// them takes the key.
func TestObservedTwins(t *testing.T) {
	runs.Add(1)
	const twins = 8
	up := newUpstream(t)
	all := make(chan struct{})
	up.answers(func(http.ResponseWriter, *http.Request) { <-all })
	s, name := by("stripe"), metered()
	g := start(t, setup{site: "webhook_gateway /stripe stripe {\n mode observe\n name " + name + "\n secret whsec_stripe\n}\nreverse_proxy " + up.addr})
	var senders sync.WaitGroup
	for range twins {
		senders.Go(func() {
			if a, err := g.exchange(s.request(g, "evt_1", time.Now())); err != nil || a.status != 200 {
				t.Errorf("answered %v, %v", a, err)
			}
		})
	}
	for range twins {
		if reason := up.next().Header.Get("Webhook-Gateway-Reason"); reason != "" {
			t.Errorf("a twin has the reason %q before any is answered", reason)
		}
	}
	close(all)
	senders.Wait()
	if n, d := counted(t, name)["accepted"], observed(t, name, "duplicate"); n != 1 || d != twins-1 {
		t.Errorf("%v accepted and %v duplicates of %d", n, d, twins)
	}
}
