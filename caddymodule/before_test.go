package caddymodule

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(&turnstile{})
	httpcaddyfile.RegisterHandlerDirective("hookwicket_test_limit", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		return new(turnstile), nil
	})
	httpcaddyfile.RegisterDirectiveOrder("hookwicket_test_limit", httpcaddyfile.Before, "basic_auth")
}

// turnstile refuses as a rate limit does while it is shut.
type turnstile struct{}

var turnstileShut atomic.Bool

func (*turnstile) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.hookwicket_test_limit", New: func() caddy.Module { return new(turnstile) }}
}

func (*turnstile) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if turnstileShut.Load() {
		w.Header().Set("Retry-After", "17")
		return caddyhttp.Error(http.StatusTooManyRequests, errors.New("too many"))
	}
	return next.ServeHTTP(w, r)
}

// TestBefore: the handlers of `before` see each request first. A request that they
// answer counts as the endpoint's; it is neither read nor kept.
func TestBefore(t *testing.T) {
	runs.Add(1)
	up := newUpstream(t)
	s := by("stripe")
	name := metered()
	g := start(t, setup{site: s.directive("name " + name + "\nbefore {\n hookwicket_test_limit\n request_header X-Before {http.webhook_gateway.endpoint}\n header >X-After {http.webhook_gateway.event_id}\n}\nforward " + up.addr)})
	t.Cleanup(func() { turnstileShut.Store(false) })
	if a := g.expect(200, s.request(g, "evt_1", time.Now())); a.header.Get("X-After") != "evt_1" {
		t.Errorf("answered with %v", a.header)
	}
	if v := up.next().Header.Get("X-Before"); v != name {
		t.Errorf("X-Before is %q", v)
	}
	turnstileShut.Store(true)
	for range 3 {
		if a := g.expect(429, s.request(g, "evt_2", time.Now())); a.header.Get("Retry-After") != "17" {
			t.Errorf("answered %v", a.header)
		}
	}
	turnstileShut.Store(false)
	g.expect(200, s.request(g, "evt_2", time.Now())) // it was not taken for known
	up.next()
	all := gather(t)
	count := func(outcome, reason string) float64 {
		return all["caddy_webhook_gateway_requests_total endpoint="+name+" outcome="+outcome+" reason="+reason]
	}
	if l, a, r := count("limited", ""), count("accepted", ""), count("refused", reasonBefore); l != 3 || a != 2 || r != 0 {
		t.Errorf("%v limited, %v accepted, %v refused", l, a, r)
	}
	g.drained()
	up.nothing()

	// A 429 of the live receiver is its own, and other answers are no limits.
	runs.Add(1)
	name = metered()
	up.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429); io.WriteString(w, "busy") })
	g.load(s.directive("name "+name+"\nbefore {\n @bad header X-Bad *\n respond @bad 403\n}") + "reverse_proxy " + up.addr)
	g.expect(429, s.request(g, "evt_3", time.Now()))
	up.next()
	bad := s.request(g, "evt_4", time.Now())
	bad.Header.Set("X-Bad", "1")
	g.expect(403, bad)
	up.nothing()
	all = gather(t)
	if l, f, r := count("limited", ""), count("failed", ""), count("refused", reasonBefore); l != 0 || f != 1 || r != 1 {
		t.Errorf("%v limited, %v failed, %v refused", l, f, r)
	}
}
