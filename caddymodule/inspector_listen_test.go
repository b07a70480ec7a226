package caddymodule

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
)

const (
	aliceToken = "alice-0123456789abcdef"
	bobToken   = "bob-0123456789abcdefgh"
)

// program asks the inspector at /hooks with a token, as caddy webhook listen does.
func (g *gateway) program(status int, token, method, path string) reply {
	g.t.Helper()
	r, err := http.NewRequest(method, "/hooks/listen"+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return g.expect(status, r)
}

// programStream opens a stream with a token.
func (g *gateway) programStream(token, query string) (*http.Response, *bufio.Reader) {
	g.t.Helper()
	r, err := http.NewRequest("GET", "http://"+g.addr+"/hooks/listen/listen"+query, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { resp.Body.Close() })
	return resp, bufio.NewReader(resp.Body)
}

// heardIn is the next message of a stream; ok is false at its end.
func heardIn(t *testing.T, stream *bufio.Reader) (m adminapi.Heard, ok bool) {
	t.Helper()
	for {
		line, err := stream.ReadString('\n')
		if err != nil {
			return m, false
		}
		if data, found := strings.CutPrefix(line, "data: "); found {
			if err := json.Unmarshal([]byte(data), &m); err != nil {
				t.Fatal(err)
			}
			return m, true
		}
	}
}

// TestListenTokens: a token is good for the events of its endpoints and for nothing else.
// Without raw, no credential is handed out. A token that is taken away ends its stream.
func TestListenTokens(t *testing.T) {
	t.Setenv("ALICE_TOKEN", aliceToken)
	up := newUpstream(t)
	github, stripe := by("github"), by("stripe")
	endpoints := github.directive("forward "+up.addr) + stripe.directive("forward "+up.addr)
	page := func(lines string) string {
		return endpoints + "webhook_gateway_inspector /hooks/* {\nby {http.request.header.X-By}\n" + lines + "\n}\n"
	}
	both := page("listen github {\ntoken alice {env.ALICE_TOKEN}\n}\nlisten raw {\ntoken " + bobToken + "\n}")
	g, c := startAdmin(t, setup{site: both})

	for _, wrong := range []string{"", "x", aliceToken + "x", aliceToken[:20], bobToken[:10]} {
		a := g.program(401, wrong, "GET", "/about")
		if a.header.Get("WWW-Authenticate") != `Bearer realm="webhook_gateway"` || strings.Contains(a.body, "github") {
			t.Errorf("%q: %v %s", wrong, a.header, a.body)
		}
	}
	g.inspect(403, "", "GET", "/api/status", "") // the page is still for people who are known
	if a := g.program(200, aliceToken, "GET", "/listen/about"); !strings.Contains(a.body, `"by":"alice","redacted":true,"endpoints":[{"name":"github","provider":"github"}]`) {
		t.Error(a.body)
	}
	if a := g.program(200, bobToken, "GET", "/listen/about"); !strings.Contains(a.body, `"by":"token 2","redacted":false`) || !strings.Contains(a.body, `"stripe"`) {
		t.Error(a.body)
	}

	_, alice := g.programStream(aliceToken, "")
	_, bob := g.programStream(bobToken, "")
	g.expect(200, stripe.request(g, "evt_hidden", time.Now()))
	r := github.request(g, "evt_seen", time.Now())
	signature := r.Header.Get("X-Hub-Signature-256")
	r.URL.RawQuery = "token=abc"
	r.Header.Set("Authorization", "Bearer of-the-sender")
	g.expect(200, r)
	m, _ := heardIn(t, alice)
	if m.Message.EventID != "evt_seen" || !m.Redacted || m.Request.URI != "/github?token="+redacted {
		t.Errorf("alice: %+v", m)
	}
	for _, name := range []string{"X-Hub-Signature-256", "Authorization"} {
		if m.Request.Header[name][0] != redacted {
			t.Errorf("alice: %s: %q", name, m.Request.Header[name])
		}
	}
	whole, _ := heardIn(t, bob)
	if whole.Message.EventID == "evt_hidden" {
		whole, _ = heardIn(t, bob)
	}
	if whole.Redacted || whole.Request.Header["X-Hub-Signature-256"][0] != signature || string(whole.Request.Body) != string(m.Request.Body) {
		t.Errorf("bob: %+v", whole)
	}

	ids := make(map[string]string)
	for _, entry := range get[adminapi.Messages](c, "GET", "/messages", nil).Messages {
		ids[entry.Endpoint] = entry.ID.String()
	}
	g.drained()
	if a := g.program(200, aliceToken, "GET", "/messages?event_id=evt_seen"); !strings.Contains(a.body, ids["github"]) || !strings.Contains(a.body, `"deliveries":[]`) {
		t.Errorf("alice: %s", a.body)
	}
	if a := g.program(200, aliceToken, "GET", "/messages/"+ids["github"]+"/raw"); strings.Contains(a.body, signature) {
		t.Errorf("alice: %s", a.body)
	}
	for _, path := range []string{
		"/messages/" + ids["stripe"] + "/raw", "/listen?endpoint=stripe", "/messages?endpoint=stripe", "/status", "/endpoints", "/endpoints/github", "/tail", "/refused",
		"/messages/" + ids["github"], "/messages/" + ids["github"] + "/body", "/deliveries", "", "/", "/LISTEN", "/openapi.json",
	} {
		g.program(404, aliceToken, "GET", path)
	}
	for _, path := range []string{"/pause", "/redeliver", "/probe", "/count", "/messages/" + ids["github"] + "/redeliver"} {
		g.program(404, bobToken, "POST", path)
	}
	g.program(405, bobToken, "POST", "/messages")
	g.program(400, aliceToken, "GET", "/listen?when=true")

	for i := 1; i < maxOfToken; i++ {
		if resp, _ := g.programStream(aliceToken, ""); resp.StatusCode != 200 {
			t.Fatalf("listener %d: %s", i, resp.Status)
		}
	}
	if resp, _ := g.programStream(aliceToken, ""); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one listener too many: %s", resp.Status)
	}
	if resp, _ := g.programStream(bobToken, ""); resp.StatusCode != 200 {
		t.Errorf("another token: %s", resp.Status)
	}

	g.logs.await(t, "a listener gets events", `"by":"alice"`)
	g.load(page("listen github {\ntoken " + bobToken + "\n}"))
	if m, ok := heardIn(t, alice); ok {
		t.Errorf("after the reload: %+v", m)
	}
	g.logs.await(t, "a listener has gone", `"by":"alice"`, `"events":1`)
	g.program(401, aliceToken, "GET", "/listen/about")
	g.load(endpoints + "webhook_gateway_inspector /hooks/* {\nby {http.request.header.X-By}\n}\n")
	g.program(403, bobToken, "GET", "/listen/about") // as any request of an unknown reader

	for _, token := range []string{aliceToken, bobToken} {
		if lines := g.logs.lines(token); len(lines) > 0 {
			t.Errorf("a token is in the log: %s", lines[0])
		}
	}
}

