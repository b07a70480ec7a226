package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/seal"
)

func destinations(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("d", i))
	}
	return names
}

func big(size int) *queue.Message {
	now := time.Now()
	return &queue.Message{ID: queue.NewID(now), ReceivedAt: now, Endpoint: "e", Body: bytes.Repeat([]byte("0123456789abcdef"), size/16)}
}

// claimAll claims the delivery of each destination, all at the same time.
func claimAll(t *testing.T, s *Store, names []string) []queue.Claim {
	t.Helper()
	claims := make([]queue.Claim, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), faultPatience)
			defer cancel()
			var err error
			if claims[i], err = s.Claim(ctx, dest(name)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return claims
}

func (f *flights) count() (n int) {
	for i := range f.shards {
		s := &f.shards[i]
		s.mu.Lock()
		n += len(s.all)
		s.mu.Unlock()
	}
	return n
}

// TestOneBody claims a message for ten destinations at once: small ones, which
// are in memory since their acceptance, and large ones, which are read.
func TestOneBody(t *testing.T) {
	for name, size := range map[string]int{"small": 64 << 10, "large": 25 << 20} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(Options{Dir: t.TempDir(), Settings: queue.DefaultSettings(), Logger: testLogger(t)})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			names := destinations(10)
			m := big(size)
			if _, err := s.Accept(t.Context(), m, queue.Identity{}, routesTo(names...)...); err != nil {
				t.Fatal(err)
			}
			if name == "small" {
				used := s.options.freshSize - s.flights.fresh.Left()
				if used < int64(size) || used > int64(size)+4096 {
					t.Errorf("a message of %d bytes takes %d of the budget", size, used)
				}
			}
			// A large body goes to a table at once, which takes copies of its own.
			onDatabase(t, s, (*engine.Database).Flush)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			claims := claimAll(t, s, names)
			runtime.ReadMemStats(&after)
			// Reading it takes a copy in the engine and one of our own.
			if got := after.TotalAlloc - before.TotalAlloc; got > 3*uint64(size)+8<<20 {
				t.Errorf("ten claims of %d bytes took %d", size, got)
			}
			if free := s.flights.fresh.Left(); free != s.options.freshSize {
				t.Errorf("claimed, the message still takes %d of the budget", s.options.freshSize-free)
			}
			first := claims[0].Delivery().Message
			if !bytes.Equal(first.Body, m.Body) {
				t.Error("the body is another")
			}
			for i, c := range claims {
				if got := c.Delivery().Message; got != first || &got.Body[0] != &first.Body[0] {
					t.Errorf("%s has a copy of its own", names[i])
				}
			}
			// One that comes back is shared again while others are out.
			if err := claims[9].Release(); err != nil {
				t.Fatal(err)
			}
			claims[9] = claimAll(t, s, names[9:])[0]
			if claims[9].Delivery().Message != first {
				t.Error("released and claimed again, it is read again")
			}
			for _, c := range claims {
				if err := c.Done(queue.Attempt{}); err != nil {
					t.Fatal(err)
				}
			}
			if n := s.flights.count(); n != 0 {
				t.Errorf("%d messages stay in memory", n)
			}
		})
	}
}

// TestFlightError: an error of a read is told to those who wait for it, and the
// next one reads again.
func TestFlightError(t *testing.T) {
	var f flights
	failed := errors.New("failed")
	id := queue.NewID(time.Now())
	x := f.board(id)
	if f.board(id) != x {
		t.Fatal("two flights of one message")
	}
	for range 2 {
		if _, err := x.open(func() (*queue.Message, error) { return nil, failed }); err != failed {
			t.Errorf("got %v", err)
		}
	}
	y := f.board(id)
	if y == x {
		t.Fatal("the error stays")
	}
	if m, err := y.open(func() (*queue.Message, error) { return big(16), nil }); err != nil || m == nil {
		t.Errorf("got %v, %v", m, err)
	}
	x.leave()
	x.leave()
	y.leave()
	if n := f.count(); n != 0 {
		t.Errorf("%d flights are left", n)
	}
}

// TestBudgetReturns: whatever becomes of messages that are kept in memory, their
// share of the budget comes back.
func TestBudgetReturns(t *testing.T) {
	mem := vfs.NewMem()
	s, err := Open(small(mem))
	if err != nil {
		t.Fatal(err)
	}
	names := destinations(3)
	for n := range uint32(60) {
		m, id := testMessage(n)
		routes := routesTo(names...)
		routes[1].Ordered, routes[1].OrderKey = true, fmt.Sprint(n%5)
		routes[2].Hold = true
		a, err := s.Accept(t.Context(), m, id, routes...)
		if err != nil {
			t.Fatal(err)
		}
		if a.Held == nil {
			t.Fatal("nothing is held")
		}
		if n%2 == 0 {
			err = a.Held.Release()
		} else {
			err = a.Held.Done(queue.Attempt{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		drain(t, s, name)
	}
	if free := s.flights.fresh.Left(); free != s.options.freshSize {
		t.Errorf("%d of %d bytes are free", free, s.options.freshSize)
	}
	if n := s.flights.count(); n != 0 {
		t.Errorf("%d messages stay in memory", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkAcceptLarge reports what a large body takes on its way to the disk,
// beside itself.
func BenchmarkAcceptLarge(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir(), Settings: queue.DefaultSettings()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	s.Retain(dest("a"), 0)
	m := big(25 << 20)
	b.ReportAllocs()
	for b.Loop() {
		m.ID = queue.NewID(time.Now())
		if _, err := s.Accept(b.Context(), m, queue.Identity{}, routesTo("a")...); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		c, err := s.Claim(b.Context(), dest("a"))
		if err == nil {
			err = c.Done(queue.Attempt{})
		}
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N)*25/b.Elapsed().Seconds(), "MiB/s")
}

// TestLargeIsCopiedOnce: a large message goes into its batch by one copy, also
// where it is encrypted on the way.
func TestLargeIsCopiedOnce(t *testing.T) {
	for name, keys := range map[string][][]byte{"plain": nil, "sealed": {bytes.Repeat([]byte{1}, seal.KeySize)}} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(small(vfs.NewMem()))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if s.seal, err = seal.New(keys); err != nil {
				t.Fatal(err)
			}
			m := big(25 << 20)
			db, err := s.enter()
			if err != nil {
				t.Fatal(err)
			}
			defer db.Leave()
			batch := db.NewBatch()
			defer batch.Close()
			waitFor(t, "the filter is loaded, which takes memory too", func() bool { return s.filter.current.Load() != nil })
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			e := s.encode(m)
			err = e.put(batch)
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > 26<<20 {
				t.Errorf("it took %d bytes", got)
			}
			r := batch.Reader()
			_, _, stored, ok, err := r.Next()
			if !ok || err != nil || len(stored) != e.size() || seal.IsSealed(stored) != (keys != nil) {
				t.Fatalf("a record of %d bytes, want %d; %v", len(stored), e.size(), err)
			}
			got, err := s.seal.OpenMessage(m.ID, stored)
			if err != nil || !bytes.Equal(got.Body, m.Body) || got.ID != m.ID || got.Endpoint != m.Endpoint {
				t.Errorf("got another message, %v", err)
			}
		})
	}
}
