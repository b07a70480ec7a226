package queuetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

func (b *bench) duplicates() {
	b.want(b.accept("first", key(1), "a"), queue.New)
	b.want(b.accept("again", key(1), "a"), queue.Duplicate)
	b.advance(tick)
	b.want(b.accept("other", key(2), "a"), queue.New)
	b.ok(b.next("a", "first").Done(queue.Attempt{}))
	b.ok(b.next("a", "other").Done(queue.Attempt{}))
	b.want(b.accept("after it is done", key(1), "a"), queue.Duplicate)
	b.nothing("a")
}

func replay(k, d byte) queue.Identity {
	return queue.Identity{Key: queue.Key{k}, Digest: queue.Key{0xd, d}, Window: time.Hour}
}

func (b *bench) replays() {
	b.want(b.accept("first", replay(1, 1), "a"), queue.New)
	b.want(b.accept("same key", replay(1, 2), "a"), queue.Duplicate)
	b.advance(tick)
	b.want(b.accept("fresh key", replay(2, 1), "a"), queue.Replayed)
	b.want(b.accept("fresh key again", replay(2, 1), "a"), queue.Duplicate)
	b.ok(b.next("a", "first").Done(queue.Attempt{}))
	b.ok(b.next("a", "fresh key").Done(queue.Attempt{}))
	b.nothing("a")
}

func (b *bench) refusesReplays() {
	b.want(b.accept("first", replay(1, 1), "a"), queue.New)
	id := replay(2, 1)
	id.RefuseReplays = true
	b.want(b.accept("fresh key", id, "a"), queue.Replayed)
	b.want(b.accept("fresh key", id, "a"), queue.Replayed)
	id.Digest = queue.Key{0xd, 9}
	b.advance(tick)
	b.want(b.accept("nothing was kept of its key", id, "a"), queue.New)
	b.ok(b.next("a", "first").Done(queue.Attempt{}))
	b.ok(b.next("a", "nothing was kept of its key").Done(queue.Attempt{}))
	b.nothing("a")
}

func (b *bench) keyless() {
	digest := queue.Identity{Digest: queue.Key{7}, Window: time.Hour}
	b.want(b.accept("one", queue.Identity{}, "a"), queue.New)
	b.advance(tick)
	b.want(b.accept("two", queue.Identity{}, "a"), queue.New)
	b.advance(tick)
	b.want(b.accept("three", digest, "a"), queue.New)
	b.advance(tick)
	b.want(b.accept("four", digest, "a"), queue.Replayed)
	for _, body := range []string{"one", "two", "three", "four"} {
		b.ok(b.next("a", body).Done(queue.Attempt{}))
	}
}

func (b *bench) windows() {
	b.want(b.accept("first", key(1), "a"), queue.New)
	b.advance(time.Hour / 2)
	b.want(b.accept("half is left", key(1), "a"), queue.Duplicate)
	b.advance(time.Hour / 2)
	b.want(b.accept("over", key(1), "a"), queue.New)
	b.want(b.accept("renewed", key(1), "a"), queue.Duplicate)
	b.advance(time.Hour - 1)
	b.want(b.accept("a window of its own", key(1), "a"), queue.Duplicate)
}

// slides repeats known events for ever, at pauses shorter than half of the window.
// Each stays known: a captured request cannot outlive its key.
func (b *bench) slides() {
	const pause = 25 * time.Minute
	refusing := func(k byte) queue.Identity {
		id := replay(k, 9)
		id.RefuseReplays = true
		return id
	}
	b.want(b.accept("by its key", key(1), "a"), queue.New)
	b.ok(b.store.Mark(b.Context(), key(2), b.clock.Now()))
	b.want(b.accept("by its digest", refusing(3), "a"), queue.New)
	for i := range byte(12) {
		b.advance(pause)
		b.want(b.accept("again", key(1), "a"), queue.Duplicate)
		got, err := b.store.Seen(b.Context(), key(2), b.clock.Now())
		b.ok(err)
		b.want(got, queue.Duplicate)
		b.want(b.accept("under a fresh ID", refusing(100+i), "a"), queue.Replayed)
		if i == 6 {
			b.reopen()
		}
	}
	// Digest and key slide together, and a refused replay has left no key.
	b.want(b.accept("its own key ended long ago", replay(3, 8), "a"), queue.New)
	b.want(b.accept("a key of a refused replay", replay(100, 7), "a"), queue.New)
	b.advance(time.Hour)
	b.want(b.accept("a whole window passed", key(1), "a"), queue.New)
	b.want(b.accept("a whole window passed here as well", replay(4, 9), "a"), queue.New)
}