// TestListenLate: a message with a slow body, accepted behind newer ones, reaches the
// listeners that go on behind these, but only those that may have it and want it.
func TestListenLate(t *testing.T) {
	github, stripe := by("github"), by("stripe")
	site := github.directive("keep") + stripe.directive("keep") +
		"webhook_gateway_inspector /hooks/* {\nby {http.request.header.X-By}\nlisten raw stripe {\ntoken alice " + aliceToken + "\n}\n}\n"
	g, c := startAdmin(t, setup{site: site})
	r := github.request(g, "evt_late", time.Now())
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	last := wire.Len() - 1
	conn.Write(wire.Bytes()[:last])
	until(t, "the body to be awaited", func() bool { return g.open().room.total.Load() > 0 })
	time.Sleep(2 * time.Millisecond) // the next message is of another millisecond
	live := c.stream("/listen", "")
	g.expect(200, stripe.request(g, "evt_1", time.Now()))
	after, _, _ := live.heard()
	conn.Write(wire.Bytes()[last:])
	if answer, err := http.ReadResponse(bufio.NewReader(conn), r); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	if id, m, _ := live.heard(); m.Message.EventID != "evt_late" || id >= after {
		t.Fatalf("%s %s is not behind %s", id, m.Message.EventID, after)
	}

	_, alice := g.programStream(aliceToken, "?after="+after)
	charges := c.stream("/listen", "?type=charge.*&after="+after)
	all := c.stream("/listen", "?after="+after)
	g.expect(200, stripe.with(g, `{"id":"evt_2","type":"charge.refunded"}`, time.Now(), "evt_2"))
	if m, _ := heardIn(t, alice); m.Message.EventID != "evt_2" {
		t.Errorf("alice got %s of %s", m.Message.EventID, m.Message.Endpoint)
	}
	if _, m, _ := charges.heard(); m.Message.EventID != "evt_2" {
		t.Errorf("with a type: %s", m.Message.EventID)
	}
	for _, want := range []string{"evt_late", "evt_2"} {
		if _, m, _ := all.heard(); m.Message.EventID != want {
			t.Errorf("all: %s instead of %s", m.Message.EventID, want)
		}
	}
}

