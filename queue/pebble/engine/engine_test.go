package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
)

const patience = 20 * time.Second

// owner keeps the keys of its engine's database in memory.
type owner struct {
	*engine.Engine
	t      *testing.T
	files  vfs.FS
	before func(*engine.Database) error // called at the beginning of Load, if it is not nil

	mu      sync.Mutex
	keys    map[string]bool
	adopted int // databases
	opened  int
	lost    int
}

func (o *owner) load(db *engine.Database) (engine.Adopt, error) {
	if o.before != nil {
		if err := o.before(db); err != nil {
			return nil, err
		}
	}
	keys := make(map[string]bool)
	err := db.Walk([]byte{0}, []byte{0xff}, func(k, _ []byte) error {
		keys[string(k)] = true
		return nil
	})
	return func() (func(), error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.keys = keys
		o.adopted++
		return nil, nil
	}, err
}

func (o *owner) open() error {
	o.Engine = engine.New(engine.Options{
		Dir: "engine", FS: o.files,
		Tuning: engine.Tuning{MemTableSize: 64 << 10, StallLimit: 20 * time.Millisecond},
	}, engine.Hooks{
		Load:    o.load,
		Opened:  func() { o.mu.Lock(); o.opened++; o.mu.Unlock() },
		Lost:    func() { o.mu.Lock(); o.lost++; o.mu.Unlock() },
		Waiting: func() bool { o.mu.Lock(); defer o.mu.Unlock(); return len(o.keys) > 0 },
	})
	return o.Open()
}

// set commits a key.
func (o *owner) set(key string) error {
	db, err := o.Enter()
	if err != nil {
		return err
	}
	batch := db.NewBatch()
	if err := batch.Set([]byte(key), nil, nil); err != nil {
		db.Leave()
		return err
	}
	ctx, cancel := context.WithTimeout(o.t.Context(), patience)
	defer cancel()
	finished := 0
	err = db.Commit(ctx, batch, true, func(error) { finished++ })
	if ctx.Err() != nil {
		o.t.Fatal("Commit hung")
	}
	if err == nil && finished != 1 {
		o.t.Errorf("finish was called %d times", finished)
	}
	return err
}

// eventually sets a key as soon as that is possible.
func (o *owner) eventually(key string) {
	o.t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		err := o.set(key)
		if err == nil {
			return
		}
		if !errors.Is(err, queue.ErrUnavailable) || time.Now().After(limit) {
			o.t.Fatal(err)
		}
	}
}

func (o *owner) has(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.keys[key]
}

// Each write fails in turn. A committed key is in the state that is loaded next, and every
// database that is lost was opened and is followed by another.
func TestEveryFault(t *testing.T) {
	for i := int32(0); ; i++ {
		mem := vfs.NewMem()
		var writes atomic.Int32
		o := &owner{t: t, files: errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && writes.Add(1)-1 == i {
				return syscall.EIO
			}
			return nil
		}))}
		const keys = 10
		opened := o.open() == nil
		if opened {
			for n := range keys {
				o.eventually(fmt.Sprint(n))
			}
			if err := o.Close(); err != nil && !errors.Is(err, queue.ErrUnavailable) {
				t.Errorf("fault %d: closing: %v", i, err)
			}
			if o.opened != o.adopted || o.lost < o.opened {
				t.Errorf("fault %d: %d databases adopted, %d opened, %d lost", i, o.adopted, o.opened, o.lost)
			}
		}
		again := &owner{t: t, files: mem}
		if err := again.open(); err != nil {
			t.Fatalf("fault %d: opening again: %v", i, err)
		}
		for n := range keys {
			if opened && !again.has(fmt.Sprint(n)) {
				t.Errorf("fault %d: key %d was committed, and is not there", i, n)
			}
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
		if writes.Load() <= i || t.Failed() {
			t.Logf("%d faults", i)
			return
		}
	}
}

// A write of Load fails. What Load returns afterwards is not adopted, as another database
// may be in use by then.
func TestLoadFails(t *testing.T) {
	var broken atomic.Bool
	o := &owner{t: t, files: errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && broken.Load() {
			return syscall.EIO
		}
		return nil
	}))}
	if err := o.open(); err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	released, end := make(chan struct{}), make(chan struct{})
	var loads atomic.Int32
	o.before = func(db *engine.Database) error {
		if loads.Add(1) > 1 {
			return nil
		}
		broken.Store(true)
		// The fence stops a write, and releases it when the database is given up.
		_ = db.Set([]byte("first"), nil, pebble.NoSync)
		_ = db.Flush()
		broken.Store(false)
		close(released)
		<-end
		return nil
	}
	// A failed sync ends the first database.
	broken.Store(true)
	if err := o.set("a"); !errors.Is(err, queue.ErrUnavailable) {
		t.Fatalf("committed on a broken disk: %v", err)
	}
	broken.Store(false)
	o.eventually("b")
	<-released
	close(end)
	o.eventually("c")
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.adopted != 2 || o.opened != 2 {
		t.Errorf("%d databases were adopted and %d opened, want 2", o.adopted, o.opened)
	}
}

// An error of Load that is no damage ends the opening, and the folder is free again.
func TestRefused(t *testing.T) {
	refused := errors.New("another key")
	o := &owner{t: t, files: vfs.NewMem(), before: func(*engine.Database) error { return engine.Refuse(refused) }}
	if err := o.open(); !errors.Is(err, refused) {
		t.Fatalf("opened: %v", err)
	}
	o.before = nil
	if err := o.open(); err != nil {
		t.Fatal(err)
	}
	o.eventually("a")
	other := &owner{t: t, files: o.files}
	if err := other.open(); !errors.Is(err, queue.ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

// A commit returns when the disk is full, and the engine goes on when there is space.
func TestFull(t *testing.T) {
	var full atomic.Bool
	o := &owner{t: t, files: errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite && full.Load() {
			return syscall.ENOSPC
		}
		return nil
	}))}
	if err := o.open(); err != nil {
		t.Fatal(err)
	}
	full.Store(true)
	if err := o.set("a"); !errors.Is(err, engine.ErrDiskFull) || !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("committed on a full disk: %v", err)
	}
	if !o.Full() || !o.Refuses() || o.Available() {
		t.Error("the engine does not say that the disk is full")
	}
	full.Store(false)
	o.eventually("b")
	if o.opened != 1 {
		t.Errorf("%d databases were opened, want 1", o.opened)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

// Close ends Running and waits for the goroutines of Go.
func TestClose(t *testing.T) {
	o := &owner{t: t, files: vfs.NewMem()}
	if err := o.open(); err != nil {
		t.Fatal(err)
	}
	ended := false
	o.Go(func() { <-o.Running().Done(); ended = true })
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if !ended {
		t.Error("Close did not wait")
	}
	o.Go(func() { t.Error("a closed engine runs a function") })
	if err := o.set("a"); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("committed to a closed engine: %v", err)
	}
}
