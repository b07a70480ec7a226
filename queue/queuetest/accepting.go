package queuetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
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
	b.ok(b.reserve(key(2), b.clock.Now()).Take(b.Context()))
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

// reserve reserves an identity that is not known.
func (b *bench) reserve(id queue.Identity, now time.Time) queue.Reservation {
	b.Helper()
	v, r, err := b.store.Reserve(b.Context(), id, now)
	b.ok(err)
	b.want(v, queue.New)
	return r
}

func (b *bench) reserves() {
	ctx, now := b.Context(), b.clock.Now()
	seen := func(id queue.Identity, at time.Time, want queue.Verdict) {
		b.Helper()
		got, err := b.store.Seen(ctx, id, at)
		b.ok(err)
		b.want(got, want)
	}
	reserved := func(id queue.Identity, at time.Time, want queue.Verdict) {
		b.Helper()
		got, r, err := b.store.Reserve(ctx, id, at)
		b.ok(err)
		b.want(got, want)
		if (r != nil) != id.GoesOn(want) {
			b.Errorf("%v with the reservation %v", want, r)
		}
		if r != nil {
			r.Drop()
		}
	}
	seen(key(1), now, queue.New)
	r := b.reserve(key(1), now)
	seen(key(1), now, queue.New) // not yet
	r.Drop()
	b.ok(r.Take(ctx)) // it has ended
	seen(key(1), now, queue.New)
	b.ok(b.reserve(key(1), now).Take(ctx))
	seen(key(1), now, queue.Duplicate)
	reserved(key(1), now, queue.Duplicate)
	b.want(b.accept("taken before", key(1), "a"), queue.Duplicate)
	seen(key(1), now.Add(time.Hour), queue.New)
	r = b.reserve(key(1), now.Add(time.Hour))
	b.ok(r.Take(ctx))
	r.Drop() // it has ended
	seen(key(1), now.Add(2*time.Hour-1), queue.Duplicate)

	b.want(b.accept("accepted", key(2), "a"), queue.New)
	seen(key(2), now, queue.Duplicate)
	reserved(key(2), now, queue.Duplicate)
	b.ok(b.reserve(replay(3, 3), now).Take(ctx))
	seen(replay(3, 3), now, queue.Duplicate)
	seen(replay(4, 3), now, queue.Replayed)
	reserved(replay(4, 3), now, queue.Replayed)
	refused := replay(4, 3)
	refused.RefuseReplays = true
	reserved(refused, now, queue.Replayed)
	b.want(b.accept("taken under another key", replay(4, 3), "a"), queue.Replayed)

	// Without a key nothing is recorded, and nobody waits.
	seen(queue.Identity{}, now, queue.New)
	first := b.reserve(queue.Identity{}, now)
	b.ok(b.reserve(queue.Identity{}, now).Take(ctx))
	b.ok(first.Take(ctx))
	unremembered := queue.Identity{Key: queue.Key{5}}
	b.ok(b.reserve(unremembered, now).Take(ctx))
	seen(unremembered, now, queue.New)
}

// reservesOnce: of simultaneous twins one at a time has the event, until one succeeds.
func (b *bench) reservesOnce() {
	b.reservesAmong([]queue.Store{b.store})
}

// reservesAmong reserves at all stores at once. The first two of each event fail.
func (b *bench) reservesAmong(stores []queue.Store) {
	const events, twins, failures = 6, 9, 2
	for _, shared := range []struct {
		name string
		id   func(event, twin int) queue.Identity
	}{
		{"the key", func(event, _ int) queue.Identity { return key(byte(event + 1)) }},
		{"the content", func(event, twin int) queue.Identity {
			id := replay(byte(100+twins*event+twin), byte(50+event))
			id.RefuseReplays = true
			return id
		}},
	} {
		var all sync.WaitGroup
		for event := range events {
			var held, tries, known atomic.Int32
			var twinsOf sync.WaitGroup
			for twin := range twins {
				twinsOf.Go(func() {
					v, r, err := stores[twin%len(stores)].Reserve(b.Context(), shared.id(event, twin), b.clock.Now())
					switch {
					case err != nil:
						b.Error(err)
						return
					case r == nil:
						known.Add(1)
						return
					case v != queue.New:
						b.Errorf("%v has a reservation", v)
					}
					if held.Add(1) != 1 {
						b.Errorf("two hold an event by %s", shared.name)
					}
					if v, err := stores[0].Seen(b.Context(), shared.id(event, twin), b.clock.Now()); v != queue.New || err != nil {
						b.Errorf("an event that is under way: %v, %v", v, err)
					}
					held.Add(-1)
					if tries.Add(1) <= failures {
						r.Drop()
					} else if err := r.Take(b.Context()); err != nil {
						b.Error(err)
					}
				})
			}
			all.Go(func() {
				twinsOf.Wait()
				if n := tries.Load(); n != failures+1 || known.Load() != twins-failures-1 {
					b.Errorf("an event by %s had %d tries, and %d twins were told that it is known", shared.name, n, known.Load())
				}
			})
		}
		all.Wait()
	}
}

// reserveEnds: a call that waits for a twin ends with its context, and leaves nothing behind.
func (b *bench) reserveEnds() {
	r := b.reserve(key(1), b.clock.Now())
	ctx, cancel := context.WithCancelCause(b.Context())
	cause := errors.New("the sender is gone")
	time.AfterFunc(10*time.Millisecond, func() { cancel(cause) })
	if _, _, err := b.store.Reserve(ctx, key(1), b.clock.Now()); !errors.Is(err, cause) {
		b.Errorf("got %v", err)
	}
	r.Drop()
	b.ok(b.reserve(key(1), b.clock.Now()).Take(b.Context()))
	b.reserve(key(2), b.clock.Now())
	waiting := make(chan error, 1)
	go func() { _, _, err := b.store.Reserve(b.Context(), key(2), b.clock.Now()); waiting <- err }()
	b.ok(b.store.Close())
	if err := <-waiting; !errors.Is(err, queue.ErrUnavailable) {
		b.Errorf("when closed: %v", err)
	}
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
