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
	var site strings.Builder
	for i, slug := range slugs {
		lines := "max_body 4096"
		if i%2 == 0 {
			lines += "\n forward 127.0.0.1:1"
		}
		site.WriteString(by(slug).directive(lines))
	}
	g := start(f, setup{site: site.String()})
	var handlers []*Handler
	for _, slug := range slugs {
		handlers = append(handlers, endpoint(f, slug))
	}
	s := g.open()
	f.Fuzz(func(t *testing.T, which uint8, method, headers string, body []byte, chunked bool) {
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
		before := s.store.Stats()
		status, err := call(handlers[int(which)%len(handlers)], r)
		if err != nil || !slices.Contains([]int{400, 401, 405, 413}, status) {
			t.Errorf("status %d, %v", status, err)
		}
		after := s.store.Stats()
		if after.Bytes != 0 || after.Keys > before.Keys || s.room.total.Load() != 0 {
			t.Errorf("it left a trace: %+v, %d bytes in memory", after, s.room.total.Load())
		}
	})
}
