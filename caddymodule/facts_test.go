package caddymodule

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestWildEventIDs: whatever stands in an event's ID and type, the event is
// delivered, also where the configuration puts them into headers.
func TestWildEventIDs(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	g := start(t, setup{site: s.directive(`forward {
		reverse_proxy ` + up.addr + ` {
			header_up X-Id {http.webhook_gateway.event_id}
			header_up X-Type {http.webhook_gateway.event_type}
		}
	}`)})
	for _, id := range []string{
		"a\nb", "a\r\nX-Forged: 1", "nul\x00", "\t", " spaced ", "caf\u00e9 \u4f60", "\u2028", strings.Repeat("long", 125), "{http.request.host}", "\x7f", "%41",
	} {
		body, err := json.Marshal(map[string]string{"id": id, "type": "type:" + id})
		if err != nil {
			t.Fatal(err)
		}
		if a := g.send(s.with(g, string(body), time.Now(), "")); a.status != 200 {
			t.Errorf("%.20q: answered %v", id, a)
			continue
		}
		got := up.next()
		if string(got.body) != string(body) || got.Header.Get("X-Forged") != "" {
			t.Errorf("%q: got %q with %v", id, got.body, got.Header)
		}
		for _, name := range []string{"Webhook-Gateway-Event-Id", "Webhook-Gateway-Event-Type", "X-Id", "X-Type"} {
			if v := got.Header.Get(name); strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) || len(v) > 3*maxHeaderValue {
				t.Errorf("%q: %s: %q", id, name, v)
			}
		}
		g.expect(200, s.with(g, string(body), time.Now(), "")) // still the same event
	}
	g.drained()
	up.nothing()
	// IDs are different even if they differ only in bytes that a header cannot have.
	for _, id := range []string{`x\n`, `x\r`, `x%0A`} {
		g.expect(200, s.with(g, `{"id":"`+id+`"}`, time.Now(), ""))
		up.next()
	}
}

// TestPlaceholders: they can be used in the forward block, by the handlers around the
// endpoint, and in handle_errors.
func TestPlaceholders(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	g := start(t, setup{site: `
		log
		log_append endpoint {http.webhook_gateway.endpoint}
		log_append reason {http.webhook_gateway.reason}
		log_append event {http.webhook_gateway.event_id}
		header >X-Event {http.webhook_gateway.event_id}
		header >X-Message {http.webhook_gateway.message_id}
		` + s.directive(`name payments
		forward {
			request_header X-All "{http.webhook_gateway.provider} {http.webhook_gateway.endpoint} {http.webhook_gateway.event_id} {http.webhook_gateway.event_type} {http.webhook_gateway.attempt}"
			request_header X-Message {http.webhook_gateway.message_id}
			reverse_proxy `+up.addr+`
		}`) + `
		webhook_gateway /sync stripe {
			name sync
			secret whsec_stripe
		}
		reverse_proxy /sync ` + up.addr + ` {
			header_up X-Sync "{http.webhook_gateway.event_id}"
		}
		handle_errors {
			header X-Reason {http.webhook_gateway.reason}
			respond "refused by {http.webhook_gateway.endpoint}: {http.webhook_gateway.reason}" {err.status_code}
		}`})

	a := g.expect(200, s.request(g, "evt_1", time.Now()))
	got := up.next()
	if v := got.Header.Get("X-All"); v != "stripe payments evt_1 charge.succeeded 1" {
		t.Errorf("in the forward block: %q", v)
	}
	id := got.Header.Get("Webhook-Gateway-Message-Id")
	if len(id) != 36 || got.Header.Get("X-Message") != id {
		t.Errorf("message ID %q, placeholder %q", id, got.Header.Get("X-Message"))
	}
	if a.header.Get("X-Event") != "evt_1" || a.header.Get("X-Message") != id {
		t.Errorf("outside: %v", a.header)
	}
	line := g.logs.await(t, `"logger":"http.log.access`, `"status":200`)
	for _, want := range []string{`"endpoint":"payments"`, `"event":"evt_1"`} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in the access log: %s", want, line)
		}
	}
	// A duplicate was not kept: there is no message of its own.
	if a := g.expect(200, s.request(g, "evt_1", time.Now())); a.header.Get("X-Event") != "evt_1" || a.header.Get("X-Message") != "" {
		t.Errorf("of a duplicate: %v", a.header)
	}

	bad := s.request(g, "evt_2", time.Now())
	bad.Header.Set("Stripe-Signature", "t=1,v1=00")
	a = g.expect(401, bad)
	if a.body != "refused by payments: wrong_signature" || a.header.Get("X-Reason") != "wrong_signature" {
		t.Errorf("handle_errors: %v %v", a, a.header)
	}
	g.logs.await(t, `"logger":"http.log.access`, `"status":401`, `"reason":"wrong_signature"`)

	r := s.request(g, "evt_3", time.Now())
	r.URL.Path = "/sync"
	g.expect(200, r)
	if v := up.next().Header.Get("X-Sync"); v != "evt_3" {
		t.Errorf("passed on with %q", v)
	}
	up.nothing()
}
