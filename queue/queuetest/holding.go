package queuetest

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// acceptTo accepts for routes and returns the claim that is held.
func (b *bench) acceptTo(body string, to ...queue.Route) queue.Claim {
	b.Helper()
	a, err := b.store.Accept(b.Context(), b.message(body), queue.Identity{}, to...)
	b.ok(err)
	b.want(a.Verdict, queue.New)
	b.advance(time.Millisecond)
	return a.Held
}

func (b *bench) holds() {
	c := b.acceptTo("held", queue.Route{Destination: dest("b")}, queue.Route{Destination: dest("a"), Hold: true})
	if c == nil {
		b.Fatal("nothing is held")
	}
	d := c.Delivery()
	if d.Destination != dest("a") || string(d.Message.Body) != "held" || d.Attempts != 0 {
		b.Errorf("held: %+v", d)
	}
	if st := b.store.Stats().Destinations[dest("a")]; st.Waiting != 1 || st.Claimed != 1 {
		b.Errorf("stats: %+v", st)
	}
	b.nothing("a")
	b.ok(b.next("b", "held").Done(queue.Attempt{}))
	b.ok(c.Retry(b.clock.Now().Add(time.Minute), queue.Attempt{At: b.clock.Now(), Error: "failed"}))
	b.nothing("a")
	b.advance(time.Minute)
	c = b.next("a", "held")
	if n := c.Delivery().Attempts; n != 1 {
		b.Errorf("%d attempts are counted", n)
	}
	b.ok(c.Done(queue.Attempt{}))
	b.waiting("a", 0)
	if n := b.store.Stats().Bytes; n != 0 {
		b.Errorf("%d bytes are left", n)
	}

	// A process that ends lets go of it; so does who releases it.
	b.acceptTo("lost", queue.Route{Destination: dest("a"), Hold: true})
	b.reopen()
	b.ok(b.next("a", "lost").Done(queue.Attempt{}))
	b.ok(b.acceptTo("released", queue.Route{Destination: dest("a"), Hold: true}).Release())
	b.ok(b.next("a", "released").Done(queue.Attempt{}))
}

func (b *bench) holdsNothing() {
	hold := queue.Route{Destination: dest("a"), Hold: true}
	b.pause("a", true)
	if c := b.acceptTo("paused", hold); c != nil {
		b.Error("a paused destination was held")
	}
	b.pause("a", false)
	b.ok(b.next("a", "paused").Done(queue.Attempt{}))

	a, err := b.store.Accept(b.Context(), b.message("once"), key(1), hold)
	b.ok(err)
	b.ok(a.Held.Done(queue.Attempt{}))
	a, err = b.store.Accept(b.Context(), b.message("twice"), key(1), hold)
	b.ok(err)
	b.want(a.Verdict, queue.Duplicate)
	if a.Held != nil {
		b.Error("of a duplicate something is held")
	}

	hold.Ordered, hold.OrderKey = true, "k"
	first := b.acceptTo("first", hold)
	if first == nil {
		b.Fatal("the head was not held")
	}
	if c := b.acceptTo("second", hold); c != nil {
		b.Error("the second was held while the first is")
	}
	b.nothing("a")
	b.ok(first.Done(queue.Attempt{}))
	if c := b.acceptTo("third", hold); c != nil {
		b.Error("the third was held while the second waits")
	}
	b.ok(b.next("a", "second").Done(queue.Attempt{}))
	b.ok(b.next("a", "third").Done(queue.Attempt{}))
	last := b.acceptTo("fourth", hold)
	if last == nil {
		b.Fatal("the line is empty, and the head was not held")
	}
	b.ok(last.Done(queue.Attempt{}))
	b.waiting("a", 0)
}

// holdsAlone: what is held is in nobody else's hands.
func (b *bench) holdsAlone() {
	const n = 200
	var held, claimed sync.Map
	var kept atomic.Int64
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range n / 4 {
				m := b.message(string(rune('a'+w)) + string(rune('0'+i)))
				a, err := b.store.Accept(b.Context(), m, queue.Identity{}, queue.Route{Destination: dest("a"), Hold: i%2 == 0})
				if err != nil || (a.Held != nil) != (i%2 == 0) {
					b.Errorf("held: %v, %v", a.Held, err)
					return
				}
				if a.Held == nil {
					continue
				}
				held.Store(m.ID, true)
				kept.Add(1)
				if err := a.Held.Done(queue.Attempt{}); err != nil {
					b.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range n / 8 {
				c := b.claim("a")
				claimed.Store(c.Delivery().Message.ID, true)
				if err := c.Done(queue.Attempt{}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	claimed.Range(func(id, _ any) bool {
		if _, twice := held.Load(id); twice {
			b.Errorf("%v was held and claimed", id)
		}
		return true
	})
	if got := kept.Load(); got != n/2 {
		b.Errorf("%d were held, want %d", got, n/2)
	}
	b.waiting("a", 0)
}
