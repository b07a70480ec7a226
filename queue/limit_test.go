package queue

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLimitCrowded: fifty destinations that hang, each with its full
// concurrency, do not keep a well one from its deliveries.
func TestLimitCrowded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := NewLimit(0)
		var stops []func()
		for range 50 {
			w := &Worker{Store: newBacklog(1e6), Shared: shared, Attempt: func(ctx context.Context, _ *Delivery) (Answer, error) {
				<-ctx.Done()
				return Answer{}, ctx.Err()
			}, Policy: Policy{Circuit: Circuit{Off: true}}}
			stops = append(stops, runs(t, w))
		}
		time.Sleep(5 * time.Minute) // ten times 30 s, for which each of them hangs
		well := newBacklog(1000)
		w := &Worker{Store: well, Shared: shared, Attempt: func(context.Context, *Delivery) (Answer, error) {
			time.Sleep(10 * time.Millisecond)
			return Answer{}, nil
		}}
		stops = append(stops, runs(t, w))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := well.delivered(); n != 1000 {
			t.Errorf("%d of 1000 delivered in 10 s", n)
		}
		if shared.free < 32 || shared.free > 128 {
			t.Errorf("%d slots kept free", shared.free)
		}
		for _, stop := range stops {
			stop()
		}
		if shared.free != DefaultShared || len(shared.waiting) != 0 {
			t.Errorf("%d slots free, %d waiting", shared.free, len(shared.waiting))
		}
	})
}

// TestLimitAlone: one worker may have nearly all of it, and all of a small one.
func TestLimitAlone(t *testing.T) {
	l := NewLimit(1000)
	var s share
	for l.try(&s) {
	}
	if s.taken != 880 {
		t.Errorf("%d of 1000", s.taken)
	}
	l, s = NewLimit(3), share{}
	for l.try(&s) {
	}
	if s.taken != 3 {
		t.Errorf("%d of 3", s.taken)
	}
}

// TestLimitWaiters: the one with the fewest in flight is next, and among equals
// the first that came; who gives up waiting leaves nothing behind.
func TestLimitWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimit(4)
		var greedy share
		for l.try(&greedy) {
		}
		var all, order []int
		var mu sync.Mutex
		shares := []*share{{taken: 3}, {taken: 1}, {taken: 2}, {taken: 1}}
		for i, s := range shares {
			go func() {
				l.take(t.Context(), s)
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			}()
			synctest.Wait()
			all = append(all, i)
		}
		gone, cancel := context.WithCancel(t.Context())
		go l.take(gone, &share{taken: 1})
		synctest.Wait()
		cancel()
		synctest.Wait()
		for range all {
			l.give(&greedy)
			synctest.Wait()
		}
		mu.Lock()
		defer mu.Unlock()
		if want := []int{1, 3, 2, 0}; len(order) != 4 || order[0] != want[0] || order[1] != want[1] || order[2] != want[2] || order[3] != want[3] {
			t.Errorf("in the order %v, want %v", order, want)
		}
		if len(l.waiting) != 0 {
			t.Errorf("%d still wait", len(l.waiting))
		}
	})
}

// TestLimitFirst: a worker with nothing in flight gets a slot though none is free,
// and no second one.
func TestLimitFirst(t *testing.T) {
	l := NewLimit(2)
	all := make([]share, 10)
	for i := range all {
		if !l.try(&all[i]) {
			t.Errorf("worker %d got none", i)
		}
		if second := l.try(&all[i]); second != (i == 0) {
			t.Errorf("worker %d: a second one %t", i, second)
		}
	}
	for i := range all {
		for all[i].taken > 0 {
			l.give(&all[i])
		}
	}
	if l.free != 2 {
		t.Errorf("%d of 2 are free", l.free)
	}
}

// TestLimitNext: a worker that waits for a second slot gets one as soon as it has
// none, though all are taken.
func TestLimitNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimit(1)
		var hanging, well share
		l.try(&hanging)
		for range 10 {
			if !l.take(t.Context(), &well) {
				t.Fatal("not admitted")
			}
			next := make(chan bool)
			go func() { next <- l.take(t.Context(), &well) }()
			synctest.Wait()
			l.give(&well)
			if !<-next {
				t.Fatal("not admitted next")
			}
			l.give(&well)
		}
	})
}

// TestLimitLeaks: slots are neither lost nor made by waiters that give up at any
// moment.
func TestLimitLeaks(t *testing.T) {
	const workers, slots = 50, 70
	l := NewLimit(slots)
	var mu sync.Mutex
	running, most := 0, 0
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			var s share
			l.take(t.Context(), &s) // the first is free
			defer l.give(&s)
			for range 500 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(50))*time.Microsecond)
				if l.take(ctx, &s) {
					mu.Lock()
					running++
					most = max(most, running)
					mu.Unlock()
					if random.IntN(10) == 0 {
						<-ctx.Done()
					}
					mu.Lock()
					running--
					mu.Unlock()
					l.give(&s)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if l.free != slots || len(l.waiting) != 0 || most > slots {
		t.Errorf("%d of %d free, %d waiting, %d at once", l.free, slots, len(l.waiting), most)
	}
}
