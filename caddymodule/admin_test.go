package caddymodule

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// TestAdminAPI goes through every operation at a real admin endpoint: an endpoint
// with two forwards, of which one fails for good.
func TestAdminAPI(t *testing.T) {
	good, bad := newUpstream(t), newUpstream(t)
	bad.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusGone)
		fmt.Fprint(w, `{"error":"no such account","email":"ada@example.com","key":"github-secret"}`)
	})
	s := by("github")
	site := s.directive(`
		redact header X-Customer
		redact json customer.email email
		forward {
			as audit
			reverse_proxy ` + good.addr + `
		}
		forward {
			as billing
			on push
			reverse_proxy ` + bad.addr + `
		}`)
	g, c := startAdmin(t, setup{site: site})
	name := "github"

	began := time.Now()
	body := `{"ref":"x","customer":{"email":"ada@example.com","id":7},"note":"github-secret"}`
	r := s.with(g, body, began, "evt_1")
	r.Header.Set("X-Customer", "Ada")
	r.Header.Set("Authorization", "Bearer github-secret")
	r.URL.RawQuery = "tenant=github-secret&a=b"
	g.expect(200, r)
	good.next()
	bad.next()
	until(t, "the outcomes", func() bool {
		d := g.destination(name + "/billing")
		return d.DeadLetters == 1 && g.destination(name+"/audit").Waiting == 0
	})

	// What there is.
	status := get[adminapi.Status](c, "GET", "/status", nil)
	if status.Totals.DeadLetters != 1 || status.Totals.Endpoints != 1 || status.Totals.Forwards != 2 || !status.Store.Available {
		t.Errorf("status: %+v", status)
	}
	all := get[adminapi.Endpoints](c, "GET", "/endpoints", nil)
	one := get[adminapi.Endpoint](c, "GET", "/endpoints/"+name, nil)
	if len(all.Endpoints) != 1 || all.Endpoints[0].Name != name || one.Kind != "forward" || one.DeadLetters != 1 || one.Mode != "enforce" {
		t.Errorf("endpoints: %+v and %+v", all, one)
	}
	for _, f := range one.Forwards {
		switch {
		case f.Name == "audit" && f.LastSuccess.Before(began), f.Name == "billing" && f.LastFailure.Before(began),
			f.Circuit == nil, f.Circuit.State != queue.CircuitClosed, f.Orphaned:
			t.Errorf("forward: %+v", f)
		case f.Name == "billing" && strings.Contains(f.LastError, "github-secret"):
			t.Error("the secret shows in ", f.LastError)
		}
	}
	if one.Requests.Outcomes["accepted"] < 1 || one.Requests.LastAccepted.Before(began) {
		t.Errorf("requests: %+v", one.Requests)
	}

	// Lists.
	dead := get[adminapi.Deliveries](c, "GET", "/deliveries?state=dead_letter&endpoint="+name, nil)
	if len(dead.Deliveries) != 1 || dead.Deliveries[0].Forward != "billing" || dead.Deliveries[0].Last.Status != 410 {
		t.Fatalf("dead letters: %+v", dead)
	}
	id := dead.Deliveries[0].ID.String()
	for query, want := range map[string]int{
		"?endpoint=" + name: 1, "?type=pu*": 1, "?type=pull*": 0, "?event_id=evt_1": 1, "?event_id=evt_2": 0,
		"?since=1h": 1, "?until=1h": 0, "?state=delivered,dead_letter": 1, "?state=waiting": 0, "?state=all": 1,
		"?endpoint=" + name + "&forward=billing&state=dead_letter": 1, "?endpoint=" + name + "&forward=audit&state=dead_letter": 0,
		"?since=" + url.QueryEscape(began.Add(-time.Second).Format(time.RFC3339)): 1,
	} {
		list := get[adminapi.Messages](c, "GET", "/messages"+query, nil)
		if len(list.Messages) != want || (list.Note == "") != (want > 0) {
			t.Errorf("%s: %d messages and note %q, want %d", query, len(list.Messages), list.Note, want)
		}
	}
	if list := get[adminapi.Messages](c, "GET", "/messages", nil); len(list.Messages[0].Deliveries) != 2 {
		t.Errorf("a message in a list: %+v", list)
	}

	// One message, in which nothing secret shows.
	text := c.call(200, "GET", "/messages/"+id, nil)
	for _, secret := range []string{"github-secret", "ada@example.com", "Ada", hexSum("github-secret", body)} {
		if strings.Contains(text, secret) {
			t.Errorf("%q shows in %s", secret, text)
		}
	}
	m := get[adminapi.Message](c, "GET", "/messages/"+id, nil)
	if want := `{"ref":"x","customer":{"email":"[redacted]","id":7},"note":"[redacted]"}`; m.Request.Body != want {
		t.Errorf("body %s, want %s", m.Request.Body, want)
	}
	if m.Request.URI != "/github?tenant=[redacted]&a=b" || m.EventID != "evt_1" || m.EventType != "push" || m.Request.BodyBytes != int64(len(body)) {
		t.Errorf("message: %+v, request %+v", m, m.Request)
	}
	i := slices.IndexFunc(m.Deliveries, func(d adminapi.History) bool { return d.Forward == "billing" })
	if h := m.Deliveries[i].History; len(h) != 1 || h[0].Status != 410 || h[0].Failure != queue.Status || !strings.Contains(h[0].Excerpt, "no such account") {
		t.Errorf("attempts: %+v", h)
	}
	if cut := get[adminapi.Message](c, "GET", "/messages/"+id+"?limit=5", nil); cut.Request.Body != body[:5] || !cut.Request.Truncated {
		t.Errorf("cut: %+v", cut.Request)
	}
	if got := c.call(200, "GET", "/messages/"+id+"/body", nil); got != m.Request.Body {
		t.Errorf("raw body %s", got)
	}

	// Redelivering goes where it failed, and nowhere else.
	again := get[adminapi.Redelivered](c, "POST", "/messages/"+id+"/redeliver", nil)
	if !slices.Equal(again.Destinations, []string{name + "/billing"}) {
		t.Errorf("redelivered: %+v", again)
	}
	if got := bad.next(); string(got.body) != body || got.Header.Get("X-Hub-Signature-256") == "" {
		t.Errorf("the upstream got %s", got.body)
	}
	until(t, "the second dead letter", func() bool { return g.destination(name+"/billing").DeadLetters == 1 })
	audit, bulk := "audit", adminapi.Bulk{Filter: adminapi.Filter{Endpoint: name, State: "dead_letter"}}
	get[adminapi.Redelivered](c, "POST", "/messages/"+id+"/redeliver", adminapi.Redeliver{Forward: &audit})
	good.next()

	// Pausing, and what waits meanwhile.
	billing := "billing"
	if p := get[adminapi.Paused](c, "POST", "/pause", adminapi.Target{Endpoint: name, Forward: &billing}); !slices.Equal(p.Destinations, []string{name + "/billing"}) {
		t.Errorf("paused: %+v", p)
	}
	if n := get[adminapi.Done](c, "POST", "/count", bulk); n.Matched != 1 || n.Changed != 0 {
		t.Errorf("count: %+v", n)
	}
	if n := get[adminapi.Done](c, "POST", "/redeliver", bulk); n.Matched != 1 || n.Changed != 1 || n.Next != "" {
		t.Errorf("redeliver: %+v", n)
	}
	waiting := func() []adminapi.Delivery {
		return get[adminapi.Deliveries](c, "GET", "/deliveries?state=waiting", nil).Deliveries
	}
	if w := waiting(); len(w) != 1 || w[0].Forward != "billing" || w[0].Redelivered.IsZero() {
		t.Errorf("waiting: %+v", w)
	}
	if e := get[adminapi.Endpoint](c, "GET", "/endpoints/"+name, nil); e.Waiting != 1 || !e.Forwards[slices.IndexFunc(e.Forwards, func(f adminapi.Forward) bool { return f.Name == "billing" })].Paused {
		t.Errorf("paused: %+v", e)
	}
	if n := get[adminapi.Done](c, "POST", "/bury", adminapi.Bulk{Filter: adminapi.Filter{Endpoint: name}}); n.Changed != 1 {
		t.Errorf("bury: %+v", n)
	}
	get[adminapi.Done](c, "POST", "/redeliver", bulk)
	if n := get[adminapi.Done](c, "POST", "/cancel", adminapi.Bulk{Filter: adminapi.Filter{ID: id}}); n.Changed != 1 || n.Skipped != 1 || n.SkippedBy["state"] != 1 {
		t.Errorf("cancel: %+v", n)
	}
	if p := get[adminapi.Paused](c, "POST", "/resume", adminapi.Target{Endpoint: name}); p.Paused || len(p.Destinations) != 2 {
		t.Errorf("resumed: %+v", p)
	}

	// A forgotten key lets the event in once more.
	g.expect(200, s.with(g, body, time.Now(), "evt_1"))
	good.nothing()
	if f := get[adminapi.Forgotten](c, "DELETE", "/keys?message="+id, nil); !f.Forgotten {
		t.Errorf("forget: %+v", f)
	}
	if f := get[adminapi.Forgotten](c, "DELETE", "/keys?endpoint="+name+"&event_id=evt_1", nil); f.Forgotten || f.Note == "" {
		t.Errorf("forget twice: %+v", f)
	}
	g.expect(200, s.with(g, body, time.Now(), "evt_1"))
	good.next()

	if p := get[adminapi.Probed](c, "POST", "/probe", nil); p.Skipped[name+"/billing"] != "closed" || len(p.Destinations) != 0 {
		t.Errorf("probed: %+v", p)
	}

	// Purged is gone, and that is known.
	until(t, "all to end", func() bool { return g.waiting() == 0 })
	if n := get[adminapi.Done](c, "POST", "/purge", adminapi.Bulk{Filter: adminapi.Filter{Endpoint: name, State: "all"}}); n.Changed != 4 {
		t.Errorf("purge: %+v", n)
	}
	c.refused(410, "GET", "/messages/"+id, nil, id, "purged")
	c.refused(410, "POST", "/messages/"+id+"/redeliver", nil, "purged")
	if n := get[adminapi.Done](c, "POST", "/count", adminapi.Bulk{}); n.Matched != 0 || n.Note == "" {
		t.Errorf("nothing is left, and yet: %+v", n)
	}

	if made := get[adminapi.Tested](c, "POST", "/endpoints/"+name+"/test", nil); made.Outcome != "accepted" && made.Outcome != "replayed" {
		t.Errorf("test event: %+v", made)
	}

	if h := get[adminapi.Health](c, "GET", "/health", nil); !h.Ready {
		t.Errorf("health: %+v", h)
	}

	c.refusals(g, s)
	c.tail(g, s)
	c.hear(g, s)
	for _, route := range apiRoutes() {
		if op := route.method + " " + adminapi.Prefix + route.path; !c.used[op] {
			t.Error("nobody tries ", op)
		}
	}
}

