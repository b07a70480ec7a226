package caddymodule

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// tally counts deliveries by event ID.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func newTally() *tally { return &tally{n: make(map[string]int)} }

func (c *tally) add(r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[r.Header.Get("Webhook-Gateway-Event-Id")]++
}

func (c *tally) get(id string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[id]
}

// TestReloadUnderLoad: no event is lost or doubled while the configuration, and
// with it the forward routes, change again and again.
func TestReloadUnderLoad(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	site := func(i int) string {
		return s.directive(fmt.Sprintf("forward {\n request_header X-Config %d\n reverse_proxy %s\n}", i, up.addr))
	}
	g := start(t, setup{site: site(0)})
	got := newTally()
	up.answers(func(_ http.ResponseWriter, r *http.Request) { got.add(r) })

	var accepted sync.Map
	var stop atomic.Bool
	var load sync.WaitGroup
	for c := range 4 {
		load.Go(func() {
			for i := 0; !stop.Load(); i++ {
				id := fmt.Sprintf("evt_%d_%d", c, i)
				for attempt := range 100 { // as a provider, which tries again
					a, err := g.exchange(s.request(g, id, time.Now()))
					if err == nil && a.status == 200 {
						accepted.Store(id, true)
						break
					}
					if err == nil && a.status != 503 {
						t.Errorf("%s: answered %v", id, a)
					}
					if attempt == 99 {
						t.Errorf("%s: %v, %v", id, a, err)
					}
				}
			}
		})
	}
	for i := range 10 {
		n := len(up.got)
		until(t, "deliveries between two reloads", func() bool { return len(up.got) > n+20 })
		g.load(site(i + 1))
	}
	stop.Store(true)
	load.Wait()
	g.drained()
	n := 0
	accepted.Range(func(id, _ any) bool {
		n++
		if times := got.get(id.(string)); times != 1 {
			t.Errorf("%s was delivered %d times", id, times)
		}
		return true
	})
	t.Logf("%d events", n)
	g.expect(200, s.request(g, "last", time.Now()))
	for r := up.next(); ; r = up.next() {
		if r.Header.Get("Webhook-Gateway-Event-Id") == "last" {
			if v := r.Header.Get("X-Config"); v != "10" {
				t.Errorf("delivered by configuration %s", v)
			}
			return
		}
	}
}

// TestAttemptOutlivesReload: an attempt in flight ends under its own
// configuration, and is not made again under the next.
func TestAttemptOutlivesReload(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	site := func(v string) string {
		return s.directive("forward {\n request_header X-Config " + v + "\n reverse_proxy " + up.addr + "\n}")
	}
	g := start(t, setup{site: site("old")})
	goOn := make(chan struct{})
	up.answers(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Config") == "old" {
			<-goOn
		}
	})
	g.expect(200, s.request(g, "evt_1", time.Now()))
	up.next()
	began := time.Now()
	g.load(site("new"))
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the reload waited for the attempt: %v", took)
	}
	g.expect(200, s.request(g, "evt_2", time.Now()))
	if r := up.next(); r.Header.Get("X-Config") != "new" || r.Header.Get("Webhook-Gateway-Event-Id") != "evt_2" {
		t.Errorf("the new configuration delivered %v", r.Header)
	}
	close(goOn)
	g.drained()
	up.nothing()
}

// TestEndpointComesBack: the backlog of a removed endpoint is kept, and delivered when
// the endpoint is back.
func TestEndpointComesBack(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	stripe, slack := by("stripe"), by("slack")
	both := stripe.directive("forward "+up.addr) + slack.directive("forward "+up.addr)
	g := start(t, setup{store: m.line(), site: both})
	up.status(500)
	g.expect(200, stripe.request(g, "evt_1", time.Now()))
	up.next()
	g.logs.await(t, "attempt failed", `"endpoint":"stripe"`)
	up.status(200)

	old := endpoint(t, "stripe").app.running
	g.load(slack.directive("forward " + up.addr))
	until(t, "the old workers to end", func() bool { return old.users.Load() == 0 })
	m.later()
	g.expect(200, slack.request(g, "evt_2", time.Now()))
	if r := up.next(); r.Header.Get("Webhook-Gateway-Endpoint") != "slack" {
		t.Errorf("delivered %v", r.Header)
	}
	if d := g.destination("stripe"); d.Waiting != 1 {
		t.Errorf("%d deliveries wait for the endpoint that is gone", d.Waiting)
	}
	if v := gather(t)["caddy_webhook_gateway_backlog_deliveries endpoint=stripe forward="]; v != 1 {
		t.Errorf("the metric counts %v", v)
	}
	// Nor does an endpoint of that name without a forward block touch them.
	g.load(stripe.directive("") + "respond 200")
	if d := g.destination("stripe"); d.Waiting != 1 {
		t.Errorf("%d deliveries wait for the endpoint that passes on", d.Waiting)
	}

	g.load(both)
	r := up.next()
	if r.Header.Get("Webhook-Gateway-Event-Id") != "evt_1" || r.Header.Get("Webhook-Gateway-Attempt") != "2" {
		t.Errorf("delivered %v", r.Header)
	}
	g.drained()
	up.nothing()
	if n := m.opened.Load(); n != 1 {
		t.Errorf("the store was opened %d times through the reloads", n)
	}
}

