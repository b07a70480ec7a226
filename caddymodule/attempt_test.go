package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// nextAttempt reads from a line of the log how long the next attempt is away.
func nextAttempt(t *testing.T, line string) time.Duration {
	t.Helper()
	var entry struct {
		TS   float64 `json:"ts"`
		Next float64 `json:"next_attempt"`
	}
	if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Next == 0 {
		t.Fatalf("no next_attempt in %s (%v)", line, err)
	}
	return time.Duration((entry.Next - entry.TS) * float64(time.Second))
}

// TestForwardBlock: several handlers, matchers and groups, and each attempt goes
// through all of them again.
func TestForwardBlock(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	s := by("stripe")
	g := start(t, setup{store: m.line(), site: s.directive(`forward {
		request_header X-Team platform
		request_header -X-Secret
		@charge header Webhook-Gateway-Event-Type charge.*
		request_header @charge X-Kind charge
		vars tenant {http.webhook_gateway.endpoint}
		handle /never {
			respond 200
		}
		handle @charge {
			request_header X-Tenant {vars.tenant}
			rewrite /charges{uri}
			reverse_proxy ` + up.addr + `
		}
		handle {
			reverse_proxy ` + up.addr + `
		}
	}`)})
	up.status(503)
	r := s.request(g, "evt_1", time.Now())
	r.Header.Set("X-Secret", "s")
	r.URL.RawQuery = "a=b"
	g.expect(200, r)
	for attempt := range 4 {
		got := up.next()
		if got.RequestURI != "/charges/stripe?a=b" {
			t.Errorf("URI %q", got.RequestURI)
		}
		for name, want := range map[string]string{
			"X-Team": "platform", "X-Kind": "charge", "X-Tenant": "stripe", "X-Secret": "",
			"Webhook-Gateway-Attempt": fmt.Sprint(attempt + 1),
		} {
			if v := got.Header.Get(name); v != want {
				t.Errorf("attempt %d: %s: %q, want %q", attempt+1, name, v, want)
			}
		}
		if string(got.body) != s.body("evt_1", time.Now()) {
			t.Errorf("attempt %d: body %q", attempt+1, got.body)
		}
		if attempt == 2 {
			up.status(204)
		}
		if attempt == 3 {
			break
		}
		g.logs.await(t, "attempt failed", fmt.Sprintf(`"attempt":%d,`, attempt+1))
		until(t, "the retry to be kept", func() bool { m.later(); return len(up.got) > 0 })
	}
	g.drained()
}

// TestFailures: an attempt without success is repeated, and none ends the process.
func TestFailures(t *testing.T) {
	up := newUpstream(t)
	proxy := "reverse_proxy " + up.addr
	cases := []struct {
		name, block string
		answer      http.HandlerFunc
		logged      string
	}{
		{"no route matches", "@never path /never\n respond @never 200", nil, "no route in forward answered"},
		{"no handle matches", "handle /never {\n respond 200\n}", nil, "answered"},
		{"only middleware", "header X-A b", nil, "answered"},
		{"error handler", "error 418", nil, "418"},
		{"abort", "abort", nil, "abort"},
		{"respond 500", "respond broken 500", nil, `"answer":"broken"`},
		{"redirect", "redir https://example.com", nil, "302"},
		{"nobody listens", "reverse_proxy " + freePort(t), nil, "connection refused"},
		{"upstream 500", proxy, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "oh\x00no", 500) }, `"answer":"oh%00no"`},
		{"upstream 304", proxy, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, "304"},
		{"upstream 101", proxy, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.WriteHeader(101)
		}, "attempt failed"},
		{"1xx, then 500", proxy, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(103)
			w.WriteHeader(500)
		}, "HTTP status 500"},
		{"1xx, then nothing", proxy, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(102)
			panic(http.ErrAbortHandler)
		}, "attempt failed"},
		{"panic before the answer", proxy, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "attempt failed"},
		{"200 cut off in its body", proxy, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "short")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "abort"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			s := by("stripe")
			g := start(t, setup{store: m.line(), site: s.directive("forward {\n" + c.block + "\n}")})
			if c.answer != nil {
				up.answers(c.answer)
			}
			r := s.request(g, "evt_1", time.Now())
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "websocket")
			g.expect(200, r) // the sender is none the wiser
			line := g.logs.await(t, "attempt failed; it will be repeated", `"attempt":1,`, `"event_id":"evt_1"`)
			if !strings.Contains(line, c.logged) {
				t.Errorf("no %q in %s", c.logged, line)
			}
			if wait := nextAttempt(t, line); wait < 400*time.Millisecond || wait > 6*time.Second {
				t.Errorf("the next attempt is %v away", wait)
			}
			if d := g.destination("stripe"); d.Waiting != 1 || d.DeadLetters != 0 {
				t.Errorf("%+v", d)
			}
			// And it is made.
			until(t, "the second attempt", func() bool {
				m.later()
				return len(g.logs.lines("attempt failed", `"attempt":2,`)) > 0
			})
		})
	}
}