// stream reads server-sent events.
type stream struct {
	*apiTester
	lines  chan string
	cancel func()
}

// stream opens a stream, such as /tail, and returns when it is listening.
func (c *apiTester) stream(path, query string) *stream {
	c.t.Helper()
	c.used["GET "+adminapi.Prefix+path] = true
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+adminapi.Prefix+path+query, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	a, err := (&http.Client{Transport: c.http.Transport}).Do(r)
	if err != nil || a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/event-stream" {
		c.t.Fatal(a, err)
	}
	s := &stream{c, make(chan string, 1024), cancel}
	go func() {
		defer close(s.lines)
		defer a.Body.Close()
		lines := bufio.NewScanner(a.Body)
		for lines.Buffer(nil, 64<<20); lines.Scan(); {
			s.lines <- lines.Text()
		}
	}()
	c.t.Cleanup(cancel)
	if line := s.line(); line != ": listening" {
		c.t.Fatal(line)
	}
	s.line()
	return s
}

// line is the next line of the stream; "EOF" at its end.
func (s *stream) line() string {
	s.t.Helper()
	select {
	case line, ok := <-s.lines:
		if !ok {
			return "EOF"
		}
		return line
	case <-time.After(patience):
		s.t.Fatal("the stream is silent")
		return ""
	}
}

