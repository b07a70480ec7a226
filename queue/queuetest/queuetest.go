// Package queuetest is the suite that every [queue.Store] has to pass.
package queuetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// Options are what the suite asks of the store that it wants opened.
type Options struct {
	// Dir is the same for stores that are the same store reopened.
	Dir string
	// Now is the clock.
	Now func() time.Time
	// MaxBacklog is the limit in bytes; 0: the store's default.
	MaxBacklog int64
}

// Waker is implemented by stores that cannot see that their clock was set.
type Waker interface{ Wake() }

// patience bounds the wait for what has to come. Nothing waits that long unless
// the test fails.
const patience = 10 * time.Second

// Run runs the suite. open fails the test if the store cannot be opened; the
// suite closes what it opens.
func Run(t *testing.T, open func(t *testing.T, o Options) queue.Store) {
	for _, test := range []struct {
		name string
		run  func(*bench)
	}{
		{"Delivers what was accepted", (*bench).delivers},
		{"Knows duplicates", (*bench).duplicates},
		{"Knows replays", (*bench).replays},
		{"Refuses replays", (*bench).refusesReplays},
		{"Accepts without a key", (*bench).keyless},
		{"Forgets after the window", (*bench).windows},
		{"Marks and sees", (*bench).marks},
		{"Lets one twin pass", (*bench).twins},
		{"Lets one twin pass with several keys", (*bench).crossedTwins},
		{"Claims exclusively", (*bench).exclusive},
		{"Claims in order", (*bench).order},
		{"Retries when due", (*bench).retries},
		{"Keeps the last error", (*bench).lastError},
		{"Releases uncounted", (*bench).releases},
		{"Buries", (*bench).buries},
		{"Redelivers and discards", (*bench).inspects},
		{"Ends a claim once", (*bench).endsOnce},
		{"Delivers to each destination", (*bench).destinations},
		{"Names a destination once", (*bench).twiceNamed},
		{"Reopens with what waits", (*bench).reopens},
		{"Remembers keys when reopened", (*bench).reopensKeys},
		{"Holds many", (*bench).many},
		{"Refuses above the limit", (*bench).full},
		{"Claim ends with its context", (*bench).claimCancelled},
		{"Claim wakes on accept", (*bench).claimWakes},
		{"Claim wakes when due", (*bench).claimWakesWhenDue},
		{"Claim wakes for each of many", (*bench).claimWakesMany},
		{"Accept ends with its context", (*bench).acceptCancelled},
		{"Refuses when closed", (*bench).closed},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := &bench{T: t, open: open, dir: t.TempDir(), clock: &clock{now: time.Unix(1_800_000_000, 0)}}
			b.reopen()
			t.Cleanup(func() { b.store.Close() })
			test.run(b)
		})
	}
}

