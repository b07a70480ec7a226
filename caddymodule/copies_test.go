package caddymodule

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/hookwicket/hookwicket/queue"
)

// TestCopiesOfLargeBody: a large body is in memory twice while it is accepted, as it was
// read and in the store's batch. Besides, an eighth of it is outgrown buffers, and the
// store writes its log through buffers of at most a quarter of it.
func TestCopiesOfLargeBody(t *testing.T) {
	const size, most = 25 << 20, 2.5
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	runtime.MemProfileRate = 4 << 10
	g := start(t, setup{level: "INFO", site: by("github").directive("forward 127.0.0.1:1")})
	if err := g.open().store.(queue.Inspector).Pause(t.Context(), endpoint(t, "github").Forwards[0].destination, true); err != nil {
		t.Fatal(err)
	}
	r, w := zeros(t, size), &pathWriter{header: make(http.Header)}
	before := allocatedByRequests()
	httpServer(t).ServeHTTP(w, r)
	if w.status != 200 {
		t.Fatalf("status %d", w.status)
	}
	if times := float64(allocatedByRequests()-before) / size; times < 2 || times > most {
		t.Errorf("an acceptance allocates %.2f times the body, want 2 to %v", times, most)
	}
}

// allocatedByRequests counts the bytes that the goroutines of requests have allocated.
// Those of the store, which writes its tables meanwhile, are left out.
func allocatedByRequests() (sum int64) {
	runtime.GC() // the profile is of the collection before the last one
	runtime.GC()
	n, _ := runtime.MemProfile(nil, true)
	records := make([]runtime.MemProfileRecord, n+1000)
	n, ok := runtime.MemProfile(records, true)
	if !ok {
		panic("the profile has grown meanwhile")
	}
	for _, record := range records[:n] {
		frames := runtime.CallersFrames(record.Stack())
		for more := true; more; {
			var frame runtime.Frame
			if frame, more = frames.Next(); strings.HasSuffix(frame.Function, "caddymodule.(*Handler).ServeHTTP") {
				sum += record.AllocBytes
				break
			}
		}
	}
	return sum
}

// zeros is a signed event of GitHub's with a body that is not in memory.
func zeros(t *testing.T, size int64) *http.Request {
	t.Helper()
	mac := hmac.New(sha256.New, []byte("github-secret"))
	if _, err := io.CopyN(mac, zero{}, size); err != nil {
		t.Fatal(err)
	}
	r := post("/github", "", "X-GitHub-Event", "push", "X-GitHub-Delivery", "1", "X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	r.RequestURI, r.RemoteAddr, r.Host = "/github", "127.0.0.1:4711", "hooks.example.com"
	r.ContentLength, r.Body = size, io.NopCloser(io.LimitReader(zero{}, size))
	return r
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// httpServer is Caddy's server, to be called without a connection.
func httpServer(t testing.TB) http.Handler {
	t.Helper()
	app, err := caddy.ActiveContext().App("http")
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range app.(*caddyhttp.App).Servers {
		return server
	}
	t.Fatal("there is no server")
	return nil
}
