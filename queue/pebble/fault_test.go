package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
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
		if err := c.Done(); err != nil {
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
		v, err := s.Accept(t.Context(), m, id, "a")
		if err != nil {
			t.Fatalf("fault %d: %v", i, err)
		}
		if event := fmt.Sprint(n); v == queue.New && accepted[event] {
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
			v, err := s.Accept(t.Context(), m, id, "a")
			if err == nil {
				if v == queue.New && accepted[m.EventID] {
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
			err = c.Done()
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

// TestPowerFailure cuts the power under many concurrent senders, each time with
// another part of what was not yet synced on the disk.
func TestPowerFailure(t *testing.T) {
	for round := range 12 {
		mem := vfs.NewCrashableMem()
		s, err := Open(small(mem))
		if err != nil {
			t.Fatal(err)
		}
		var (
			mu           sync.Mutex
			acknowledged = make(map[uint32]bool)
			claimed      = make(map[string]bool)
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
					if _, err := s.Accept(context.Background(), m, id, "a", "b"); err != nil {
						t.Error(err)
						return
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
				c, err := s.Claim(ctx, "a")
				if err != nil {
					return
				}
				mu.Lock()
				claimed[c.Delivery().Message.EventID] = true
				mu.Unlock()
				if err := c.Done(); err != nil {
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
		afterCrash(t, disk, before, out, last)
	}
}

func afterCrash(t *testing.T, disk vfs.FS, acknowledged map[uint32]bool, claimed map[string]bool, last uint32) {
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

// switchFS fails all writes with an error while one is set. Of a write that
// finds no space it keeps the first half, as disks do.
type switchFS struct {
	vfs.FS
	err atomic.Pointer[error]
}

func (f *switchFS) set(err error) {
	if err == nil {
		f.err.Store(nil)
	} else {
		f.err.Store(&err)
	}
}

func (f *switchFS) failure() error {
	if p := f.err.Load(); p != nil {
		return *p
	}
	return nil
}

func (f *switchFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.failure(); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name, c)
	if err != nil {
		return nil, err
	}
	return &switchFile{file, f}, nil
}

func (f *switchFS) ReuseForWrite(a, b string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.failure(); err != nil {
		return nil, err
	}
	file, err := f.FS.ReuseForWrite(a, b, c)
	if err != nil {
		return nil, err
	}
	return &switchFile{file, f}, nil
}

type switchFile struct {
	vfs.File
	fs *switchFS
}

func (f *switchFile) Write(p []byte) (int, error) {
	if err := f.fs.failure(); err != nil {
		n := 0
		if noSpace(err) && len(p) > 1 {
			n, _ = f.File.Write(p[:len(p)/2])
		}
		return n, err
	}
	return f.File.Write(p)
}

func (f *switchFile) Sync() error {
	if err := f.fs.failure(); err != nil && !noSpace(err) {
		return err
	}
	return f.File.Sync()
}

func (f *switchFile) SyncData() error {
	if err := f.fs.failure(); err != nil && !noSpace(err) {
		return err
	}
	return f.File.SyncData()
}

func acceptN(t *testing.T, s *Store, n uint32) (queue.Verdict, error) {
	ctx, cancel := context.WithTimeout(t.Context(), faultPatience)
	defer cancel()
	m, id := testMessage(n)
	v, err := s.Accept(ctx, m, id, "a")
	if ctx.Err() != nil {
		t.Fatal("Accept hung")
	}
	return v, err
}

// eventually repeats an acceptance until it succeeds.
func eventually(t *testing.T, s *Store, n uint32) queue.Verdict {
	t.Helper()
	deadline := time.Now().Add(faultPatience)
	for {
		v, err := acceptN(t, s, n)
		if err == nil {
			return v
		}
		if !errors.Is(err, queue.ErrUnavailable) || time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestFullDisk fills the disk under a store that works, and frees it again.
func TestFullDisk(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO} {
		t.Run(cause.Error(), func(t *testing.T) { brokenDisk(t, cause) })
	}
}

func brokenDisk(t *testing.T, cause error) {
	mem := vfs.NewMem()
	disk := &switchFS{FS: mem}
	o := small(disk)
	o.Logger = testLogger(t)
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for n := range uint32(20) {
		if _, err := acceptN(t, s, n); err != nil {
			t.Fatal(err)
		}
	}
	c, err := s.Claim(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	disk.set(cause)
	for n := uint32(100); n < 150; n++ {
		if v, err := acceptN(t, s, n); !errors.Is(err, queue.ErrUnavailable) {
			t.Fatalf("event %d on a broken disk: %v, %v", n, v, err)
		}
	}
	if s.Stats().Available {
		t.Error("the store says that it is available")
	}
	if noSpace(cause) {
		// What needs no disk goes on.
		c2, err := s.Claim(t.Context(), "a")
		if err != nil {
			t.Error("claiming on a full disk: ", err)
		} else if err := c2.Release(); err != nil {
			t.Error(err)
		}
	}
	disk.set(nil)
	for n := uint32(100); n < 150; n++ {
		eventually(t, s, n)
	}
	if !s.Stats().Available {
		t.Error("the store says that it is unavailable")
	}
	// A claim from before stays valid.
	event := c.Delivery().Message.EventID
	for err = c.Done(); errors.Is(err, queue.ErrUnavailable); err = c.Done() {
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s, err = Open(small(mem))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := drain(t, s, "a")
	if len(got) != 69 || got[event] != 0 {
		t.Errorf("%d events are left, want 69; %d of the one that was done", len(got), got[event])
	}
	for event, n := range got {
		if n != 1 {
			t.Errorf("event %s is there %d times", event, n)
		}
	}
}

// TestCloseWhileFull: a store on a full disk can be closed, and has lost nothing
// that it had acknowledged.
func TestCloseWhileFull(t *testing.T) {
	mem := vfs.NewMem()
	disk := &switchFS{FS: mem}
	s, err := Open(small(disk))
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint32(10) {
		if _, err := acceptN(t, s, n); err != nil {
			t.Fatal(err)
		}
	}
	disk.set(syscall.ENOSPC)
	if _, err := acceptN(t, s, 10); err == nil {
		t.Fatal("accepted")
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	select {
	case <-closed:
	case <-time.After(faultPatience):
		t.Fatal("Close hung")
	}
	disk.set(nil)
	s, err = Open(small(disk))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := drain(t, s, "a"); len(got) < 10 {
		t.Errorf("%d events are left", len(got))
	}
}

// TestOpenWhileFull: a store whose disk is full opens all the same, refuses what
// comes, and finds what it held as soon as there is space.
func TestOpenWhileFull(t *testing.T) {
	mem := vfs.NewMem()
	disk := &switchFS{FS: mem}
	for _, full := range []error{nil, syscall.ENOSPC} {
		disk.set(nil)
		o := small(disk)
		o.Logger = testLogger(t)
		if full != nil {
			disk.set(full)
		}
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if full == nil {
			if _, err := acceptN(t, s, 1); err != nil {
				t.Fatal(err)
			}
		} else {
			if v, err := acceptN(t, s, 2); !errors.Is(err, queue.ErrUnavailable) {
				t.Errorf("accepting on a full disk: %v, %v", v, err)
			}
			if s.Stats().Available {
				t.Error("the store says that it is available")
			}
			disk.set(nil)
			eventually(t, s, 2)
			if v := eventually(t, s, 1); v != queue.Duplicate {
				t.Errorf("an event from before is %v", v)
			}
			if got := drain(t, s, "a"); len(got) != 2 {
				t.Errorf("%d events are left, want 2", len(got))
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
