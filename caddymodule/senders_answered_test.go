package caddymodule

import (
	"io"
	"strings"
	"testing"
	"time"
)

// TestSenders sends, for every provider, a good request, its duplicate, a forged
// one and a stale one, and looks at each answer to the byte.
func TestSenders(t *testing.T) {
	up := newUpstream(t)
	var site strings.Builder
	for _, s := range theSenders {
		site.WriteString(s.directive("forward " + up.addr))
	}
	g := start(t, setup{site: site.String()})
	for _, s := range theSenders {
		t.Run(s.slug, func(t *testing.T) {
			up.t, g.t = t, t
			s.answered(t, g, up)
		})
	}
	g.t = t
}

func (s sender) answered(t *testing.T, g *gateway, up *upstream) {
	check := func(what string, got, want reply) {
		t.Helper()
		if got.String() != want.String() {
			t.Errorf("%s: answered %v, want %v", what, got, want)
		}
	}
	now := time.Now()
	body := s.body("evt_1", now)
	check("accepted", g.send(s.with(g, body, now, "evt_1")), s.success)
	got := up.next()
	if string(got.body) != body {
		t.Errorf("the upstream got the body %q, want %q", got.body, body)
	}
	if id := got.Header.Get("Webhook-Gateway-Event-Id"); id != s.eventID && s.eventID != "*" {
		t.Errorf("event ID %q, want %q", id, s.eventID)
	}
	if typ := got.Header.Get("Webhook-Gateway-Event-Type"); typ != s.eventType {
		t.Errorf("event type %q, want %q", typ, s.eventType)
	}

	check("duplicate", g.send(s.with(g, body, now, "evt_1")), s.success)
	// A retry, some moments later: its signature may be new, but the event is the same.
	check("retry", g.send(s.with(g, body, now.Add(2*time.Second), "evt_1")), s.success)

	// A signature of other content, or another token.
	forged := s.with(g, body, now, "evt_2")
	if s.token == "" {
		forged.Body, forged.ContentLength = io.NopCloser(strings.NewReader(body+" ")), int64(len(body)+1)
	} else {
		forged.Header.Set(s.token, s.secret+"x")
	}
	check("forged", g.send(forged), s.refused)
	bare := s.with(g, body, now, "evt_2")
	bare.Header.Del(s.sign("", "", now, "")[s.signature])
	check("unsigned", g.send(bare), s.refused)

	if s.timed > 0 {
		check("stale", g.send(s.request(g, "evt_3", now.Add(-s.timed))), s.refused)
	}
	if fresh := s.timed - 2*time.Minute; fresh > 0 {
		check("not yet stale", g.send(s.request(g, "evt_4", now.Add(-fresh))), s.success)
		up.next()
	}
	g.drained()
	up.nothing()
}
