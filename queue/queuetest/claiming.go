package queuetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

func (b *bench) delivers() {
	m := b.message("body")
	m.Timestamp, m.TLS = m.ReceivedAt.Add(-time.Second), true
	v, err := b.store.Accept(b.Context(), m, key(1), routesTo("a")...)
	b.ok(err)
	b.want(v.Verdict, queue.New)
	b.waiting("a", 1)
	c := b.next("a", "body")
	d := c.Delivery()
	got := d.Message
	if got.ID != m.ID || !got.ReceivedAt.Equal(m.ReceivedAt) || !got.Timestamp.Equal(m.Timestamp) || got.URI != m.URI ||
		fmt.Sprint(got.Header) != fmt.Sprint(m.Header) || !got.TLS || got.EventID != "event" {
		b.Errorf("got %+v, want %+v", got, m)
	}
	if d.Destination != dest("a") || d.Attempts != 0 || d.Last != nil {
		b.Errorf("a fresh delivery is %+v", d)
	}
	st := b.store.Stats().Destinations[dest("a")]
	if st.Waiting != 1 || st.Claimed != 1 || !st.Oldest.Equal(m.ReceivedAt.Truncate(time.Millisecond)) {
		b.Errorf("stats while claimed: %+v", st)
	}
	b.ok(c.Done(queue.Attempt{}))
	b.waiting("a", 0)
	st = b.store.Stats().Destinations[dest("a")]
	if st.Claimed != 0 || !st.Oldest.IsZero() {
		b.Errorf("stats when done: %+v", st)
	}
	if n := b.store.Stats().Bytes; n != 0 {
		b.Errorf("%d bytes are left", n)
	}
	b.nothing("a")
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
				if err := c.Done(queue.Attempt{}); err != nil {
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
		b.ok(b.next("a", fmt.Sprint(i)).Done(queue.Attempt{}))
	}
}

func (b *bench) reopens() {
	now := b.clock.Now()
	for _, body := range []string{"done", "claimed", "retried", "waits"} {
		b.accept(body, queue.Identity{}, "a")
		b.advance(time.Millisecond)
	}
	b.ok(b.next("a", "done").Done(queue.Attempt{}))
	b.next("a", "claimed")
	b.ok(b.next("a", "retried").Retry(now.Add(time.Hour), queue.Attempt{At: b.clock.Now(), Error: "failed"}))
	bytes := b.store.Stats().Bytes
	b.reopen()
	st := b.store.Stats()
	if d := st.Destinations[dest("a")]; d.Waiting != 3 || d.Claimed != 0 || st.Bytes != bytes {
		b.Errorf("stats: %+v, %d bytes; %d before", d, st.Bytes, bytes)
	}
	b.ok(b.next("a", "claimed").Done(queue.Attempt{}))
	b.ok(b.next("a", "waits").Done(queue.Attempt{}))
	b.nothing("a")
	b.advance(time.Hour)
	b.ok(b.next("a", "retried").Done(queue.Attempt{}))
}

// many exceeds whatever a store may hold in memory of one destination.
func (b *bench) many() {
	const n = 3000
	seen := make(map[string]bool)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range n / 8 {
				_, err := b.store.Accept(b.Context(), b.message(fmt.Sprint(w, ".", i)), queue.Identity{}, routesTo("a")...)
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
			b.ok(c.Retry(b.clock.Now(), queue.Attempt{At: b.clock.Now(), Error: "once"}))
			c = b.claim("a")
			seen[string(c.Delivery().Message.Body)] = true
		}
		b.ok(c.Done(queue.Attempt{}))
	}
	b.waiting("a", 0)
	b.nothing("a")
}

// claimed starts a claim and returns where its result arrives.
func (b *bench) claimed(ctx context.Context, destination string) <-chan error {
	result := make(chan error, 1)
	go func() {
		c, err := b.store.Claim(ctx, dest(destination))
		if err == nil {
			err = c.Done(queue.Attempt{})
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
	b.ok(b.next("a", "body").Done(queue.Attempt{}))
}

func (b *bench) claimWakes() {
	result := b.claimed(b.Context(), "a")
	b.accept("body", queue.Identity{}, "b", "a")
	b.ok(b.receive(result))
}

func (b *bench) claimWakesWhenDue() {
	b.accept("body", queue.Identity{}, "a")
	b.ok(b.next("a", "body").Retry(b.clock.Now().Add(time.Hour), queue.Attempt{At: b.clock.Now(), Error: "failed"}))
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
			if _, err := b.store.Accept(b.Context(), b.message("body"), queue.Identity{}, routesTo("a")...); err != nil {
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

func (b *bench) closed() {
	b.accept("body", queue.Identity{}, "a")
	held := b.next("a", "body")
	waiting := b.claimed(b.Context(), "a")
	if err := held.Context().Err(); err != nil {
		b.Errorf("the context of a claim: %v", err)
	}
	b.ok(b.store.Close())
	if held.Context().Err() == nil {
		b.Error("the context of a claim goes on")
	}
	if err := b.receive(waiting); !errors.Is(err, queue.ErrUnavailable) {
		b.Errorf("a waiting claim: %v", err)
	}
	if _, err := b.store.Accept(b.Context(), b.message("body"), key(1), routesTo("a")...); !errors.Is(err, queue.ErrUnavailable) {
		b.Errorf("Accept: %v", err)
	}
	if _, err := b.store.Claim(b.Context(), dest("a")); !errors.Is(err, queue.ErrUnavailable) {
		b.Errorf("Claim: %v", err)
	}
	if _, err := b.store.Seen(b.Context(), key(1), b.clock.Now()); !errors.Is(err, queue.ErrUnavailable) {
		b.Errorf("Seen: %v", err)
	}
	if _, _, err := b.store.Reserve(b.Context(), key(1), b.clock.Now()); !errors.Is(err, queue.ErrUnavailable) {
		b.Errorf("Reserve: %v", err)
	}
	if err := held.Done(queue.Attempt{}); !errors.Is(err, queue.ErrUnavailable) {
		b.Errorf("Done: %v", err)
	}
	b.ok(b.store.Close())
}
