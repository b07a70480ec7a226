package queuetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// states are those that a delivery can be in.
var states = []queue.State{queue.StateWaiting, queue.StateDelivered, queue.StateDead, queue.StateCancelled, queue.StateUnrouted}

// operation is one of the four changes, held to some states.
type operation struct {
	name string
	do   func(context.Context, queue.Inspector, queue.Entry, []queue.State) error
}

var fourOperations = []operation{
	{"redeliver", func(ctx context.Context, s queue.Inspector, e queue.Entry, only []queue.State) error {
		to := queue.Route{Destination: e.Destination, Ordered: e.Destination == dest("b"), OrderKey: "key"}
		return s.Redeliver(ctx, e.ID, to, only...)
	}},
	{"cancel", func(ctx context.Context, s queue.Inspector, e queue.Entry, only []queue.State) error {
		return s.Cancel(ctx, e.ID, e.Destination, only...)
	}},
	{"bury", func(ctx context.Context, s queue.Inspector, e queue.Entry, only []queue.State) error {
		return s.Bury(ctx, e.ID, e.Destination, only...)
	}},
	{"purge", func(ctx context.Context, s queue.Inspector, e queue.Entry, only []queue.State) error {
		return s.Purge(ctx, e.ID, e.Destination, only...)
	}},
}

// inEachState accepts n messages for each state and takes their deliveries there.
// Waiting ones are due at different times, both past and to come.
func (b *bench) inEachState(n int) (ids []queue.ID) {
	look := b.looker()
	for i := range n * len(states) {
		b.advance(tick)
		m, state := b.message(fmt.Sprint(i)), states[i%len(states)]
		ids = append(ids, m.ID)
		if state == queue.StateUnrouted {
			_, err := b.store.Accept(b.Context(), m, queue.Identity{})
			b.ok(err)
			continue
		}
		_, err := b.store.Accept(b.Context(), m, queue.Identity{}, queue.Route{Destination: dest("a")}, line("b", fmt.Sprint(i)))
		b.ok(err)
		for _, destination := range []string{"a", "b"} {
			switch {
			case state == queue.StateCancelled:
				b.ok(look.Cancel(b.Context(), m.ID, dest(destination)))
			case state == queue.StateDead:
				b.ok(look.Bury(b.Context(), m.ID, dest(destination)))
			default:
				c := b.next(destination, fmt.Sprint(i))
				a := queue.Attempt{At: b.clock.Now()}
				if state == queue.StateDelivered {
					b.ok(c.Done(a))
				} else {
					b.ok(c.Retry(b.clock.Now().Add(time.Duration(1+i%7)*time.Second), a))
				}
			}
		}
	}
	b.advance(4 * time.Second)
	return ids
}

// checksState: an operation that is held to some states changes nothing that is in
// another, and changes what is in one of them.
func (b *bench) checksState() {
	b.inEachState(1)
	look := b.looker()
	all := b.walk(queue.Filter{}, 100, nil)
	for _, o := range fourOperations {
		for _, e := range all {
			for _, only := range states {
				if only == e.State {
					continue
				}
				err := o.do(b.Context(), look, e, []queue.State{only, queue.StateNone})
				b.refuses(err, queue.ErrState)
				b.stands(e.ID, e.Destination.String(), e.State, e.Attempts)
			}
		}
	}
	b.refuses(look.Redeliver(b.Context(), all[0].ID, queue.Route{Destination: dest("new")}, queue.StateWaiting), queue.ErrNotFound)
	b.ok(look.Redeliver(b.Context(), all[0].ID, queue.Route{Destination: dest("new")}, queue.StateNone))
	b.stands(all[0].ID, "new", queue.StateWaiting, 0)
	b.refuses(look.Redeliver(b.Context(), all[0].ID, queue.Route{Destination: dest("new")}, queue.StateNone), queue.ErrState)
	for _, e := range all {
		b.ok(look.Purge(b.Context(), e.ID, e.Destination, e.State))
	}
}

// walk goes through what a filter selects, by pages of n, and checks the order and
// that each delivery comes once.
func (b *bench) walk(f queue.Filter, n int, each func(queue.Entry)) (all []queue.Entry) {
	b.Helper()
	met := make(map[string]bool)
	var after queue.Cursor
	for pages := 0; ; pages++ {
		page, err := b.looker().Walk(b.Context(), f, after, n)
		b.ok(err)
		for _, e := range page.Entries {
			name := e.ID.String() + " " + e.Destination.String()
			if met[name] {
				b.Fatalf("a walk through %v met one twice", f.States)
			}
			met[name] = true
			if len(f.States) > 0 && !slices.Contains(f.States, e.State) {
				b.Fatalf("a walk through %v met one that is %s", f.States, e.State)
			}
			if last := len(all) - 1; last >= 0 && bytes.Compare(all[last].ID[:], e.ID[:]) > 0 {
				b.Fatal("a walk went back")
			}
			all = append(all, e)
			if each != nil {
				each(e)
			}
		}
		if after = page.Next; after == "" {
			return all
		}
		if pages > 10_000 {
			b.Fatalf("a walk through %v does not end", f.States)
		}
	}
}