// TestListenAgain: a program that connects again and again is slowed down, so it cannot fill
// the log or read faster than a listener may.
func TestListenAgain(t *testing.T) {
	site := by("github").directive("keep") + "webhook_gateway_inspector /hooks/* {\nby {http.request.header.X-By}\nlisten {\ntoken alice " + aliceToken + "\ntoken " + bobToken + "\n}\n}\n"
	g := start(t, setup{site: site})
	statuses, began := make(map[int]int), time.Now()
	for range 5 * startBurst {
		resp, _ := g.programStream(aliceToken, "")
		statuses[resp.StatusCode]++
		resp.Body.Close()
		until(t, "the listener to be gone", func() bool { return listeningNow.taken.Load() == 0 })
	}
	most := startBurst + 1 + int(time.Since(began)/startEvery)
	if statuses[200] < startBurst || statuses[200] > most || statuses[503] != 5*startBurst-statuses[200] {
		t.Errorf("%v, and at most %d should be let in", statuses, most)
	}
	if resp, _ := g.programStream(bobToken, ""); resp.StatusCode != http.StatusOK {
		t.Errorf("another token: %s", resp.Status)
	}
	if lines := g.logs.lines("a listener gets events", `"by":"alice"`); len(lines) != statuses[200] {
		t.Errorf("%d lines of the log for %d listeners", len(lines), statuses[200])
	}
}

// TestListenGuesses: a client that guesses tokens is stopped, costs few lines of the log,
// and takes little memory, however many clients there are.
func TestListenGuesses(t *testing.T) {
	site := by("github").directive("forward "+newUpstream(t).addr) + "webhook_gateway_inspector /hooks/* {\nby {http.request.header.X-By}\nlisten {\ntoken " + bobToken + "\n}\n}\n"
	g := start(t, setup{site: site})
	statuses := make(map[int]int)
	for i := range 100 {
		r := post("/hooks/listen/listen", "", "Authorization", fmt.Sprint("Bearer guess-", i))
		a, err := g.exchange(r)
		if err != nil {
			t.Fatal(err)
		}
		statuses[a.status]++
	}
	if statuses[401] < guessBurst || statuses[401] > guessBurst+3 || statuses[429] != 100-statuses[401] {
		t.Error(statuses)
	}
	if a := g.program(429, aliceToken, "GET", "/listen/about"); a.header.Get("Retry-After") != "10" {
		t.Error(a.header)
	}
	for range 3 { // others at the same address lock nobody out
		g.program(200, bobToken, "GET", "/listen/about")
	}
	if lines := g.logs.lines("unknown token"); len(lines) != 1 || strings.Contains(lines[0], "guess-") {
		t.Errorf("%d lines: %q", len(lines), lines)
	}

	var all guesses
	for i := range 3 * guessers {
		client := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		all.wrong(client)
		if len(all.of) > guessers {
			t.Fatalf("%d clients are remembered", len(all.of))
		}
	}
}