// TestInformational: answers before the answer are not the answer.
func TestInformational(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	g := start(t, setup{site: s.directive("forward " + up.addr)})
	up.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(102)
		w.WriteHeader(103)
		w.WriteHeader(202)
		io.WriteString(w, strings.Repeat("long answer ", 100000))
	})
	g.expect(200, s.request(g, "evt_1", time.Now()))
	up.next()
	g.drained()
	up.nothing()
	if lines := g.logs.lines("attempt failed"); lines != nil {
		t.Error(lines)
	}
}

// TestTwoUpstreams: within an attempt, lb_retries finds the one that is there.
func TestTwoUpstreams(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	g := start(t, setup{site: s.directive(`forward {
		reverse_proxy ` + freePort(t) + " " + up.addr + ` {
			lb_policy first
			fail_duration 1m
			lb_retries 2
		}
	}`)})
	body := s.body("evt_1", time.Now())
	g.expect(200, s.with(g, body, time.Now(), ""))
	if got := up.next(); string(got.body) != body || got.Header.Get("Webhook-Gateway-Attempt") != "1" {
		t.Errorf("got %q, attempt %s", got.body, got.Header.Get("Webhook-Gateway-Attempt"))
	}
	g.drained()
}

// TestRetryAfter: the upstream's Retry-After counts, up to an hour.
func TestRetryAfter(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	g := start(t, setup{site: s.directive("forward " + up.addr)})
	for i, c := range []struct {
		value     string
		low, high time.Duration
	}{
		{"120", 119 * time.Second, 122 * time.Second},
		{time.Now().Add(10 * time.Minute).UTC().Format(http.TimeFormat), 9*time.Minute + 50*time.Second, 10*time.Minute + 2*time.Second},
		{"0", 400 * time.Millisecond, 6 * time.Second},
		{"-5", 400 * time.Millisecond, 6 * time.Second},
		{"soon", 400 * time.Millisecond, 6 * time.Second},
		{"Mon, 01 Jan 2001 00:00:00 GMT", 400 * time.Millisecond, 6 * time.Second},
		{"999999999", 59 * time.Minute, 61 * time.Minute},
		{"99999999999999999999", 400 * time.Millisecond, 6 * time.Second},
	} {
		up.answers(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", c.value)
			w.WriteHeader(429)
		})
		id := fmt.Sprint("evt_", i)
		g.expect(200, s.request(g, id, time.Now()))
		line := g.logs.await(t, "attempt failed", `"`+id+`"`)
		if wait := nextAttempt(t, line); wait < c.low || wait > c.high {
			t.Errorf("Retry-After %q: the next attempt is %v away", c.value, wait)
		}
	}
}

// TestAttemptsShareNoHeaders: a handler that changes a header in place changes it for its
// own attempt alone. The message in memory serves all attempts of all forwards.
func TestAttemptsShareNoHeaders(t *testing.T) {
	changed, plain := newUpstream(t), newUpstream(t)
	var attempts atomic.Int32
	changed.answers(func(w http.ResponseWriter, _ *http.Request) {
		if attempts.Add(1) == 1 {
			w.WriteHeader(503)
		}
	})
	site := by("github").directive("retry {\n backoff 1ms\n}\nforward {\n as changed\n request_header X-GitHub-Event push pushed\n reverse_proxy " + changed.addr + "\n}\n" +
		"forward {\n as plain\n reverse_proxy " + plain.addr + "\n}")
	g := start(t, setup{site: site})
	r := by("github").request(g, "evt_1", time.Now())
	r.Header.Set("X-GitHub-Event", "push")
	g.expect(200, r)
	if got := plain.next().Header.Get("X-GitHub-Event"); got != "push" {
		t.Errorf("the other forward has %q", got)
	}
	for range 2 {
		if got := changed.next().Header.Get("X-GitHub-Event"); got != "pushed" {
			t.Errorf("an attempt has %q", got)
		}
	}
}
