package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

const healthSites = "webhook_gateway_health /readyz\nwebhook_gateway_health /livez live\n"

func get1(path string) *http.Request {
	r, err := http.NewRequest(http.MethodGet, path, http.NoBody)
	if err != nil {
		panic(err)
	}
	return r
}

// TestHealth: the answers of a gateway, and of one whose disk is full. The endpoint
// has no matcher, and still does not take the checks.
func TestHealth(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	s := by("stripe")
	site := healthSites + strings.Replace(s.directive("forward "+up.addr), "webhook_gateway /stripe ", "webhook_gateway ", 1)
	if !strings.Contains(site, "webhook_gateway stripe") {
		t.Fatal("the endpoint has a matcher")
	}
	g, api := startAdmin(t, setup{store: m.line(), site: site})
	check := func(ready string, status int, live string) {
		t.Helper()
		if a := g.send(get1("/readyz")); a.status != status || a.body != ready {
			t.Errorf("readyz: %v", a)
		}
		if a := g.send(get1("/livez")); a.status != 200 || a.body != live {
			t.Errorf("livez: %v", a)
		}
		if got := strings.TrimSpace(api.call(200, "GET", "/health", nil)); got != ready {
			t.Errorf("the admin API: %s", got)
		}
	}
	check(`{"ready":true}`, 200, `{"live":true}`)

	head := get1("/readyz")
	head.Method = http.MethodHead
	a := g.send(head)
	if a.status != 200 || a.body != "" || a.header.Get("Content-Length") != "14" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("HEAD: %v %v", a, a.header)
	}
	if a := g.expect(405, post("/readyz", "{}")); a.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST is allowed: %v", a.header)
	}
	g.expect(200, s.request(g, "evt_1", time.Now()))
	up.next()

	m.full.Store(true)
	g.send(s.request(g, "evt_2", time.Now())) // the store finds out
	until(t, "it is not ready", func() bool { return g.send(get1("/readyz")).status == 503 })
	a = g.send(get1("/readyz"))
	if a.body != `{"ready":false,"reason":"disk_full"}` && a.body != `{"ready":false,"reason":"store_unavailable"}` {
		t.Errorf("on a full disk: %v", a)
	}
	check(a.body, 503, `{"live":true}`)
	m.full.Store(false)
	until(t, "it is ready again", func() bool { return g.send(get1("/readyz")).status == 200 })
	check(`{"ready":true}`, 200, `{"live":true}`)
}

// TestHealthWithoutEndpoint: a configuration without an endpoint has no store.
func TestHealthWithoutEndpoint(t *testing.T) {
	g := start(t, setup{site: healthSites})
	if a := g.send(get1("/readyz")); a.status != 503 || a.body != `{"ready":false,"reason":"no_endpoint"}` {
		t.Error(a)
	}
	g.expect(200, get1("/livez"))
}

// TestHealthAcrossReloads: a reload does not make a gateway unready, neither for the
// configuration that ends nor for the one that begins, also where the store changes.
func TestHealthAcrossReloads(t *testing.T) {
	s := by("stripe")
	site := healthSites + s.directive("forward 127.0.0.1:9")
	g := start(t, setup{site: site})
	first := endpoint(t, "stripe").app
	var asked, failed atomic.Int64
	done := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			resp, err := g.client.Get("http://" + g.addr + "/readyz")
			if err != nil {
				continue // a connection of the listener that has gone
			}
			resp.Body.Close()
			if asked.Add(1); resp.StatusCode != 200 {
				failed.Add(1)
			}
		}
	})
	was := g.store
	for i := range 4 {
		if g.store = was; i%2 == 0 {
			g.store = "pebble " + t.TempDir()
		}
		if err := g.try(site + fmt.Sprintf("respond /%d 200", i)); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	asking.Wait()
	if failed.Load() != 0 || asked.Load() < 10 {
		t.Errorf("%d of %d checks failed", failed.Load(), asked.Load())
	}
	// A request that still is with the first configuration, whose store is closed.
	if h := readiness(first); !h.Ready {
		t.Errorf("the first configuration says %+v", h)
	}
}

// TestHealthFlood: checks do not count the deliveries each time, and a store that hangs
// holds up none of them.
func TestHealthFlood(t *testing.T) {
	m := &hangingStore{gate: make(chan struct{})}
	s := &shared{store: m}
	now := time.Now()
	for range 1000 {
		if r := s.ailment(now); r != "" {
			t.Fatal(r)
		}
	}
	if n := m.asked.Load(); n != 1 {
		t.Errorf("the store was asked %d times", n)
	}
	m.hangs.Store(true)
	var hanging sync.WaitGroup
	hanging.Go(func() { s.ailment(now.Add(time.Second)) })
	until(t, "a reading that hangs", func() bool { return m.asked.Load() == 2 })
	if r := s.ailment(now.Add(2 * time.Second)); r != "" {
		t.Errorf("meanwhile: %s", r)
	}
	if r := s.ailment(now.Add(time.Second + healthHangs + 1)); r != reasonStoreUnavailable {
		t.Errorf("a store that hangs: %q", r)
	}
	close(m.gate)
	hanging.Wait()
}

type hangingStore struct {
	queue.Store
	asked atomic.Int64
	hangs atomic.Bool
	gate  chan struct{}
}

func (h *hangingStore) Stats() queue.Stats {
	h.asked.Add(1)
	if h.hangs.Load() {
		<-h.gate
	}
	return queue.Stats{Available: true}
}

// TestAilments: which states of a store count.
func TestAilments(t *testing.T) {
	lease := 4 * time.Second
	for want, stats := range map[string][]queue.Stats{
		"": {
			{Available: true},
			{Available: true, Damaged: 3, Bytes: 10, Limit: 10},
			{Available: true, Cluster: &queue.Cluster{Lease: lease, LeaseAge: lease}},
			{Available: true, Cluster: &queue.Cluster{Lease: lease, LeaseAge: -1}},
		},
		reasonDiskFull:         {{Full: true}, {Full: true, Available: true}},
		reasonLeaseExpired:     {{Available: true, Cluster: &queue.Cluster{Lease: lease, LeaseAge: lease + 1}}, {Cluster: &queue.Cluster{Lease: lease, LeaseAge: lease + 1}}},
		reasonStoreUnavailable: {{Cause: "open /var/lib/x: no such file"}, {Cluster: &queue.Cluster{Lease: lease, LeaseAge: 1}}},
	} {
		for _, s := range stats {
			if got := ailmentOf(s); got != want {
				t.Errorf("%+v: %q, want %q", s, got, want)
			}
		}
	}
}
