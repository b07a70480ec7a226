package caddymodule

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// between starts a proxy in front of an admin socket and returns its address.
// It calls seen before it passes on a request to the path.
func between(t *testing.T, socket, path string, seen func()) string {
	t.Helper()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", "127.0.0.1", "127.0.0.1"
			r.Out.Header.Del("Origin") // which is the proxy's own
		},
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, path) {
			seen()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// TestBulkGoesOn: an interrupted command has finished its step and prints how far it
// came. The command line that it proposes does the rest.
func TestBulkGoesOn(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	g := start(t, setup{admin: "unix/" + socket, site: "webhook_gateway /pay generic {\n\tsecret s3cret\n\tforward 127.0.0.1:1\n}\n"})
	const step = 250
	const all = 2*step + 100
	for range all { // of an endpoint that is not there any more, so that nothing moves
		now := time.Now()
		m := &queue.Message{ID: queue.NewID(now), ReceivedAt: now, Endpoint: "old", Method: "POST", URI: "/", Header: http.Header{}}
		if _, err := g.open().store.Accept(t.Context(), m, queue.Identity{}, queue.To(queue.ParseDestination("old"))...); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	address := between(t, socket, "/purge", cancel)
	_, err := operate(ctx, t, "purge", "--address", address, "--endpoint", "old", "--state", "waiting", "--since", "1h")
	if err == nil || !strings.HasPrefix(err.Error(), "interrupted after 250 of 600, of which 250 were purged. To go on: caddy webhook purge ") {
		t.Fatal(err)
	}
	if left := g.open().store.Stats().Destinations[queue.ParseDestination("old")].Waiting; left != all-step {
		t.Errorf("%d are left", left)
	}
	_, goOn, _ := strings.Cut(err.Error(), "caddy webhook ")
	sum, err := operate(t.Context(), t, strings.Fields(goOn)...)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Changed != all-step || g.waiting() != 0 {
		t.Errorf("then %d were purged, and %d are left", sum.Changed, g.waiting())
	}
}
