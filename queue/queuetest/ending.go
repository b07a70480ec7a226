package queuetest

import (
	"fmt"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

func (b *bench) retries() {
	now := b.clock.Now()
	b.accept("late", queue.Identity{}, "a")
	b.ok(b.next("a", "late").Retry(now.Add(time.Hour), queue.Attempt{At: b.clock.Now(), Error: "first"}))
	b.advance(time.Millisecond)
	b.accept("early", queue.Identity{}, "a")
	b.ok(b.next("a", "early").Retry(now.Add(time.Minute), queue.Attempt{At: b.clock.Now(), Error: "first"}))
	b.waiting("a", 2)
	b.nothing("a")
	b.at(now.Add(time.Minute - 2*tick))
	b.nothing("a")
	b.at(now.Add(time.Minute))
	c := b.next("a", "early")
	if n := c.Delivery().Attempts; n != 1 {
		b.Errorf("%d attempts were counted, want 1", n)
	}
	b.ok(c.Done(queue.Attempt{}))
	b.nothing("a")
	b.advance(time.Hour)
	b.ok(b.next("a", "late").Done(queue.Attempt{}))
	b.waiting("a", 0)
}

func (b *bench) lastError() {
	b.accept("body", queue.Identity{}, "a")
	for i := range 3 {
		c := b.next("a", "body")
		d := c.Delivery()
		if d.Attempts != i {
			b.Errorf("attempt %d: %d attempts are counted", i, d.Attempts)
		}
		if i > 0 && (d.Last.Error != fmt.Sprintf("error %d", i-1) || !d.Last.At.Equal(b.clock.Now().Add(-time.Minute))) {
			b.Errorf("attempt %d: last %+v", i, d.Last)
		}
		b.ok(c.Retry(b.clock.Now().Add(time.Minute), queue.Attempt{At: b.clock.Now(), Error: fmt.Sprintf("error %d", i)}))
		if i == 1 {
			b.reopen()
		}
		b.advance(time.Minute)
	}
}

func (b *bench) releases() {
	b.accept("body", queue.Identity{}, "a")
	c := b.next("a", "body")
	b.ok(c.Release())
	c = b.next("a", "body")
	if d := c.Delivery(); d.Attempts != 0 || d.Last != nil {
		b.Errorf("a released attempt was counted: %+v", d)
	}
	b.ok(c.Retry(b.clock.Now(), queue.Attempt{At: b.clock.Now(), Error: "failed"}))
	c = b.next("a", "body")
	b.ok(c.Release())
	c = b.next("a", "body")
	if d := c.Delivery(); d.Attempts != 1 || d.Last.Error != "failed" {
		b.Errorf("after a failure and a release: %+v", d)
	}
	b.ok(c.Done(queue.Attempt{}))
	b.nothing("a")
}

func (b *bench) buries() {
	b.accept("body", queue.Identity{}, "a")
	b.ok(b.next("a", "body").Bury(queue.Attempt{At: b.clock.Now(), Error: "hopeless"}))
	st := b.store.Stats()
	if d := st.Destinations[dest("a")]; d.DeadLetters != 1 || d.Waiting != 0 || d.Claimed != 0 {
		b.Errorf("stats: %+v", d)
	}
	if st.Bytes == 0 {
		b.Error("a dead letter takes no bytes")
	}
	b.nothing("a")
	b.reopen()
	after := b.store.Stats()
	if after.Destinations[dest("a")].DeadLetters != 1 || after.Bytes != st.Bytes {
		b.Errorf("stats when reopened: %+v, before: %+v", after, st)
	}
	b.nothing("a")
}

func (b *bench) endsOnce() {
	b.accept("body", queue.Identity{}, "a")
	c := b.next("a", "body")
	b.ok(c.Done(queue.Attempt{}))
	for _, again := range []func() error{
		func() error { return c.Done(queue.Attempt{}) }, c.Release,
		func() error { return c.Retry(time.Time{}, queue.Attempt{}) }, func() error { return c.Bury(queue.Attempt{}) },
	} {
		if again() == nil {
			b.Error("a claim was ended twice")
		}
	}
	b.waiting("a", 0)
	b.nothing("a")
}

func (b *bench) destinations() {
	b.accept("body", key(1), "a", "b", "c")
	before := b.store.Stats().Bytes
	b.ok(b.next("a", "body").Done(queue.Attempt{}))
	b.next("b", "body") // held when the process ends
	b.reopen()
	cb := b.next("b", "body")
	b.ok(cb.Retry(b.clock.Now(), queue.Attempt{At: b.clock.Now(), Error: "failed"}))
	b.ok(b.next("b", "body").Done(queue.Attempt{}))
	cc := b.next("c", "body")
	if got := b.store.Stats().Bytes; got <= 0 || got >= before {
		b.Errorf("%d bytes wait of %d", got, before)
	}
	b.ok(cc.Done(queue.Attempt{}))
	if n := b.store.Stats().Bytes; n != 0 {
		b.Errorf("%d bytes are left", n)
	}
	b.reopen()
	if n := b.store.Stats().Bytes; n != 0 {
		b.Errorf("%d bytes are left when reopened", n)
	}
	for _, d := range []string{"a", "b", "c"} {
		b.nothing(d)
	}
}

func (b *bench) twiceNamed() {
	b.accept("body", queue.Identity{}, "a", "b", "a")
	b.ok(b.next("a", "body").Done(queue.Attempt{}))
	b.nothing("a")
	b.ok(b.next("b", "body").Done(queue.Attempt{}))
	if n := b.store.Stats().Bytes; n != 0 {
		b.Errorf("%d bytes are left", n)
	}
}
