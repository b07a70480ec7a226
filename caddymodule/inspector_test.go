package caddymodule

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/hookwicket/hookwicket/adminapi"
)

// inspect asks the inspector at /hooks as the page does. by is in the header X-By.
func (g *gateway) inspect(status int, by, method, path, body string) reply {
	g.t.Helper()
	r, err := http.NewRequest(method, "/hooks"+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	if by != "" {
		r.Header.Set("X-By", by)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return g.expect(status, r)
}

// TestInspectorFailsClosed: without a reader who is known, nothing is served.
func TestInspectorFailsClosed(t *testing.T) {
	s := by("github")
	g := start(t, setup{site: s.directive("forward "+newUpstream(t).addr) + "webhook_gateway_inspector /hooks/*\n"})
	for _, path := range []string{"/", "/app.js", "/api/status", "/api/session", "/nothing"} {
		if a := g.inspect(403, "", "GET", path, ""); !strings.Contains(a.body, "{http.auth.user.id} is empty") || !strings.Contains(a.body, "basic_auth") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	g.inspect(403, "", "POST", "/api/pause", `{"endpoint":"github"}`)
	if g.destination("github").Paused {
		t.Error("it is paused")
	}

	// Of spaces alone nobody is known either.
	g.load(s.directive("forward "+newUpstream(t).addr) + "webhook_gateway_inspector /hooks/* {\nby {http.request.header.X-By}\n}\n")
	g.inspect(403, "  ", "GET", "/api/status", "")
	g.inspect(200, "alice", "GET", "/api/status", "")

	// The load says aloud that anybody may come in.
	g.load(s.directive("forward "+newUpstream(t).addr) + "webhook_gateway_inspector /hooks/* {\nby off\n}\n")
	g.logs.await(t, "the inspector has `by off`")
	g.inspect(200, "", "GET", "/api/status", "")
}

// TestInspectorOperators: an operator changes, and the log says who did; others look.
func TestInspectorOperators(t *testing.T) {
	s := by("github")
	endpoints := s.directive("forward " + newUpstream(t).addr)
	g := start(t, setup{site: endpoints + "webhook_gateway_inspector /hooks/* {\nby {http.request.header.X-By}\noperators alice\n}\n"})
	g.inspect(403, "bob", "POST", "/api/pause", `{"endpoint":"github"}`)
	if g.destination("github").Paused {
		t.Error("bob has paused it")
	}
	if a := g.inspect(200, "bob", "GET", "/api/session", ""); a.body != `{"by":"bob","readonly":true}`+"\n" {
		t.Errorf("bob: %s", a.body)
	}
	for _, verb := range []string{"redeliver", "cancel", "bury", "purge"} {
		g.inspect(403, "bob", "POST", "/api/"+verb, `{"filter":{"state":"waiting"}}`)
	}
	g.inspect(200, "bob", "POST", "/api/count", `{"filter":{"state":"waiting"}}`)
	g.inspect(200, "alice", "POST", "/api/purge", `{"filter":{"state":"cancelled"}}`)
	g.logs.await(t, "changed in the inspector", `"by":"alice"`, `POST /webhook_gateway/purge`, `{\"filter\":{\"state\":\"cancelled\"}}`, `"status":200`)
	g.inspect(200, "alice", "POST", "/api/pause", `{"endpoint":"github"}`)
	if !g.destination("github").Paused {
		t.Error("alice could not pause it")
	}
	g.inspect(404, "alice", "POST", "/api/resume", `{"endpoint":"gitlab"}`)
	g.logs.await(t, "changed in the inspector", `"by":"alice"`, `POST /webhook_gateway/pause`, `{\"endpoint\":\"github\"}`, `"status":200`)
	g.logs.await(t, "changed in the inspector", `"by":"alice"`, `POST /webhook_gateway/resume`, `"status":404`)
	if lines := g.logs.lines("changed in the inspector", "bob"); len(lines) > 0 {
		t.Errorf("bob's attempts are logged as changes: %s", lines)
	}

	r := post("/hooks/api/resume", `{"endpoint":"github"}`, "X-By", "alice", "Content-Type", "application/json", "Sec-Fetch-Site", "cross-site")
	g.expect(403, r)
	if !g.destination("github").Paused {
		t.Error("a page of another origin has resumed it")
	}

	g.load(endpoints + "webhook_gateway_inspector /hooks/* {\nby {http.request.header.X-By}\nreadonly\n}\n")
	g.inspect(403, "alice", "POST", "/api/resume", `{"endpoint":"github"}`)
}

// TestInspectorEndpoints: of other endpoints nothing is seen and nothing is changed.
func TestInspectorEndpoints(t *testing.T) {
	u := newUpstream(t)
	mine, other := by("github"), by("stripe")
	endpoints := mine.directive("forward "+u.addr) + other.directive("forward "+u.addr)
	inspector := func(names string) string {
		return "webhook_gateway_inspector /hooks/* {\nby off\nendpoints " + names + "\n}\n"
	}
	g, c := startAdmin(t, setup{site: endpoints + inspector("github")})
	g.expect(200, mine.request(g, "evt_mine", time.Now()))
	g.expect(200, other.request(g, "evt_other", time.Now()))
	g.drained()
	ids := make(map[string]string)
	for _, m := range get[adminapi.Messages](c, "GET", "/messages", nil).Messages {
		ids[m.Endpoint] = m.ID.String()
	}

	g.inspect(200, "", "GET", "/api/messages/"+ids["github"], "")
	for _, path := range []string{"/api/messages/" + ids["stripe"], "/api/messages/" + ids["stripe"] + "/body", "/api/endpoints/stripe", "/api/messages?endpoint=stripe", "/api/tail?endpoint=stripe"} {
		g.inspect(404, "", "GET", path, "")
	}
	for path, body := range map[string]string{
		"/api/messages/" + ids["stripe"] + "/redeliver": `{}`,
		"/api/pause":     `{"endpoint":"stripe"}`,
		"/api/redeliver": `{"filter":{"endpoint":"stripe","state":"all"}}`,
		"/api/cancel":    `{"filter":{"endpoint":"stripe","state":"waiting"}}`,
		"/api/bury":      `{"filter":{"id":"` + ids["stripe"] + `"}}`,
		"/api/purge":     `{"filter":{"id":"` + ids["stripe"] + `"}}`,
		"/api/count":     `{"filter":{"id":"` + ids["stripe"] + `"}}`,
	} {
		g.inspect(404, "", "POST", path, body)
	}
	for _, path := range []string{"/api/messages", "/api/messages?event_id=evt_other", "/api/endpoints", "/api/status"} {
		if a := g.inspect(200, "", "GET", path, ""); strings.Contains(a.body, "stripe") || strings.Contains(a.body, "evt_other") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if a := g.inspect(200, "", "POST", "/api/count", `{"filter":{"state":"all"}}`); !strings.Contains(a.body, `"matched":1,`) {
		t.Errorf("count: %s", a.body)
	}
	if a := g.inspect(200, "", "POST", "/api/redeliver", `{"filter":{"state":"all"}}`); !strings.Contains(a.body, `"matched":1,"changed":1,`) {
		t.Errorf("redeliver: %s", a.body)
	}
	if a := g.inspect(200, "", "GET", "/api/status", ""); !strings.Contains(a.body, `"endpoints":1,`) {
		t.Errorf("status: %s", a.body)
	}

	// Nor do refused requests of another endpoint show, or can be accepted.
	forged := mine.request(g, "evt_forged", time.Now())
	forged.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("00", 32))
	g.expect(401, forged)
	hidden := other.request(g, "evt_forged2", time.Now())
	hidden.Header.Set("Stripe-Signature", fmt.Sprintf("t=%d,v1=%s", time.Now().Unix(), strings.Repeat("00", 32)))
	refusals := make(map[string]string)
	g.expect(401, hidden)
	for _, e := range get[adminapi.RefusedList](c, "GET", "/refused", nil).Refused {
		refusals[e.Endpoint] = e.ID.String()
	}
	if a := g.inspect(200, "", "GET", "/api/refused", ""); !strings.Contains(a.body, refusals["github"]) || strings.Contains(a.body, "stripe") {
		t.Errorf("refused: %s", a.body)
	}
	g.inspect(200, "", "GET", "/api/refused/"+refusals["github"], "")
	g.inspect(404, "", "GET", "/api/refused/"+refusals["stripe"], "")
	g.inspect(404, "", "GET", "/api/refused/"+refusals["stripe"]+"/wire", "")
	g.inspect(404, "", "GET", "/api/refused?endpoint=stripe", "")
	g.inspect(404, "", "POST", "/api/refused/"+refusals["stripe"]+"/accept", "{}")
	if a := g.inspect(200, "", "POST", "/api/refused/accept", "{}"); !strings.Contains(a.body, `"matched":1,"changed":0`) {
		t.Errorf("accept: %s", a.body)
	}

	// The stream has events of the visible endpoint alone.
	events, leave := g.streamOf("/hooks/api/tail")
	defer leave()
	g.expect(200, other.request(g, "evt_other2", time.Now()))
	g.expect(200, mine.request(g, "evt_mine2", time.Now()))
	for {
		line, err := events.ReadString('\n')
		if err != nil || strings.Contains(line, "stripe") {
			t.Fatalf("%q, %v", line, err)
		}
		if strings.Contains(line, "evt_mine2") {
			break
		}
	}

	// Of several endpoints, one has to be chosen.
	g.load(endpoints + inspector("github stripe"))
	if a := g.inspect(400, "", "GET", "/api/messages", ""); !strings.Contains(a.body, "github, stripe") {
		t.Errorf("both: %s", a.body)
	}
	g.inspect(400, "", "POST", "/api/redeliver", `{"filter":{"state":"all"}}`)
	g.inspect(200, "", "GET", "/api/messages?endpoint=stripe", "")
}

// streamOf opens a stream of the inspector and waits for its beginning.
func (g *gateway) streamOf(path string) (*bufio.Reader, func()) {
	g.t.Helper()
	r, err := http.NewRequest("GET", "http://"+g.addr+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	stream := bufio.NewReader(resp.Body)
	if line, err := stream.ReadString('\n'); err != nil || line != ": listening\n" {
		g.t.Fatalf("the stream begins with %q, %v", line, err)
	}
	return stream, func() { resp.Body.Close() }
}

// TestInspectorStreamsEnd: an open tab holds up neither a reload nor the end of Caddy,
// which otherwise waits for all requests.
func TestInspectorStreamsEnd(t *testing.T) {
	site := by("github").directive("forward "+newUpstream(t).addr) + "webhook_gateway_inspector /hooks/* {\nby off\n}\n"
	g := start(t, setup{site: site})
	end := map[string]func(){
		"reload": func() { g.load(site) },
		"stop": func() {
			if err := caddy.Stop(); err != nil {
				t.Error(err)
			}
		},
	}
	for _, how := range []string{"reload", "stop"} {
		stream, leave := g.streamOf("/hooks/api/tail")
		defer leave()
		began := time.Now()
		ended := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, stream)
			ended <- err
		}()
		end[how]()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatalf("%s: the stream goes on", how)
		}
		t.Logf("%s: ended after %s", how, time.Since(began).Round(time.Millisecond))
	}
}
