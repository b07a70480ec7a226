package queuetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// looker skips the test for a store that nobody can look into.
func (b *bench) looker() queue.Inspector {
	b.Helper()
	i, ok := b.store.(queue.Inspector)
	if !ok {
		b.Skip("the store cannot be looked into")
	}
	return i
}

// stands compares where a delivery is; an empty state: it is not there.
func (b *bench) stands(id queue.ID, destination string, want queue.State, attempts int) queue.DeliveryState {
	b.Helper()
	seen, err := b.looker().Look(b.Context(), id)
	b.ok(err)
	if seen.Err != nil {
		b.Fatal(seen.Err)
	}
	for _, d := range seen.Deliveries {
		if d.Destination == dest(destination) {
			if d.State != want || d.Attempts != attempts || d.Err != nil {
				b.Fatalf("%s is %s after %d attempts (%v), want %q after %d", destination, d.State, d.Attempts, d.Err, want, attempts)
			}
			return d.DeliveryState
		}
	}
	if want != "" {
		b.Fatalf("%s is not there, want %s", destination, want)
	}
	return queue.DeliveryState{}
}

func (b *bench) refuses(err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Fatalf("got %v, want %v", err, want)
	}
}

func (b *bench) redelivers() {
	ctx, to := b.Context(), queue.Route{Destination: dest("a")}
	b.accept("body", key(1), "a")
	size := b.store.Stats().Bytes
	c := b.next("a", "body")
	id := c.Delivery().Message.ID
	b.ok(c.Retry(b.clock.Now().Add(time.Hour), queue.Attempt{At: b.clock.Now(), Error: "failed"}))

	// One that waits becomes due.
	b.advance(time.Minute)
	b.ok(b.looker().Redeliver(ctx, id, to))
	c = b.next("a", "body")
	d := c.Delivery()
	if d.Attempts != 0 || !d.Redelivered.Equal(b.clock.Now()) || !d.Began().Equal(b.clock.Now()) {
		b.Errorf("redelivered: %+v", d)
	}
	b.ok(c.Bury(queue.Attempt{At: b.clock.Now(), Error: "hopeless"}))
	b.backlog(size)

	// So does a dead letter, and what was delivered, however often.
	b.ok(b.looker().Redeliver(ctx, id, to))
	b.ok(b.looker().Redeliver(ctx, id, to))
	b.reopen()
	b.stands(id, "a", queue.StateWaiting, 0)
	b.ok(b.next("a", "body").Done(queue.Attempt{At: b.clock.Now()}))
	b.backlog(0)
	b.retained(size)
	b.ok(b.looker().Redeliver(ctx, id, to))
	b.backlog(size)
	b.retained(0)
	b.waiting("a", 1)
	b.advance(2 * retention)
	b.sweep() // it is no longer among the ended
	b.ok(b.next("a", "body").Done(queue.Attempt{At: b.clock.Now()}))
	b.nothing("a")

	seen, err := b.looker().Look(ctx, id)
	b.ok(err)
	if h := seen.Deliveries[0].History; len(h) != 4 || h[0].Error != "failed" || h[1].Error != "hopeless" || h[3].Number != 1 {
		b.Errorf("the attempts of before are not all there: %+v", h)
	}
	b.advance(retention)
	b.sweep()
	b.isGone(id, "aged")
	b.refuses(b.looker().Redeliver(ctx, id, to), queue.ErrNotFound)
	b.refuses(b.looker().Redeliver(ctx, queue.NewID(b.clock.Now()), to), queue.ErrNotFound)
	b.want(b.accept("body", key(1), "a"), queue.New) // long after its window
}