// TestLateRequest: a request that is still on a configuration that was stopped
// is kept all the same, and the next configuration delivers it.
func TestLateRequest(t *testing.T) {
	for _, next := range []string{"at once", "after a pause without endpoints"} {
		t.Run(next, func(t *testing.T) {
			up := newUpstream(t)
			s := by("stripe")
			site := s.directive("forward " + up.addr)
			g := start(t, setup{site: site})
			old := endpoint(t, "stripe").app

			body := s.body("evt_1", time.Now())
			conn, err := net.Dial("tcp", g.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST /stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: %s\r\nContent-Length: %d\r\n\r\n",
				s.sign("", body, time.Now(), "")[1], len(body))
			until(t, "the request to be on its way", func() bool { return old.running.users.Load() > 1 })
			if next == "at once" {
				g.load(site + "respond /new 200")
			} else {
				g.load("respond 404")
			}
			fmt.Fprint(conn, body)
			if status := readStatus(t, conn); status != 200 {
				t.Errorf("answered %d", status)
			}
			g.load(site)
			up.next()
			g.drained()
			up.nothing()
		})
	}
}

func readStatus(t *testing.T, conn net.Conn) (status int) {
	t.Helper()
	conn.SetDeadline(time.Now().Add(patience))
	var b bytes.Buffer
	buf := make([]byte, 4096)
	for !strings.Contains(b.String(), "\r\n\r\n") {
		n, err := conn.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v after %q", err, b.String())
		}
	}
	fmt.Sscanf(b.String(), "HTTP/1.1 %d", &status)
	return status
}

// TestDeadConfiguration: a handler of a configuration that has ended for good
// opens the store by itself.
func TestDeadConfiguration(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	site := s.directive("forward " + up.addr)
	g := start(t, setup{site: site})
	dead := endpoint(t, "stripe")
	g.load("respond 404")
	until(t, "the store to be closed", func() bool { return openStoresCount() == 0 })

	r := s.request(g, "evt_1", time.Now())
	if status, err := call(dead, r); status != 200 || err != nil {
		t.Fatalf("status %d, %v", status, err)
	}
	if openStoresCount() != 0 {
		t.Error("the late request has left the store open")
	}
	g.load(site)
	up.next()
	g.expect(200, s.request(g, "evt_1", time.Now()))
	g.drained()
	up.nothing()
}

// TestQuickReturn: a configuration that needs the store is not refused because
// the one before is still closing it.
func TestQuickReturn(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	site := s.directive("forward " + up.addr)
	g := start(t, setup{site: site})
	for range 30 {
		g.load("respond 404")
		g.load(site)
	}
	g.expect(200, s.request(g, "evt_1", time.Now()))
	up.next()
}

// TestValidateBeside: `caddy validate` of a running configuration opens nothing.
func TestValidateBeside(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	s := by("stripe")
	g := start(t, setup{store: m.line(), site: s.directive("forward " + up.addr)})
	config, err := adapt(g.caddyfile(g.site))
	if err != nil {
		t.Fatal(err)
	}
	validate(t, config)
	if n := m.opened.Load(); n != 1 {
		t.Errorf("the store was opened %d times", n)
	}
	other := newMachine(t)
	other.name += "-other"
	machines.Store(other.name, other)
	g.store = other.line()
	if config, err = adapt(g.caddyfile(g.site)); err != nil {
		t.Fatal(err)
	}
	validate(t, config)
	if n := other.opened.Load(); n != 0 {
		t.Errorf("validating has opened a store %d times", n)
	}
	g.expect(200, s.request(g, "evt_1", time.Now()))
	up.next()
}

