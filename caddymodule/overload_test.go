package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestPatience(t *testing.T) {
	for _, test := range []struct {
		deadline time.Duration
		attempts int
		want     time.Duration
	}{
		{10 * time.Second, 1, 8 * time.Second}, // GitHub
		{0, 1, 4 * time.Second},
		{time.Hour, 1, 30 * time.Second},
		{10 * time.Second, 0, 0}, // unknown: it is taken to retry
		{10 * time.Second, 8, 0},
	} {
		if got := patienceOf(test.deadline, test.attempts); got != test.want {
			t.Errorf("%v, %d attempts: %v, want %v", test.deadline, test.attempts, got, test.want)
		}
	}
}

// TestLine: waiting requests get room as soon as some is freed, in the order of their
// arrival. A request that does not fit into it does not keep it from the others.
func TestLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l line
		var room atomic.Int64
		var mu sync.Mutex
		var served []int64
		began := time.Now()
		for _, need := range []int64{5, 1, 2, 1} {
			go func() {
				err := l.wait(waiter{known: true}, began.Add(time.Minute), func() error {
					if room.Add(-need) < 0 {
						room.Add(need)
						return errNoRoom
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				served = append(served, need)
			}()
			synctest.Wait()
		}
		if n := l.length.Load(); n != 4 {
			t.Fatalf("%d wait, want 4", n)
		}
		room.Store(4) // too little for the first, enough for all others
		l.ring()
		synctest.Wait()
		if len(served) != 3 || served[0] != 1 || served[1] != 2 || served[2] != 1 {
			t.Errorf("served %v, want those with less need in their order", served)
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("they had to wait %v", waited)
		}
		room.Store(5) // of which nobody tells
		time.Sleep(waitingPoll)
		synctest.Wait()
		if len(served) != 4 || l.length.Load() != 0 {
			t.Errorf("served %v, %d still wait", served, l.length.Load())
		}
	})
}

// TestLineEnds: no request waits longer than its time, in a line that is too long, or
// after an error other than a lack of room.
func TestLineEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l line
		began := time.Now()
		full := func() error { return errNoRoom }
		if err := l.wait(waiter{known: true}, began.Add(8*time.Second), full); !errors.Is(err, errNoRoom) || time.Since(began) != 8*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		began = time.Now()
		other := errors.New("something else")
		if err := l.wait(waiter{known: true}, began.Add(time.Minute), func() error { return other }); err != other {
			t.Error(err)
		}
		if err := l.wait(waiter{known: true}, time.Time{}, full); !errors.Is(err, errNoRoom) {
			t.Error(err)
		}
		for range maxWaiting {
			go l.wait(waiter{known: true}, began.Add(time.Minute), full)
		}
		synctest.Wait()
		if err := l.wait(waiter{known: true}, began.Add(time.Minute), full); !errors.Is(err, errNoRoom) || time.Since(began) != 0 {
			t.Errorf("the line is too long: %v after %v", err, time.Since(began))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := l.length.Load(); n != 0 {
			t.Errorf("%d wait for ever", n)
		}
	})
}

// later is an answer that comes when it can.
func (g *gateway) later(r *http.Request) <-chan reply {
	got := make(chan reply, 1)
	go func() {
		a, err := g.exchange(r)
		if err != nil {
			g.t.Error("sending: ", err)
		}
		got <- a
	}()
	return got
}

