package pebble

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
)

// TestReleaseWhileMarking: a claim that is released while its mark hangs on a full
// disk is nobody's any more, also if the mark fails after that.
func TestReleaseWhileMarking(t *testing.T) {
	for _, then := range []error{nil, syscall.EIO} {
		disk := &switchFS{FS: vfs.NewMem()}
		o := small(disk)
		o.Logger = testLogger(t)
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var claims []queue.Claim
		for n := range uint32(200) {
			if _, err := acceptN(t, s, n); err != nil {
				t.Fatal(err)
			}
			c, err := s.Claim(t.Context(), dest("a"))
			if err != nil {
				t.Fatal(err)
			}
			claims = append(claims, c)
		}
		disk.set(syscall.ENOSPC)
		// Memory takes some marks without the disk.
		failed := queue.Attempt{Error: strings.Repeat("x", queue.MaxExcerpt), Excerpt: strings.Repeat("x", queue.MaxExcerpt)}
		var c queue.Claim
		for len(claims) > 0 && err == nil {
			c, claims = claims[0], claims[1:]
			err = c.Retry(time.Now(), failed)
		}
		if !errors.Is(err, queue.ErrUnavailable) {
			t.Fatalf("the last mark on a full disk: %v", err)
		}
		for _, other := range claims {
			if err := other.Release(); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Release(); err != nil {
			t.Errorf("Release while the mark hangs: %v", err)
		}
		if err := c.Release(); err == nil {
			t.Error("a claim was released twice")
		}
		if then != nil {
			disk.set(then)
			for limit := time.Now().Add(faultPatience); s.engine.Full(); time.Sleep(time.Millisecond) {
				if time.Now().After(limit) {
					t.Fatal("the write still hangs")
				}
			}
		}
		disk.set(nil)
		for limit := time.Now().Add(faultPatience); ; time.Sleep(time.Millisecond) {
			d := s.Stats().Destinations[dest("a")]
			if s.Stats().Available && d.Claimed == 0 {
				break
			}
			if time.Now().After(limit) {
				t.Fatalf("then %v: it is still held: %+v", then, d)
			}
		}
		eventually(t, s, 1000)
		if got := drain(t, s, "a"); len(got) != 201 {
			t.Errorf("then %v: %d came, want 201", then, len(got))
		}
	}
}

// TestWakePassedOn: who is woken when it wants to leave wakes the next.
func TestWakePassedOn(t *testing.T) {
	s, err := Open(small(vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d, err := s.destination(dest("a"))
	if err != nil {
		t.Fatal(err)
	}
	waits := func(n int) {
		for limit := time.Now().Add(faultPatience); ; time.Sleep(10 * time.Microsecond) {
			d.Lock()
			waiting := d.StatsLocked().Waiters
			d.Unlock()
			if waiting == n {
				return
			}
			if time.Now().After(limit) {
				t.Fatalf("%d wait, want %d", waiting, n)
			}
		}
	}
	claimed := make(chan queue.Claim, 2)
	claim := func(ctx context.Context) {
		if c, err := s.Claim(ctx, dest("a")); err == nil {
			claimed <- c
		}
	}
	leaving := &left{Context: t.Context()}
	go claim(leaving)
	waits(1)
	go claim(t.Context())
	waits(2)
	leaving.gone.Store(true)
	if _, err := acceptN(t, s, 1); err != nil {
		t.Fatal(err)
	}
	select {
	case c := <-claimed:
		if err := c.Done(queue.Attempt{}); err != nil {
			t.Fatal(err)
		}
	case <-time.After(faultPatience / 4):
		t.Fatal("nobody was woken")
	}
}

// left is a context that has ended, though who waits is woken by something else
// first.
type left struct {
	context.Context
	gone atomic.Bool
}

func (c *left) Err() error {
	if c.gone.Load() {
		return context.Canceled
	}
	return nil
}

// TestLostSummary: a damaged entry of the list costs neither the deliveries that
// still wait nor the sweep.
func TestLostSummary(t *testing.T) {
	for _, retention := range []time.Duration{0, time.Hour} {
		for name, spoil := range map[string]func(*pebble.DB, []byte) error{
			"damaged": func(db *pebble.DB, k []byte) error { return db.Set(k, []byte{0xff}, pebble.Sync) },
			"gone":    func(db *pebble.DB, k []byte) error { return db.Delete(k, pebble.Sync) },
		} {
			var clock steps
			o := small(vfs.NewMem())
			o.Settings.Retention, o.Now = retention, clock.now
			s, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			m, id := testMessage(1)
			m.ID, m.ReceivedAt = queue.NewID(clock.now()), clock.now()
			if _, err := s.Accept(t.Context(), m, id, routesTo("a", "b", "c")...); err != nil {
				t.Fatal(err)
			}
			var k record.KeyBuffer
			onDatabase(t, s, func(db *engine.Database) error {
				return spoil(db.DB, record.SummaryKey(&k, record.DigestOf(m.Endpoint), m.ID))
			})
			for i, destination := range []string{"a", "b", "c"} {
				if n := count(t, s, record.KindMessage); n != 1 {
					t.Fatalf("%s, retention %v: %d messages while %s waits", name, retention, n, destination)
				}
				if got := drain(t, s, destination); len(got) != 1 {
					t.Errorf("%s, retention %v: %s got %v", name, retention, destination, got)
				}
				clock.advance(2 * time.Hour)
				if n, err := s.Sweep(t.Context()); err != nil || retention > 0 && i > 0 && n != 1 {
					t.Errorf("%s, retention %v: swept %d, %v", name, retention, n, err)
				}
			}
			for _, kind := range []byte{record.KindMessage, record.KindDelivery, record.KindEnded} {
				if n := count(t, s, kind); n != 0 {
					t.Errorf("%s, retention %v: %d records of kind %c are left", name, retention, n, kind)
				}
			}
		}
	}
}
