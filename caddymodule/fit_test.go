package caddymodule

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// oddTargets are targets of a request line.
var oddTargets = []string{
	"/", "/github", "/github?a=b", "//github", "/..//x", "/%00", "/%", "/a%2fb?c=%zz", "/ümlaut", "/\"<>|", "/#x", "/?#", "/github;x=1",
	"mailto:x", "http:opaque", "http:/x", "http://", "http://elsewhere.example/github", "http://elsewhere.example", "https://u:p@h/x?y",
	"*", "?a=b", "github", "example.com:443", "[::1]:80", "http://[::1", "a:b:c", "javascript:alert(1)", "HTTP:OPAQUE?x", "file:///etc/passwd", "//",
}

// TestOddTargets: whatever target a captured request is sent to, it is either
// refused without a trace or delivered; the genuine one is never lost.
func TestOddTargets(t *testing.T) {
	up := newUpstream(t)
	s := by("github")
	for _, mode := range []string{"enforce", "observe"} {
		g := start(t, setup{site: "route {\nwebhook_gateway github {\n secret github-secret\n mode " + mode + "\n retry off\n forward " + up.addr + "\n}\n}"})
		for i, target := range oddTargets {
			t.Run(mode+" "+target, func(t *testing.T) {
				up.t, g.t = t, t
				id := fmt.Sprint("evt_", i)
				body := s.body(id, time.Now())
				signed := s.sign("", body, time.Now(), id)
				status := sendRaw(t, g.addr, target, body, signed, nil)
				if status == 200 {
					if got := up.next(); string(got.body) != body {
						t.Errorf("the upstream got %q", got.body)
					}
				} else if status != 400 {
					t.Errorf("answered %d", status)
				}
				again := sendRaw(t, g.addr, "/github", body, signed, nil)
				if again != 200 {
					t.Errorf("the genuine one is answered %d", again)
				}
				if status != 200 || mode == "observe" {
					if got := up.next(); string(got.body) != body {
						t.Errorf("the upstream got %q", got.body)
					}
				}
				g.drained()
				up.nothing()
				if d := g.destination("github"); d.DeadLetters > 0 {
					t.Fatalf("%d events were given up", d.DeadLetters)
				}
			})
		}
		up.t, g.t = t, t
		g.stop()
	}
}

// TestManyHeaders: a captured request to which headers were added is refused and takes no
// key. An ordinary number of headers passes.
func TestManyHeaders(t *testing.T) {
	up := newUpstream(t)
	s := by("github")
	for _, mode := range []string{"enforce", "observe"} {
		g := start(t, setup{site: s.directive("mode " + mode + "\n retry off\n forward " + up.addr)})
		g.t, up.t = t, t
		request := func(fields int) *http.Request {
			r := s.request(g, "evt_1", time.Now())
			r.Header.Set("User-Agent", "x")
			r.Header.Set("Accept-Encoding", "x")
			sent := len(r.Header) + 1 // Content-Length
			for i := range fields - sent {
				r.Header.Add(fmt.Sprint("X-Added-", i/2), "x")
			}
			return r
		}
		for _, fields := range []int{2000, maxFields + 1} {
			if a := g.send(request(fields)); a.status != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%s, %d fields: %v", mode, fields, a)
			}
		}
		g.logs.await(t, "request refused", `"reason":"malformed_body"`)
		up.nothing()
		g.expect(200, request(maxFields))
		if got := up.next(); got.Header.Get("X-Added-1") != "x" {
			t.Errorf("%s: the upstream got %v", mode, got.Header)
		}
		g.stop()
	}
}

// TestSpacesInTarget: HTTP/2 can carry a target that HTTP/1.1 cannot.
func TestSpacesInTarget(t *testing.T) {
	up := newUpstream(t)
	s := by("github")
	g := start(t, setup{
		globals: "servers {\n protocols h1 h2c\n}",
		site:    "route {\nwebhook_gateway github {\n secret github-secret\n retry off\n forward " + up.addr + "\n}\n}",
	})
	body := s.body("evt_1", time.Now())
	signed := s.sign("", body, time.Now(), "evt_1")
	if status := sendFrames(t, g.addr, "/github?a b", body, signed); status != 400 {
		t.Errorf("answered %d", status)
	}
	if status := sendFrames(t, g.addr, "/github?a%20b", body, signed); status != 200 {
		t.Errorf("answered %d", status)
	}
	if got := up.next(); got.RequestURI != "/github?a%20b" {
		t.Errorf("the upstream got %s", got.RequestURI)
	}
}