// walks: a walk meets each delivery of its states once, in pages of any size.
func (b *bench) walks() {
	const each = 9
	b.inEachState(each)
	if got := b.walk(queue.Filter{}, 7, nil); len(got) != each*(2*len(states)-1) {
		b.Errorf("%d of %d", len(got), each*(2*len(states)-1))
	}
	for _, state := range states {
		want := 2 * each
		if state == queue.StateUnrouted {
			want = each
		}
		for _, n := range []int{1, 4, 1000} {
			for _, f := range []queue.Filter{
				{States: []queue.State{state}}, {States: []queue.State{state}, EventID: "event"},
			} {
				if got := b.walk(f, n, nil); len(got) != want {
					b.Errorf("%s, pages of %d: %d of %d", state, n, len(got), want)
				}
			}
		}
		page, err := b.looker().Walk(b.Context(), queue.Filter{States: []queue.State{state}, Destination: dest("a")}, "", 3)
		b.ok(err)
		if _, err := b.looker().Deliveries(b.Context(), queue.Filter{}, page.Next, 3); page.Next != "" && !errors.Is(err, queue.ErrCursor) {
			b.Errorf("a walk's cursor leads through a list: %v", err)
		}
	}
}

// walksWhileChanging runs each operation through each state while workers deliver,
// senders send and other persons operate: it meets each delivery once and none that
// arrived after its beginning, and ends.
func (b *bench) walksWhileChanging() {
	look := b.looker()
	choices := append([][]queue.State{nil, {queue.StateWaiting, queue.StateDead}}, each(states)...)
	for _, o := range fourOperations {
		for _, only := range choices {
			for _, e := range b.walk(queue.Filter{}, 1000, nil) {
				b.ok(look.Purge(b.Context(), e.ID, e.Destination))
			}
			ids := b.inEachState(3)
			b.advance(time.Millisecond)
			until := b.clock.Now()
			stop := b.disturb(ids)
			b.walk(queue.Filter{States: only, Until: until}, 7, func(e queue.Entry) {
				if !e.ReceivedAt.Before(until) {
					b.Errorf("%s %v: met one that came later", o.name, only)
				}
				err := o.do(b.Context(), look, e, only)
				if err != nil && !errors.Is(err, queue.ErrBusy) && !errors.Is(err, queue.ErrNotFound) && !errors.Is(err, queue.ErrState) {
					b.Errorf("%s %v: %v", o.name, only, err)
				}
			})
			stop()
		}
	}
}

// each makes lists of one out of a list.
func each(all []queue.State) (lists [][]queue.State) {
	for _, s := range all {
		lists = append(lists, []queue.State{s})
	}
	return lists
}

// disturb lets workers, senders and other persons at the store until stop.
func (b *bench) disturb(ids []queue.ID) (stop func()) {
	look := b.looker()
	ctx, cancel := context.WithCancel(b.Context())
	var all sync.WaitGroup
	for i, destination := range []string{"a", "b", "a"} {
		random := rand.New(rand.NewPCG(uint64(i), 7))
		all.Go(func() {
			for {
				c, err := b.store.Claim(ctx, dest(destination))
				if err != nil {
					return
				}
				a := queue.Attempt{At: b.clock.Now()}
				switch random.IntN(6) {
				case 0:
					err = c.Done(a)
				case 1:
					err = c.Bury(a)
				case 2:
					err = c.Release()
				default:
					err = c.Retry(b.clock.Now().Add(time.Duration(random.IntN(1000))*time.Microsecond), a)
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Go(func() {
		for i := 0; ctx.Err() == nil && i < 50; i++ {
			b.advance(20 * time.Microsecond)
			m := b.message("later")
			if _, err := b.store.Accept(b.Context(), m, queue.Identity{}, queue.Route{Destination: dest("a")}, line("b", fmt.Sprint(i%5))); err != nil {
				b.Error(err)
			}
		}
	})
	all.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			id := ids[i*7%len(ids)]
			err := b.operations(look, id, []string{"a", "b"}[i%2])[i%3](b.Context()) // all but purge
			if err != nil && !errors.Is(err, queue.ErrBusy) && !errors.Is(err, queue.ErrNotFound) && !errors.Is(err, queue.ErrState) {
				b.Error(err)
			}
		}
	})
	return func() { cancel(); all.Wait() }
}

// filtersAnything: times far away and texts that no event has select what they say, and texts
// that a database cannot keep are no errors.
func (b *bench) filtersAnything() {
	odd := "pu\xffsh\x00ed"
	for range 3 {
		m := b.message("body")
		m.EventType = odd
		_, err := b.store.Accept(b.Context(), m, queue.Identity{}, queue.Route{Destination: dest("a")})
		b.ok(err)
		b.advance(tick)
	}
	early := []time.Time{time.Unix(-1e12, 0), time.Unix(-1, 0), time.Unix(0, 0), time.Unix(1, 0)}
	late := []time.Time{
		time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2262, 4, 11, 0, 0, 0, 0, time.UTC), time.Date(2262, 4, 12, 0, 0, 0, 0, time.UTC),
		time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(292_000_000, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	count := func(f queue.Filter, want int) {
		b.Helper()
		if got := b.walk(f, 2, nil); len(got) != want {
			b.Errorf("%+v selects %d, want %d", f, len(got), want)
		}
		page, err := b.looker().Deliveries(b.Context(), f, "", 10)
		b.ok(err)
		if len(page.Entries) != want {
			b.Errorf("%+v lists %d, want %d", f, len(page.Entries), want)
		}
	}
	for _, t := range early {
		count(queue.Filter{Since: t}, 3)
		count(queue.Filter{Until: t}, 0)
	}
	for _, t := range late {
		count(queue.Filter{Since: t}, 0)
		count(queue.Filter{Until: t}, 3)
	}
	for _, text := range []string{"\xff", "\x00", "pu\xfe*\x00x"} {
		for _, f := range []queue.Filter{{Endpoint: text}, {EventID: text}, {EventType: text}, {Destination: queue.Destination{Endpoint: text}}} {
			count(f, 0)
		}
	}
	count(queue.Filter{EventType: odd}, 3)
	count(queue.Filter{EventType: "pu*"}, 3)
}
