package pebble

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// booked is how many messages a [book] has.
const booked = 48

// book keeps what a store has acknowledged, to be compared with what it holds in
// the end.
type book struct {
	*testing.T
	name     string
	deadline time.Time
	unkept   bool // there is no retention
	entries  [booked]bookEntry
}

type bookEntry struct {
	id     queue.ID
	known  bool
	done   bool        // a worker has taken it; a crash may bring it back
	state  queue.State // as it was acknowledged
	purged bool
	twice  bool // the key was forgotten
	also   bool // it goes to another destination, too
}

// insist repeats what a disk may make fail, as senders, workers and persons do.
func (b *book) insist(what string, f func() error) error {
	b.Helper()
	for {
		err := f()
		if !errors.Is(err, queue.ErrUnavailable) {
			return err
		}
		if time.Now().After(b.deadline) {
			b.Fatalf("%s: %s: %v", b.name, what, err)
		}
		time.Sleep(time.Millisecond)
	}
}

func (b *book) must(what string, f func() error) {
	b.Helper()
	if err := b.insist(what, f); err != nil {
		b.Fatalf("%s: %s: %v", b.name, what, err)
	}
}

// end is must for what may have happened the first time, though it failed.
func (b *book) end(what string, goes bool, f func() error) {
	b.Helper()
	if err := b.insist(what, f); err != nil && !(goes && errors.Is(err, queue.ErrNotFound)) {
		b.Fatalf("%s: %s: %v", b.name, what, err)
	}
}

// work lets a store do everything that writes.
func (b *book) work(s *Store) {
	ctx := b.Context()
	for n := range b.entries {
		e := &b.entries[n]
		m, id := testMessage(uint32(n))
		e.id, e.state, e.also = m.ID, queue.StateWaiting, n%5 == 0
		routes := routesTo("a")
		switch {
		case n%8 == 7:
			routes, e.state, e.also = nil, queue.StateUnrouted, n%16 == 7 && !b.unkept
		case e.also:
			routes = append(routes, queue.Route{Destination: dest("b"), Ordered: true})
		}
		b.must("accepting", func() error {
			_, err := s.Accept(ctx, m, id, routes...)
			e.known = e.known || err == nil
			return err
		})
		if routes == nil && e.also {
			e.state = queue.StateWaiting
			err := b.insist("rerouting", func() error {
				return s.Reroute(ctx, m.ID, queue.Route{Destination: dest("a")}, queue.Route{Destination: dest("b"), Ordered: true})
			})
			if err != nil && !errors.Is(err, queue.ErrState) { // it may have happened the first time
				b.Fatalf("%s: rerouting: %v", b.name, err)
			}
		}
		switch n % 8 {
		case 1:
			b.deliver(s, queue.Claim.Done)
		case 2:
			e.state = queue.StateCancelled
			b.end("cancelling", b.unkept, func() error { return s.Cancel(ctx, m.ID, dest("a")) })
		case 3:
			b.deliver(s, func(c queue.Claim, a queue.Attempt) error { return c.Retry(time.Now(), a) })
			b.deliver(s, queue.Claim.Done)
		case 4, 5:
			e.state = queue.StateDead
			b.must("burying", func() error { return s.Bury(ctx, m.ID, dest("a")) })
			if n%8 == 5 {
				e.state = queue.StateWaiting
				b.must("redelivering", func() error { return s.Redeliver(ctx, m.ID, queue.Route{Destination: dest("a")}) })
			}
		case 6:
			e.purged = true
			b.end("purging", true, func() error { return s.Purge(ctx, m.ID, dest("a")) })
			if n%16 == 6 {
				e.twice = true
				b.must("forgetting a key", func() error { _, err := s.ForgetKey(ctx, id.Key); return err })
			}
		}
		switch n {
		case 20:
			b.must("pausing", func() error { return s.Pause(ctx, dest("b"), true) })
		case 19, 31, 47:
			b.must("sweeping", func() error { _, err := s.Sweep(ctx); return err })
		}
	}
}

