package move_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/move"
)

// filler fills a store with everything that a store can contain.
type filler struct {
	*testing.T
	store
	mu  sync.Mutex
	now time.Time
}

func (f *filler) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *filler) advance(d time.Duration) {
	f.mu.Lock()
	f.now = f.now.Add(d)
	f.mu.Unlock()
	if f.store != nil {
		f.Wake()
	}
}

func (f *filler) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func identity(n byte, window time.Duration) queue.Identity {
	return queue.Identity{Key: queue.Key{n}, Digest: queue.Key{100 + n}, Window: window}
}

// accept accepts an event in which all fields are set.
func (f *filler) accept(n byte, window time.Duration, to ...queue.Route) queue.ID {
	f.Helper()
	f.advance(time.Second)
	m := &queue.Message{
		ReceivedAt: f.clock(), Endpoint: "acme", Provider: "generic", EventID: fmt.Sprintf("evt_%d", n), EventType: fmt.Sprintf("type.%d", n%3),
		Timestamp: f.clock().Add(-time.Minute), Signed: "id body", Method: "POST", URI: "/hook?a=b", Host: "hooks.example.com", Proto: "HTTP/2.0",
		RemoteAddr: "192.0.2.1:1234", ClientIP: "198.51.100.7", TLS: true, TrustedProxy: true,
		Header: map[string][]string{"X-One": {"1", "2"}, "X-Two": {""}}, Body: bytes.Repeat([]byte{n, 0, 0xff}, 100),
	}
	if len(to) > 0 {
		m.Endpoint = to[0].Destination.Endpoint
	}
	a, err := f.Accept(f.Context(), m, identity(n, window), to...)
	f.ok(err)
	if a.Verdict != queue.New {
		f.Fatalf("event %d is a %v", n, a.Verdict)
	}
	return m.ID
}

// claim claims the next delivery that is due.
func (f *filler) claim(d queue.Destination) queue.Claim {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 10*time.Second)
	defer cancel()
	c, err := f.Claim(ctx, d)
	f.ok(err)
	return c
}

func (f *filler) failure() queue.Attempt {
	return queue.Attempt{At: f.clock(), Duration: 123 * time.Millisecond, Failure: queue.Status, Status: 503, Error: "the upstream answered 503", Excerpt: "try later"}
}

var (
	app     = queue.Destination{Endpoint: "acme", Forward: "app"}
	billing = queue.Destination{Endpoint: "acme", Forward: "billing"}
	lines   = queue.Destination{Endpoint: "shop"}
	hour    = time.Hour
)

// fill fills a place, and returns when it was closed.
// removed are the IDs of messages that are gone.
func fill(t *testing.T, p place) (now time.Time, removed []queue.ID) {
	t.Helper()
	f := &filler{T: t, now: start}
	var err error
	f.store, err = p.open(f.clock)
	f.ok(err)
	defer func() { f.ok(f.Close()) }()
	n := byte(0)
	next := func(window time.Duration, to ...queue.Route) queue.ID {
		n++
		return f.accept(n, window, to...)
	}

	// Dead, after two attempts, and one more that a person redelivered.
	next(hour, queue.To(app)...)
	c := f.claim(app)
	f.ok(c.Retry(f.clock().Add(time.Second), f.failure()))
	f.advance(time.Minute)
	f.ok(f.claim(app).Bury(f.failure()))
	again := next(2*hour, queue.To(app)...)
	f.ok(f.claim(app).Bury(f.failure()))
	f.ok(f.Redeliver(f.Context(), again, queue.Route{Destination: app}))
	f.ok(f.claim(app).Retry(f.clock().Add(3*hour), f.failure()))

	// Delivered; one of two deliveries delivered, the other waits; one removed and one left.
	next(24*hour, queue.To(app)...)
	f.ok(f.claim(app).Done(queue.Attempt{At: f.clock(), Duration: time.Millisecond, Status: 200, Excerpt: "ok"}))
	next(100*hour, queue.To(app, billing)...)
	f.ok(f.claim(app).Done(f.failure()))
	half := next(hour, queue.To(app, billing)...)
	f.ok(f.Purge(f.Context(), half, app))
	// More attempts than are kept.
	next(hour, queue.To(app)...)
	for range move.MaxHistory + 3 {
		c := f.claim(app)
		a := f.failure()
		a.Error = fmt.Sprintf("attempt %d", c.Delivery().Attempts+1)
		f.ok(c.Retry(f.clock().Add(time.Second), a))
		f.advance(2 * time.Second)
	}
	f.ok(f.claim(app).Retry(f.clock().Add(hour), f.failure()))

	// Cancelled, unrouted, rerouted, purged.
	f.ok(f.Cancel(f.Context(), next(hour, queue.To(billing)...), billing))
	next(hour)
	f.ok(f.Reroute(f.Context(), next(hour), queue.To(billing)...))
	removed = append(removed, next(hour, queue.To(billing)...))
	f.ok(f.Purge(f.Context(), removed[0], billing))
	f.Retain(billing, 0)
	removed = append(removed, next(hour, queue.To(billing)...))
	f.ok(f.Cancel(f.Context(), removed[1], billing))

	// Lines: two keys of one rule, then another rule, then none. The first of a key is tried again later.
	for _, r := range []struct{ rule, key string }{{"a", "1"}, {"a", "2"}, {"a", "1"}, {"a", "1"}, {"b", "1"}, {"a", "2"}} {
		next(hour, queue.Route{Destination: lines, Ordered: true, OrderKey: r.key, OrderRule: r.rule})
	}
	f.ok(f.claim(lines).Retry(f.clock().Add(hour), f.failure()))
	next(hour, queue.To(lines)...)

	// Never attempted.
	for range 3 {
		next(hour, queue.To(billing)...)
	}
	f.ok(f.Pause(f.Context(), lines, true))
	f.ok(f.Pause(f.Context(), queue.Destination{Endpoint: "idle"}, true))

	// Keys without a message, a key that is renewed, an expired one, and secrets.
	taken := identity(60, 5*hour)
	_, reserved, err := f.Reserve(f.Context(), taken, f.clock())
	f.ok(err)
	f.ok(reserved.Take(f.Context()))
	f.ok(shift(f, identity(61, 4*hour), 3*hour))
	for _, secret := range []string{"the first", "\xff\xff the second", "the last"} {
		f.ok(f.Learn(f.Context(), "learns only", secret))
		f.ok(f.Learn(f.Context(), "acme", secret+" of acme"))
	}
	return f.clock(), removed
}

// shift records keys, and renews them when less than half of their window is left.
func shift(f *filler, id queue.Identity, later time.Duration) error {
	_, r, err := f.Reserve(f.Context(), id, f.clock().Add(-later))
	if err != nil {
		return err
	}
	if err := r.Take(f.Context()); err != nil {
		return err
	}
	v, err := f.Seen(f.Context(), id, f.clock())
	if err == nil && v != queue.Duplicate {
		err = fmt.Errorf("a key is %v", v)
	}
	return err
}