func (b *bench) redeliversElsewhere() {
	ctx := b.Context()
	b.accept("body", queue.Identity{}, "a")
	c := b.next("a", "body")
	id := c.Delivery().Message.ID
	b.ok(c.Done(queue.Attempt{}))
	b.ok(b.looker().Redeliver(ctx, id, queue.Route{Destination: dest("new")}))
	b.stands(id, "a", queue.StateDelivered, 1)
	b.stands(id, "new", queue.StateWaiting, 0)
	b.reopen()
	if got := b.store.Backlog(dest("new")); got <= 0 || got != b.store.Stats().Bytes {
		b.Errorf("%d bytes", got)
	}
	b.advance(retention)
	b.sweep()
	b.stands(id, "a", "", 0)
	b.ok(b.looker().Redeliver(ctx, id, queue.Route{Destination: dest("a")})) // where it had ended
	b.ok(b.next("a", "body").Done(queue.Attempt{}))
	b.ok(b.next("new", "body").Done(queue.Attempt{}))
	b.backlog(0)

	m := b.message("unrouted")
	_, err := b.store.Accept(ctx, m, queue.Identity{})
	b.ok(err)
	b.ok(b.looker().Redeliver(ctx, m.ID, queue.Route{Destination: dest("new")}))
	b.stands(m.ID, "endpoint", "", 0)
	b.stands(m.ID, "new", queue.StateWaiting, 0)
	b.ok(b.next("new", "unrouted").Done(queue.Attempt{}))
	m = b.message("unrouted, too")
	_, err = b.store.Accept(ctx, m, queue.Identity{})
	b.ok(err)
	b.ok(b.looker().Redeliver(ctx, m.ID, queue.Route{Destination: dest("endpoint")}))
	b.ok(b.next("endpoint", "unrouted, too").Done(queue.Attempt{}))
	m = b.message("rerouted")
	_, err = b.store.Accept(ctx, m, queue.Identity{})
	b.ok(err)
	b.refuses(b.looker().Reroute(ctx, m.ID), queue.ErrState)
	all := []queue.Route{{Destination: dest("new")}, {Destination: dest("endpoint"), Ordered: true, OrderKey: "one"}, {Destination: dest("new")}}
	b.ok(b.looker().Reroute(ctx, m.ID, all...))
	b.refuses(b.looker().Reroute(ctx, m.ID, all...), queue.ErrState)
	b.refuses(b.looker().Reroute(ctx, queue.NewID(b.clock.Now()), all...), queue.ErrNotFound)
	b.reopen()
	if got := b.store.Backlog(dest("new"), dest("endpoint")); got <= 0 || got != b.store.Stats().Bytes {
		b.Errorf("%d bytes of %d", got, b.store.Stats().Bytes)
	}
	for _, destination := range []string{"new", "endpoint"} {
		b.stands(m.ID, destination, queue.StateWaiting, 0)
		b.ok(b.next(destination, "rerouted").Done(queue.Attempt{}))
	}
	b.backlog(0)
	b.advance(retention)
	b.sweep()
	b.retained(0)
	b.isGone(m.ID, "aged")
}

func (b *bench) cancels() {
	ctx := b.Context()
	var ids []queue.ID
	for _, body := range []string{"cancelled", "buried", "delivered"} {
		m := b.message(body)
		ids = append(ids, m.ID)
		_, err := b.store.Accept(ctx, m, queue.Identity{}, routesTo("a")...)
		b.ok(err)
		b.advance(tick)
	}
	size := b.store.Stats().Bytes
	look := b.looker()
	for range 2 { // pressing twice does no harm
		b.ok(look.Cancel(ctx, ids[0], dest("a")))
		b.ok(look.Bury(ctx, ids[1], dest("a")))
	}
	b.waiting("a", 1)
	b.ok(b.next("a", "delivered").Done(queue.Attempt{}))
	b.nothing("a")
	b.reopen()
	look = b.looker()
	b.stands(ids[0], "a", queue.StateCancelled, 0)
	if d := b.stands(ids[1], "a", queue.StateDead, 0); !d.Ended.Before(b.clock.Now()) || d.Ended.IsZero() {
		b.Errorf("buried at %v", d.Ended)
	}
	for _, id := range []queue.ID{ids[1], ids[2]} {
		b.refuses(look.Cancel(ctx, id, dest("a")), queue.ErrState)
	}
	for _, id := range []queue.ID{ids[0], ids[2]} {
		b.refuses(look.Bury(ctx, id, dest("a")), queue.ErrState)
	}
	b.refuses(look.Cancel(ctx, ids[0], dest("b")), queue.ErrNotFound)
	if n := b.store.Stats().Bytes; n <= 0 || n >= size {
		b.Errorf("%d bytes wait of %d", n, size)
	}
	b.ok(look.Redeliver(ctx, ids[0], queue.Route{Destination: dest("a")}))
	b.ok(b.next("a", "cancelled").Done(queue.Attempt{}))
	b.ok(look.Redeliver(ctx, ids[1], queue.Route{Destination: dest("a")}))
	b.ok(b.next("a", "buried").Done(queue.Attempt{}))
	b.nothing("a")
	b.backlog(0)

	b.store.Retain(dest("a"), 0)
	m := b.message("body")
	_, err := b.store.Accept(ctx, m, queue.Identity{}, routesTo("a")...)
	b.ok(err)
	b.ok(look.Cancel(ctx, m.ID, dest("a")))
	b.isGone(m.ID, "purged")
	b.backlog(0)
}

