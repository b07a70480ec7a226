package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRefusalsLogged: a refused request makes one line, with its client, endpoint and
// reason.
func TestRefusalsLogged(t *testing.T) {
	s := by("stripe")
	g := start(t, setup{site: s.directive("name payments\n max_body 1KB\n forward 127.0.0.1:1")})
	now := time.Now()
	signature := func(v string) *http.Request {
		r := s.request(g, "evt_1", now)
		r.Header.Set("Stripe-Signature", v)
		return r
	}
	for _, c := range []struct {
		reason string
		status int
		r      *http.Request
	}{
		{"missing_signature", 401, post("/stripe", "{}")},
		{"malformed_signature", 400, signature("t=" + unix(now) + ",v1=zz")},
		{"wrong_signature", 401, signature("t=" + unix(now) + ",v1=" + strings.Repeat("00", 32))},
		{"stale_timestamp", 401, s.request(g, "evt_1", now.Add(-time.Hour))},
		{"future_timestamp", 401, s.request(g, "evt_1", now.Add(time.Hour))},
		{"body_too_large", 413, post("/stripe", strings.Repeat("x", 2000))},
		{"malformed_body", 400, s.with(g, "not JSON", now, "")},
	} {
		c.r.Header.Set("X-Forwarded-For", "192.0.2.77") // from somebody who is not trusted
		size := c.r.ContentLength
		a := g.send(c.r)
		if a.status != c.status {
			t.Errorf("%s: answered %v, want status %d", c.reason, a, c.status)
		}
		if a.body != "" {
			t.Errorf("%s: the sender was told %q", c.reason, a.body)
		}
		g.logs.await(t, `"msg":"request refused"`, `"`+c.reason+`"`)
		lines := g.logs.lines(`"msg":"request refused"`, `"reason":"`+c.reason+`"`)
		if len(lines) != 1 {
			t.Errorf("%s: %d lines: %v", c.reason, len(lines), lines)
			continue
		}
		var line map[string]any
		if err := json.Unmarshal([]byte(lines[0]), &line); err != nil {
			t.Fatal(err)
		}
		if c.reason == "body_too_large" {
			size = 0 // it was not read
		}
		for field, want := range map[string]any{
			"level": "warn", "logger": "http.handlers.webhook_gateway", "endpoint": "payments",
			"provider": "stripe", "remote_addr": "127.0.0.1", "size": float64(size),
		} {
			if line[field] != want {
				t.Errorf("%s: %s is %v, want %v", c.reason, field, line[field], want)
			}
		}
	}
}

// TestNoSecretsInLogs sends all providers' requests, good and bad, delivered and not. No
// line of the gateway may contain a secret or a body.
func TestNoSecretsInLogs(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	var site strings.Builder
	for _, s := range theSenders {
		site.WriteString(s.directive("forward " + up.addr))
	}
	g := start(t, setup{store: m.line(), site: site.String()})
	forbidden := []string{"BODY-CONTENT", "HEADER-CONTENT"}
	each := func(id string, status func(sender) int) {
		for _, s := range theSenders {
			now := time.Now()
			body := strings.Replace(s.body(id, now), "{", `{"note":"BODY-CONTENT",`, 1)
			r := s.with(g, body, now, id)
			r.Header.Set("X-Other", "HEADER-CONTENT")
			signature := r.Header.Get(s.sign("", "", now, "")[s.signature])
			forbidden = append(forbidden, s.secret, signature)
			for part := range strings.FieldsFuncSeq(signature, func(c rune) bool { return strings.ContainsRune(",; ", c) }) {
				if _, v, ok := strings.Cut(part, "="); ok && len(v) > 20 {
					forbidden = append(forbidden, v)
				}
			}
			if status(s) == 401 {
				forbidden = append(forbidden, hexSum(s.secret, body), base64Sum(s.secret, body))
				r = s.with(g, body, now, id)
				r.Header.Set("X-Other", "HEADER-CONTENT")
				r.Body = http.NoBody
				r.ContentLength = 0
				if s.token != "" {
					r.Header.Set(s.token, "HEADER-CONTENT")
				}
			}
			g.expect(status(s), r)
		}
	}
	answered := func(s sender) int { return s.success.status }
	each("evt_good", answered)
	each("evt_bad", func(sender) int { return 401 })
	up.status(500)
	each("evt_undelivered", answered)
	for _, s := range theSenders {
		g.logs.await(t, "attempt failed", fmt.Sprintf(`"endpoint":%q`, s.slug))
	}
	m.full.Store(true)
	each("evt_full", func(sender) int { return 503 })
	m.full.Store(false)
	ours := 0
	for line := range strings.Lines(g.logs.String()) {
		if !strings.Contains(line, `webhook_gateway`) || strings.Contains(line, `"logger":"http.log.error"`) {
			continue // Caddy's own lines show headers
		}
		ours++
		for _, word := range forbidden {
			if strings.Contains(line, word) {
				t.Errorf("%q is in the log: %s", word, line)
			}
		}
	}
	if ours < 4*len(theSenders) {
		t.Errorf("only %d lines", ours)
	}
}

// TestAnswersLoggedRedacted: an upstream quotes the request in its error. The log shows
// the quotation without the redacted values.
func TestAnswersLoggedRedacted(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	up.answers(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500)
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "cannot take this with %s: %s", s.secret, body)
	})
	g := start(t, setup{
		app:  "redact json customer.email",
		site: s.directive("redact json cards.#.number\nforward " + up.addr),
	})
	now := time.Now()
	body := strings.Replace(s.body("evt_1", now), "{", `{"customer":{"email":"EMAIL-CONTENT"},"cards":[{"number":"CARD-CONTENT"}],"note":"harmless",`, 1)
	g.expect(200, s.with(g, body, now, "evt_1"))
	g.logs.await(t, "attempt failed", `cannot take this with [redacted]: {`, `"harmless\"`)
	for _, word := range []string{s.secret, "EMAIL-CONTENT", "CARD-CONTENT"} {
		if lines := g.logs.lines("webhook_gateway", word); len(lines) > 0 {
			t.Errorf("%s is in the log: %s", word, lines)
		}
	}
}
