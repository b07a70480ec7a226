package pebble

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
)

const faultPatience = 20 * time.Second

func testLogger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// testWriter drops what is logged after the test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	if w.t.Context().Err() == nil {
		w.t.Log(string(bytes.TrimSpace(p)))
	}
	return len(p), nil
}

// sealedBy returns default settings with encryption keys.
func sealedBy(keys ...[]byte) queue.Settings {
	set := queue.DefaultSettings()
	set.Keys = keys
	return set
}

// dest makes a destination of its text.
func dest(s string) queue.Destination { return queue.ParseDestination(s) }

// routesTo makes plain routes to destinations.
func routesTo(destinations ...string) []queue.Route {
	routes := make([]queue.Route, len(destinations))
	for i, d := range destinations {
		routes[i].Destination = dest(d)
	}
	return routes
}

// small makes a store whose memtables fill within a test.
func small(fs vfs.FS) Options {
	return Options{Dir: "queue", FS: fs, Settings: queue.DefaultSettings(), freshSize: 16 << 10, tuning: engine.Tuning{MemTableSize: 64 << 10, StallLimit: 20 * time.Millisecond}}
}

// onDatabase runs f on the current database of a store.
func onDatabase(t *testing.T, s *Store, f func(*engine.Database) error) {
	t.Helper()
	db, err := s.enter()
	if err == nil {
		defer db.Leave()
		err = f(db)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func testMessage(n uint32) (*queue.Message, queue.Identity) {
	now := time.Now()
	m := &queue.Message{ID: queue.NewID(now), ReceivedAt: now, Endpoint: "endpoint", EventID: fmt.Sprint(n), Body: bytes.Repeat([]byte{byte(n)}, 1500)}
	return m, queue.Identity{Key: testKey(n), Window: time.Hour}
}

func testKey(n uint32) queue.Key {
	return queue.Key{byte(n), byte(n >> 8), byte(n >> 16), 1}
}

// drain claims all that is due, marks it as done, and returns how often each
// event came.
func drain(t *testing.T, s *Store, destination string) map[string]int {
	t.Helper()
	got := make(map[string]int)
	for s.Stats().Destinations[dest(destination)].Waiting > 0 {
		ctx, cancel := context.WithTimeout(t.Context(), faultPatience)
		c, err := s.Claim(ctx, dest(destination))
		cancel()
		if err != nil {
			t.Fatal("claiming: ", err)
		}
		m := c.Delivery().Message
		if len(m.Body) != 1500 {
			t.Fatalf("a body of %d bytes", len(m.Body))
		}
		got[m.EventID]++
		if err := c.Done(queue.Attempt{}); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// TestEveryFault makes each write to the disk fail in turn, once, while messages
// are accepted and delivered, while persons do all that they can and while what
// has ended is swept, and looks at what is left.
//
// With the race detector each write fails in one of the four ways.
func TestEveryFault(t *testing.T) {
	for n, retention := range []time.Duration{time.Hour, 0} {
		for k, cause := range []error{syscall.EIO, syscall.ENOSPC} {
			t.Run(fmt.Sprint(cause, " ", retention), func(t *testing.T) {
				t.Parallel()
				first, step := int32(0), int32(1)
				if testing.Short() {
					step = 7
				} else if raced {
					first, step = int32(2*n+k), 4
				}
				for i := first; ; i += step {
					if !faultAt(t, i, cause, retention) || t.Failed() {
						t.Logf("%d faults", i)
						return
					}
				}
			})
		}
	}
}

// faultAt runs with a fault at the i-th write; it returns false when there were
// fewer.
func faultAt(t *testing.T, i int32, cause error, retention time.Duration) bool {
	mem := vfs.NewMem()
	var writes atomic.Int32
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && writes.Add(1)-1 == i {
			return cause
		}
		return nil
	}))
	b := &book{T: t, name: fmt.Sprint("fault ", i), deadline: time.Now().Add(faultPatience)}
	o := small(fs)
	o.Settings.MaxRetained, o.Settings.Retention = 8<<10, retention
	b.unkept = retention == 0
	s, err := Open(o)
	if err == nil {
		b.work(s)
		s.Close()
	}
	reached := writes.Load() > i

	o.FS = mem
	if s, err = Open(o); err != nil {
		t.Fatalf("%s: opening again: %v", b.name, err)
	}
	defer s.Close()
	b.audit(s)
	return reached
}
