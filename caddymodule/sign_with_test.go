package caddymodule

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

const (
	ownSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	oldSecret = "b2xkIHNlY3JldCBvZiBvdXJzIQ=="
)

// checkResigned recomputes the signatures by hand, and lets the catalogue's row
// verify them with each of the secrets as an app would.
func checkResigned(t *testing.T, got *received, id string, now time.Time, secrets ...string) {
	t.Helper()
	h := got.Header
	for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
		if len(h[name]) != 1 {
			t.Fatalf("%s: %q", name, h[name])
		}
	}
	if h.Get("Webhook-Id") != id || id == "" {
		t.Errorf("webhook-id is %q, the message %q", h.Get("Webhook-Id"), id)
	}
	var want []string
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, "v1,"+base64Sum(string(key), id+"."+h.Get("Webhook-Timestamp")+"."+string(got.body)))
	}
	if s := h.Get("Webhook-Signature"); s != strings.Join(want, " ") {
		t.Errorf("webhook-signature is %q, want %q", s, want)
	}
	for _, secret := range secrets {
		v, err := standardScheme.Verifier(secret)
		if err != nil {
			t.Fatal(err)
		}
		event, err := v.Verify(t.Context(), &verifiers.Request{Method: got.Method, URL: got.RequestURI, Header: h, Body: got.body})
		if err != nil || event.ID != id {
			t.Errorf("event %q, error %v", event.ID, err)
		}
		if err := (verifiers.Tolerance{Past: 10 * time.Second, Future: 10 * time.Second}).Check(event.Timestamp, now); err != nil {
			t.Errorf("the time is not that of the attempt: %v", err)
		}
	}
}

// TestSignWith: each attempt bears a signature of its own time under the same ID,
// one for each secret, in place of what the provider sent under those names.
func TestSignWith(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	t.Setenv("OWN_SECRET", ownSecret)
	s := by("standard-webhooks")
	g := start(t, setup{store: m.line(), site: s.directive("sign_with {env.OWN_SECRET} " + oldSecret + `
		forward {
			as signed
			reverse_proxy ` + up.addr + `
		}
		forward {
			as other
			sign_with ` + oldSecret + `
			reverse_proxy ` + up.addr + `
		}
		forward {
			as plain
			sign_with off
			reverse_proxy ` + up.addr + `
		}`)})
	up.status(500)
	r := s.request(g, "msg_provider", time.Now())
	g.expect(200, r)
	by := func() map[string]*received {
		all := make(map[string]*received)
		for range 3 {
			got := up.next()
			all[got.Header.Get("Webhook-Gateway-Forward")] = got
		}
		return all
	}
	first := by()
	id := first["signed"].Header.Get("Webhook-Gateway-Message-Id")
	checkResigned(t, first["signed"], id, time.Now(), ownSecret, oldSecret)
	checkResigned(t, first["other"], id, time.Now(), oldSecret)
	if got := first["plain"].Header; got.Get("Webhook-Id") != "msg_provider" || got.Get("Webhook-Signature") != r.Header.Get("Webhook-Signature") {
		t.Errorf("the provider's own headers became %v", got)
	}
	up.status(200)
	g.logs.await(t, "attempt failed", `"forward":"signed"`)
	g.logs.await(t, "attempt failed", `"forward":"other"`)
	g.logs.await(t, "attempt failed", `"forward":"plain"`)
	var second map[string]*received
	until(t, "the second attempts", func() bool {
		m.later()
		if len(up.got) >= 3 {
			second = by()
		}
		return second != nil
	})
	checkResigned(t, second["signed"], id, time.Now(), ownSecret, oldSecret)
	if n := second["signed"].Header.Get("Webhook-Gateway-Attempt"); n != "2" {
		t.Errorf("attempt %s", n)
	}
	g.drained()
	for _, secret := range []string{ownSecret, oldSecret, strings.TrimPrefix(ownSecret, "whsec_")} {
		if len(g.logs.lines(secret)) > 0 {
			t.Error("a secret is in the log")
		}
	}
}

// TestSignWithPassing: what is passed on at once is signed, too.
func TestSignWithPassing(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	g := start(t, setup{site: s.directive("sign_with "+ownSecret) + "reverse_proxy " + up.addr})
	g.expect(200, s.request(g, "evt_1", time.Now()))
	got := up.next()
	checkResigned(t, got, got.Header.Get("Webhook-Gateway-Message-Id"), time.Now(), ownSecret)
	if got.Header.Get("Stripe-Signature") == "" {
		t.Error("the provider's signature is gone")
	}
}

// TestSignWithRefused: a secret that would sign nothing is found when the
// configuration is loaded, and the error does not show it.
func TestSignWithRefused(t *testing.T) {
	t.Setenv("EMPTY_SECRET", "")
	t.Setenv("BLANK_SECRET", " ")
	t.Setenv("TEXT_SECRET", "not!base64")
	for _, test := range []struct{ secret, want string }{
		{"{env.EMPTY_SECRET}", "env.EMPTY_SECRET"},
		{"{env.BLANK_SECRET}", "it is empty"},
		{"{env.MISSING_SECRET}", "env.MISSING_SECRET"},
		{"{env.TEXT_SECRET}", "base64"},
		{"whsec_", "base64"},
	} {
		_, err := newResigner([]string{oldSecret, test.secret})
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "secret 2 of 2") {
			t.Errorf("%s: %v", test.secret, err)
		} else if strings.Contains(err.Error(), "not!") {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

// BenchmarkResign is what sign_with costs an attempt.
func BenchmarkResign(b *testing.B) {
	s, err := newResigner([]string{ownSecret})
	if err != nil {
		b.Fatal(err)
	}
	h, body, now := make(http.Header), []byte(strings.Repeat("x", 1500)), time.Unix(1772366400, 0)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.sign(h, "0190f0e0-0000-7000-8000-000000000000", body, now); err != nil {
			b.Fatal(err)
		}
	}
}