// sendFrames sends a request over HTTP/2 whose target the client does not check.
func sendFrames(t *testing.T, addr, target, body string, signed []string) int {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	path, query, _ := strings.Cut(target, "?")
	r := &http.Request{
		Method: http.MethodPost, URL: &url.URL{Scheme: "http", Host: addr, Path: path, RawQuery: query},
		Header: make(http.Header), Body: http.NoBody,
	}
	r = r.WithContext(context.Background())
	r.Body, r.ContentLength = post("/", body).Body, int64(len(body))
	for i := 0; i < len(signed); i += 2 {
		r.Header.Set(signed[i], signed[i+1])
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// FuzzFit: a request that is fit becomes a message, and that a request which a real
// transport sends and a real server takes.
func FuzzFit(f *testing.F) {
	for _, target := range oddTargets {
		f.Add("POST", target, "hooks.example.com", "X-Id", "1", "HTTP/1.1")
	}
	f.Add("PO ST", "/", "a b", "X:Id", "1\n", "HTTP/x")
	f.Add("CONNECT", "h:1", "ümlaut.example", "Connection", "close", "HTTP/2.0")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(299) }))
	f.Cleanup(server.Close)
	to, _ := url.Parse(server.URL)
	h := &Handler{Name: "github", server: new(caddyhttp.Server)}
	f.Fuzz(func(t *testing.T, method, target, host, name, value, proto string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Skip()
		}
		r := &http.Request{
			Method: method, URL: u, RequestURI: target, Host: host, Proto: proto, RemoteAddr: "192.0.2.1:1",
			Header: http.Header{http.CanonicalHeaderKey(name): {value}},
		}
		if fit(r) != nil {
			t.Skip()
		}
		about := &facts{endpoint: "github", receivedAt: time.Now()}
		m := (&request{endpoint: h, r: r, facts: about, in: inFlight{body: []byte("{}")}}).message()
		again, err := rebuild(context.Background(), m, about)
		if err != nil {
			t.Fatalf("%q is fit, and: %v", target, err)
		}
		h.dropHop(again.Header)
		again.URL.Scheme, again.URL.Host, again.RequestURI = to.Scheme, to.Host, ""
		resp, err := http.DefaultTransport.RoundTrip(again)
		if err != nil {
			t.Fatalf("%s %q to %q with %q is fit, and: %v", method, target, host, value, err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 299 && resp.StatusCode != http.StatusMovedPermanently {
			t.Errorf("%s %q to %q with %s: %q is fit, and was answered %d", method, target, host, name, value, resp.StatusCode)
		}
	})
}

// TestCheckTarget: the short way of the check finds the same targets good as a parser.
func TestCheckTarget(t *testing.T) {
	for _, uri := range []string{
		"/", "//", "//host/x", "///", "/a:b", "/a?b=%zz", "/%zz", "/%", "/%4", "/%41", "/a%20b?%", "/?", "/#x", "/a?b#c%zz", "/[", "/]", "/a@b:c", "/\x80", "/*", "/a;b",
		"", "*", "a", "http://x/", "/ ", "/\x7f", "/a?\t",
	} {
		_, want := target(uri)
		if got := checkTarget(uri); (got == nil) != (want == nil) {
			t.Errorf("%q: %v, want %v", uri, got, want)
		}
	}
}

func FuzzCheckTarget(f *testing.F) {
	f.Add("/a%20b?c=%d")
	f.Fuzz(func(t *testing.T, uri string) {
		_, want := target(uri)
		if got := checkTarget(uri); (got == nil) != (want == nil) {
			t.Errorf("%q: %v, want %v", uri, got, want)
		}
	})
}
