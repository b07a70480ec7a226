package queuetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

func (b *bench) retries() {
	now := b.clock.Now()
	b.accept("late", queue.Identity{}, "a")
	b.ok(b.next("a", "late").Retry(now.Add(time.Hour), "first"))
	b.advance(time.Millisecond)
	b.accept("early", queue.Identity{}, "a")
	b.ok(b.next("a", "early").Retry(now.Add(time.Minute), "first"))
	b.waiting("a", 2)
	b.nothing("a")
	b.at(now.Add(time.Minute - 2))
	b.nothing("a")
	b.at(now.Add(time.Minute))
	c := b.next("a", "early")
	if n := c.Delivery().Attempts; n != 1 {
		b.Errorf("%d attempts were counted, want 1", n)
	}
	b.ok(c.Done())
	b.nothing("a")
	b.advance(time.Hour)
	b.ok(b.next("a", "late").Done())
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
		if i > 0 && (d.LastError != fmt.Sprintf("error %d", i-1) || !d.LastAttempt.Equal(b.clock.Now().Add(-time.Minute))) {
			b.Errorf("attempt %d: last %q at %v", i, d.LastError, d.LastAttempt)
		}
		b.ok(c.Retry(b.clock.Now().Add(time.Minute), fmt.Sprintf("error %d", i)))
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
	if d := c.Delivery(); d.Attempts != 0 || d.LastError != "" {
		b.Errorf("a released attempt was counted: %+v", d)
	}
	b.ok(c.Retry(b.clock.Now(), "failed"))
	c = b.next("a", "body")
	b.ok(c.Release())
	c = b.next("a", "body")
	if d := c.Delivery(); d.Attempts != 1 || d.LastError != "failed" {
		b.Errorf("after a failure and a release: %+v", d)
	}
	b.ok(c.Done())
	b.nothing("a")
}

func (b *bench) buries() {
	b.accept("body", queue.Identity{}, "a")
	b.ok(b.next("a", "body").Bury(b.clock.Now(), "hopeless"))
	st := b.store.Stats()
	if d := st.Destinations["a"]; d.DeadLetters != 1 || d.Waiting != 0 || d.Claimed != 0 {
		b.Errorf("stats: %+v", d)
	}
	if st.Bytes == 0 {
		b.Error("a dead letter takes no bytes")
	}
	b.nothing("a")
	b.reopen()
	after := b.store.Stats()
	if after.Destinations["a"].DeadLetters != 1 || after.Bytes != st.Bytes {
		b.Errorf("stats when reopened: %+v, before: %+v", after, st)
	}
	b.nothing("a")
}

// inspects is for stores that are a [queue.Inspector].
func (b *bench) inspects() {
	in, ok := b.store.(queue.Inspector)
	if !ok {
		b.Skip("the store cannot be inspected")
	}
	for _, body := range []string{"one", "two", "three"} {
		b.accept(body, queue.Identity{}, "a", "b")
		b.ok(b.next("a", body).Bury(b.clock.Now(), "hopeless "+body))
		b.ok(b.next("b", body).Done())
		b.advance(time.Millisecond)
	}
	letters, err := in.DeadLetters(b.Context(), "a", queue.ID{}, 2)
	b.ok(err)
	if len(letters) != 2 || string(letters[1].Message.Body) != "two" || letters[1].LastError != "hopeless two" || letters[1].Attempts != 1 {
		b.Fatalf("dead letters: %+v", letters)
	}
	rest, err := in.DeadLetters(b.Context(), "a", letters[1].Message.ID, 9)
	b.ok(err)
	if len(rest) != 1 || string(rest[0].Message.Body) != "three" {
		b.Fatalf("the rest of them: %+v", rest)
	}
	b.ok(in.Redeliver(b.Context(), "a", letters[0].Message.ID))
	b.ok(in.Discard(b.Context(), "a", letters[1].Message.ID))
	for _, id := range []queue.ID{letters[0].Message.ID, letters[1].Message.ID, {}} {
		if err := in.Redeliver(b.Context(), "a", id); !errors.Is(err, queue.ErrNotFound) {
			b.Errorf("Redeliver again: %v", err)
		}
	}
	before := b.store.Stats()
	if d := before.Destinations["a"]; d.Waiting != 1 || d.DeadLetters != 1 {
		b.Errorf("stats: %+v", d)
	}
	b.reopen()
	after := b.store.Stats()
	if after.Bytes != before.Bytes || after.Destinations["a"] != before.Destinations["a"] {
		b.Errorf("stats when reopened: %+v, before: %+v", after, before)
	}
	c := b.next("a", "one")
	if n := c.Delivery().Attempts; n != 0 {
		b.Errorf("a redelivered message has %d attempts", n)
	}
	b.ok(c.Done())
	b.ok(b.store.(queue.Inspector).Discard(b.Context(), "a", rest[0].Message.ID))
	if n := b.store.Stats().Bytes; n != 0 {
		b.Errorf("%d bytes are left", n)
	}
	b.nothing("a")
}

func (b *bench) endsOnce() {
	b.accept("body", queue.Identity{}, "a")
	c := b.next("a", "body")
	b.ok(c.Done())
	for _, again := range []func() error{c.Done, c.Release, func() error { return c.Retry(time.Time{}, "") }, func() error { return c.Bury(time.Time{}, "") }} {
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
	b.ok(b.next("a", "body").Done())
	b.next("b", "body") // held when the process ends
	b.reopen()
	cb := b.next("b", "body")
	b.ok(cb.Retry(b.clock.Now(), "failed"))
	b.ok(b.next("b", "body").Done())
	cc := b.next("c", "body")
	if got := b.store.Stats().Bytes; got <= 0 || got >= before {
		b.Errorf("%d bytes wait of %d", got, before)
	}
	b.ok(cc.Done())
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
	b.ok(b.next("a", "body").Done())
	b.nothing("a")
	b.ok(b.next("b", "body").Done())
	if n := b.store.Stats().Bytes; n != 0 {
		b.Errorf("%d bytes are left", n)
	}
}