func (b *bench) purges() {
	ctx, look := b.Context(), b.looker()
	m := b.message("body")
	_, err := b.store.Accept(ctx, m, key(1), routesTo("a", "b", "c", "d")...)
	b.ok(err)
	b.ok(b.next("a", "body").Done(queue.Attempt{}))
	b.ok(b.next("b", "body").Bury(queue.Attempt{}))
	b.ok(b.next("c", "body").Retry(b.clock.Now().Add(time.Hour), queue.Attempt{}))
	for i, destination := range []string{"a", "b", "c", "d"} {
		if i == 2 {
			b.reopen()
			look = b.looker()
		}
		b.ok(look.Purge(ctx, m.ID, dest(destination)))
		b.refuses(look.Purge(ctx, m.ID, dest(destination)), queue.ErrNotFound)
	}
	b.isGone(m.ID, "purged")
	b.backlog(0)
	b.retained(0)
	for _, destination := range []string{"a", "b", "c", "d"} {
		if d := b.store.Stats().Destinations[dest(destination)]; d.Waiting != 0 || d.DeadLetters != 0 || d.Bytes != 0 {
			b.Errorf("%s: %+v", destination, d)
		}
	}
	b.want(b.accept("body", key(1), "a"), queue.Duplicate)
	b.advance(time.Hour)
	b.nothing("c")
	b.nothing("d")
}

func (b *bench) busy() {
	ctx, look := b.Context(), b.looker()
	b.accept("body", queue.Identity{}, "a", "b")
	c := b.next("a", "body")
	id := c.Delivery().Message.ID
	for _, do := range b.operations(look, id, "a") {
		b.refuses(do(ctx), queue.ErrBusy)
	}
	b.ok(look.Cancel(ctx, id, dest("b"))) // which nobody holds
	b.ok(c.Release())
	b.ok(look.Cancel(ctx, id, dest("a")))
	b.nothing("a")
	b.backlog(0)
	b.ok(b.store.Close())
	for _, do := range b.operations(look, id, "a") {
		b.refuses(do(ctx), queue.ErrUnavailable)
	}
	_, err := look.ForgetKey(ctx, queue.Key{1})
	b.refuses(err, queue.ErrUnavailable)
}

func (b *bench) operations(look queue.Inspector, id queue.ID, destination string) []func(context.Context) error {
	return []func(context.Context) error{
		func(ctx context.Context) error {
			return look.Redeliver(ctx, id, queue.Route{Destination: dest(destination), Ordered: id[15]%2 == 0, OrderKey: "key"})
		},
		func(ctx context.Context) error { return look.Cancel(ctx, id, dest(destination)) },
		func(ctx context.Context) error { return look.Bury(ctx, id, dest(destination)) },
		func(ctx context.Context) error { return look.Purge(ctx, id, dest(destination)) },
	}
}