// next is the next event, held against the document.
func (s *stream) next() (name string, e adminapi.Event) {
	s.t.Helper()
	for {
		switch line := s.line(); {
		case strings.HasPrefix(line, "event: "):
			name = strings.TrimPrefix(line, "event: ")
		case strings.HasPrefix(line, "data: "):
			data := []byte(strings.TrimPrefix(line, "data: "))
			var v any
			if err := errors.Join(json.Unmarshal(data, &v), json.Unmarshal(data, &e)); err != nil {
				s.t.Fatal(err)
			}
			if err := s.check(object{"$ref": "#/components/schemas/Event"}, v, "event"); err != nil {
				s.t.Error(err)
			}
			return name, e
		case line == "EOF":
			s.t.Fatal("the stream is over")
		}
	}
}

// tail follows the live stream through an acceptance, a refusal and a reload.
func (c *apiTester) tail(g *gateway, s sender) {
	c.t.Helper()
	others := outcomes.listeners()
	live := c.stream("/tail", "?endpoint=github&outcome=accepted,refused,delivered,dead_letter")
	g.expect(200, s.request(g, "evt_9", time.Now()))
	seen := make(map[string]int)
	for range 3 {
		name, e := live.next()
		seen[name+" "+e.Outcome]++
		if e.Endpoint != "github" || e.EventID != "evt_9" || e.ClientIP != "127.0.0.1" || e.MessageID == "" || (e.Forward != nil) != (name == "attempt") {
			c.t.Errorf("%s %+v", name, e)
		}
	}
	if seen["request accepted"] != 1 || seen["attempt delivered"] != 1 || seen["attempt dead_letter"] != 1 {
		c.t.Error(seen)
	}
	g.expect(401, post("/github", "{}", "X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64)))
	if name, e := live.next(); name != "request" || e.Outcome != "refused" || e.Reason != "wrong_signature" {
		c.t.Errorf("%s %+v", name, e)
	}
	if n := get[adminapi.Status](c, "GET", "/status", nil).Listeners; n != others+1 {
		c.t.Errorf("%d listen", n)
	}
	g.load(g.site)
	for line := live.line(); line != "EOF"; line = live.line() {
	}
	until(c.t, "the reader to be gone", func() bool { return outcomes.listeners() == others })
}

// TestAdminRefuses: what is asked for wrongly is refused in words that help, and
// changes nothing.
func TestAdminRefuses(t *testing.T) {
	up := newUpstream(t)
	up.status(410)
	s := by("stripe")
	g, c := startAdmin(t, setup{site: s.directive("forward "+up.addr+" {\n as main\n}") + "webhook_gateway /sync github {\n secret x\n}\nrespond /sync 200"})
	g.expect(200, s.request(g, "evt_1", time.Now()))
	until(t, "the dead letter", func() bool { return g.destination("stripe/main").DeadLetters == 1 })
	id := get[adminapi.Messages](c, "GET", "/messages", nil).Messages[0].ID.String()

	for query, words := range map[string][]string{
		"?nonsense=1":        {`unknown parameter "nonsense"`, "endpoint, forward"},
		"?state=dead":        {`"dead"`, "dead_letter"},
		"?state=waitin":      {"did you mean waiting?"},
		"?since=someday":     {"since", "2h or 3d"},
		"?until=-2h":         {"until"},
		"?since=1h&until=2h": {"nothing can match"},
		"?limit=1001":        {"1 to 1000"},
		"?limit=x":           {"1 to 1000"},
		"?forward=main":      {"of which endpoint"},
		"?after=zzz":         {"after"},
		"?state=waiting&state=delivered&endpoint=stripe": {"2 times"},
	} {
		c.refused(400, "GET", "/messages"+query, nil, words...)
		c.refused(400, "GET", "/deliveries"+query, nil, words...)
	}
	for _, query := range []string{"?state=dead_letter;x=1&limit=1", "?state=dead%zzletter", "?%=1&state=dead_letter"} {
		for _, path := range []string{"/messages", "/deliveries", "/tail", "/refused"} {
			if status, _, answer := c.raw("GET", adminapi.Prefix+path+query, ""); status != 400 || !strings.Contains(answer, "the query is malformed") {
				t.Errorf("%s%s: %d %s", path, query, status, answer)
			}
		}
	}
	c.refused(404, "GET", "/messages?endpoint=strip", nil, "did you mean stripe?", "github, stripe")
	c.refused(404, "GET", "/endpoints/strpe", nil, "did you mean stripe?")
	c.refused(404, "GET", "/messages?endpoint=stripe&forward=mainn", nil, "did you mean main?")
	c.refused(404, "GET", "/messages?endpoint=github&forward=x", nil, "none of its forwards has a name")
	c.refused(400, "GET", "/messages/17", nil, "no message's ID")
	c.refused(404, "GET", "/messages/"+queue.NewID(time.Now()).String(), nil, "there is no message")
	c.refused(404, "GET", "/messages/"+queue.NewID(time.Now().Add(-48*time.Hour)).String(), nil, "kept for 24h", "may have gone")
	c.refused(404, "GET", "/messages/0194d0a0-0000-4000-8000-000000000000", nil, "none can have")
	c.refused(400, "GET", "/tail?outcome=dead", nil, "dead_letter")
	c.refused(404, "GET", "/tail?endpoint=x", nil, "stripe")

	for _, op := range []string{"/redeliver", "/purge"} {
		c.refused(400, "POST", op, adminapi.Bulk{}, "filter.state")
	}
	for _, op := range []string{"/cancel", "/bury"} {
		c.refused(400, "POST", op, adminapi.Bulk{Filter: adminapi.Filter{State: "dead_letter"}}, "only waiting")
		c.refused(400, "POST", op, nil, "which waiting deliveries")
		c.refused(400, "POST", op, adminapi.Bulk{}, "which waiting deliveries")
	}
	main := "main"
	c.refused(400, "POST", "/purge", adminapi.Bulk{Filter: adminapi.Filter{State: "all"}, Forward: &main}, "belongs to redeliver")
	c.refused(400, "POST", "/redeliver", adminapi.Bulk{Filter: adminapi.Filter{State: "all"}, Forward: &main}, "of which endpoint")
	c.refused(400, "POST", "/purge", adminapi.Bulk{Limit: 1001, Filter: adminapi.Filter{State: "all"}}, "1 to 1000")
	c.refused(400, "POST", "/purge", map[string]any{"filtre": 1}, "filtre")
	c.refused(400, "POST", "/purge", "all", "it is string where an object is due")
	c.refused(400, "POST", "/purge", map[string]any{"filter": map[string]any{"state": 1}}, "filter.state is number where a text is due")
	c.refused(400, "POST", "/count", adminapi.Bulk{Filter: adminapi.Filter{ID: id, Type: "x"}}, "room for")
	c.refused(400, "POST", "/pause", nil, "endpoint")
	c.refused(400, "POST", "/pause", adminapi.Target{Endpoint: "github"}, "no deliveries to pause")
	c.refused(404, "POST", "/pause", adminapi.Target{Endpoint: "nope"}, "nope")
	c.refused(400, "DELETE", "/keys", nil, "which key")
	c.refused(400, "DELETE", "/keys?endpoint=stripe", nil, "which key")
	c.refused(404, "POST", "/messages/"+id+"/redeliver", map[string]any{"forward": "x"}, "it has main")

	for _, wrong := range []struct {
		method, path string
		status       int
		words        string
	}{
		{"GET", "/webhook_gateway/purge", 405, "served by POST"},
		{"POST", "/webhook_gateway/status", 405, "served by GET"},
		{"GET", "/webhook_gateway/keys", 405, "served by DELETE"},
		{"GET", "/webhook_gateway/stats", 404, "openapi.json"},
		{"GET", "/webhook_gateway/", 404, "openapi.json"},
		{"GET", "/webhook_gateway/status/", 404, "openapi.json"},
		{"GET", "/webhook_gateway/endpoints/", 404, "openapi.json"},
		{"GET", "/webhook_gateway/endpoints/a%2Fb%20%7B", 404, `there is no endpoint \"a/b {\"`},
		{"HEAD", "/webhook_gateway/tail", 405, ""},
		{"HEAD", "/webhook_gateway/openapi.json", 405, ""},
		{"HEAD", "/webhook_gateway/purge", 405, ""},
		{"HEAD", "/webhook_gateway/status", 200, ""},
	} {
		status, header, body := c.raw(wrong.method, wrong.path, "")
		if status != wrong.status || !strings.Contains(body, wrong.words) || status == 405 && header.Get("Allow") == "" {
			t.Errorf("%s %s: %d %s", wrong.method, wrong.path, status, body)
		}
	}
	if n := g.destination("stripe/main"); n.DeadLetters != 1 || n.Waiting != 0 {
		t.Errorf("something changed: %+v", n)
	}
	// Caddy's own guard stands before all of it.
	r, _ := http.NewRequest(http.MethodPost, c.base+adminapi.Prefix+"/purge", strings.NewReader(`{"filter":{"state":"all"}}`))
	r.Header.Set("Origin", "https://evil.example")
	if a, err := c.http.Do(r); err != nil || a.StatusCode != 403 {
		t.Error("another site's page may purge: ", a, err)
	}
}
