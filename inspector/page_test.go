package inspector

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// asked is what the API behind the page was asked, and its answer.
type asked struct {
	calls []string
}

func (a *asked) serve(w http.ResponseWriter, r *http.Request, c Call) {
	body, _ := io.ReadAll(r.Body)
	a.calls = append(a.calls, fmt.Sprintf("%s %s %s changes=%v by=%s", r.Method, r.RequestURI, body, c.Changes, c.Session.By))
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{}`)
}

// TestGuards: which calls reach the API, and which are refused before.
func TestGuards(t *testing.T) {
	const json, form = "application/json", "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name, method, target string
		headers              map[string]string
		readonly             bool
		status               int
		call                 string // that reaches the API; empty: none
	}{
		{name: "a read", method: "GET", target: "/p/api/status", status: 200, call: "GET /webhook_gateway/status  changes=false by=alice"},
		{name: "a read with a query", method: "GET", target: "/p/api/messages?state=waiting&type=a%20b", status: 200, call: "GET /webhook_gateway/messages?state=waiting&type=a%20b  changes=false by=alice"},
		{name: "an escaped name", method: "GET", target: "/p/api/endpoints/a%3Fb%25;.%C3%A9", status: 200, call: "GET /webhook_gateway/endpoints/a%3Fb%25;.%C3%A9  changes=false by=alice"},
		{name: "an escaped slash", method: "GET", target: "/p/api/endpoints/a%2Fb", status: 400},
		{name: "a read of the page itself", method: "GET", target: "/p/api/status", headers: map[string]string{"Sec-Fetch-Site": "same-origin"}, status: 200, call: "GET /webhook_gateway/status  changes=false by=alice"},
		{name: "a typed address", method: "GET", target: "/p/api/status", headers: map[string]string{"Sec-Fetch-Site": "none"}, status: 200, call: "GET /webhook_gateway/status  changes=false by=alice"},
		{name: "a read of another site", method: "GET", target: "/p/api/status", headers: map[string]string{"Sec-Fetch-Site": "cross-site"}, status: 403},
		{name: "a read of a neighbour", method: "GET", target: "/p/api/tail", headers: map[string]string{"Sec-Fetch-Site": "same-site"}, status: 403},
		{name: "a change", method: "POST", target: "/p/api/pause", headers: map[string]string{"Content-Type": json}, status: 200, call: "POST /webhook_gateway/pause {} changes=true by=alice"},
		{name: "a change with a charset", method: "POST", target: "/p/api/resume", headers: map[string]string{"Content-Type": json + "; charset=utf-8", "Sec-Fetch-Site": "same-origin"}, status: 200, call: "POST /webhook_gateway/resume {} changes=true by=alice"},
		{name: "a change of another site", method: "POST", target: "/p/api/pause", headers: map[string]string{"Content-Type": json, "Sec-Fetch-Site": "cross-site"}, status: 403},
		{name: "a change of another origin, in an old browser", method: "POST", target: "/p/api/pause", headers: map[string]string{"Content-Type": json, "Origin": "https://evil.example"}, status: 403},
		{name: "a form", method: "POST", target: "/p/api/pause", headers: map[string]string{"Content-Type": form}, status: 415},
		{name: "no type", method: "POST", target: "/p/api/pause", status: 415},
		{name: "a change by a reader", method: "POST", target: "/p/api/redeliver", headers: map[string]string{"Content-Type": json}, readonly: true, status: 403},
		{name: "a cancellation by a reader", method: "POST", target: "/p/api/cancel", headers: map[string]string{"Content-Type": json}, readonly: true, status: 403},
		{name: "a burial by a reader", method: "POST", target: "/p/api/bury", headers: map[string]string{"Content-Type": json}, readonly: true, status: 403},
		{name: "a purge by a reader", method: "POST", target: "/p/api/purge", headers: map[string]string{"Content-Type": json}, readonly: true, status: 403},
		{name: "a purge", method: "POST", target: "/p/api/purge", headers: map[string]string{"Content-Type": json}, status: 200, call: "POST /webhook_gateway/purge {} changes=true by=alice"},
		{name: "a count by a reader", method: "POST", target: "/p/api/count", headers: map[string]string{"Content-Type": json}, readonly: true, status: 200, call: "POST /webhook_gateway/count {} changes=false by=alice"},
		{name: "another operation", method: "DELETE", target: "/p/api/refused", headers: map[string]string{"Content-Type": json}, status: 404},
		{name: "another method", method: "DELETE", target: "/p/api/status", status: 404},
		{name: "a way up", method: "GET", target: "/p/api/endpoints/..", status: 400},
		{name: "an escaped way up", method: "GET", target: "/p/api/endpoints/%2e%2e/config", status: 400},
		{name: "an empty name", method: "GET", target: "/p/api/endpoints/", status: 404},
		{name: "outside the base", method: "GET", target: "/api/status", status: 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			api := new(asked)
			page := &Page{Base: "/p", API: api.serve, Session: func(*http.Request) (Session, error) {
				return Session{By: "alice", Readonly: c.readonly}, nil
			}}
			body := io.Reader(nil)
			if c.method == "POST" {
				body = strings.NewReader("{}")
			}
			r := httptest.NewRequest(c.method, c.target, body)
			for name, value := range c.headers {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			page.ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			if got := strings.Join(api.calls, "\n"); got != c.call {
				t.Errorf("the API got %q, want %q", got, c.call)
			}
			checkHeaders(t, w.Header())
			if got := w.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control: %s", got)
			}
		})
	}
}

// checkHeaders wants the headers that every answer has.
func checkHeaders(t *testing.T, h http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestUnknownReader: nothing at all is served to a reader who is not known.
func TestUnknownReader(t *testing.T) {
	api := new(asked)
	page := &Page{API: api.serve, Session: func(*http.Request) (Session, error) { return Session{}, errors.New("write by") }}
	for path, want := range map[string]string{"/": "write by\n", "/app.js": "write by\n", "/api/status": `{"error":"write by"}` + "\n", "/api/session": `{"error":"write by"}` + "\n", "/none": "write by\n"} {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 403 || w.Body.String() != want {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
		checkHeaders(t, w.Header())
	}
	if len(api.calls) > 0 {
		t.Errorf("the API got %v", api.calls)
	}
}

// TestDownload: a body is saved, whatever it is.
func TestDownload(t *testing.T) {
	page := &Page{API: new(asked).serve}
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest("GET", "/api/messages/01a2/body", nil))
	if got := w.Header().Get("Content-Disposition"); w.Code != 200 || got != "attachment" {
		t.Errorf("%d, Content-Disposition: %q", w.Code, got)
	}
}

// TestAssets: the files are served with their types, once, and 304 afterwards.
func TestAssets(t *testing.T) {
	page := &Page{Base: "/p", API: new(asked).serve}
	get := func(method, target, etag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, nil)
		if etag != "" {
			r.Header.Set("If-None-Match", etag)
		}
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		checkHeaders(t, w.Header())
		return w
	}
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/app.js": "text/javascript; charset=utf-8", "/app.css": "text/css; charset=utf-8",
		"/icon.svg": "image/svg+xml", "/vendor/preact-htm.js": "text/javascript; charset=utf-8", "/vendor/htm-LICENSE.txt": "text/plain; charset=utf-8",
	} {
		w := get("GET", "/p"+path, "")
		etag := w.Header().Get("ETag")
		if w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Header().Get("Cache-Control") != "no-cache" || etag == "" || w.Body.Len() == 0 {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		if w := get("GET", "/p"+path, etag); w.Code != 304 || w.Body.Len() > 0 {
			t.Errorf("%s again: %d", path, w.Code)
		}
		if w := get("POST", "/p"+path, ""); w.Code != 405 {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/p/index.html", "/p/nothing.js", "/p/vendor/", "/other/"} {
		if w := get("GET", path, ""); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := get("GET", "/p", ""); w.Code != 308 || w.Header().Get("Location") != "/p/" {
		t.Errorf("without the slash: %d to %s", w.Code, w.Header().Get("Location"))
	}
}

// TestPlainPath: a path that can be read in two ways is refused before anything else, so
// before the reader is looked up.
func TestPlainPath(t *testing.T) {
	page := &Page{Base: "/p", API: new(asked).serve, Session: func(*http.Request) (Session, error) {
		t.Error("the reader was looked up")
		return Session{}, nil
	}}
	for _, path := range []string{
		"/p/../p/", "/p//", "/p/./", "/p/api/endpoints/a%2fb", "/p/api/endpoints/a%5Cb", "/p/%2e%2e/x", "/p/a%00b", "/p/a%0ab", "/p/a%7fb", "/p/a%c2%85b",
		"/p/%ff", "/p/..%20/x", "/p/%20", "/p/..", "/p/.", "//", "/..",
	} {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 400 || strings.Contains(w.Body.String(), path) {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
		checkHeaders(t, w.Header())
	}
	for _, path := range []string{"/", "/p", "/p/", "/p/app.js", "/p/a..b/", "/p/.a", "/p/%C3%BC", "/p/a%25%3B;"} {
		if u := httptest.NewRequest("GET", path, nil).URL; !PlainPath(u) {
			t.Errorf("%s is not plain", path)
		}
	}
	for _, u := range []*url.URL{{Path: ""}, {Path: "*"}, {Opaque: "x"}} {
		if PlainPath(u) {
			t.Errorf("%+v is plain", u)
		}
	}
}
