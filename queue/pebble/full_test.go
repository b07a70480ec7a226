package pebble

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

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
		if folder.NoSpace(err) && len(p) > 1 {
			n, _ = f.File.Write(p[:len(p)/2])
		}
		return n, err
	}
	return f.File.Write(p)
}

func (f *switchFile) Sync() error {
	if err := f.fs.failure(); err != nil && !folder.NoSpace(err) {
		return err
	}
	return f.File.Sync()
}

func (f *switchFile) SyncData() error {
	if err := f.fs.failure(); err != nil && !folder.NoSpace(err) {
		return err
	}
	return f.File.SyncData()
}

func acceptN(t *testing.T, s *Store, n uint32) (queue.Verdict, error) {
	ctx, cancel := context.WithTimeout(t.Context(), faultPatience)
	defer cancel()
	m, id := testMessage(n)
	v, err := s.Accept(ctx, m, id, routesTo("a")...)
	if ctx.Err() != nil {
		t.Fatal("Accept hung")
	}
	return v.Verdict, err
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
	c, err := s.Claim(t.Context(), dest("a"))
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
	if folder.NoSpace(cause) {
		// What needs no disk goes on.
		c2, err := s.Claim(t.Context(), dest("a"))
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
	for err = c.Done(queue.Attempt{}); errors.Is(err, queue.ErrUnavailable); err = c.Done(queue.Attempt{}) {
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
