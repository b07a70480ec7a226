package caddymodule

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// TestSignAnew: a request of yesterday, signed anew, is verified today with the new
// signature, and its body stays the same.
func TestSignAnew(t *testing.T) {
	g := &gateway{t: t, addr: "localhost:3000"}
	for _, s := range theSenders {
		if s.slug == "hmac" || s.slug == "square" { // they need lines of the endpoint
			continue
		}
		t.Run(s.slug, func(t *testing.T) {
			now := time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)
			r := s.request(g, "evt_1", now.Add(-24*time.Hour))
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			t.Setenv("DEV_SECRET", s.secret)
			sign, err := SignAnew(s.slug, "{env.DEV_SECRET}")
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time over its own signature
				again, err := sign(r, body, now)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(again, body) {
					t.Errorf("the body is %s", again)
				}
				p, _ := registeredProvider(s.slug)
				if err := p.settle(nil, 1); err != nil {
					t.Fatal(err)
				}
				if err := p.join(s.secret); err != nil {
					t.Fatal(err)
				}
				event, err := p.Verify(t.Context(), &verifiers.Request{Method: r.Method, URL: r.URL.String(), Header: r.Header, Body: again})
				if err != nil {
					t.Fatal(err)
				}
				if p.row.Freshness.Origin == verifiers.AttemptTime && !event.Timestamp.Equal(now) {
					t.Errorf("signed as of %s", event.Timestamp)
				}
			}
		})
	}
	for provider, words := range map[string]string{"strip": "did you mean stripe?", "hmac": "signature: no name", "paypal": "lines of the endpoint"} {
		if _, err := SignAnew(provider, "x"); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", provider, err)
		}
	}
	if got := withoutField("a=1&sig=x&%73ig=y&b", "sig"); got != "a=1&b" {
		t.Error(got)
	}
}