// bench is a store on a test's bench.
type bench struct {
	*testing.T
	open  func(*testing.T, Options) queue.Store
	dir   string
	clock *clock
	limit int64
	store queue.Store
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (b *bench) advance(d time.Duration) {
	b.clock.mu.Lock()
	b.clock.now = b.clock.now.Add(d)
	b.clock.mu.Unlock()
	if w, ok := b.store.(Waker); ok {
		w.Wake()
	}
}

// at sets the clock.
func (b *bench) at(t time.Time) { b.advance(t.Sub(b.clock.Now())) }

func (b *bench) reopen() {
	b.Helper()
	if b.store != nil {
		b.ok(b.store.Close())
	}
	b.store = b.open(b.T, Options{Dir: b.dir, Now: b.clock.Now, MaxBacklog: b.limit})
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) message(body string) *queue.Message {
	now := b.clock.Now()
	return &queue.Message{
		ID: queue.NewID(now), ReceivedAt: now, Endpoint: "endpoint", Provider: "provider", EventID: "event",
		Method: "POST", URI: "/hook?a=b", Header: map[string][]string{"X-One": {"1", "2"}}, Body: []byte(body),
	}
}

// key makes an identity that is remembered for an hour.
func key(k byte) queue.Identity {
	return queue.Identity{Key: queue.Key{k}, Window: time.Hour}
}

func (b *bench) accept(body string, id queue.Identity, to ...string) queue.Verdict {
	b.Helper()
	v, err := b.store.Accept(b.Context(), b.message(body), id, to...)
	b.ok(err)
	return v
}

func (b *bench) want(got, want queue.Verdict) {
	b.Helper()
	if got != want {
		b.Fatalf("verdict: got %v, want %v", got, want)
	}
}

func (b *bench) claim(destination string) queue.Claim {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	c, err := b.store.Claim(ctx, destination)
	b.ok(err)
	return c
}

// next claims and compares the body.
func (b *bench) next(destination, body string) queue.Claim {
	b.Helper()
	c := b.claim(destination)
	if got := string(c.Delivery().Message.Body); got != body {
		b.Fatalf("claimed %q, want %q", got, body)
	}
	return c
}

// nothing makes sure that nothing is due, without waiting: a message of our own
// comes out instead. It is behind all that is due, as it was accepted last.
func (b *bench) nothing(destination string) {
	b.Helper()
	b.advance(1)
	b.accept("sentinel", queue.Identity{}, destination)
	b.ok(b.next(destination, "sentinel").Done())
}

func (b *bench) waiting(destination string, want int64) {
	b.Helper()
	if got := b.store.Stats().Destinations[destination].Waiting; got != want {
		b.Fatalf("%d deliveries wait for %s, want %d", got, destination, want)
	}
}

func (b *bench) delivers() {
	m := b.message("body")
	m.Timestamp, m.TLS = m.ReceivedAt.Add(-time.Second), true
	v, err := b.store.Accept(b.Context(), m, key(1), "a")
	b.ok(err)
	b.want(v, queue.New)
	b.waiting("a", 1)
	c := b.next("a", "body")
	d := c.Delivery()
	got := d.Message
	if got.ID != m.ID || !got.ReceivedAt.Equal(m.ReceivedAt) || !got.Timestamp.Equal(m.Timestamp) || got.URI != m.URI ||
		fmt.Sprint(got.Header) != fmt.Sprint(m.Header) || !got.TLS || got.EventID != "event" {
		b.Errorf("got %+v, want %+v", got, m)
	}
	if d.Destination != "a" || d.Attempts != 0 || d.LastError != "" || !d.LastAttempt.IsZero() {
		b.Errorf("a fresh delivery is %+v", d)
	}
	st := b.store.Stats().Destinations["a"]
	if st.Waiting != 1 || st.Claimed != 1 || !st.Oldest.Equal(m.ReceivedAt.Truncate(time.Millisecond)) {
		b.Errorf("stats while claimed: %+v", st)
	}
	b.ok(c.Done())
	b.waiting("a", 0)
	st = b.store.Stats().Destinations["a"]
	if st.Claimed != 0 || !st.Oldest.IsZero() {
		b.Errorf("stats when done: %+v", st)
	}
	if n := b.store.Stats().Bytes; n != 0 {
		b.Errorf("%d bytes are left", n)
	}
	b.nothing("a")
}

func (b *bench) duplicates() {
	b.want(b.accept("first", key(1), "a"), queue.New)
	b.want(b.accept("again", key(1), "a"), queue.Duplicate)
	b.advance(1)
	b.want(b.accept("other", key(2), "a"), queue.New)
	b.ok(b.next("a", "first").Done())
	b.ok(b.next("a", "other").Done())
	b.want(b.accept("after it is done", key(1), "a"), queue.Duplicate)
	b.nothing("a")
}

func replay(k, d byte) queue.Identity {
	return queue.Identity{Key: queue.Key{k}, Digest: queue.Key{0xd, d}, Window: time.Hour}
}

func (b *bench) replays() {
	b.want(b.accept("first", replay(1, 1), "a"), queue.New)
	b.want(b.accept("same key", replay(1, 2), "a"), queue.Duplicate)
	b.advance(1)
	b.want(b.accept("fresh key", replay(2, 1), "a"), queue.Replayed)
	b.want(b.accept("fresh key again", replay(2, 1), "a"), queue.Duplicate)
	b.ok(b.next("a", "first").Done())
	b.ok(b.next("a", "fresh key").Done())
	b.nothing("a")
}

func (b *bench) refusesReplays() {
	b.want(b.accept("first", replay(1, 1), "a"), queue.New)
	id := replay(2, 1)
	id.RefuseReplays = true
	b.want(b.accept("fresh key", id, "a"), queue.Replayed)
	b.want(b.accept("fresh key", id, "a"), queue.Replayed)
	id.Digest = queue.Key{0xd, 9}
	b.advance(1)
	b.want(b.accept("nothing was kept of its key", id, "a"), queue.New)
	b.ok(b.next("a", "first").Done())
	b.ok(b.next("a", "nothing was kept of its key").Done())
	b.nothing("a")
}

func (b *bench) keyless() {
	digest := queue.Identity{Digest: queue.Key{7}, Window: time.Hour}
	b.want(b.accept("one", queue.Identity{}, "a"), queue.New)
	b.advance(1)
	b.want(b.accept("two", queue.Identity{}, "a"), queue.New)
	b.advance(1)
	b.want(b.accept("three", digest, "a"), queue.New)
	b.advance(1)
	b.want(b.accept("four", digest, "a"), queue.Replayed)
	for _, body := range []string{"one", "two", "three", "four"} {
		b.ok(b.next("a", body).Done())
	}
}

func (b *bench) windows() {
	b.want(b.accept("first", key(1), "a"), queue.New)
	b.advance(time.Hour - 1)
	b.want(b.accept("still inside", key(1), "a"), queue.Duplicate)
	b.advance(1)
	b.want(b.accept("over", key(1), "a"), queue.New)
	b.want(b.accept("renewed", key(1), "a"), queue.Duplicate)
	b.advance(time.Hour - 1)
	b.want(b.accept("a window of its own", key(1), "a"), queue.Duplicate)
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
				verdicts[i], err = b.store.Accept(b.Context(), b.message("twin"), identity(round, i), "a")
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

func (b *bench) exclusive() {
	const messages, workers = 200, 8
	for i := range messages {
		b.accept(fmt.Sprint(i), queue.Identity{}, "a")
	}
	var mu sync.Mutex
	count := make(map[string]int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range messages / workers {
				c := b.claim("a")
				mu.Lock()
				count[string(c.Delivery().Message.Body)]++
				mu.Unlock()
				if err := c.Done(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if len(count) != messages {
		b.Errorf("%d of %d messages were delivered", len(count), messages)
	}
	b.waiting("a", 0)
}

func (b *bench) order() {
	for i := range 20 {
		b.accept(fmt.Sprint(i), queue.Identity{}, "a")
		b.advance(time.Millisecond)
	}
	for i := range 20 {
		b.ok(b.next("a", fmt.Sprint(i)).Done())
	}
}

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

func (b *bench) reopens() {
	now := b.clock.Now()
	for _, body := range []string{"done", "claimed", "retried", "waits"} {
		b.accept(body, queue.Identity{}, "a")
		b.advance(time.Millisecond)
	}
	b.ok(b.next("a", "done").Done())
	b.next("a", "claimed")
	b.ok(b.next("a", "retried").Retry(now.Add(time.Hour), "failed"))
	bytes := b.store.Stats().Bytes
	b.reopen()
	st := b.store.Stats()
	if d := st.Destinations["a"]; d.Waiting != 3 || d.Claimed != 0 || st.Bytes != bytes {
		b.Errorf("stats: %+v, %d bytes; %d before", d, st.Bytes, bytes)
	}
	b.ok(b.next("a", "claimed").Done())
	b.ok(b.next("a", "waits").Done())
	b.nothing("a")
	b.advance(time.Hour)
	b.ok(b.next("a", "retried").Done())
}

func (b *bench) reopensKeys() {
	b.want(b.accept("first", replay(1, 1), "a"), queue.New)
	b.reopen()
	b.want(b.accept("again", replay(1, 1), "a"), queue.Duplicate)
	b.want(b.accept("replay", replay(2, 1), "a"), queue.Replayed)
}

// many exceeds whatever a store may hold in memory of one destination.
func (b *bench) many() {
	const n = 3000
	seen := make(map[string]bool)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range n / 8 {
				_, err := b.store.Accept(b.Context(), b.message(fmt.Sprint(w, ".", i)), queue.Identity{}, "a")
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.waiting("a", n)
	for i := range n {
		if i == n/3 {
			b.reopen()
			b.waiting("a", n-n/3)
		}
		c := b.claim("a")
		body := string(c.Delivery().Message.Body)
		if seen[body] {
			b.Fatalf("%s was delivered twice", body)
		}
		seen[body] = true
		if i%5 == 0 && c.Delivery().Attempts == 0 {
			delete(seen, body)
			b.ok(c.Retry(b.clock.Now(), "once"))
			c = b.claim("a")
			seen[string(c.Delivery().Message.Body)] = true
		}
		b.ok(c.Done())
	}
	b.waiting("a", 0)
	b.nothing("a")
}

func (b *bench) full() {
	b.limit = 4000
	b.reopen()
	body := string(make([]byte, 1000))
	accepted := 0
	var err error
	for accepted = range 10 {
		if _, err = b.store.Accept(b.Context(), b.message(body), key(byte(accepted+1)), "a"); err != nil {
			break
		}
	}
	if !errors.Is(err, queue.ErrFull) || accepted == 0 {
		b.Fatalf("after %d messages: %v", accepted, err)
	}
	b.waiting("a", int64(accepted))
	b.want(b.accept(body, key(1), "a"), queue.Duplicate)
	b.ok(b.next("a", body).Done())
	b.want(b.accept(body, key(byte(accepted+1)), "a"), queue.New)
	b.reopen()
	if _, err = b.store.Accept(b.Context(), b.message(body), key(100), "a"); !errors.Is(err, queue.ErrFull) {
		b.Errorf("when reopened: %v", err)
	}
}

// claimed starts a claim and returns where its result arrives.
func (b *bench) claimed(ctx context.Context, destination string) <-chan error {
	result := make(chan error, 1)
	go func() {
		c, err := b.store.Claim(ctx, destination)
		if err == nil {
			err = c.Done()
		}
		result <- err
	}()
	return result
}

func (b *bench) receive(c <-chan error) error {
	b.Helper()
	select {
	case err := <-c:
		return err
	case <-time.After(patience):
		b.Fatal("nothing happened")
		return nil
	}
}

func (b *bench) claimCancelled() {
	ctx, cancel := context.WithCancel(b.Context())
	result := b.claimed(ctx, "a")
	cancel()
	if err := b.receive(result); !errors.Is(err, context.Canceled) {
		b.Errorf("got %v", err)
	}
	// Nothing was taken by who has left.
	b.accept("body", queue.Identity{}, "a")
	b.ok(b.next("a", "body").Done())
}

func (b *bench) claimWakes() {
	result := b.claimed(b.Context(), "a")
	b.accept("body", queue.Identity{}, "b", "a")
	b.ok(b.receive(result))
}

func (b *bench) claimWakesWhenDue() {
	b.accept("body", queue.Identity{}, "a")
	b.ok(b.next("a", "body").Retry(b.clock.Now().Add(time.Hour), "failed"))
	result := b.claimed(b.Context(), "a")
	b.advance(time.Hour)
	b.ok(b.receive(result))
}

func (b *bench) claimWakesMany() {
	const n = 50
	var results []<-chan error
	for range n {
		results = append(results, b.claimed(b.Context(), "a"))
	}
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if _, err := b.store.Accept(b.Context(), b.message("body"), queue.Identity{}, "a"); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	for _, r := range results {
		b.ok(b.receive(r))
	}
	b.waiting("a", 0)
}

func (b *bench) acceptCancelled() {
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	_, err := b.store.Accept(ctx, b.message("body"), key(1), "a")
	if err == nil {
		b.Fatal("accepted")
	}
	// The sender's retry is no duplicate of a message that was lost.
	if b.accept("body", key(1), "a") == queue.Duplicate {
		b.waiting("a", 1)
	}
	b.ok(b.next("a", "body").Done())
}

func (b *bench) closed() {
	b.accept("body", queue.Identity{}, "a")
	held := b.next("a", "body")
	waiting := b.claimed(b.Context(), "a")
	b.ok(b.store.Close())
	if err := b.receive(waiting); !errors.Is(err, queue.ErrUnavailable) {
		b.Errorf("a waiting claim: %v", err)
	}
	if _, err := b.store.Accept(b.Context(), b.message("body"), key(1), "a"); !errors.Is(err, queue.ErrUnavailable) {
		b.Errorf("Accept: %v", err)
	}
	if _, err := b.store.Claim(b.Context(), "a"); !errors.Is(err, queue.ErrUnavailable) {
		b.Errorf("Claim: %v", err)
	}
	if _, err := b.store.Seen(b.Context(), key(1), b.clock.Now()); !errors.Is(err, queue.ErrUnavailable) {
		b.Errorf("Seen: %v", err)
	}
	if err := held.Done(); !errors.Is(err, queue.ErrUnavailable) {
		b.Errorf("Done: %v", err)
	}
	b.ok(b.store.Close())
}
