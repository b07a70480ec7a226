package pebble

import (
	"context"
	"math"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/check"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
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
	defer db.Leave()
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
			remember(t, s, id, clock.now())
		}
	}
	sweep := func(want int) {
		t.Helper()
		if n, err := s.Sweep(t.Context()); err != nil || n != want {
			t.Errorf("swept %d, %v; want %d", n, err, want)
		}
	}
	const old = 1000
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
	const bucket = time.Hour / 4 // the longest that a key can stay after its expiry
	clock.advance(bucket)
	sweep(old)
	if k := count(t, s, record.KindKey); k != 8 {
		t.Errorf("%d keys are left, want 8", k)
	}
	mark(3, queue.Duplicate)
	mark(20, queue.New)
	clock.advance(time.Hour + bucket)
	sweep(9)
	if k := count(t, s, record.KindKey); k != 0 {
		t.Errorf("%d keys are left", k)
	}
}

// TestBuckets: a bucket is over at its keys' expiry or soon after, and few buckets have
// keys at a time, for every window.
func TestBuckets(t *testing.T) {
	for _, span := range []time.Duration{1, time.Second, 10 * time.Second, time.Minute, time.Hour, 24 * time.Hour, 72 * time.Hour, 30 * 24 * time.Hour, math.MaxInt64} {
		ends := make(map[int64]bool)
		for step := range int64(1000) {
			expiry := window.Nanos(time.Unix(1_800_000_000, 0).Add(span / 1000 * time.Duration(step)))
			end := record.BucketOf(expiry, span)
			ends[end] = true
			if late := time.Duration(end - expiry); late < 0 || late > max(span/4, time.Second) {
				t.Errorf("window %v: the bucket of %d is over %v later", span, expiry, late)
			}
		}
		if len(ends) > 12 {
			t.Errorf("window %v: %d buckets", span, len(ends))
		}
	}
}

// TestRenewedKey: a renewed key is known until its last expiry, and forgotten as a whole.
func TestRenewedKey(t *testing.T) {
	var clock steps
	mem := vfs.NewMem()
	o := small(mem)
	o.Now = clock.now
	open := func() *Store {
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	id := queue.Identity{Key: testKey(1), Window: time.Hour}
	seen := func(want queue.Verdict) {
		t.Helper()
		if v, err := s.Seen(t.Context(), id, clock.now()); err != nil || v != want {
			t.Fatalf("%v, %v; want %v", v, err, want)
		}
	}
	remember(t, s, id, clock.now())
	clock.advance(50 * time.Minute)
	seen(queue.Duplicate) // renews the key
	clock.advance(30 * time.Minute)
	if n, err := s.Sweep(t.Context()); err != nil || n != 1 {
		t.Errorf("swept %d, %v", n, err)
	}
	seen(queue.Duplicate)
	clock.advance(25 * time.Minute)
	seen(queue.Duplicate)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open()
	defer func() { _ = s.Close() }()
	seen(queue.Duplicate)
	if was, err := s.ForgetKey(t.Context(), id.Key); err != nil || !was {
		t.Fatalf("%v, %v", was, err)
	}
	seen(queue.New)
	if n := count(t, s, record.KindKey); n != 0 {
		t.Errorf("%d keys are left", n)
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
			remember(t, s, id, clock.now())
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
	o.Settings.Retention = 0
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	to := []string{"a", "b", "c"}
	for n := range uint32(100) {
		m, _ := testMessage(n)
		if _, err := s.Accept(t.Context(), m, queue.Identity{}, routesTo(to[:1+n%3]...)...); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range to {
		for i := 0; s.Stats().Destinations[dest(d)].Waiting > 0; i++ {
			c, err := s.Claim(t.Context(), dest(d))
			if err != nil {
				t.Fatal(err)
			}
			switch i % 3 {
			case 0:
				err = c.Retry(time.Now(), queue.Attempt{Error: "failed"})
			case 1:
				err = c.Release()
				if c, err2 := s.Claim(t.Context(), dest(d)); err2 == nil {
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
	for _, kind := range []byte("meiqtzhak") {
		if n := count(t, s, kind); n != 0 {
			t.Errorf("%d records of kind %c are left", n, kind)
		}
	}
	if free := s.flights.fresh.Left(); free != s.options.freshSize {
		t.Errorf("%d of %d bytes for fresh messages are free", free, s.options.freshSize)
	}
}

func FuzzDecodeStanding(f *testing.F) {
	box := (*seal.Seal)(nil).For(queue.ID{1})
	a := &queue.Attempt{Number: 7, At: time.Unix(1, 2), Duration: time.Second, Failure: queue.Status, Status: 503, Error: "refused"}
	full := record.Delivery{Stage: record.StageDead, Size: 1500, Due: 1, Ended: 2, Redelivered: 3, Attempts: 7, Written: 9, Last: a, Order: &window.OrderKey{1}}
	f.Add(full.Append(nil, box))
	f.Add((&record.Delivery{Size: 1}).Append(nil, box))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := record.DecodeDelivery(b, box)
		if err != nil {
			return
		}
		if again, err := record.DecodeDelivery(s.Append(nil, box), box); err != nil || !reflect.DeepEqual(again, s) {
			if s.Last != nil && (len(s.Last.Error) > queue.MaxError || len(s.Last.Failure) > 32 || s.Last.Excerpt != "") {
				return // more than is ever written
			}
			t.Fatalf("%+v became %+v, %v", s, again, err)
		}
	})
}

// TestCollectedTwice: a sweep that meets deliveries a second time, because one of them
// ended late, removes each message once and leaves nothing of it.
func TestCollectedTwice(t *testing.T) {
	mem := vfs.NewMem()
	s, err := Open(small(mem))
	must(t, err)
	to := []string{"a", "b", "c"}
	const messages = 20
	for n := range uint32(messages) {
		m, _ := testMessage(n)
		_, err := s.Accept(t.Context(), m, queue.Identity{}, routesTo(to...)...)
		must(t, err)
	}
	for _, name := range to {
		for range messages {
			c, err := s.Claim(t.Context(), dest(name))
			must(t, err)
			must(t, c.Done(queue.Attempt{Status: 200}))
		}
	}
	waitFor(t, "the ended deliveries are counted", func() bool { return s.Stats().Retained > 0 })
	r := retiring{store: s}
	all := s.allDestinations()
	for _, d := range append(all, all[0], all[1]) { // the last removal of a message is not the one that comes again
		d.lower(0)
		must(t, r.collect(d, math.MaxInt64, math.MaxInt64))
	}
	must(t, r.commit(t.Context(), record.GoneAged))
	if r.total != messages*len(to) {
		t.Errorf("%d deliveries were removed", r.total)
	}
	if n := s.Stats().Retained; n != 0 {
		t.Errorf("%d bytes are retained", n)
	}
	must(t, s.Close())
	report, err := check.Run(check.Options{Dir: "queue", FS: mem})
	must(t, err)
	if !report.Sound() || report.Messages != 0 {
		t.Errorf("%d messages, %+v", report.Messages, report.Problems)
	}
}

// remember records an identity that is not known.
func remember(t *testing.T, s *Store, id queue.Identity, now time.Time) {
	t.Helper()
	v, r, err := s.Reserve(t.Context(), id, now)
	if err != nil || v != queue.New {
		t.Fatalf("reserving: %v, %v", v, err)
	}
	if err := r.Take(t.Context()); err != nil {
		t.Fatal(err)
	}
}
