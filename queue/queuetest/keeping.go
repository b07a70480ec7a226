package queuetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// sweep makes the store remove what is over.
func (b *bench) sweep() {
	b.Helper()
	if s, ok := b.store.(Sweeper); ok {
		_, err := s.Sweep(b.Context())
		b.ok(err)
	}
}

// retained waits until the store knows how much it keeps, and compares.
func (b *bench) retained(want int64) {
	b.Helper()
	b.until("what is kept", func() (any, bool) {
		n := b.store.Stats().Retained
		return n, n == want
	})
}

// until waits for what happens in the background.
func (b *bench) until(what string, reached func() (any, bool)) {
	b.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		got, ok := reached()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			b.Fatalf("%s: %v", what, got)
		}
	}
}

// backlog compares the bytes that wait.
func (b *bench) backlog(want int64) {
	b.Helper()
	if got := b.store.Stats().Bytes; got != want {
		b.Fatalf("%d bytes wait, want %d", got, want)
	}
}

func (b *bench) keeps() {
	b.accept("body", key(1), "a", "b")
	size := b.store.Stats().Bytes
	b.retained(0)
	a := b.next("a", "body")
	id := a.Delivery().Message.ID
	b.ok(a.Done(queue.Attempt{At: b.clock.Now(), Status: 200}))
	half := b.store.Stats().Bytes
	b.retained(size - half)
	b.ok(b.next("b", "body").Bury(queue.Attempt{At: b.clock.Now(), Failure: queue.Refused, Error: "hopeless"}))
	b.backlog(half)
	b.reopen()
	b.retained(size - half)
	b.stands(id, "a", queue.StateDelivered, 1)
	b.stands(id, "b", queue.StateDead, 1)
	b.advance(retention - 1)
	b.sweep()
	b.retained(size - half)
	b.advance(1)
	b.sweep()
	b.retained(0)
	b.stands(id, "a", "", 0)
	b.stands(id, "b", queue.StateDead, 1) // which waits for a person
	b.backlog(half)
}

func (b *bench) keepsNothing() {
	b.settings.Retention = 0
	b.reopen()
	b.accept("body", key(1), "a", "b")
	a := b.next("a", "body")
	id := a.Delivery().Message.ID
	b.ok(a.Retry(b.clock.Now(), queue.Attempt{Error: "failed"}))
	b.ok(b.next("a", "body").Done(queue.Attempt{}))
	b.stands(id, "a", "", 0)
	b.stands(id, "b", queue.StateWaiting, 0)
	b.reopen()
	b.ok(b.next("b", "body").Done(queue.Attempt{}))
	b.retained(0)
	b.backlog(0)
	b.isGone(id, "delivered")
	b.reopen()
	b.isGone(id, "delivered")
}

// isGone asks for a message that was there.
func (b *bench) isGone(id queue.ID, why string) {
	b.Helper()
	_, err := b.looker().Look(b.Context(), id)
	var gone *queue.GoneError
	if !errors.As(err, &gone) || gone.Why != why || gone.ID != id || !errors.Is(err, queue.ErrNotFound) {
		b.Errorf("got %v, want that it has gone: %s", err, why)
	} else if gone.At.IsZero() || gone.At.After(b.clock.Now()) {
		b.Errorf("it went at %v, now is %v", gone.At, b.clock.Now())
	}
}

func (b *bench) keepsUnrouted() {
	m := b.message("body")
	a, err := b.store.Accept(b.Context(), m, key(1))
	b.ok(err)
	b.want(a.Verdict, queue.New)
	b.backlog(0)
	b.stands(m.ID, "endpoint", queue.StateUnrouted, 0)
	if n := b.store.Stats().Retained; n <= 0 {
		b.until("what is kept", func() (any, bool) { n := b.store.Stats().Retained; return n, n > 0 })
	}
	b.want(b.accept("again", key(1)), queue.Duplicate)
	b.reopen()
	b.stands(m.ID, "endpoint", queue.StateUnrouted, 0)
	b.advance(retention)
	b.sweep()
	b.retained(0)
	b.isGone(m.ID, "aged")

	b.store.Retain(dest("endpoint"), 0)
	m = b.message("not kept")
	a, err = b.store.Accept(b.Context(), m, key(2))
	b.ok(err)
	b.want(a.Verdict, queue.New)
	b.want(b.accept("again", key(2), "a"), queue.Duplicate)
	b.retained(0)
	if _, err := b.looker().Look(b.Context(), m.ID); !errors.Is(err, queue.ErrNotFound) {
		b.Errorf("got %v", err)
	}
}

func (b *bench) keepsAttempts() {
	const n = 130
	b.accept("body", queue.Identity{}, "a")
	var id queue.ID
	for i := range n {
		c := b.next("a", "body")
		id = c.Delivery().Message.ID
		if d := c.Delivery(); i > 0 && (d.Last == nil || d.Last.Number != i || d.Last.Status != 500) {
			b.Fatalf("the last attempt is %+v", d.Last)
		}
		b.ok(c.Retry(b.clock.Now(), queue.Attempt{At: b.clock.Now(), Duration: time.Second, Failure: queue.Status, Status: 500, Error: "failed", Excerpt: fmt.Sprint(i)}))
	}
	b.ok(b.next("a", "body").Done(queue.Attempt{Status: 204}))
	seen, err := b.looker().Look(b.Context(), id)
	b.ok(err)
	h := seen.Deliveries[0].History
	if len(h) != 100 || h[0].Number != n+1-99 || h[98].Number != n || h[98].Excerpt != fmt.Sprint(n-1) || h[99].Number != n+1 || h[99].Status != 204 {
		b.Errorf("%d attempts, from %+v to %+v", len(h), h[0], h[len(h)-1])
	}
	b.advance(retention)
	b.sweep()
	b.isGone(id, "aged")
}

