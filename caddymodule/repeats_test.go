package caddymodule

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// TestRefusalsCostLessLog: forged requests leave fewer bytes in all of Caddy's logs
// than they sent, whatever they are refused for, and all of them are counted.
func TestRefusalsCostLessLog(t *testing.T) {
	const many = 200
	m := newMachine(t)
	s := by("stripe")
	g := start(t, setup{store: m.line(), site: s.directive("max_body 1KB\n forward 127.0.0.1:1") +
		strings.Replace(s.directive("name watched\n mode observe\n max_body 1KB\n"), "/stripe", "/watched", 1) +
		"webhook_gateway /meta meta {\n secret s\n verify_token right\n forward 127.0.0.1:1\n}\n" +
		"webhook_gateway /wired meta {\n name wired\n mode observe\n secret s\n verify_token right\n}\n" + "respond 204\n"})
	now := time.Now()
	signed := func(path, signature string) *http.Request {
		r := s.request(g, "evt_1", now)
		r.URL.Path = path
		if signature != "" {
			r.Header.Set("Stripe-Signature", signature)
		}
		return r
	}
	forged := "t=" + unix(now) + ",v1=" + strings.Repeat("00", 32)
	full := func(on bool) func() { return func() { m.full.Store(on) } }
	cases := []struct {
		reason        string // in the line
		text          string
		before, after func()
		make          func() *http.Request
	}{
		{reason: "missing_signature", make: func() *http.Request { return post("/stripe", "") }},
		{reason: "malformed_signature", make: func() *http.Request { return signed("/stripe", "t="+unix(now)+",v1=zz") }},
		{reason: "wrong_signature", make: func() *http.Request { return signed("/stripe", forged) }},
		{reason: "missing_timestamp", make: func() *http.Request { return signed("/stripe", "v1="+strings.Repeat("00", 32)) }},
		{reason: "malformed_timestamp", make: func() *http.Request { return signed("/stripe", "t=x,v1="+strings.Repeat("00", 32)) }},
		{reason: "stale_timestamp", make: func() *http.Request { return s.request(g, "evt_1", now.Add(-time.Hour)) }},
		{reason: "future_timestamp", make: func() *http.Request { return s.request(g, "evt_1", now.Add(time.Hour)) }},
		{reason: "body_too_large", make: func() *http.Request { return post("/stripe", strings.Repeat("x", 1100)) }},
		{reason: "malformed_body", make: func() *http.Request { return s.with(g, "x", now, "") }},
		{reason: "method_not_allowed", make: func() *http.Request {
			r := post("/stripe", "")
			r.Method = http.MethodPut
			return r
		}},
		{reason: "verification", text: "handshake refused", make: func() *http.Request {
			r := post("/meta?hub.mode=subscribe&hub.verify_token=x&hub.challenge=1", "")
			r.Method = http.MethodGet
			return r
		}},
		{reason: "verification", text: "handshake would be refused", make: func() *http.Request {
			r := post("/wired?hub.mode=subscribe&hub.verify_token=x&hub.challenge=1", "")
			r.Method = http.MethodGet
			return r
		}},
		{reason: "wrong_signature", text: "would be refused", make: func() *http.Request { return signed("/watched", forged) }},
		{reason: "missing_signature", text: "would be refused", make: func() *http.Request { return post("/watched", "") }},
		{reason: "store", text: "event not accepted", before: full(true), after: full(false), make: func() *http.Request { return signed("/stripe", "") }},
	}
	covered := map[string]bool{
		// These need tokens or keys that are fetched; the code that logs them is the same.
		string(verifiers.WrongAudience): true, string(verifiers.ExpiredToken): true, string(verifiers.UnavailableKey): true,
	}
	var allSent, allLogged int
	for _, c := range cases {
		covered[c.reason] = true
		if c.before != nil {
			c.before()
		}
		before, sent := logged(g), 0
		for range many {
			r := c.make()
			var wire strings.Builder
			copied := r.Clone(t.Context())
			body, _ := io.ReadAll(r.Body)
			r.Body, copied.Body = io.NopCloser(strings.NewReader(string(body))), io.NopCloser(strings.NewReader(string(body)))
			copied.URL.Scheme, copied.URL.Host = "http", g.addr
			if err := copied.Write(&wire); err != nil {
				t.Fatal(err)
			}
			sent += wire.Len()
			_, _ = g.exchange(r) // a client that sends on without reading may find the connection closed
		}
		if c.after != nil {
			c.after()
		}
		cost := logged(g) - before
		if cost == 0 || cost >= sent {
			t.Errorf("%s %s: %d requests of %d bytes left %d bytes in the log", c.text, c.reason, many, sent, cost)
		}
		allSent, allLogged = allSent+sent, allLogged+cost
	}
	for _, r := range verifiers.Reasons {
		if !covered[string(r)] {
			t.Errorf("no case for %s", r)
		}
	}
	if n := gather(t)["caddy_webhook_gateway_requests_total endpoint=stripe outcome=refused reason=wrong_signature"]; n < many {
		t.Errorf("%v refusals are counted", n)
	}
	before := logged(g)
	g.stop() // writes the counts
	for _, c := range cases {
		want := []string{c.text, fmt.Sprintf("%q", c.reason), fmt.Sprintf(`"repeated":%d`, many-1)}
		if g.logs.lines(want...) == nil {
			t.Errorf("no line with %q", want)
		}
	}
	if allLogged += logged(g) - before; allLogged >= allSent {
		t.Errorf("%d bytes in the log for %d", allLogged, allSent)
	}
}

// logged is how many bytes are in the log at the levels that Caddy has by default.
func logged(g *gateway) (n int) {
	for line := range strings.Lines(g.logs.String()) {
		if !strings.Contains(line, `"level":"debug"`) {
			n += len(line)
		}
	}
	return n
}

// TestRepeats: each of the first clients gets a line, and the count of the other
// requests is logged at the end of the minute.
func TestRepeats(t *testing.T) {
	var r repeats
	now := time.Now()
	what := repeat{"stripe", "refused", "wrong_signature"}
	told := make(chan int, 10)
	summary := func(more int) { told <- more }
	lines := 0
	for i := range 1000 {
		if r.first(what, fmt.Sprint(i%100), now, summary) {
			lines++
		}
	}
	if lines != quietLines {
		t.Errorf("%d lines, want %d", lines, quietLines)
	}
	if !r.first(repeat{"stripe", "refused", "stale_timestamp"}, "1", now, summary) {
		t.Error("another reason has no line of its own")
	}
	p := r.of[what]
	p.timer.Reset(0)
	if more := <-told; more != 1000-quietLines {
		t.Errorf("%d were counted", more)
	}
	if !r.first(what, "1", now, summary) || r.first(what, "1", now, summary) {
		t.Error("the next minute does not begin with a line")
	}
	r.close()
	if more := <-told; more != 1 {
		t.Errorf("%d were counted at the end", more)
	}
	if len(told) > 0 {
		t.Error("something is told twice")
	}
	if !r.first(what, "1", now, summary) {
		t.Error("nothing is logged after the end")
	}
}

// TestRepeatsRest: a minute without repetition leaves no timer, and the next one
// begins with a line.
func TestRepeatsRest(t *testing.T) {
	var r repeats
	now := time.Now()
	for i := range 3 {
		if !r.first(repeat{"a", "b", "c"}, "1", now.Add(time.Duration(i)*quietPeriod), nil) {
			t.Errorf("no line in minute %d", i)
		}
	}
}
