package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/hookwicket/hookwicket/queue"
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

// small makes a store whose memtables fill within a test.
func small(fs vfs.FS) Options {
	return Options{Dir: "queue", FS: fs, memTableSize: 64 << 10, freshSize: 16 << 10, stallLimit: 20 * time.Millisecond}
}

func testMessage(n uint32) (*queue.Message, queue.Identity) {
	now := time.Now()
	m := &queue.Message{ID: queue.NewID(now), ReceivedAt: now, EventID: fmt.Sprint(n), Body: bytes.Repeat([]byte{byte(n)}, 1500)}
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
	for s.Stats().Destinations[destination].Waiting > 0 {
		ctx, cancel := context.WithTimeout(t.Context(), faultPatience)
		c, err := s.Claim(ctx, destination)
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
// are accepted and delivered, and looks at what is left.
func TestEveryFault(t *testing.T) {
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		t.Run(cause.Error(), func(t *testing.T) {
			t.Parallel()
			step := int32(1)
			if testing.Short() {
				step = 7
			}
			for i := int32(0); ; i += step {
				if !faultAt(t, i, cause) || t.Failed() {
					t.Logf("%d faults", i)
					return
				}
			}
		})
	}
}

// faultAt runs with a fault at the i-th write; it returns false when there were
// fewer.
func faultAt(t *testing.T, i int32, cause error) bool {
	mem := vfs.NewMem()
	var writes atomic.Int32
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && writes.Add(1)-1 == i {
			return cause
		}
		return nil
	}))
	accepted, done := make(map[string]bool), make(map[string]bool)
	s, err := Open(small(fs))
	if err == nil {
		work(t, s, accepted, done)
		s.Close()
	}
	reached := writes.Load() > i

	s, err = Open(small(mem))
	if err != nil {
		t.Fatalf("fault %d: opening again: %v", i, err)
	}
	defer s.Close()
	for n := range uint32(60) {
		m, id := testMessage(n)
		v, err := s.Accept(t.Context(), m, id, queue.To("a")...)
		if err != nil {
			t.Fatalf("fault %d: %v", i, err)
		}
		if event := fmt.Sprint(n); v.Verdict == queue.New && accepted[event] {
			t.Errorf("fault %d: event %s is new again", i, event)
		}
		accepted[fmt.Sprint(n)] = true
	}
	got := drain(t, s, "a")
	for event := range accepted {
		switch n := got[event]; {
		case n > 1:
			t.Errorf("fault %d: event %s is there %d times", i, event, n)
		case n == 0 && !done[event]:
			t.Errorf("fault %d: event %s is lost", i, event)
		}
	}
	if b := s.Stats().Bytes; b != 0 {
		t.Errorf("fault %d: %d bytes are left", i, b)
	}
	return reached
}

// work accepts sixty messages, as senders do: until each has its answer. It
// delivers half of them.
func work(t *testing.T, s *Store, accepted, done map[string]bool) {
	deadline := time.Now().Add(faultPatience)
	for n := range uint32(60) {
		for {
			m, id := testMessage(n)
			v, err := s.Accept(t.Context(), m, id, queue.To("a")...)
			if err == nil {
				if v.Verdict == queue.New && accepted[m.EventID] {
					t.Errorf("event %d was new twice", n)
				}
				accepted[m.EventID] = true
				break
			}
			if !errors.Is(err, queue.ErrUnavailable) || time.Now().After(deadline) {
				t.Fatalf("event %d: %v", n, err)
			}
			time.Sleep(time.Millisecond)
		}
		if n%2 == 0 {
			deliverOne(t, s, done, deadline)
		}
	}
}

func deliverOne(t *testing.T, s *Store, done map[string]bool, deadline time.Time) {
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	for {
		c, err := s.Claim(ctx, "a")
		if errors.Is(err, queue.ErrUnavailable) {
			time.Sleep(time.Millisecond)
			continue
		}
		if err != nil {
			t.Fatal("claiming: ", err)
		}
		for {
			err = c.Done(queue.Attempt{})
			if err == nil {
				done[c.Delivery().Message.EventID] = true
				return
			}
			if !errors.Is(err, queue.ErrUnavailable) || ctx.Err() != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
	}
}
