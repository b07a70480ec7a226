package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// silentSite has an endpoint that strangers hold on to, which gets genuine events
// too, and another one.
const silentSite = `
ADDR {
	webhook_gateway /generic generic {
		secret s3cret
		forward %[1]s
	}
	webhook_gateway /other generic {
		name other
		secret s3cret
		forward %[1]s
	}
}
`

// TestSilentConnections: genuine events are taken quickly beside connections that
// begin a request and send no more of it, over HTTP/1.1 and in streams of HTTP/2.
func TestSilentConnections(t *testing.T) {
	unraced(t)
	up := newUpstream(t)
	g := newGatewayWith(t, "servers {\n protocols h1 h2c\n }", "", fmt.Sprintf(silentSite, up.addr()))
	g.start()
	defer g.stop()
	mustPost(t, g.url("/generic"), genericBody("evt_warm_1"))
	mustPost(t, g.url("/other"), genericBody("evt_warm_2"))

	t.Run("connections", func(t *testing.T) {
		h := newHolder(t)
		n := descriptors(t, 10_000)
		for range n {
			h.keep(func() (io.Closer, error) { return silent(g.addr) })
		}
		awaitHeld(t, g, n)
		genuine(t, g, h)
	})
	t.Run("streams", func(t *testing.T) {
		h := newHolder(t)
		for range 40 {
			protocols := new(http.Protocols)
			protocols.SetUnencryptedHTTP2(true)
			transport := &http.Transport{Protocols: protocols, MaxConnsPerHost: 1}
			t.Cleanup(transport.CloseIdleConnections)
			for range 250 {
				h.keep(func() (io.Closer, error) { return silentStream(h.ctx, transport, g.url("/generic")), nil })
			}
		}
		awaitHeld(t, g, 40*250)
		genuine(t, g, h)
	})
}

// awaitHeld waits until the gateway holds most of n silent requests at once. It cuts
// each off after seconds, so that a slow machine never has so many.
func awaitHeld(t *testing.T, g *gateway, n int) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	most := 0
	for end := time.Now().Add(patience / 3); time.Now().Before(end); <-tick.C {
		held := inFlight(t, g) / 512 // the first buffer of each
		if most = max(most, held); most >= n*7/10 {
			t.Logf("%d of %d are held", held, n)
			return
		}
	}
	t.Skipf("this machine is too slow to open %d requests in the seconds before they are cut off; it came to %d", n, most)
}

// genuine sends events to both endpoints and looks at how long they take. The best of
// five rounds counts: the machine may have other things to do.
func genuine(t *testing.T, g *gateway, h *holder) {
	const events = 200
	const limit = 100 * time.Millisecond
	var slow []time.Duration
	for round := range 5 {
		took := make([]time.Duration, 0, events)
		refused := 0
		for i := range events {
			path := []string{"/generic", "/other"}[i%2]
			began := time.Now()
			status, err := post(g.url(path), genericBody(fmt.Sprint("evt_", t.Name(), round, "_", i)))
			if err != nil || status != http.StatusOK {
				refused++
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		p99 := took[events*99/100]
		t.Logf("%d events, %d refused, beside %d; half took up to %v, 99 %% up to %v", events, refused, h.held.Load(), took[events/2], p99)
		if refused == 0 && p99 < limit {
			return
		}
		slow = append(slow, p99)
	}
	t.Errorf("99 %% of the events took up to %v in each round, want less than %v and all of them taken", slow, limit)
}

// inFlight is how many bytes of requests the gateway holds: each silent one has a
// first buffer of 512 bytes.
func inFlight(t *testing.T, g *gateway) int {
	t.Helper()
	text := g.ask("/metrics")
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "caddy_webhook_gateway_in_flight_bytes "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
	}
	t.Fatalf("no in_flight_bytes in the metrics: %s", tail(text))
	return 0
}

// holder keeps connections. One that the gateway cuts off is made anew.
type holder struct {
	ctx  context.Context
	wg   sync.WaitGroup
	held atomic.Int64
	dial chan struct{} // how many are made at once
}

func newHolder(t *testing.T) *holder {
	ctx, cancel := context.WithCancel(context.Background())
	h := &holder{ctx: ctx, dial: make(chan struct{}, 32)}
	t.Cleanup(func() {
		cancel()
		h.wg.Wait()
	})
	return h
}

// keep makes a connection and keeps it until the end.
func (h *holder) keep(open func() (io.Closer, error)) {
	h.wg.Go(func() {
		for h.ctx.Err() == nil {
			h.dial <- struct{}{}
			conn, err := open()
			<-h.dial
			if err != nil {
				continue
			}
			h.held.Add(1)
			stop := context.AfterFunc(h.ctx, func() { conn.Close() })
			if r, ok := conn.(io.Reader); ok {
				_, _ = io.Copy(io.Discard, r) // until one of both closes it
			}
			stop()
			conn.Close()
			h.held.Add(-1)
			select { // as often as a patient attacker, and without an endless loop on errors
			case <-h.ctx.Done():
			case <-time.After(250 * time.Millisecond):
			}
		}
	})
}

// silent begins a request with a body and sends no byte of it.
func silent(addr string) (io.Closer, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(conn, "POST /generic HTTP/1.1\r\nHost: %s\r\nContent-Length: 65536\r\n\r\n", addr); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// stream is a request of which the end is awaited by reading.
type stream struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func (s *stream) Close() error { s.cancel(); return nil }

func (s *stream) Read([]byte) (int, error) {
	<-s.done
	return 0, io.EOF
}

// silentStream begins a request whose body stops after its first bytes.
func silentStream(ctx context.Context, transport *http.Transport, url string) io.Closer {
	ctx, cancel := context.WithCancel(ctx)
	s := &stream{cancel, make(chan struct{})}
	body, writer := io.Pipe()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, io.MultiReader(bytes.NewReader([]byte("begin")), body))
	if err != nil {
		panic(err)
	}
	go func() {
		defer close(s.done)
		defer writer.Close()
		resp, err := transport.RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
		cancel()
	}()
	return s
}

// descriptors makes room for files in this process and returns how many of want it
// may use.
func descriptors(t *testing.T, want int) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Skip("the limit on open files cannot be read: ", err)
	}
	limit.Cur = limit.Max
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Skip("the limit on open files cannot be read: ", err)
	}
	if n := int(min(limit.Cur, 1<<20)) - 1000; n < want {
		t.Logf("only %d connections: the process may open %d files", n, limit.Cur)
		return max(n, 1)
	}
	return want
}
