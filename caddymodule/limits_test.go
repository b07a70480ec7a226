package caddymodule

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// unsized hides how long a body is.
func unsized(r *http.Request) *http.Request {
	r.Body, r.ContentLength, r.GetBody = io.NopCloser(r.Body), -1, nil
	return r
}

// TestMaxBody: a body over the limit is refused however it is sent, at exactly
// the limit it is not, and Caddy's own limit before ours means the same.
func TestMaxBody(t *testing.T) {
	up := newUpstream(t)
	s := by("github")
	for _, mode := range []string{"forward", "pass"} {
		for _, limit := range []string{"ours", "Caddy's"} {
			t.Run(mode+" "+limit, func(t *testing.T) {
				up.t = t
				lines := ""
				site := "reverse_proxy " + up.addr
				if limit == "ours" {
					lines = "max_body 100KB\n"
				} else {
					site += "\nrequest_body {\n max_size 100KB\n}"
				}
				if mode == "forward" {
					lines += "forward " + up.addr
				}
				g := start(t, setup{site: s.directive(lines) + site})
				for _, size := range []int{100_000, 100_001, 1 << 20} {
					for _, chunked := range []bool{false, true} {
						r := s.with(g, strings.Repeat("x", size), time.Now(), fmt.Sprint(size, chunked))
						if chunked {
							unsized(r)
						}
						if size <= 100_000 {
							g.expect(200, r)
							if got := up.next(); len(got.body) != size {
								t.Errorf("%d bytes arrived of %d", len(got.body), size)
							}
							continue
						}
						a, err := g.exchange(r)
						// A client that sends on without reading may find the connection closed.
						if err == nil && a.status != 413 {
							t.Errorf("%d bytes, chunked %t: answered %v", size, chunked, a)
						}
					}
				}
				g.drained()
				up.nothing()
				g.logs.await(t, `"reason":"body_too_large"`)
				if stats := g.open().store.Stats(); stats.Bytes != 0 {
					t.Errorf("%d bytes are stored", stats.Bytes)
				}
				if n := g.open().room.total.Load(); n != 0 {
					t.Errorf("%d bytes are counted as in memory", n)
				}
			})
		}
	}
}

// TestTooLargeByItsWord: a large Content-Length is refused before the body comes.
func TestTooLargeByItsWord(t *testing.T) {
	shortenReadLimit(t)
	s := by("github")
	g := start(t, setup{site: s.directive("forward 127.0.0.1:1")})
	if status := g.wire("POST /github HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"); status != 413 {
		t.Errorf("status %d", status)
	}
}

// shortenReadLimit is called before a gateway is started.
func shortenReadLimit(t *testing.T) {
	before := readLimit
	readLimit = 200 * time.Millisecond
	t.Cleanup(func() { readLimit = before })
}

// TestSlowBody: a body that does not come to its end in time is cut off. One that
// came in time has no deadline any more.
func TestSlowBody(t *testing.T) {
	shortenReadLimit(t)
	up := newUpstream(t)
	s := by("github")
	g := start(t, setup{site: s.directive("forward "+up.addr) + "webhook_gateway /sync github {\n name sync\n secret github-secret\n}\n" +
		"reverse_proxy " + up.addr})
	for _, path := range []string{"/github", "/sync"} {
		conn := g.half(path, 100, "begin")
		began := time.Now()
		if status := readStatus(t, conn); status != 400 && status != 408 {
			t.Errorf("answered %d", status)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("cut off after %v", took)
		}
	}
	up.nothing()
	// The upstream may take longer than the body.
	up.answers(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(2 * readLimit)
		io.WriteString(w, "late")
	})
	r := s.request(g, "evt_1", time.Now())
	r.URL.Path = "/sync"
	if a := g.expect(200, r); a.body != "late" {
		t.Errorf("answered %v", a)
	}
	// And the connection is still good for another request.
	r = s.request(g, "evt_2", time.Now())
	r.URL.Path = "/sync"
	g.expect(200, r)
}