// TestBadConfigurations: a configuration that cannot be provisioned or started leaves
// the running one alone.
func TestBadConfigurations(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	site := s.directive("forward " + up.addr)
	g := start(t, setup{site: site})
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	bad := []string{
		strings.Replace(site, s.secret, "{env.HOOKWICKET_TEST_IS_NOT_SET}", 1),
		site + site, // one name twice
		strings.Replace(site, "forward", "dedupe 1m\n forward", 1),
		site + "tls /nowhere.crt /nowhere.key",
	}
	for i, b := range bad {
		config, err := adapt(g.caddyfile(b))
		if err == nil {
			err = caddy.Load(config, true)
		}
		if err == nil {
			t.Fatalf("configuration %d was taken", i)
		}
		g.expect(200, s.request(g, fmt.Sprint("evt_", i), time.Now()))
		up.next()
	}
	// This one fails when it starts, after our app or before it.
	text := g.caddyfile(site) + "\nhttp://" + taken.Addr().String() + " {\n respond 200\n}\n"
	config, err := adapt(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(config, true); err == nil {
		t.Log("the port that is taken was shared")
	}
	g.expect(200, s.request(g, "evt_last", time.Now()))
	up.next()
	g.drained()
	up.nothing()
}

// TestReloadsLeaveNothing: twenty reloads leave no goroutine and one store.
func TestReloadsLeaveNothing(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	// Kept alive, a connection to the upstream would outlive Caddy's own transport.
	site := s.directive("forward {\n reverse_proxy " + up.addr + " {\n transport http {\n keepalive off\n }\n }\n}")
	g := start(t, setup{site: site})
	settle := func() int {
		g.client.CloseIdleConnections()
		least, since := runtime.NumGoroutine(), time.Now()
		until(t, "the goroutines to settle", func() bool {
			if n := runtime.NumGoroutine(); n < least {
				least, since = n, time.Now()
			}
			return time.Since(since) > 300*time.Millisecond
		})
		return least
	}
	g.load(site + "respond /first 200")
	before := settle()
	for i := range 20 {
		g.load(site + fmt.Sprintf("respond /%d 200", i))
		g.expect(200, s.request(g, fmt.Sprint("evt_", i), time.Now()))
		up.next()
		g.drained()
	}
	if after := settle(); after > before+10 {
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines before, %d after:\n%s", before, after, buf[:runtime.Stack(buf, true)])
	}
	if refs, _ := stores.References("pebble:" + strings.TrimPrefix(g.store, "pebble ")); refs != 1 {
		t.Errorf("the store has %d users", refs)
	}
}

// TestEmptyAfterStop: caddy.Stop closes the store, and another process may have it.
func TestEmptyAfterStop(t *testing.T) {
	up := newUpstream(t)
	s := by("stripe")
	g := start(t, setup{site: s.directive("forward " + up.addr)})
	g.expect(200, s.request(g, "evt_1", time.Now()))
	up.next()
	g.stop()
	n := 0
	openStores.Range(func(_, _ any) bool { n++; return true })
	if n != 0 || openStoresCount() != 0 {
		t.Errorf("%d stores are open, %d in the pool", n, openStoresCount())
	}
	g.load(g.site)
	g.expect(200, s.request(g, "evt_1", time.Now())) // remembered on disk
	g.drained()
	up.nothing()
}

// TestExitReleases: attempts that are cut off at the exit do not count. An exit differs
// from a reload only by the grace period, so this test has none.
func TestExitReleases(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	s := by("stripe")
	g := start(t, setup{store: m.line(), site: s.directive("forward " + up.addr)})
	hang := make(chan struct{})
	up.answers(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-hang:
		}
	})
	g.expect(200, s.request(g, "evt_1", time.Now()))
	up.next()
	endpoint(t, "stripe").app.running.cutOff()
	g.logs.await(t, "attempt cut off", `"event_id":"evt_1"`)
	close(hang)
	g.load(g.site + "respond /new 200")
	if r := up.next(); r.Header.Get("Webhook-Gateway-Attempt") != "1" {
		t.Errorf("attempt %s", r.Header.Get("Webhook-Gateway-Attempt"))
	}
}
