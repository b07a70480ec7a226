package queuetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// line is a route to a destination in the order of a key.
func line(destination, key string) queue.Route {
	return queue.Route{Destination: dest(destination), Ordered: true, OrderKey: key}
}

func (b *bench) ordered() {
	for i := range 5 {
		for _, k := range []string{"x", "y"} {
			b.acceptTo(fmt.Sprint(k, i), line("a", k))
		}
	}
	b.waiting("a", 10)
	for i := range 5 {
		x, y := b.next("a", fmt.Sprint("x", i)), b.next("a", fmt.Sprint("y", i))
		b.nothing("a") // neither line goes on before its head has ended
		b.ok(y.Done(queue.Attempt{}))
		if i == 2 {
			b.reopen() // x2 is due again, and y3 after it
			x = b.next("a", "x2")
		}
		b.ok(x.Done(queue.Attempt{}))
	}
	b.waiting("a", 0)
	b.nothing("a")
	if n := b.store.Stats().Bytes; n != 0 {
		b.Errorf("%d bytes are left", n)
	}
}

// orderedWakes: who waits for a delivery gets the next of a line as soon as its
// head has ended. In most of the rounds somebody waits by then.
func (b *bench) orderedWakes() {
	for range 20 {
		b.acceptTo("first", line("a", "k"))
		b.acceptTo("second", line("a", "k"))
		c := b.next("a", "first")
		waits := b.claimed(b.Context(), "a")
		b.nothing("b") // which takes its time
		b.ok(c.Done(queue.Attempt{}))
		b.ok(b.receive(waits))
	}
}

func (b *bench) orderedRetries() {
	for _, body := range []string{"first", "second", "third"} {
		b.acceptTo(body, line("a", "k"))
	}
	retry := func(c queue.Claim) {
		b.ok(c.Retry(b.clock.Now().Add(time.Minute), queue.Attempt{At: b.clock.Now(), Error: "failed"}))
	}
	c := b.next("a", "first")
	head := c.Delivery().Message.ID
	retry(c)
	b.nothing("a") // the whole line waits
	if d := b.behind("second"); d != head {
		b.Errorf("the second delivery is behind %s, want the first one, %s", d, head)
	}
	if d := b.behind("first"); d != (queue.ID{}) {
		b.Errorf("the first delivery is behind %s", d)
	}
	b.acceptTo("free", line("a", "other"))
	b.ok(b.next("a", "free").Done(queue.Attempt{}))
	b.reopen()
	b.nothing("a")
	b.advance(time.Minute)
	c = b.next("a", "first")
	if d := c.Delivery(); d.Attempts != 1 || d.Last == nil || d.Last.Error != "failed" {
		b.Errorf("after a failure: %+v", d)
	}
	b.ok(c.Release())
	retry(b.next("a", "first"))
	b.advance(time.Minute)
	b.ok(b.next("a", "first").Bury(queue.Attempt{At: b.clock.Now(), Error: "hopeless"}))
	retry(b.next("a", "second"))
	b.advance(time.Minute)
	b.ok(b.next("a", "second").Done(queue.Attempt{}))
	b.ok(b.next("a", "third").Done(queue.Attempt{}))
	if d := b.store.Stats().Destinations[dest("a")]; d.Waiting != 0 || d.DeadLetters != 1 {
		b.Errorf("stats: %+v", d)
	}
	b.nothing("a")
}

// behind returns the message that goes before the one with this body.
func (b *bench) behind(body string) queue.ID {
	b.Helper()
	page, err := b.looker().Messages(b.Context(), queue.Filter{}, "", 100)
	b.ok(err)
	for _, m := range page.Messages {
		seen, err := b.looker().Look(b.Context(), m.ID)
		b.ok(err)
		if string(seen.Message.Body) != body {
			continue
		}
		first := seen.Deliveries[0].Behind
		if listed := m.Deliveries[0].Behind; listed != first {
			b.Errorf("in the list of messages %s is behind %s, want %s", body, listed, first)
		}
		for _, states := range [][]queue.State{nil, {queue.StateWaiting}} {
			list, err := b.looker().Deliveries(b.Context(), queue.Filter{States: states}, "", 100)
			b.ok(err)
			if i := slices.IndexFunc(list.Entries, func(e queue.Entry) bool { return e.ID == m.ID }); i < 0 || list.Entries[i].Behind != first {
				b.Errorf("in the list of deliveries (%v) %s is not behind %s: %+v", states, body, first, list.Entries)
			}
		}
		return first
	}
	b.Fatalf("no message has the body %q", body)
	return queue.ID{}
}

// orderedReceipt: the receipt counts, not when a message became durable.
func (b *bench) orderedReceipt() {
	early := b.message("early")
	b.advance(time.Second)
	b.acceptTo("late", line("a", "k"))
	accept := func(m *queue.Message) {
		_, err := b.store.Accept(b.Context(), m, queue.Identity{}, line("a", "k"))
		b.ok(err)
	}
	earliest := b.message("earlier than the next")
	b.advance(time.Second)
	accept(early)
	b.acceptTo("last", line("a", "k"))
	c := b.next("a", "early")
	accept(earliest) // while another is claimed
	b.ok(c.Done(queue.Attempt{}))
	b.ok(b.next("a", "late").Done(queue.Attempt{}))
	b.ok(b.next("a", "earlier than the next").Done(queue.Attempt{}))
	b.ok(b.next("a", "last").Done(queue.Attempt{}))
	b.waiting("a", 0)
}