// TestWaitsForMemory: GitHub, which never tries again, waits until other bodies
// are gone; Shopify, which does, is asked to at once.
func TestWaitsForMemory(t *testing.T) {
	up := newUpstream(t)
	never, again := by("github"), by("shopify")
	g := start(t, setup{app: "max_in_flight 150KiB", site: never.directive("forward "+up.addr) + again.directive("forward "+up.addr)})
	a := g.holding("/shopify", 64<<10)
	waiting := "caddy_webhook_gateway_waiting_senders for=memory"
	late := g.later(never.with(g, strings.Repeat("x", 50_000), time.Now(), "1"))
	until(t, "the sender to wait", func() bool { return gather(t)[waiting] == 1 })
	began := time.Now()
	if a := g.expect(503, again.with(g, strings.Repeat("x", 50_000), time.Now(), "2")); !seconds(a, 2, 4) {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	if waited := time.Since(began); waited > 4*time.Second {
		t.Errorf("Shopify had to wait %v", waited)
	}
	up.nothing()
	a.Close()
	if a := <-late; a.status != 200 {
		t.Errorf("answered %v", a)
	}
	up.next()
	until(t, "the memory to be free", func() bool { return g.open().room.total.Load() == 0 })
	if n := gather(t)[waiting]; n != 0 {
		t.Errorf("%v still wait", n)
	}
}

// seconds tells whether an answer asks for a pause within a range.
func seconds(a reply, least, most int) bool {
	n, err := strconv.Atoi(a.header.Get("Retry-After"))
	return err == nil && n >= least && n <= most
}

// TestWaitsForBacklog: the sender that never tries again gets its 200 when a
// delivery has made room, and the event is delivered once. Its twin waits with it.
func TestWaitsForBacklog(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	never, again := by("github"), by("shopify")
	g := start(t, setup{store: m.line(), app: "max_backlog 25KiB", site: never.directive("forward "+up.addr) + again.directive("forward "+up.addr)})
	up.status(500)
	body := strings.Repeat("x", 10_000)
	for i := range 2 {
		g.expect(200, again.with(g, fmt.Sprint(i, body), time.Now(), fmt.Sprint("evt_", i)))
	}
	if a := g.expect(503, again.with(g, "2"+body, time.Now(), "evt_2")); !seconds(a, 10, 20) {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	late := g.later(never.with(g, "3"+body, time.Now(), "evt_3"))
	until(t, "the sender to wait", func() bool { return gather(t)["caddy_webhook_gateway_waiting_senders for=store"] == 1 })
	twin := g.later(never.with(g, "3"+body, time.Now(), "evt_3"))
	until(t, "its twin to wait", func() bool { return gather(t)["caddy_webhook_gateway_waiting_twins"] == 1 })
	got := newTally()
	up.answers(func(_ http.ResponseWriter, r *http.Request) { got.add(r) })
	m.later()
	for _, late := range []<-chan reply{late, twin} {
		if a := <-late; a.status != 200 {
			t.Errorf("answered %v", a)
		}
	}
	until(t, "the deliveries", func() bool { m.later(); return g.waiting() == 0 })
	for id, want := range map[string]int{"evt_0": 1, "evt_1": 1, "evt_2": 0, "evt_3": 1} {
		if n := got.get(id); n != want {
			t.Errorf("%s was delivered %d times, want %d", id, n, want)
		}
	}
}

// TestWaitsForDisk: room on the disk is noticed without a notification, and a reload
// meanwhile loses no waiting request.
func TestWaitsForDisk(t *testing.T) {
	for _, reload := range []bool{false, true} {
		t.Run(fmt.Sprint("reload ", reload), func(t *testing.T) {
			up := newUpstream(t)
			m := newMachine(t)
			s := by("github")
			g := start(t, setup{store: m.line(), site: s.directive("forward " + up.addr)})
			m.full.Store(true)
			late := g.later(s.request(g, "evt_1", time.Now()))
			until(t, "the sender to wait", func() bool { return g.open().forDisk.length.Load() == 1 })
			if reload {
				g.load(g.site + "\n")
			}
			m.full.Store(false)
			if a := <-late; a.status != 200 {
				t.Errorf("answered %v", a)
			}
			if got := up.next(); got.Header.Get("Webhook-Gateway-Event-Id") != "evt_1" {
				t.Errorf("got %v", got.Header)
			}
			g.drained()
			up.nothing()
		})
	}
}

// TestEndpointLimits: an endpoint that has reached its limit, on disk or in memory, does
// not affect others. A known event needs no room.
func TestEndpointLimits(t *testing.T) {
	up := newUpstream(t)
	m := newMachine(t)
	small, other := by("shopify"), by("generic")
	g := start(t, setup{store: m.line(), site: small.directive("max_backlog 25KiB\n max_in_flight 80KiB\n forward "+up.addr+" {\n as one\n }\n forward "+up.addr+" {\n as two\n }") +
		other.directive("forward "+up.addr)})
	up.status(500)
	body := strings.Repeat("x", 10_000)
	now := time.Now()
	for i := range 2 {
		g.expect(200, small.with(g, fmt.Sprint(i, body), now, fmt.Sprint("evt_", i)))
	}
	g.expect(503, small.with(g, "2"+body, now, "evt_2"))
	g.logs.await(t, `"level":"error"`, "max_backlog of this endpoint")
	g.expect(200, small.with(g, "0"+body, now, "evt_0"))
	g.expect(200, other.request(g, "evt_other", now))
	up.status(200)
	until(t, "the deliveries", func() bool { m.later(); return g.waiting() == 0 })
	g.expect(200, small.with(g, "2"+body, now, "evt_2"))
	g.drained()

	half := g.holding("/shopify", 32<<10)
	g.load(g.site + "\n") // bodies in memory stay counted
	g.expect(503, small.with(g, strings.Repeat("y", 20_000), now, "evt_3"))
	g.logs.await(t, `"level":"error"`, "max_in_flight of this endpoint")
	g.expect(200, other.request(g, "evt_other_2", now))
	half.Close()
	until(t, "the memory to be free", func() bool { return g.open().room.total.Load() == 0 })
	g.expect(200, small.with(g, strings.Repeat("y", 20_000), now, "evt_3"))
	g.drained()
}