// deliver claims one delivery and ends it.
func (b *book) deliver(s *Store, end func(queue.Claim, queue.Attempt) error) {
	ctx, cancel := context.WithDeadline(b.Context(), b.deadline)
	defer cancel()
	var c queue.Claim
	b.must("claiming", func() (err error) { c, err = s.Claim(ctx, dest("a")); return err })
	var n int
	fmt.Sscan(c.Delivery().Message.EventID, &n)
	b.entries[n].done = true
	b.must("marking", func() error { return end(c, queue.Attempt{At: time.Now(), Status: 500, Error: "as told"}) })
}

// audit compares what a store holds with the book.
func (b *book) audit(s *Store) {
	for n := range b.entries {
		b.look(s, n)
	}
	again := make(map[int]bool)
	for n := range b.entries {
		e := &b.entries[n]
		m, id := testMessage(uint32(n))
		v, err := s.Accept(b.Context(), m, id, routesTo("a")...)
		if err != nil {
			b.Fatalf("%s: %v", b.name, err)
		}
		if v.Verdict == queue.New && e.known && !e.twice {
			b.Errorf("%s: event %d is new again", b.name, n)
		}
		again[n] = v.Verdict == queue.New
	}
	if err := s.Pause(b.Context(), dest("b"), false); err != nil {
		b.Fatal(err)
	}
	got, also := drain(b.T, s, "a"), drain(b.T, s, "b")
	for n := range b.entries {
		e := &b.entries[n]
		least, most := 0, 0
		switch {
		case again[n]:
			least, most = 1, 1
		case !e.purged && e.state == queue.StateWaiting:
			most = 1
			if !e.done {
				least = 1
			}
		}
		if i := got[fmt.Sprint(n)]; i < least || i > most {
			b.Errorf("%s: event %d, %+v, came %d times", b.name, n, *e, i)
		}
		if i := also[fmt.Sprint(n)]; e.known && e.also && i != 1 || i > 1 {
			b.Errorf("%s: event %d came %d times to the other destination", b.name, n, i)
		}
	}
	b.clear(s)
}

// look compares where one delivery stands. What has ended may have gone since.
func (b *book) look(s *Store, n int) {
	e := &b.entries[n]
	if !e.known {
		return
	}
	seen, err := s.Look(b.Context(), e.id)
	var gone *queue.GoneError
	switch {
	case errors.As(err, &gone):
		if ends := e.state == queue.StateCancelled || e.state == queue.StateUnrouted || e.done; !ends && !e.purged || e.purged && gone.Why != "purged" {
			b.Errorf("%s: event %d, %+v: %v", b.name, n, *e, err)
		}
		return
	case errors.Is(err, queue.ErrNotFound) && b.unkept && e.state == queue.StateUnrouted:
		return
	case err != nil:
		b.Errorf("%s: event %d, %+v: %v", b.name, n, *e, err)
		return
	}
	for _, d := range seen.Deliveries {
		if d.Err != nil {
			b.Errorf("%s: event %d: %v", b.name, n, d.Err)
		}
		if d.Destination == dest("b") {
			continue
		}
		if ok := !e.purged && (d.State == e.state || e.done && d.State == queue.StateDelivered); !ok {
			b.Errorf("%s: event %d, %+v, is %s", b.name, n, *e, d.State)
		}
	}
}

// clear ends all there is: nothing is left then, neither records nor bytes.
func (b *book) clear(s *Store) {
	for n := range b.entries {
		if e := &b.entries[n]; e.state == queue.StateDead {
			if err := s.Purge(b.Context(), e.id, dest("a")); err != nil {
				b.Errorf("%s: event %d: %v", b.name, n, err)
			}
		}
	}
	for _, destination := range []string{"a", "b", "endpoint"} {
		s.Retain(dest(destination), 0)
	}
	if _, err := s.Sweep(b.Context()); err != nil {
		b.Fatal(err)
	}
	for _, kind := range []byte("meiqotzha") {
		if n := count(b.T, s, kind); n != 0 {
			b.Errorf("%s: %d records of kind %c are left", b.name, n, kind)
		}
	}
	for {
		st := s.Stats()
		if st.Bytes != 0 || st.Retained > 0 || st.Retained < 0 && time.Now().After(b.deadline.Add(faultPatience)) {
			b.Errorf("%s: %d bytes wait and %d are kept", b.name, st.Bytes, st.Retained)
		}
		if st.Retained >= 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
