package pebble

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
)

// TestSteady: set back, the clock of what is due goes on; set forward again, it
// comes back; small corrections it follows.
func TestSteady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c steady
		offset := time.Duration(0)
		begin := time.Now()
		wall := func() int64 { return time.Now().Add(offset).UnixNano() }
		for _, step := range []struct {
			name string
			set  time.Duration // what the wall's clock is set by
			want time.Duration // of the time told, over what has really passed
		}{
			{"at first", 0, 0},
			{"corrected", -500 * time.Millisecond, -500 * time.Millisecond},
			{"set back", -time.Hour, -500 * time.Millisecond},
			{"and again", -time.Hour, -500 * time.Millisecond},
			{"set right", 2 * time.Hour, -500 * time.Millisecond},
			{"set forward", time.Hour, time.Hour - 500*time.Millisecond},
			{"set right", -time.Hour, time.Hour - 500*time.Millisecond},
		} {
			offset += step.set
			time.Sleep(time.Minute)
			if got := time.Duration(c.now(wall()) - begin.UnixNano() - int64(time.Since(begin))); got != step.want {
				t.Errorf("%s: ahead by %v, want %v", step.name, got, step.want)
			}
		}
	})
}

// TestClockSetBack: neither what waits nor what comes thereafter has to wait for
// the clock to catch up, and pauses are as long as they were; nor after a restart.
func TestClockSetBack(t *testing.T) {
	var clock atomic.Pointer[time.Time] // the store's own goroutines read it too
	now := func() time.Time { return *clock.Load() }
	set := func(at time.Time) { clock.Store(&at) }
	set(time.Unix(1_800_000_000, 0))
	o := Options{Dir: "queue", Settings: queue.DefaultSettings(), FS: vfs.NewMem(), Now: now}
	open := func() *Store {
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	accept := func(body string) {
		m := &queue.Message{ID: queue.NewID(now()), ReceivedAt: now(), Body: []byte(body)}
		if _, err := s.Accept(t.Context(), m, queue.Identity{}, routesTo("a")...); err != nil {
			t.Fatal(err)
		}
	}
	claim := func(want string) queue.Claim {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), faultPatience)
		defer cancel()
		c, err := s.Claim(ctx, dest("a"))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(c.Delivery().Message.Body); got != want {
			t.Fatalf("claimed %q, want %q", got, want)
		}
		return c
	}
	accept("before")
	set(now().Add(time.Millisecond))
	accept("too")
	set(now().Add(-time.Hour))
	accept("after")
	// The receipt of the last is by the clock that was set back.
	if err := claim("after").Done(queue.Attempt{}); err != nil {
		t.Fatal(err)
	}
	if err := claim("before").Retry(now().Add(time.Minute), queue.Attempt{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open()
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := claim("too").Done(queue.Attempt{}); err != nil {
		t.Fatal(err)
	}
	page, err := s.Deliveries(t.Context(), queue.Filter{States: []queue.State{queue.StateWaiting}}, "", 9)
	if err != nil || len(page.Entries) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	if left := page.Entries[0].Next.Sub(now()); left < 50*time.Second || left > 61*time.Second {
		t.Errorf("the next attempt is %v away, want a minute", left)
	}
	// With nothing left from before the clock was set back, what is on disk still
	// says by which clock the pauses are.
	accept("last")
	if err := claim("last").Retry(now().Add(2*time.Minute), queue.Attempt{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(t.Context(), page.Entries[0].ID, dest("a")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open()
	page, err = s.Deliveries(t.Context(), queue.Filter{States: []queue.State{queue.StateWaiting}}, "", 9)
	if err != nil || len(page.Entries) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	if left := page.Entries[0].Next.Sub(now()); left < 110*time.Second || left > 121*time.Second {
		t.Errorf("the next attempt is %v away, want two minutes", left)
	}
	set(now().Add(time.Hour + 121*time.Second)) // it is set right, and two minutes pass
	s.Wake()
	if err := claim("last").Done(queue.Attempt{}); err != nil {
		t.Fatal(err)
	}
}