// crowd lets persons press everything at once while workers deliver, and then
// looks whether the counts are right.
func (b *bench) crowd() {
	const messages, persons = 300, 4
	look := b.looker()
	var ids []queue.ID
	for i := range messages {
		m := b.message(fmt.Sprint(i))
		ids = append(ids, m.ID)
		_, err := b.store.Accept(b.Context(), m, queue.Identity{}, queue.Route{Destination: dest("a")}, queue.Route{Destination: dest("b"), Ordered: true, OrderKey: fmt.Sprint(i % 9)})
		b.ok(err)
	}
	working, stop := context.WithCancel(b.Context())
	var workers, people sync.WaitGroup
	var mu sync.Mutex
	held := make(map[string]bool)
	for w := range 6 {
		destination := []string{"a", "b"}[w%2]
		workers.Go(func() {
			for i := 0; ; i++ {
				c, err := b.store.Claim(working, dest(destination))
				if err != nil {
					return
				}
				name := destination + string(c.Delivery().Message.Body)
				mu.Lock()
				if held[name] {
					b.Error("held twice: ", name)
				}
				held[name] = true
				mu.Unlock()
				mu.Lock()
				held[name] = false
				mu.Unlock()
				switch i % 4 {
				case 0:
					err = c.Retry(b.clock.Now(), queue.Attempt{})
				case 1:
					err = c.Bury(queue.Attempt{})
				case 2:
					err = c.Release()
				default:
					err = c.Done(queue.Attempt{})
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	for p := range persons {
		people.Go(func() {
			for i, id := range ids {
				destination := []string{"a", "b", "c"}[(i+p)%3]
				err := b.operations(look, id, destination)[(i*7+p)%4](b.Context())
				if err != nil && !errors.Is(err, queue.ErrBusy) && !errors.Is(err, queue.ErrNotFound) && !errors.Is(err, queue.ErrState) {
					b.Error(err)
				}
			}
		})
	}
	people.Wait()
	stop()
	workers.Wait()

	before := b.store.Stats()
	b.reopen() // counts anew, from what is on disk
	look = b.looker()
	after := b.store.Stats()
	for destination, d := range before.Destinations {
		if a := after.Destinations[destination]; a != d {
			b.Errorf("%s: %+v in memory, %+v on disk", destination, d, a)
		}
	}
	if before.Bytes != after.Bytes {
		b.Errorf("%d bytes in memory, %d on disk", before.Bytes, after.Bytes)
	}
	b.retained(before.Retained)
	for _, id := range ids {
		for _, destination := range []string{"a", "b", "c"} {
			if err := look.Purge(b.Context(), id, dest(destination)); err != nil && !errors.Is(err, queue.ErrNotFound) {
				b.Error(err)
			}
		}
		b.isGone(id, "purged")
	}
	b.backlog(0)
	b.retained(0)
}

func (b *bench) forgetsKey() {
	ctx, look := b.Context(), b.looker()
	b.want(b.accept("first", key(1), "a"), queue.New)
	forget := func(want bool) {
		b.Helper()
		was, err := look.ForgetKey(ctx, key(1).Key)
		b.ok(err)
		if was != want {
			b.Fatalf("there was a key: %v, want %v", was, want)
		}
	}
	forget(true)
	forget(false)
	b.reopen()
	look = b.looker()
	b.advance(tick)
	b.want(b.accept("once more", key(1), "a"), queue.New)
	b.want(b.accept("again", key(1), "a"), queue.Duplicate)
	b.advance(time.Hour)
	forget(false)            // its window is over
	b.advance(time.Hour / 4) // a store may keep an expired key for a quarter of its window
	b.sweep()
	b.until("keys", func() (any, bool) { n := b.store.Stats().Keys; return n, n == 0 })
}

func (b *bench) operatesInLine() {
	ctx, look := b.Context(), b.looker()
	to := queue.Route{Destination: dest("a"), Ordered: true, OrderKey: "one"}
	var ids []queue.ID
	for i := range 5 {
		m := b.message(fmt.Sprint(i))
		ids = append(ids, m.ID)
		_, err := b.store.Accept(ctx, m, queue.Identity{}, to)
		b.ok(err)
		b.advance(tick)
	}
	b.ok(b.next("a", "0").Bury(queue.Attempt{}))
	b.ok(look.Redeliver(ctx, ids[0], to))
	c := b.next("a", "0") // by its receipt
	b.ok(look.Cancel(ctx, ids[1], dest("a")))
	b.ok(look.Purge(ctx, ids[2], dest("a")))
	b.ok(look.Redeliver(ctx, ids[4], to))
	b.ok(c.Retry(b.clock.Now().Add(time.Hour), queue.Attempt{}))
	b.nothing("a")                                                         // the head waits, and so do the others
	b.ok(look.Redeliver(ctx, ids[3], queue.Route{Destination: dest("a")})) // out of the line
	b.ok(b.next("a", "3").Done(queue.Attempt{}))
	b.ok(look.Bury(ctx, ids[0], dest("a")))
	b.ok(b.next("a", "4").Done(queue.Attempt{}))
	b.ok(look.Redeliver(ctx, ids[1], to))
	b.reopen()
	b.ok(b.next("a", "1").Done(queue.Attempt{}))
	b.nothing("a")
	b.waiting("a", 0)
}

// leavesLinesFree: operations on the head of a line at the same moment leave nothing behind
// that would hold back what comes next.
func (b *bench) leavesLinesFree() {
	look := b.looker()
	for i := range 60 {
		b.advance(tick)
		head := b.message("head")
		_, err := b.store.Accept(b.Context(), head, queue.Identity{}, line("a", "one"))
		b.ok(err)
		b.ok(b.next("a", "head").Retry(b.clock.Now().Add(time.Hour), queue.Attempt{}))
		e := b.walk(queue.Filter{States: []queue.State{queue.StateWaiting}}, 10, nil)[0]
		var all sync.WaitGroup
		for j := range 4 {
			all.Go(func() {
				for {
					o := fourOperations[1+(i+j)%3]
					err := o.do(b.Context(), look, e, nil)
					switch {
					case errors.Is(err, queue.ErrBusy):
					case err == nil, errors.Is(err, queue.ErrNotFound), errors.Is(err, queue.ErrState):
						return
					default:
						b.Error(o.name, err)
						return
					}
				}
			})
		}
		all.Wait()
		b.acceptTo("next", line("a", "one"))
		b.ok(b.next("a", "next").Done(queue.Attempt{}))
	}
}
