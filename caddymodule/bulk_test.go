package caddymodule

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// interrupted ends a person's patience after the first step of a bulk.
type interrupted struct {
	http.RoundTripper
	path   string
	cancel context.CancelFunc
}

func (i interrupted) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, i.path) {
		i.cancel()
	}
	return i.RoundTripper.RoundTrip(r)
}

// TestBulkGoesOn: work that was interrupted says how far it came, has finished
// the step that it was in, and what it tells a person to type does the rest.
func TestBulkGoesOn(t *testing.T) {
	socket := "unix/" + filepath.Join(t.TempDir(), "admin.sock")
	g := start(t, setup{admin: socket, site: "webhook_gateway /pay generic {\n\tsecret s3cret\n\tforward 127.0.0.1:1\n}\n"})
	const all = 2*stepSize + 100
	for range all { // of an endpoint that is not there any more, so that nothing moves
		now := time.Now()
		m := &queue.Message{ID: queue.NewID(now), ReceivedAt: now, Endpoint: "old", Method: "POST", URI: "/", Header: http.Header{}}
		if _, err := g.open().store.Accept(t.Context(), m, queue.Identity{}, queue.To("old")...); err != nil {
			t.Fatal(err)
		}
	}
	purge := func(args ...string) *bulk {
		t.Helper()
		return bulkOf(t, purging, purgeCommand(), args...)
	}
	b := purge("--address", socket, "--endpoint", "old", "--state", "waiting", "--since", "1h")
	ctx, cancel := context.WithCancel(t.Context())
	b.client.http.Transport = interrupted{b.client.http.Transport, "/purge", cancel}
	err := b.run(ctx)
	if err == nil || !strings.HasPrefix(err.Error(), "interrupted after 250 of 600, of which 250 were purged. To go on: caddy webhook purge ") {
		t.Fatal(err)
	}
	if left := g.open().store.Stats().Destinations["old"].Waiting; left != all-stepSize {
		t.Errorf("%d are left", left)
	}
	_, goOn, _ := strings.Cut(err.Error(), "caddy webhook purge ")
	b = purge(strings.Fields(goOn)...)
	if err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.sum.Changed != all-stepSize || g.waiting() != 0 {
		t.Errorf("then %d were purged, and %d are left", b.sum.Changed, g.waiting())
	}
}
