package caddymodule

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// BenchmarkPath counts the bytes and allocations that one event costs on its way. Caddy's
// server, the store and the upstream are real. The sender's connection is not, so that
// nothing of a client is counted. Respond and proxy are Caddy's own share.
func BenchmarkPath(b *testing.B) {
	b.Run("respond", func(b *testing.B) { path(b, "/respond") })
	b.Run("proxy", func(b *testing.B) { path(b, "/proxy") })
	b.Run("accept", func(b *testing.B) { path(b, "/keep") })
	b.Run("passthrough", func(b *testing.B) { path(b, "/pass") })
	b.Run("deliver", func(b *testing.B) {
		g, server := pathGateway(b)
		inspector := g.open().store.(queue.Inspector)
		destination := endpoint(b, "keep").Forwards[0].destination
		serveAll(b, server, pathRequests(b.N, "/keep"))
		b.ReportAllocs()
		b.ResetTimer()
		if err := inspector.Pause(b.Context(), destination, false); err != nil {
			b.Fatal(err)
		}
		g.drained()
		b.StopTimer()
	})
}

// path measures requests to a path of the gateway.
func path(b *testing.B, path string) {
	_, server := pathGateway(b)
	requests := pathRequests(b.N, path)
	b.ReportAllocs()
	b.ResetTimer()
	serveAll(b, server, requests)
	b.StopTimer()
}

// pathGateway starts a gateway with the log level of production. Deliveries are paused.
func pathGateway(b *testing.B) (*gateway, http.Handler) {
	b.Helper()
	proxy := "reverse_proxy " + rawUpstream(b) + ` {
		transport http {
			keepalive_idle_conns_per_host 128
		}
	}`
	g := start(b, setup{level: "INFO", site: fmt.Sprintf(`
		respond /respond 200
		reverse_proxy /proxy %s
		webhook_gateway /keep github {
			name keep
			secret %s
			forward {
				%s
			}
		}
		handle /pass {
			webhook_gateway github {
				name pass
				secret %[2]s
			}
			%[3]s
		}
	`, strings.TrimPrefix(proxy, "reverse_proxy "), pathSecret, proxy)})
	if err := g.open().store.(queue.Inspector).Pause(b.Context(), endpoint(b, "keep").Forwards[0].destination, true); err != nil {
		b.Fatal(err)
	}
	return g, httpServer(b)
}

const pathSecret = "a-secret-of-the-benchmarks"

// pathRequests makes signed events, each with an ID and a body of its own, as net/http
// passes them to a handler.
func pathRequests(n int, path string) []*http.Request {
	all := make([]*http.Request, n)
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}
	for i := range all {
		body := fmt.Appendf(nil, `{"number":%d,"padding":"%s"}`, i, strings.Repeat("x", 1500))
		mac := hmac.New(sha256.New, []byte(pathSecret))
		mac.Write(body)
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("POST " + path + " HTTP/1.1\r\nHost: hooks.example.com\r\n\r\n")))
		if err != nil {
			panic(err)
		}
		r.Header = http.Header{
			"Accept": {"*/*"}, "Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(body))},
			"User-Agent": {"GitHub-Hookshot/5e4f0a1"}, "X-Github-Event": {"push"}, "X-Github-Hook-Id": {"292430182"},
			"X-Github-Hook-Installation-Target-Id": {"79929171"}, "X-Github-Hook-Installation-Target-Type": {"repository"},
			"X-Github-Delivery": {fmt.Sprintf("72d3162e-cc78-11e3-81ab-%012x", i)}, "X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))},
		}
		r.RemoteAddr, r.ContentLength, r.Body = "127.0.0.1:4711", int64(len(body)), io.NopCloser(bytes.NewReader(body))
		all[i] = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, addr))
	}
	return all
}

// serveAll serves the requests, many at a time, and expects a success for each.
func serveAll(b *testing.B, server http.Handler, requests []*http.Request) {
	b.Helper()
	var next atomic.Int64
	var workers sync.WaitGroup
	for range 64 {
		workers.Go(func() {
			w := &pathWriter{header: make(http.Header)}
			for i := next.Add(1) - 1; int(i) < len(requests); i = next.Add(1) - 1 {
				clear(w.header)
				w.status = 0
				server.ServeHTTP(w, requests[i])
				if w.status != http.StatusOK {
					b.Errorf("status %d", w.status)
				}
			}
		})
	}
	workers.Wait()
}

// pathWriter is the sender's end of an answer.
type pathWriter struct {
	header http.Header
	status int
}

func (w *pathWriter) Header() http.Header { return w.header }

func (w *pathWriter) WriteHeader(status int) { w.status = status }

func (w *pathWriter) Write(p []byte) (int, error) { return len(p), nil }

func (w *pathWriter) SetReadDeadline(time.Time) error { return nil }

// rawUpstream is a receiver that allocates nothing for a request.
func rawUpstream(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answerRaw(conn)
		}
	}()
	return l.Addr().String()
}

func answerRaw(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 16<<10)
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	name := []byte("Content-Length: ")
	size := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if value, ok := bytes.CutPrefix(line, name); ok {
			size = 0
			for _, c := range bytes.TrimSpace(value) {
				size = 10*size + int(c-'0')
			}
		}
		if len(line) > len("\r\n") {
			continue
		}
		if _, err := in.Discard(size); err != nil {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}
