package pebble

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
)

// TestPowerFailure cuts the power under many concurrent senders, each time with
// another part of what was not yet synced on the disk.
func TestPowerFailure(t *testing.T) {
	step := 1
	if raced {
		step = 4
	}
	for round := 0; round < 12; round += step {
		mem := vfs.NewCrashableMem()
		s, err := Open(small(mem))
		if err != nil {
			t.Fatal(err)
		}
		var (
			mu           sync.Mutex
			acknowledged = make(map[uint32]bool)
			claimed      = make(map[string]bool)
			cancelled    = make(map[queue.ID]bool)
			next         atomic.Uint32
			wg           sync.WaitGroup
			enough       = make(chan struct{})
		)
		ctx, cancel := context.WithCancel(t.Context())
		for range 16 {
			wg.Go(func() {
				for ctx.Err() == nil {
					n := next.Add(1)
					m, id := testMessage(n)
					if _, err := s.Accept(context.Background(), m, id, routesTo("a", "b", "c")...); err != nil {
						t.Error(err)
						return
					}
					if n%4 == 0 { // a person, who is told when it is done
						if err := s.Cancel(context.Background(), m.ID, dest("c")); err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						cancelled[m.ID] = true
						mu.Unlock()
					}
					mu.Lock()
					acknowledged[n] = true
					if len(acknowledged) == 150+50*round {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		wg.Go(func() {
			for {
				c, err := s.Claim(ctx, dest("a"))
				if err != nil {
					return
				}
				mu.Lock()
				claimed[c.Delivery().Message.EventID] = true
				mu.Unlock()
				if err := c.Done(queue.Attempt{}); err != nil {
					t.Error(err)
				}
			}
		})
		<-enough
		// What was acknowledged or handed out before the cut must be on the disk.
		mu.Lock()
		before := make(map[uint32]bool)
		for n := range acknowledged {
			before[n] = true
		}
		ended := maps.Clone(cancelled)
		out := make(map[string]bool)
		for e := range claimed {
			out[e] = true
		}
		mu.Unlock()
		disk := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 10 * (round % 11), RNG: newRand(uint64(round))})
		cancel()
		wg.Wait()
		last := next.Load()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		afterCrash(t, disk, before, out, ended, last)
	}
}

func afterCrash(t *testing.T, disk vfs.FS, acknowledged map[uint32]bool, claimed map[string]bool, cancelled map[queue.ID]bool, last uint32) {
	t.Helper()
	s, err := Open(small(disk))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	seen := make(map[uint32]bool)
	for n := uint32(1); n <= last; n++ {
		v, err := s.Seen(t.Context(), queue.Identity{Key: testKey(n)}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		seen[n] = v == queue.Duplicate
		if acknowledged[n] && !seen[n] {
			t.Errorf("event %d was acknowledged, but its key is lost", n)
		}
	}
	for id := range cancelled {
		seen, err := s.Look(t.Context(), id)
		if err != nil || len(seen.Deliveries) != 3 || seen.Deliveries[2].State != queue.StateCancelled {
			t.Errorf("message %v was cancelled and is %+v, %v", id, seen, err)
		}
	}
	b := drain(t, s, "b") // nobody delivered these
	a := drain(t, s, "a")
	for n := uint32(1); n <= last; n++ {
		event := fmt.Sprint(n)
		if seen[n] != (b[event] == 1) {
			t.Errorf("event %d: key %v, message %d times", n, seen[n], b[event])
		}
		if acknowledged[n] && !claimed[event] && a[event] != 1 {
			// It may have been claimed and done between our copy and the cut.
			t.Logf("event %d was delivered at the last moment", n)
		}
		if claimed[event] && b[event] != 1 {
			t.Errorf("event %d was handed out before it was durable", n)
		}
	}
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// TestNotesReachTheDisk: what became of a delivery is on the disk soon, though no
// event arrives meanwhile whose sync would take it there.
func TestNotesReachTheDisk(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s, err := Open(small(mem))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m, id := testMessage(1)
	if _, err := s.Accept(t.Context(), m, id, routesTo("a")...); err != nil {
		t.Fatal(err)
	}
	c, err := s.Claim(t.Context(), dest("a"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Done(queue.Attempt{}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		again, err := Open(small(mem.CrashClone(vfs.CrashCloneCfg{})))
		if err != nil {
			t.Fatal(err)
		}
		waiting := again.Stats().Destinations[dest("a")].Waiting
		again.Close()
		if waiting == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d deliveries would be made again after a crash", waiting)
		}
	}
}
