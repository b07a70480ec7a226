package pebble

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/hookwicket/hookwicket/queue"
)

// TestOrderThroughEverything lets senders, workers and somebody who pauses loose
// on a store whose disk fails now and then and whose power is cut, and looks for
// an event that is lost, held twice, or ended before one of its order that was
// received earlier.
func TestOrderThroughEverything(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := &ordeal{T: t, rand: rand.New(rand.NewPCG(seed, 2)), held: make(map[string]string), ended: make(map[string]int), last: make(map[string]int)}
			r.disk = vfs.NewCrashableMem()
			for round := range 3 {
				r.round(round, 25)
			}
			r.finish()
		})
	}
}

const (
	ordealOrders       = 4
	ordealDestinations = "abc" // a in the order of a key, b in no order, c all in one line
)

// ordeal is one run of the test.
type ordeal struct {
	*testing.T
	rand  *rand.Rand
	disk  *vfs.MemFS
	store *Store

	mu    sync.Mutex
	sent  int               // of each order
	held  map[string]string // by destination and order, the event
	ended map[string]int    // by destination and event, how often
	last  map[string]int    // by destination and order, the event that ended last for the first time
}

// open opens the store with so many faults to come. The first opening meets none: it would
// fail, and say so.
func (r *ordeal) open(faults int) {
	r.Helper()
	var writes atomic.Int64
	var opened atomic.Bool
	at := make(map[int64]error)
	for range faults {
		at[int64(20+r.rand.IntN(1500))] = []error{syscall.EIO, syscall.ENOSPC}[r.rand.IntN(2)]
	}
	fs := errorfs.Wrap(r.disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || !opened.Load() {
			return nil
		}
		return at[writes.Add(1)]
	}))
	var err error
	if r.store, err = Open(small(fs)); err != nil {
		r.Fatal(err)
	}
	opened.Store(true)
}

func (r *ordeal) round(n, events int) {
	r.open(3 * n)
	ctx, cancel := context.WithTimeout(r.Context(), 3*faultPatience)
	defer cancel()
	var senders, others sync.WaitGroup
	for order := range ordealOrders {
		random := rand.New(rand.NewPCG(r.rand.Uint64(), 0))
		senders.Go(func() {
			for i := range events {
				r.send(ctx, order, r.sent+i, random)
			}
		})
	}
	for _, d := range ordealDestinations {
		for range 3 {
			random := rand.New(rand.NewPCG(r.rand.Uint64(), 0))
			others.Go(func() {
				for r.deliver(ctx, string(d), random) {
				}
			})
		}
	}
	others.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			_ = r.store.Pause(ctx, dest(string(ordealDestinations[i/2%3])), i%2 == 0)
			runtime.Gosched()
		}
	})
	senders.Wait()
	r.sent += events
	disk := r.disk
	if n%2 == 0 {
		disk = r.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.rand.IntN(100), RNG: r.rand})
	}
	cancel()
	others.Wait()
	if err := r.store.Close(); err != nil && !errors.Is(err, queue.ErrUnavailable) {
		r.Error(err)
	}
	r.disk = disk
}