// TestListenMistakes: a grant that lets in nobody, or anybody, is refused.
func TestListenMistakes(t *testing.T) {
	t.Setenv("EMPTY_TOKEN", "")
	t.Setenv("TWO_TOKENS", bobToken+"\n"+aliceToken)
	s := by("github")
	for lines, want := range map[string]string{
		"listen":                                                                           "a token is missing",
		"listen github {\nraw\n}":                                                          "a token is missing",
		"listen {\ntoken short\n}":                                                         "can be guessed",
		"listen {\ntoken {env.EMPTY_TOKEN}\n}":                                             "EMPTY_TOKEN",
		"listen {\ntoken a b c\n}":                                                         "token: write",
		"listen {\ntoken a \"                    \"\n}":                                    "can be guessed",
		"listen {\ntoken \"" + bobToken[:10] + "          \"\n}":                           "can be guessed",
		"listen {\ntoken {env.TWO_TOKENS}\n}":                                              "cannot be sent",
		"listen {\ntokens x\n}":                                                            "did you mean token?",
		"endpoints github\nlisten stripe {\ntoken " + bobToken + "\n}":                     "does not name it",
		"listen {\ntoken a " + bobToken + "\ntoken a " + aliceToken + "\n}":                "two tokens have the name a",
		"listen {\ntoken a " + bobToken + "\n}\nlisten raw {\ntoken b " + bobToken + "\n}": "the token of another line",
	} {
		config, err := adapt(":8080\n" + s.directive("keep") + "webhook_gateway_inspector /hooks/* {\n" + lines + "\n}\n")
		if err == nil {
			err = provision(config)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", lines, err, want)
		}
		if err != nil && strings.Contains(err.Error(), bobToken) {
			t.Errorf("%q: the error has the token", lines)
		}
	}
}

// TestListenPadded: blanks and line ends around a token, as a file has them, are not part of it.
func TestListenPadded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(" "+aliceToken+"\r\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := start(t, setup{site: by("github").directive("keep") + "webhook_gateway_inspector /hooks/* {\nlisten {\ntoken {file." + file + "}\ntoken \" " + bobToken + "  \"\n}\n}\n"})
	for _, token := range []string{aliceToken, bobToken} {
		g.program(200, token, "GET", "/listen/about")
	}
}

// TestInspectorNames: a load warns of names that mean nothing.
func TestInspectorNames(t *testing.T) {
	t.Setenv("NOBODY", "")
	t.Setenv("SOMEBODY", "alice")
	g := start(t, setup{site: by("github").directive("forward "+newUpstream(t).addr) + "webhook_gateway_inspector /hooks/* {\nby {http.request.header.X-By}\nendpoints github gitlab\n" +
		"operators {env.NOBODY} {env.SOMEBODY}\nlisten gitlab github {\ntoken " + bobToken + "\n}\n}\n"})
	g.logs.await(t, "names an endpoint that does not exist", `"line":"endpoints"`, `"endpoint":"gitlab"`)
	g.logs.await(t, "names an endpoint that does not exist", `"line":"listen"`, `"endpoint":"gitlab"`)
	g.logs.await(t, "it is nobody", `"operator":"{env.NOBODY}"`)
	if lines := g.logs.lines("does not exist"); len(lines) != 2 {
		t.Errorf("%q", lines)
	}
	if lines := g.logs.lines("it is nobody"); len(lines) != 1 {
		t.Errorf("%q", lines)
	}
	g.inspect(200, "alice", "POST", "/api/pause", `{"endpoint":"github"}`)
	for _, nobody := range []string{"bob", "{env.NOBODY}", "{env.SOMEBODY}"} {
		g.inspect(403, nobody, "POST", "/api/resume", `{"endpoint":"github"}`)
	}
	g.inspect(403, " ", "POST", "/api/resume", `{"endpoint":"github"}`)
	if !g.destination("github").Paused {
		t.Error("somebody else has resumed it")
	}
}