// TestTrickle: a body that comes more slowly than the least rate is cut off long
// before the time for the whole body is up; one that keeps to the rate is not.
func TestTrickle(t *testing.T) {
	before := readGrace
	readGrace = 500 * time.Millisecond
	t.Cleanup(func() { readGrace = before })
	up := newUpstream(t)
	s := by("github")
	g := start(t, setup{site: s.directive("forward " + up.addr)})
	began := time.Now()
	conn := g.half("/github", 1<<20, "begin")
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(conn, "x"); err != nil {
				return
			}
		}
	}()
	if status := readStatus(t, conn); status != 400 && status != 408 {
		t.Errorf("answered %d", status)
	}
	if took := time.Since(began); took < readGrace || took > readLimit/2 {
		t.Errorf("cut off after %v", took)
	}
	conn.Close()

	body := strings.Repeat("x", 100<<10)
	r := s.with(g, body, time.Now(), "evt_1")
	r.Body = io.NopCloser(&paced{rest: body, step: 4 << 10, pause: 50 * time.Millisecond})
	began = time.Now()
	g.expect(200, r)
	if took := time.Since(began); took < 2*readGrace {
		t.Fatalf("it took only %v", took)
	}
	if got := up.next(); len(got.body) != len(body) {
		t.Errorf("%d bytes arrived", len(got.body))
	}
}

// paced is a body that is sent at a rate.
type paced struct {
	rest  string
	step  int
	pause time.Duration
}

