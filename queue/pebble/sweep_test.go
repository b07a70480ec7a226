package pebble

import (
	"context"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
)

// steps is a clock that a test sets.
type steps struct{ nanos atomic.Int64 }

func (c *steps) now() time.Time { return time.Unix(1_800_000_000, c.nanos.Load()) }

func (c *steps) advance(d time.Duration) { c.nanos.Add(int64(d)) }

// count counts the records of one kind.
func count(t *testing.T, s *Store, kind byte) (n int) {
	t.Helper()
	db, err := s.enter()
	if err != nil {
		t.Fatal(err)
	}
	defer db.leave()
	if err := each(db, kind, func(_, _ []byte) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSweep(t *testing.T) {
	var clock steps
	o := small(vfs.NewMem())
	o.Now = clock.now
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mark := func(n uint32, want queue.Verdict) {
		t.Helper()
		id := queue.Identity{Key: testKey(n), Window: time.Hour}
		v, err := s.Seen(t.Context(), id, clock.now())
		if err != nil || v != want {
			t.Fatalf("key %d: %v, %v", n, v, err)
		}
		if v == queue.New {
			if err := s.Mark(t.Context(), id, clock.now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	sweep := func(want int) {
		t.Helper()
		if n, err := s.Sweep(t.Context()); err != nil || n != want {
			t.Errorf("swept %d, %v; want %d", n, err, want)
		}
	}
	const old = 2*sweepBatch + 10 // several batches, and one time that spans two of them
	for n := range uint32(old) {
		mark(n, queue.New)
	}
	sweep(0)
	clock.advance(time.Hour / 2)
	mark(0, queue.Duplicate)
	clock.advance(time.Hour / 2)
	for n := range uint32(7) {
		mark(n, queue.New) // renewed before the sweep comes
	}
	mark(9999, queue.New)
	sweep(old)
	if k, x := count(t, s, kindKey), count(t, s, kindExpiry); k != 8 || x != 8 {
		t.Errorf("%d keys and %d expiries are left, want 8", k, x)
	}
	mark(3, queue.Duplicate)
	mark(20, queue.New)
	clock.advance(time.Hour)
	sweep(9)
	if k, x := count(t, s, kindKey), count(t, s, kindExpiry); k != 0 || x != 0 {
		t.Errorf("%d keys and %d expiries are left", k, x)
	}
}

// TestSweepAgainstSenders: a key that is recorded anew while the sweep runs is
// not lost.
func TestSweepAgainstSenders(t *testing.T) {
	var clock steps
	o := small(vfs.NewMem())
	o.Now = clock.now
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const keys = 200
	for round := range 5 {
		swept := make(chan error, 1)
		go func() { _, err := s.Sweep(context.Background()); swept <- err }()
		for n := range uint32(keys) {
			id := queue.Identity{Key: testKey(n), Window: time.Hour}
			if err := s.Mark(t.Context(), id, clock.now()); err != nil {
				t.Fatalf("round %d, key %d: %v", round, n, err)
			}
		}
		if err := <-swept; err != nil {
			t.Fatal(err)
		}
		for n := range uint32(keys) {
			id := queue.Identity{Key: testKey(n), Window: time.Hour}
			if v, err := s.Seen(t.Context(), id, clock.now()); err != nil || v != queue.Duplicate {
				t.Fatalf("round %d: key %d was lost: %v, %v", round, n, v, err)
			}
		}
		clock.advance(time.Hour)
	}
}

// TestNothingIsLeft: what was delivered leaves no record behind, whatever it
// went through.
func TestNothingIsLeft(t *testing.T) {
	o := small(vfs.NewMem())
	o.Retention = -1
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	to := []string{"a", "b", "c"}
	for n := range uint32(100) {
		m, _ := testMessage(n)
		if _, err := s.Accept(t.Context(), m, queue.Identity{}, queue.To(to[:1+n%3]...)...); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range to {
		for i := 0; s.Stats().Destinations[d].Waiting > 0; i++ {
			c, err := s.Claim(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			switch i % 3 {
			case 0:
				err = c.Retry(time.Now(), queue.Attempt{Error: "failed"})
			case 1:
				err = c.Release()
				if c, err2 := s.Claim(t.Context(), d); err2 == nil {
					err = c.Done(queue.Attempt{})
				}
			default:
				err = c.Done(queue.Attempt{})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, kind := range []byte("meiqtzhakx") {
		if n := count(t, s, kind); n != 0 {
			t.Errorf("%d records of kind %c are left", n, kind)
		}
	}
	if free := s.flights.fresh.left.Load(); free != s.options.freshSize {
		t.Errorf("%d of %d bytes for fresh messages are free", free, s.options.freshSize)
	}
}

func FuzzDecodeStanding(f *testing.F) {
	box := (*seal)(nil).of(queue.ID{1})
	a := &queue.Attempt{Number: 7, At: time.Unix(1, 2), Duration: time.Second, Failure: queue.Status, Status: 503, Error: "refused"}
	full := standing{stage: stageDead, size: 1500, due: 1, ended: 2, redelivered: 3, attempts: 7, written: 9, last: a, order: &orderID{1}}
	f.Add(full.append(nil, box))
	f.Add((&standing{size: 1}).append(nil, box))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeStanding(b, box)
		if err != nil {
			return
		}
		if again, err := decodeStanding(s.append(nil, box), box); err != nil || !reflect.DeepEqual(again, s) {
			if s.last != nil && (len(s.last.Error) > queue.MaxError || len(s.last.Failure) > 32 || s.last.Excerpt != "") {
				return // more than is ever written
			}
			t.Fatalf("%+v became %+v, %v", s, again, err)
		}
	})
}
