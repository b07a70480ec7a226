package cli

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/inspector"
)

// TestListenHere: the page is never served to other machines.
func TestListenHere(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "127.1.2.3:0"} {
		l, err := listenHere(t.Context(), address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
			t.Errorf("%s: listens on %s", address, l.Addr())
		}
		l.Close()
	}
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0", "7000", ""} {
		if l, err := listenHere(t.Context(), address); err == nil {
			l.Close()
			t.Errorf("%q: it listens", address)
		} else if !strings.Contains(err.Error(), "--listen") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestNamedHere: a name that somebody else points at this machine does not reach the page.
func TestNamedHere(t *testing.T) {
	h := namedHere(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for host, want := range map[string]int{
		"127.0.0.1:7000": 200, "localhost:80": 200, "localhost": 200, "[::1]:7000": 200, "[::1]": 200,
		"evil.example": 403, "evil.example:7000": 403, "127.0.0.1.evil.example": 403, "localhost.evil.example:1": 403, "": 403, "192.0.2.1": 403,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, want %d", host, w.Code, want)
		}
	}
}

// TestProxy: the page's calls reach the admin endpoint with nothing of the browser, and
// its stream arrives as it is written and ends with the reader.
func TestProxy(t *testing.T) {
	ended := make(chan struct{})
	var got http.Header
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Content-Security-Policy", "of another")
		switch r.URL.EscapedPath() {
		case adminapi.Prefix + "/tail":
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, ": listening\n\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			close(ended)
		case adminapi.Prefix + "/endpoints/a%3Fb":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"error":"there is no such endpoint"}`)
		default:
			t.Errorf("asked for %s", r.URL)
		}
	}))
	defer admin.Close()
	proxy := adminapi.NewClient("here", "tcp", admin.Listener.Addr().String()).Proxy()
	page := httptest.NewServer(&inspector.Page{API: func(w http.ResponseWriter, r *http.Request, _ inspector.Call) { proxy.ServeHTTP(w, r) }})
	defer page.Close()
	ask := func(ctx context.Context, path string) *http.Response {
		r, err := http.NewRequestWithContext(ctx, "GET", page.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"Cookie": "secret=1", "Authorization": "Basic eDp5", "Sec-Fetch-Mode": "cors", "Referer": page.URL, "Sec-Fetch-Site": "same-origin"} {
			r.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}

	resp := ask(t.Context(), "/api/endpoints/a%3Fb")
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 404 || string(b) != `{"error":"there is no such endpoint"}` {
		t.Errorf("%d %s", resp.StatusCode, b)
	}
	for _, name := range []string{"Cookie", "Authorization", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Referer", "X-Forwarded-For"} {
		if got.Get(name) != "" {
			t.Errorf("%s: %s was handed on", name, got.Get(name))
		}
	}
	if got.Get("Origin") != admin.URL {
		t.Errorf("Origin: %s, want %s", got.Get("Origin"), admin.URL)
	}
	if resp.Header.Get("Set-Cookie") != "" || len(resp.Header.Values("Content-Security-Policy")) != 1 || len(resp.Header.Values("Cache-Control")) != 1 {
		t.Errorf("the answer has %v", resp.Header)
	}

	ctx, leave := context.WithCancel(t.Context())
	line, err := bufio.NewReader(ask(ctx, "/api/tail").Body).ReadString('\n')
	if err != nil || line != ": listening\n" {
		t.Errorf("the stream begins with %q, %v", line, err)
	}
	leave()
	<-ended

	admin.Close()
	resp = ask(t.Context(), "/api/endpoints/a%3Fb")
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 502 || !strings.Contains(string(b), "no Caddy answers at here") {
		t.Errorf("without a gateway: %d %s", resp.StatusCode, b)
	}
}