// orderedMixed: ordering that comes and goes leaves nothing behind.
func (b *bench) orderedMixed() {
	b.acceptTo("plain 1", queue.Route{Destination: dest("a")})
	b.acceptTo("plain 2", queue.Route{Destination: dest("a")})
	b.acceptTo("ordered 1", line("a", "k"))
	b.acceptTo("ordered 2", line("a", "k"))
	b.advance(time.Minute) // to which a store may know the age of what waits
	b.acceptTo("plain 3", queue.Route{Destination: dest("a")})
	b.reopen()
	for _, body := range []string{"plain 1", "plain 2", "ordered 1"} {
		b.ok(b.next("a", body).Done(queue.Attempt{}))
	}
	b.ok(b.next("a", "ordered 2").Done(queue.Attempt{}))
	b.ok(b.next("a", "plain 3").Done(queue.Attempt{}))
	b.waiting("a", 0)
	b.nothing("a")
}

// ruled is a route in the order of a key that a rule has made.
func ruled(destination, rule, key string) queue.Route {
	to := line(destination, key)
	to.OrderRule = rule
	return to
}

// ordersAnew: when a destination's order changes, to on or to another rule, events
// of before go first, whatever fails and over a restart. Those in no order wait for
// nothing.
func (b *bench) ordersAnew() {
	failed := queue.Attempt{Error: "failed"}
	later := func(c queue.Claim) { b.ok(c.Retry(b.clock.Now().Add(time.Minute), failed)) }
	accept := func(body string, to queue.Route) { b.advance(time.Millisecond); b.acceptTo(body, to) }
	plain := queue.Route{Destination: dest("a")}
	accept("plain", plain)
	accept("x1", ruled("a", "x", "1"))
	accept("x2", ruled("a", "x", "2"))
	accept("y1", ruled("a", "y", "1"))
	accept("x3", ruled("a", "x", "1"))
	accept("off", plain)
	later(b.next("a", "plain"))
	b.ok(b.next("a", "off").Done(queue.Attempt{})) // no order binds it
	for range 2 {
		b.reopen()
		b.nothing("a")
		b.advance(time.Minute)
		later(b.next("a", "plain"))
	}
	b.advance(time.Minute)
	c := b.next("a", "plain")
	b.nothing("a") // not while it is being attempted either
	b.ok(c.Done(queue.Attempt{}))
	later(b.next("a", "x1"))
	b.next("a", "x2") // of the same rule
	b.reopen()
	b.ok(b.next("a", "x2").Done(queue.Attempt{}))
	b.nothing("a")
	b.advance(time.Minute)
	c = b.next("a", "x1")
	waits := b.claimed(b.Context(), "a")
	b.ok(c.Bury(failed))
	b.ok(b.receive(waits)) // y1, since all of before have ended
	b.reopen()
	b.ok(b.next("a", "x3").Done(queue.Attempt{}))
	b.waiting("a", 0)
	b.nothing("a")
}

// orderedMany lets senders and workers loose on a few lines, with failures, and
// looks for a line of which two are claimed, or one out of turn.
func (b *bench) orderedMany() {
	const keys, each = 6, 60
	var senders, workers sync.WaitGroup
	for k := range keys {
		senders.Go(func() {
			for range each {
				b.advance(time.Microsecond)
				m := b.message("body")
				m.EventType = fmt.Sprint(k)
				_, err := b.store.Accept(b.Context(), m, queue.Identity{}, line("a", fmt.Sprint(k)), line("b", "all"))
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	for destination, n := range map[string]int{"a": 4, "b": 2} {
		w := &inLine{bench: b, destination: destination, left: keys * each, held: make(map[string]bool), ended: make(map[string][]queue.ID)}
		w.ctx, w.over = context.WithTimeout(b.Context(), 6*patience)
		for i := range n {
			workers.Go(func() { w.work(rand.New(rand.NewPCG(1, uint64(i)))) })
		}
		defer func() {
			for name, ids := range w.ended {
				// What different senders send at once may overtake.
				if destination == "a" && !slices.IsSortedFunc(ids, func(x, y queue.ID) int { return bytes.Compare(x[:], y[:]) }) {
					b.Errorf("%s %s: out of order", destination, name)
				}
			}
			b.waiting(destination, 0)
		}()
	}
	senders.Wait()
	workers.Wait()
}

// inLine is what the workers of a destination know together.
type inLine struct {
	*bench
	destination string
	ctx         context.Context
	over        context.CancelFunc

	mu    sync.Mutex
	left  int
	held  map[string]bool
	ended map[string][]queue.ID
}

func (w *inLine) work(random *rand.Rand) {
	for {
		c, err := w.store.Claim(w.ctx, dest(w.destination))
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				w.Error(err)
			}
			return
		}
		end := func() error { return c.Done(queue.Attempt{}) }
		name := "all"
		if w.destination == "a" {
			name = c.Delivery().Message.EventType
		}
		w.mu.Lock()
		if w.held[name] {
			w.Errorf("%s %s: two of a line are claimed", w.destination, name)
		}
		w.held[name] = true
		w.mu.Unlock()
		runtime.Gosched()
		w.mu.Lock()
		w.held[name] = false
		switch random.IntN(4) {
		case 0:
			end = func() error { return c.Retry(w.clock.Now(), queue.Attempt{At: w.clock.Now(), Error: "failed"}) }
		case 1:
			end = c.Release
		default:
			w.ended[name] = append(w.ended[name], c.Delivery().Message.ID)
			w.left--
		}
		last := w.left == 0
		w.mu.Unlock()
		if err := end(); err != nil {
			w.Error(err)
		}
		if last {
			w.over()
		}
	}
}
