package caddymodule

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/internal/peertest"
	"github.com/hookwicket/hookwicket/queue"
)

// listens is a listener that reads a request, if one is sent, before it serves
// and hangs up.
func listens(t *testing.T, serve func(*net.TCPConn)) (addr string) {
	t.Helper()
	return peertest.Listen(t, func(c *net.TCPConn) {
		defer c.Close()
		if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			io.Copy(io.Discard, r.Body)
		}
		serve(c)
	})
}

// TestFailureKinds: reverse_proxy hides some causes behind errors of its own, and
// every kind of failure is told all the same.
func TestFailureKinds(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = discardLog
	secure.StartTLS()
	t.Cleanup(secure.Close)
	hangsUp := listens(t, func(*net.TCPConn) {})
	resets := listens(t, func(c *net.TCPConn) { c.SetLinger(0) })
	silent := listens(t, func(c *net.TCPConn) { io.Copy(io.Discard, c) })
	short := listens(t, func(c *net.TCPConn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort") })
	stalls := listens(t, func(c *net.TCPConn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")
		io.Copy(io.Discard, c)
	})
	full := peertest.Full(t)
	patience := func(upstream, line string) string {
		return "reverse_proxy " + upstream + " {\n transport http {\n " + line + "\n }\n}"
	}
	s := by("stripe")
	for _, c := range []struct {
		name, block string
		timeout     time.Duration // of the attempt, in place of the usual one
		want        queue.Failure
		error       string
	}{
		{"nobody listens", "reverse_proxy " + freePort(t), 0, queue.Refused, ""},
		{"no such socket", "reverse_proxy unix/" + t.TempDir() + "/none", 0, queue.Refused, ""},
		{"no upstream", "reverse_proxy {\n dynamic a {\n name none.invalid\n port 1\n resolvers " + freePort(t) + "\n dial_timeout 50ms\n }\n}", 0, queue.Refused, ""},
		{"never takes the connection", patience(full, "dial_timeout 50ms"), 0, queue.Timeout, ""},
		{"never takes the connection in time", "reverse_proxy " + full, 100 * time.Millisecond, queue.Timeout, "deadline"},
		{"never answers", patience(silent, "response_header_timeout 50ms"), 0, queue.Timeout, ""},
		{"never answers in time", "reverse_proxy " + silent, 100 * time.Millisecond, queue.Timeout, "deadline"},
		{"never ends its answer in time", "reverse_proxy " + stalls, 100 * time.Millisecond, queue.Timeout, "within 100ms"},
		{"hangs up", "reverse_proxy " + hangsUp, 0, queue.Reset, ""},
		{"resets", "reverse_proxy " + resets, 0, queue.Reset, ""},
		{"hangs up in the body", "reverse_proxy " + short, 0, queue.Reset, ""},
		{"speaks plain HTTP to TLS", "reverse_proxy https://" + listens(t, func(c *net.TCPConn) {
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}), 0, queue.TLS, ""},
		{"a certificate of its own making", "reverse_proxy https://" + secure.Listener.Addr().String(), 0, queue.TLS, ""},
		{"answers", patience(secure.Listener.Addr().String(), "tls_insecure_skip_verify"), 0, queue.Status, "HTTP status 404"},
		{"an error handler", "error 418", 0, queue.Status, "HTTP status 418"},
		{"changes the protocol", "reverse_proxy " + listens(t, func(c *net.TCPConn) {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
		}), 0, queue.Broken, "ended without an answer"},
		{"no handler", "header X-A b", 0, queue.Broken, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			options := ""
			if c.timeout != 0 {
				options = "retry {\n timeout " + c.timeout.String() + "\n}\n"
			}
			g := start(t, setup{site: s.directive("forward {\n" + options + c.block + "\n}")})
			g.expect(200, s.request(g, "evt_1", time.Now()))
			line := g.logs.await(t, "attempt failed", `"attempt":1,`)
			var entry struct{ Failure, Error string }
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatal(err)
			}
			if entry.Failure != string(c.want) || strings.Contains(entry.Error, "{id=") || !strings.Contains(entry.Error, c.error) {
				t.Errorf("%q, want %q: %s", entry.Failure, c.want, entry.Error)
			}
		})
	}
}
