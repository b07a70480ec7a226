package caddymodule

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// call lets a handler serve a request without a connection, and returns the
// status that a sender would see; 0 when there is none.
func call(h *Handler, r *http.Request) (int, error) {
	w := httptest.NewRecorder()
	w.Code = 0
	r.RequestURI, r.RemoteAddr = r.URL.RequestURI(), "192.0.2.1:1234"
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, h.server)
	err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusOK)
		return nil
	}))
	var failed caddyhttp.HandlerError
	if errors.As(err, &failed) {
		return failed.StatusCode, nil
	}
	return w.Code, err
}

// FuzzRequest sends anything to endpoints of several kinds. None of it is
// signed, so none may be accepted, blamed on the gateway, or leave a trace.
func FuzzRequest(f *testing.F) {
	f.Add(uint8(0), "POST", "Stripe-Signature: t=1,v1=00", []byte(`{"id":"evt_1"}`), true)
	f.Add(uint8(1), "POST", "X-Hub-Signature-256: sha256=00\nX-GitHub-Delivery: 1", []byte("{}"), false)
	f.Add(uint8(2), "POST", "X-Webhook-Signature: x", []byte(`{"timestamp":"2026-01-01T00:00:00Z"}`), false)
	f.Add(uint8(3), "PUT", "Webhook-Id: 1\nWebhook-Timestamp: 1\nWebhook-Signature: v1,AA==", []byte{0, 0xff}, true)
	f.Add(uint8(4), "GET", "X-Gitlab-Token: \x00", []byte(nil), false)
	f.Add(uint8(5), "POST", "X-Slack-Request-Timestamp: -1\nX-Slack-Signature: v0=", bytes.Repeat([]byte("x"), 5000), false)

	slugs := []string{"stripe", "github", "toolify", "standard-webhooks", "gitlab-token", "slack", "square", "paddle"}
	var handlers []*Handler
	begin := func(t *testing.T) *gateway {
		var site strings.Builder
		for i, slug := range slugs {
			lines := "max_body 4096"
			if i%2 == 0 {
				lines += "\n forward 127.0.0.1:1"
			}
			site.WriteString(by(slug).directive(lines))
		}
		g := start(t, setup{store: "pebble " + t.TempDir(), site: site.String()})
		handlers = nil
		for _, slug := range slugs {
			handlers = append(handlers, endpoint(t, slug))
		}
		return g
	}
	// A workaround for *testing.F, which is not a *testing.T: the gateway is started
	// by the first input, and lives as long as the process.
	var g *gateway
	f.Fuzz(func(t *testing.T, which uint8, method, headers string, body []byte, chunked bool) {
		if g == nil || openStoresCount() == 0 {
			g = begin(t)
		}
		r, err := http.NewRequest(method, "http://hooks.example.com/x?y=z", io.NopCloser(bytes.NewReader(body)))
		if err != nil {
			return // net/http refuses it as well
		}
		r.ContentLength = int64(len(body))
		if chunked {
			r.ContentLength = -1
		}
		for line := range strings.Lines(headers) {
			if name, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":"); ok {
				r.Header.Add(name, strings.TrimSpace(v))
			}
		}
		before := g.open().store.Stats()
		status, err := call(handlers[int(which)%len(handlers)], r)
		if err != nil || !slices.Contains([]int{400, 401, 405, 413}, status) {
			t.Errorf("status %d, %v", status, err)
		}
		after := g.open().store.Stats()
		if after.Bytes != 0 || after.Keys > before.Keys || g.waiting() != 0 || g.open().buffered.Load() != 0 {
			t.Errorf("it left a trace: %+v, %d bytes in memory", after, g.open().buffered.Load())
		}
	})
}