func (b *bench) keepsBounded() {
	const n, body = 60, 1000
	b.settings.MaxRetained = n * body / 2
	b.reopen()
	b.until("the count", func() (any, bool) { n := b.store.Stats().Retained; return n, n == 0 })
	var ids []queue.ID
	for i := range n {
		lane := string(rune('a' + i%3))
		b.accept(string(make([]byte, body)), queue.Identity{}, lane)
		c := b.claim(lane)
		ids = append(ids, c.Delivery().Message.ID)
		b.ok(c.Done(queue.Attempt{}))
		b.advance(time.Millisecond)
	}
	b.sweep()
	if got := b.store.Stats().Retained; got > b.settings.MaxRetained || got < b.settings.MaxRetained*9/10-body {
		b.Errorf("%d bytes are kept of at most %d", got, b.settings.MaxRetained)
	}
	b.isGone(ids[0], "crowded")
	kept := 0
	for i, id := range ids { // the oldest have gone
		_, err := b.looker().Look(b.Context(), id)
		if err == nil {
			kept++
		} else if kept > 0 {
			b.Errorf("message %d: %v, though an older one is there", i, err)
		}
	}
	if kept < 15 || kept > 30 {
		b.Errorf("%d messages are kept", kept)
	}
}

func (b *bench) keepsEach() {
	b.store.Retain(dest("short"), time.Minute)
	b.store.Retain(dest("long"), time.Hour)
	b.accept("body", queue.Identity{}, "short", "long")
	c := b.next("short", "body")
	id := c.Delivery().Message.ID
	b.ok(c.Done(queue.Attempt{}))
	b.ok(b.next("long", "body").Done(queue.Attempt{}))
	b.advance(time.Minute)
	b.sweep()
	b.stands(id, "short", "", 0)
	b.stands(id, "long", queue.StateDelivered, 1)
	b.store.Retain(dest("long"), time.Second) // holds for what is there
	b.sweep()
	b.isGone(id, "aged")
	b.retained(0)

	// Both end in one sweep.
	b.accept("both", queue.Identity{}, "short", "long")
	b.ok(b.next("short", "both").Done(queue.Attempt{}))
	b.ok(b.next("long", "both").Done(queue.Attempt{}))
	b.advance(time.Hour)
	b.sweep()
	b.retained(0)
	b.backlog(0)
}

func (b *bench) backlogs() {
	b.accept("body", queue.Identity{}, "a", "b")
	b.accept("body", queue.Identity{}, "c")
	b.ok(b.next("c", "body").Bury(queue.Attempt{}))
	all := b.store.Stats().Bytes
	if got := b.store.Backlog(dest("a"), dest("b"), dest("c"), dest("nobody")); got != all {
		b.Errorf("%d bytes, want %d", got, all)
	}
	if got := b.store.Backlog(dest("a"), dest("b")); got <= 0 || got+b.store.Backlog(dest("c")) != all {
		b.Errorf("%d bytes of %d", got, all)
	}
	b.ok(b.next("a", "body").Done(queue.Attempt{}))
	b.ok(b.next("b", "body").Done(queue.Attempt{}))
	if got := b.store.Backlog(dest("a"), dest("b")); got != 0 {
		b.Errorf("%d bytes are left", got)
	}
}

// configures exchanges the settings of an open store: limits apply to what is there
// already, and a destination's own retention stays.
func (b *bench) configures() {
	b.store.Retain(dest("own"), retention)
	b.accept("body", key(1), "own", "other")
	own, other := b.next("own", "body"), b.next("other", "body")
	id := own.Delivery().Message.ID
	b.ok(own.Done(queue.Attempt{Status: 200}))
	b.ok(other.Done(queue.Attempt{Status: 200}))
	b.accept("waiting", key(2), "other")

	set := b.settings
	set.Retention, set.MaxBacklog = 0, 1
	b.ok(b.store.Configure(set))
	b.advance(tick)
	b.sweep()
	b.stands(id, "own", queue.StateDelivered, 1)
	b.stands(id, "other", "", 0)
	if _, err := b.store.Accept(b.Context(), b.message("more"), key(3), routesTo("other")...); !errors.Is(err, queue.ErrFull) {
		b.Errorf("accepting above the new limit: %v", err)
	}
	if limit := b.store.Stats().Limit; limit != 1 {
		b.Errorf("the limit is %d", limit)
	}
	set.MaxBacklog = 0
	b.ok(b.store.Configure(set))
	b.want(b.accept("more", key(3), "other"), queue.New)
	b.next("other", "waiting")
	b.next("other", "more")
}
