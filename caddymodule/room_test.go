package caddymodule

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

// tester makes requests that hold memory of one room.
type tester struct {
	room  room
	limit int64
}

// said is the answer of an asker.
type said bool

func (s said) plausible() bool { return bool(s) }

func (t *tester) request(endpoint, ip string, signed bool) *memory {
	return &memory{
		room: &t.room, limit: t.limit, tenant: t.room.endpoint(endpoint), client: t.room.clients.enter(network(ip)),
		asker: said(signed),
	}
}

// fill takes memory in small steps, for one request after another, until there is
// none for a client.
func (t *tester) fill(endpoint, ip string, signed bool) (all []*memory) {
	for {
		m := t.request(endpoint, ip, signed)
		if m.take(t.limit/1000) != nil {
			return all
		}
		all = append(all, m)
	}
}

// TestRoomShares: no client and no endpoint can take all the memory.
func TestRoomShares(t *testing.T) {
	for _, c := range []struct {
		name         string
		signed       bool
		many         bool // clients
		least, most  int64
		other, small bool // whether another client gets some, with a well-formed signature, and at another endpoint
	}{
		{"one client without signatures", false, false, 36, 38, true, true},
		{"one client with signatures", true, false, 58, 61, true, true},
		{"many clients without signatures", false, true, 58, 61, true, true},
		{"many clients with signatures", true, true, 68, 71, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &tester{limit: 1 << 30}
			n := 1
			if c.many {
				n = 500
			}
			var all []*memory
			for i := range n {
				all = append(all, r.fill("attacked", fmt.Sprintf("10.0.%d.%d", i/250, i%250), c.signed)...)
			}
			if share := r.room.total.Load() * 100 / r.limit; share < c.least || share > c.most {
				t.Errorf("strangers hold %d %% of the memory, want %d to %d", share, c.least, c.most)
			}
			other := r.request("attacked", "192.0.2.1", true)
			if err := other.take(1 << 20); (err == nil) != c.other {
				t.Errorf("another client at the same endpoint: %v", err)
			}
			elsewhere := r.request("other", "192.0.2.2", true)
			if err := elsewhere.take(1 << 20); (err == nil) != c.small {
				t.Errorf("another endpoint: %v", err)
			}
			for _, m := range append(all, other, elsewhere) {
				m.release()
			}
			for what, held := range map[string]int64{
				"the room": r.room.total.Load(), "the reserve": r.room.reserve.Load(),
				"the endpoint": r.room.endpoint("attacked").total.Load(),
			} {
				if held != 0 {
					t.Errorf("%s still holds %d bytes", what, held)
				}
			}
		})
	}
}

// TestRoomGuaranteed: when strangers hold all that they can get, from any number of
// addresses and at all endpoints, those with genuine traffic still take events.
func TestRoomGuaranteed(t *testing.T) {
	r := &tester{limit: 256 << 20}
	for i := range 100 {
		m := r.request(fmt.Sprint("endpoint ", i), "192.0.2.1", true)
		m.genuine(time.Now())
		m.release()
	}
	for i := range 20_000 {
		ip := fmt.Sprintf("10.%d.%d.%d", i/60_000, i/250%250, i%250)
		m := r.request(fmt.Sprint("endpoint ", i%100), ip, true)
		for m.take(64<<10) == nil && m.held < 1<<20 {
		}
	}
	if held := r.room.total.Load(); held > r.limit {
		t.Errorf("%d bytes are held, of %d", held, r.limit)
	}
	for i := range 100 {
		m := r.request(fmt.Sprint("endpoint ", i), "192.0.2.1", true)
		if err := m.take(100 << 10); err != nil {
			t.Errorf("endpoint %d: %v", i, err)
		}
		m.genuine(time.Now())
		if err := m.take(10 << 10); err != nil {
			t.Errorf("endpoint %d, verified: %v", i, err)
		}
		m.release()
	}
}

// TestRoomAlone: a request that is alone may be as large as the memory is, and no
// larger.
func TestRoomAlone(t *testing.T) {
	r := &tester{limit: 1 << 20}
	m := r.request("a", "192.0.2.1", false)
	for i := range 16 {
		if err := m.take(1 << 16); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if err := m.take(1); !errors.Is(err, errNoRoom) {
		t.Error(err)
	}
	m.release()
	m = r.request("a", "192.0.2.1", true)
	m.genuine(time.Now())
	if err := m.take(1<<20 + 1); !errors.Is(err, errNoRoom) {
		t.Errorf("a verified one took more than there is: %v", err)
	}
	m.ownLimit = 1 << 10
	if err := m.take(1<<10 + 1); !errors.Is(err, errNoRoomHere) {
		t.Error(err)
	}
}

// TestClients: addresses of one network are one client, and addresses that come and
// go leave nothing behind.
func TestClients(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "192.0.2.1:443": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "2001:db8:1:2:ffff::1": "2001:db8:1:2::",
		"[2001:db8:1:2::9]:80": "2001:db8:1:2::", "fe80::1%eth0": "fe80::",
	} {
		if got := network(ip); got != netip.MustParseAddr(want) {
			t.Errorf("%s: %s, want %s", ip, got, want)
		}
	}
	for _, ip := range []string{"", "@", "/run/caddy.sock", "example.com:80"} {
		if network(ip).IsValid() {
			t.Errorf("%q counts as a client", ip)
		}
	}
	var all clients
	for i := range 1 << 18 {
		c := all.enter(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		if i%2 == 0 {
			c.prove(time.Now())
		}
		c.leave()
	}
	for i := range all {
		if n := len(all[i].of); n > 2*leastSweep+1 {
			t.Fatalf("%d clients are kept in one part", n)
		}
	}
}

// TestLineOfStrangers: strangers cannot take all places in a line.
func TestLineOfStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l line
		full := func() error { return errNoRoom }
		until := time.Now().Add(time.Second)
		address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }
		for range 2 * maxWaiting {
			go l.wait(waiter{client: address(0)}, until, full)
		}
		synctest.Wait()
		if n := l.length.Load(); n != maxWaitingOf {
			t.Errorf("one client has %d places", n)
		}
		for i := range 2 * maxWaiting {
			go l.wait(waiter{client: address(i)}, until, full)
		}
		synctest.Wait()
		if n := l.length.Load(); n != maxUnknown {
			t.Errorf("strangers have %d places", n)
		}
		go l.wait(waiter{address(9999), true}, until, full)
		synctest.Wait()
		if n := l.length.Load(); n != maxUnknown+1 {
			t.Errorf("there is no place for a known client: %d", n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if l.length.Load() != 0 || l.unknown != 0 || len(l.of) != 0 {
			t.Errorf("%d still wait, %d unknown, %d clients", l.length.Load(), l.unknown, len(l.of))
		}
	})
}

// TestHeapLimit: the process has a soft limit while a store is open, and its own
// again afterwards.
func TestHeapLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	s := by("github")
	g := start(t, setup{app: "max_in_flight 32MiB", site: s.directive("forward 127.0.0.1:1")})
	if limit := debug.SetMemoryLimit(-1); limit < 32<<20+heapBase || limit == before {
		t.Errorf("the limit is %d, and was %d", limit, before)
	}
	g.stop()
	if limit := debug.SetMemoryLimit(-1); limit != before {
		t.Errorf("the limit is %d, and was %d before", limit, before)
	}
}