func (b *bench) marks() {
	ctx, now := b.Context(), b.clock.Now()
	seen := func(id queue.Identity, at time.Time, want queue.Verdict) {
		b.Helper()
		got, err := b.store.Seen(ctx, id, at)
		b.ok(err)
		b.want(got, want)
	}
	seen(key(1), now, queue.New)
	b.ok(b.store.Mark(ctx, key(1), now))
	seen(key(1), now, queue.Duplicate)
	seen(key(1), now.Add(time.Hour), queue.New)
	seen(queue.Identity{}, now, queue.New)
	b.ok(b.store.Mark(ctx, key(1), now.Add(time.Minute)))
	seen(key(1), now.Add(time.Hour), queue.Duplicate)
	b.want(b.accept("marked before", key(1), "a"), queue.Duplicate)
	b.want(b.accept("accepted", key(2), "a"), queue.New)
	seen(key(2), now, queue.Duplicate)
	b.ok(b.store.Mark(ctx, replay(3, 3), now))
	seen(replay(3, 3), now, queue.Duplicate)
	seen(replay(4, 3), now, queue.Replayed)
	b.want(b.accept("marked under another key", replay(4, 3), "a"), queue.Replayed)
}

func (b *bench) twins() {
	b.race(func(round, _ int) queue.Identity { return key(byte(round + 1)) })
}

// crossedTwins has the digest of one be the key of another, so that whoever locks
// keys in the order in which they are given comes to a standstill.
func (b *bench) crossedTwins() {
	b.race(func(round, i int) queue.Identity {
		id := queue.Identity{Key: queue.Key{byte(round), 1}, Digest: queue.Key{byte(round), 2}, Window: time.Hour, RefuseReplays: true}
		if i%2 == 1 {
			id.Key, id.Digest = id.Digest, id.Key
		}
		return id
	})
}

func (b *bench) race(identity func(round, i int) queue.Identity) {
	const rounds, twins = 10, 16
	for round := range rounds {
		verdicts := make([]queue.Verdict, twins)
		var wg sync.WaitGroup
		for i := range twins {
			wg.Go(func() {
				var err error
				var a queue.Accepted
				a, err = b.store.Accept(b.Context(), b.message("twin"), identity(round, i), routesTo("a")...)
				verdicts[i] = a.Verdict
				if err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
		news := 0
		for _, v := range verdicts {
			if v == queue.New {
				news++
			}
		}
		if news != 1 {
			b.Fatalf("%d of %d twins were new", news, twins)
		}
	}
	b.waiting("a", rounds)
}

func (b *bench) reopensKeys() {
	b.want(b.accept("first", replay(1, 1), "a"), queue.New)
	b.reopen()
	b.want(b.accept("again", replay(1, 1), "a"), queue.Duplicate)
	b.want(b.accept("replay", replay(2, 1), "a"), queue.Replayed)
}

func (b *bench) full() {
	b.settings.MaxBacklog = 4000
	b.reopen()
	body := string(make([]byte, 1000))
	accepted := 0
	var err error
	for accepted = range 10 {
		if _, err = b.store.Accept(b.Context(), b.message(body), key(byte(accepted+1)), routesTo("a")...); err != nil {
			break
		}
	}
	if !errors.Is(err, queue.ErrFull) || accepted == 0 {
		b.Fatalf("after %d messages: %v", accepted, err)
	}
	b.waiting("a", int64(accepted))
	b.want(b.accept(body, key(1), "a"), queue.Duplicate)
	b.ok(b.next("a", body).Done(queue.Attempt{}))
	b.want(b.accept(body, key(byte(accepted+1)), "a"), queue.New)
	b.reopen()
	if _, err = b.store.Accept(b.Context(), b.message(body), key(100), routesTo("a")...); !errors.Is(err, queue.ErrFull) {
		b.Errorf("when reopened: %v", err)
	}
}

func (b *bench) acceptCancelled() {
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	_, err := b.store.Accept(ctx, b.message("body"), key(1), routesTo("a")...)
	if err == nil {
		b.Fatal("accepted")
	}
	// The sender's retry is no duplicate of a message that was lost.
	if b.accept("body", key(1), "a") == queue.Duplicate {
		b.waiting("a", 1)
	}
	b.ok(b.next("a", "body").Done(queue.Attempt{}))
}