// persist repeats what a disk may refuse.
func (r *ordeal) persist(what string, f func() error) {
	deadline := time.Now().Add(3 * faultPatience)
	for {
		err := f()
		if err == nil {
			return
		}
		if !errors.Is(err, queue.ErrUnavailable) || time.Now().After(deadline) {
			r.Errorf("%s: %v", what, err)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (r *ordeal) send(ctx context.Context, order, n int, random *rand.Rand) {
	r.persist("accepting", func() error {
		m, _ := testMessage(uint32(n))
		m.EventID, m.EventType = fmt.Sprint(order, ".", n), fmt.Sprint(order)
		id := queue.Identity{Key: testKey(uint32(order<<16 | n)), Window: time.Hour}
		a, err := r.store.Accept(ctx, m, id,
			queue.Route{Destination: dest("a"), Ordered: true, OrderKey: m.EventType, Hold: random.IntN(3) == 0},
			queue.Route{Destination: dest("b"), Hold: true},
			queue.Route{Destination: dest("c"), Ordered: true})
		if a.Held != nil {
			r.attempt(a.Held, random)
		}
		return err
	})
}

// deliver makes one attempt; it returns false when it is over.
func (r *ordeal) deliver(ctx context.Context, destination string, random *rand.Rand) bool {
	c, err := r.store.Claim(ctx, dest(destination))
	switch {
	case err == nil:
		r.attempt(c, random)
	case !errors.Is(err, queue.ErrUnavailable):
		return false
	default:
		time.Sleep(time.Millisecond)
	}
	return ctx.Err() == nil
}

func (r *ordeal) attempt(c queue.Claim, random *rand.Rand) {
	d := c.Delivery()
	line := d.Destination.String() + " " + d.Message.EventType
	switch d.Destination.String() {
	case "b":
		line = d.Destination.String() + " " + d.Message.EventID
	case "c":
		line = d.Destination.String()
	}
	r.mu.Lock()
	if other := r.held[line]; other != "" {
		r.Errorf("%s: %s is held beside %s", line, d.Message.EventID, other)
	}
	r.held[line] = d.Message.EventID
	r.mu.Unlock()
	runtime.Gosched()

	r.mu.Lock()
	r.held[line] = ""
	end, ends := c.Release, false
	a := queue.Attempt{At: time.Now(), Error: "failed"}
	switch random.IntN(6) {
	case 0:
	case 1, 2:
		at := time.Now().Add(time.Duration(random.IntN(2)) * time.Millisecond)
		end = func() error { return c.Retry(at, a) }
	case 3:
		end, ends = func() error { return c.Bury(a) }, true
	default:
		end, ends = func() error { return c.Done(a) }, true
	}
	if ends {
		r.end(d, line)
	}
	r.mu.Unlock()
	r.persist("ending", end)
}

// end counts an event that ends. Marks are not synced: after a failure some end
// again, which only the first time says something about the order.
func (r *ordeal) end(d *queue.Delivery, line string) {
	var order, n int
	fmt.Sscanf(d.Message.EventID, "%d.%d", &order, &n)
	key := d.Destination.String() + " " + d.Message.EventID
	if r.ended[key]++; r.ended[key] > 1 || d.Destination == dest("b") {
		return
	}
	line = fmt.Sprint(line, " of ", order)
	if last, some := r.last[line]; some && n < last {
		r.Errorf("%s: event %d ended after %d", line, n, last)
	}
	r.last[line] = n
}

// finish delivers the rest and counts.
func (r *ordeal) finish() {
	r.open(0)
	defer r.store.Close()
	random := rand.New(rand.NewPCG(1, 1))
	for _, d := range ordealDestinations {
		if err := r.store.Pause(r.Context(), dest(string(d)), false); err != nil {
			r.Fatal(err)
		}
		for r.store.Stats().Destinations[dest(string(d))].Waiting > 0 {
			ctx, cancel := context.WithTimeout(r.Context(), faultPatience)
			if !r.deliver(ctx, string(d), random) {
				r.Fatalf("%s: %d wait and cannot be claimed", string(d), r.store.Stats().Destinations[dest(string(d))].Waiting)
			}
			cancel()
		}
		for order := range ordealOrders {
			for n := range r.sent {
				if event := fmt.Sprint(string(d), " ", order, ".", n); r.ended[event] == 0 {
					r.Errorf("%s: lost", event)
				}
			}
		}
		if st := r.store.Stats().Destinations[dest(string(d))]; st.Claimed != 0 || !st.Oldest.IsZero() {
			r.Errorf("%c: %+v", d, st)
		}
	}
	for _, l := range r.store.destinations {
		l.Lock()
		st := l.StatsLocked()
		l.Unlock()
		if st.OrderKeys > 0 || st.Busy > 0 {
			r.Errorf("%s: %d lines and %d claims are left", l.name, st.OrderKeys, st.Busy)
		}
	}
	if n := r.store.flights.count(); n != 0 {
		r.Errorf("%d messages stay in memory", n)
	}
}
