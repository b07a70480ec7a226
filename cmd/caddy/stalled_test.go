package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// stalledSite has an endpoint with large events, and an inspector for people and programs.
const stalledSite = `ADDR {
	webhook_gateway_inspector /hooks/* {
		by off
		listen raw {
			token alice-0123456789abcdef
		}
	}
	webhook_gateway /pay generic {
		name pay
		secret s3cret
		max_body 25MiB
		keep
	}
}
`

// promptly is how long a reload or an exit takes at the most, whatever readers do. Without
// a limit of their own, writes to them would take 30 s.
const promptly = 5 * time.Second

// TestStalledReaders: a client that stops reading in the middle of a live stream holds up
// neither a reload nor an exit.
func TestStalledReaders(t *testing.T) {
	unraced(t)
	for name, stream := range map[string]struct {
		path  string
		admin bool
		http2 bool
	}{
		"listen of the admin endpoint":    {path: "/webhook_gateway/listen", admin: true},
		"tail of the admin endpoint":      {path: "/webhook_gateway/tail", admin: true},
		"listen of the inspector":         {path: "/hooks/listen/listen"},
		"tail of the inspector":           {path: "/hooks/api/tail"},
		"listen of the inspector, HTTP/2": {path: "/hooks/listen/listen", http2: true},
		"tail of the inspector, HTTP/2":   {path: "/hooks/api/tail", http2: true},
	} {
		t.Run(name, func(t *testing.T) {
			listens := strings.HasPrefix(name, "listen")
			g := newGatewayWith(t, "servers {\n protocols h1 h2c\n }", "", stalledSite)
			g.withoutGrace()
			g.start()
			sent := 0
			send := func() { // many large URIs for a tail, large bodies for a listener
				if !listens {
					for range 100 {
						post(g.url("/pay?"+strings.Repeat("x", 2000)), "{}")
					}
					return
				}
				sent++
				body := strings.TrimSuffix(genericBody(eventID(sent)), "{}}")
				mustPost(t, g.url("/pay"), body+`{"text":"`+strings.Repeat("x", 8<<20)+`"}}`)
			}
			stall := func() {
				switch {
				case stream.admin:
					g.stop1("unix", g.admin(), "localhost", stream.path)
				case stream.http2:
					g.stop2(stream.path)
				default:
					g.stop1("tcp", g.addr, g.addr, stream.path)
				}
				i := 0
				until(t, "a write that is not taken", func() bool {
					if i < 100 {
						send()
						i++
					}
					return g.writesTo() > 0
				})
			}

			stall()
			began := time.Now()
			if err := g.reload(); err != nil {
				t.Fatal(err)
			}
			until(t, "the stream ends with its configuration", func() bool { return g.writesTo() == 0 })
			if took := time.Since(began); took > promptly {
				t.Errorf("after a reload, the stream ended in %v", took)
			}
			if listens {
				g.awaitLog(`"a listener has gone"`, `"events":0`)
			}

			stall()
			began = time.Now()
			g.stop()
			if took := time.Since(began); took > promptly {
				t.Errorf("the exit took %v", took)
			}
		})
	}
}

// awaitLog waits for a line of the log that contains all of the words.
func (g *gateway) awaitLog(words ...string) {
	g.t.Helper()
	until(g.t, "a line of the log with "+strings.Join(words, " and "), func() bool {
		for line := range strings.Lines(g.log.String()) {
			if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
				return true
			}
		}
		return false
	})
}

// withoutGrace removes the grace period from the configuration: the gateway waits for its
// requests for ever.
func (g *gateway) withoutGrace() {
	g.t.Helper()
	text, err := os.ReadFile(g.caddyfile())
	if err != nil {
		g.t.Fatal(err)
	}
	without := strings.Replace(string(text), "grace_period 5s", "", 1)
	if without == string(text) {
		g.t.Fatal("there was no grace period")
	}
	if err := os.WriteFile(g.caddyfile(), []byte(without), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// ofAlice is a token of stalledSite.
const ofAlice = "Bearer alice-0123456789abcdef"

// stop1 opens a stream over HTTP/1.1 and reads no more than the beginning of the answer.
func (g *gateway) stop1(network, address, host, path string) {
	g.t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close() })
	if err := conn.(interface{ SetReadBuffer(int) error }).SetReadBuffer(4 << 10); err != nil {
		g.t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n\r\n", path, host, ofAlice)
	conn.SetReadDeadline(time.Now().Add(patience))
	if line, err := bufio.NewReaderSize(conn, 16).ReadString('\n'); err != nil || !strings.Contains(line, " 200 ") {
		g.t.Fatalf("%q, %v", line, err)
	}
}

// stop2 opens a stream over HTTP/2 and reads nothing of it. The window of flow control fills.
func (g *gateway) stop2(path string) {
	g.t.Helper()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	g.t.Cleanup(transport.CloseIdleConnections)
	r, err := http.NewRequest(http.MethodGet, g.url(path), nil)
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Authorization", ofAlice)
	resp, err := transport.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
		g.t.Fatal(resp, err)
	}
	g.t.Cleanup(func() { resp.Body.Close() })
}

// writesTo counts the live streams that are in a write which waits for their readers.
func (g *gateway) writesTo() (n int) {
	g.t.Helper()
	for routine := range strings.SplitSeq(g.ask("/debug/pprof/goroutine?debug=2"), "\n\n") {
		head, stack, _ := strings.Cut(routine, "\n")
		waits := strings.Contains(head, "IO wait") || strings.Contains(head, "select") // the latter in HTTP/2
		if waits && strings.Contains(stack, "(*eventStream).send") && !strings.Contains(stack, "(*Limiter)") {
			n++
		}
	}
	return n
}

// ask returns an answer of Caddy's admin endpoint.
func (g *gateway) ask(path string) string {
	g.t.Helper()
	admin := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", g.admin())
		},
	}}
	resp, err := admin.Get("http://localhost" + path)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		g.t.Fatalf("%s: status %d, %v", path, resp.StatusCode, err)
	}
	return string(text)
}