func (p *paced) Read(b []byte) (int, error) {
	if p.rest == "" {
		return 0, io.EOF
	}
	<-time.After(p.pause)
	n := copy(b[:min(len(b), p.step)], p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// TestReservesWhatArrived: a large Content-Length takes no memory on its word.
func TestReservesWhatArrived(t *testing.T) {
	s := by("github")
	g := start(t, setup{site: s.directive("forward 127.0.0.1:1")})
	for range 20 {
		g.half("/github", growth*growth*firstStep, "x")
	}
	until(t, "the bodies to be awaited", func() bool { return g.open().room.total.Load() >= 20*firstStep })
	if n := g.open().room.total.Load(); n > 20*2*firstStep {
		t.Errorf("20 bytes took %d bytes of memory", n)
	}
}

// half begins a request and leaves its body unfinished.
func (g *gateway) half(path string, length int, sent string) net.Conn {
	g.t.Helper()
	conn, err := net.Dial("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", path, length, sent)
	return conn
}

// holding begins a request whose body stops when its buffer has a size, which is more
// than firstStep.
func (g *gateway) holding(path string, size int) net.Conn {
	g.t.Helper()
	conn := g.half(path, growth*size, strings.Repeat("x", size/growth+1))
	until(g.t, "the body to be awaited", func() bool { return g.open().room.total.Load() >= int64(size) })
	return conn
}

// TestMaxInFlight: when bodies take up the memory there is for them, others are
// asked to come back; once they are gone there is room again.
func TestMaxInFlight(t *testing.T) {
	up := newUpstream(t)
	s := by("shopify")
	g := start(t, setup{app: "max_in_flight 150KiB", site: s.directive("forward " + up.addr)})
	a := g.holding("/shopify", 64<<10)
	if v := gather(t)["caddy_webhook_gateway_in_flight_bytes"]; v < 64<<10 || v > 65<<10 {
		t.Errorf("in_flight_bytes is %v", v)
	}
	small := s.with(g, "small", time.Now(), "1")
	g.expect(200, small) // there is still room for a small one
	up.next()
	refused := g.expect(503, s.with(g, strings.Repeat("x", 50_000), time.Now(), "2"))
	if refused.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	g.logs.await(t, `"level":"error"`, "max_in_flight")
	a.Close()
	until(t, "the memory to be free", func() bool { return g.open().room.total.Load() == 0 })
	g.expect(200, s.with(g, strings.Repeat("x", 50_000), time.Now(), "2"))
	up.next()
	if n := counted(t, "shopify")["aborted"]; n < 1 {
		t.Errorf("%v requests counted as aborted", n)
	}
}

// TestHangsUp: a sender that goes away in the middle of its body leaves nothing.
func TestHangsUp(t *testing.T) {
	up := newUpstream(t)
	s := by("github")
	g := start(t, setup{site: s.directive("forward " + up.addr)})
	before := counted(t, "github")["aborted"]
	g.half("/github", 100, "begin").Close()
	until(t, "the request to be given up", func() bool { return counted(t, "github")["aborted"] == before+1 })
	g.drained()
	up.nothing()
}

// TestMethods: other methods are told which one there is.
func TestMethods(t *testing.T) {
	up := newUpstream(t)
	s := by("github")
	g := start(t, setup{site: s.directive("forward " + up.addr)})
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "post", "X"} {
		r := s.request(g, "evt_1", time.Now())
		r.Method = method
		if a := g.expect(405, r); a.header.Get("Allow") != "POST" {
			t.Errorf("%s: Allow %q", method, a.header.Get("Allow"))
		}
	}
	g.logs.await(t, `"reason":"method_not_allowed"`)
	g.drained()
	up.nothing()
}

// TestBacklogFull: beyond max_backlog senders are asked to come back. Nothing
// that was acknowledged is lost, and once there is room all goes on.
func TestBacklogFull(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	s := by("shopify")
	g := start(t, setup{store: m.line(), app: "max_backlog 64KiB", site: s.directive("forward " + up.addr)})
	up.status(500)
	body := func(i int) string { return fmt.Sprintf("%d %s", i, strings.Repeat("x", 10_000)) }
	taken := 0
	for i := range 20 {
		a := g.send(s.with(g, body(i), time.Now(), fmt.Sprint("evt_", i)))
		if a.status == 200 && taken == i {
			taken++
			continue
		}
		if a.status != 503 || a.header.Get("Retry-After") == "" {
			t.Errorf("event %d: answered %v", i, a)
		}
	}
	if taken < 5 || taken > 6 {
		t.Errorf("%d events of 10 KB were taken into 64 KiB", taken)
	}
	g.logs.await(t, `"level":"error"`, "backlog is full")
	all := gather(t)
	if b, l := all["caddy_webhook_gateway_backlog_bytes"], all["caddy_webhook_gateway_backlog_limit_bytes"]; b > l || b < 50_000 || l != 64<<10 {
		t.Errorf("%v bytes of %v", b, l)
	}
	g.expect(200, s.with(g, body(0), time.Now(), "evt_0")) // known, and needs no room

	got := newTally()
	up.answers(func(_ http.ResponseWriter, r *http.Request) { got.add(r) })
	until(t, "the deliveries", func() bool { m.later(); return g.waiting() == 0 })
	for i := range 20 {
		id := fmt.Sprint("evt_", i)
		if n := got.get(id); i < taken && n != 1 || i >= taken && n != 0 {
			t.Errorf("%s was delivered %d times", id, n)
		}
	}
	for i := taken; i < 20; i++ {
		until(t, "room", func() bool { return g.send(s.with(g, body(i), time.Now(), fmt.Sprint("evt_", i))).status == 200 })
	}
	g.drained()
	for i := range 20 {
		if n := got.get(fmt.Sprint("evt_", i)); n != 1 {
			t.Errorf("evt_%d was delivered %d times", i, n)
		}
	}
}

// TestMaxBacklogChanges: a reload changes the limit of the store that is open.
func TestMaxBacklogChanges(t *testing.T) {
	s := by("github")
	g := start(t, setup{app: "max_backlog 64KiB", site: s.directive("forward 127.0.0.1:1")})
	g.app = "max_backlog 1MiB"
	g.load(g.site)
	if v := gather(t)["caddy_webhook_gateway_backlog_limit_bytes"]; v != 1<<20 {
		t.Errorf("the limit is %v", v)
	}
}
