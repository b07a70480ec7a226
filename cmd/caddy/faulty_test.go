package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/caddymodule"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble"
)

func init() { caddy.RegisterModule(new(faultyStore)) }

// faultyStore is the real store on a disk and with a clock that a test can spoil
// while the process runs, through a socket beside the folder. It exists in the
// test binary only.
type faultyStore struct{ caddymodule.PebbleStore }

// faults are what is wrong with the disk and the clock.
type faults struct {
	Full  bool          `json:"full"`  // nothing can be written
	Delay time.Duration `json:"delay"` // of each sync
	Clock time.Duration `json:"clock"` // how far the clock is ahead
}

func (*faultyStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "webhook_gateway.stores.faulty", New: func() caddy.Module { return new(faultyStore) }}
}

func (s *faultyStore) Open(logger *zap.Logger, settings queue.Settings) (queue.Store, error) {
	var now atomic.Pointer[faults]
	now.Store(new(faults))
	if err := os.MkdirAll(syncedDir(s.Path), 0o700); err != nil {
		return nil, err
	}
	o := s.Options(logger, settings)
	o.FS = &tracingFS{errorfs.Wrap(vfs.Default, injector{&now}), syncedDir(s.Path)}
	o.Now = func() time.Time { return time.Now().Add(now.Load().Clock) }
	store, err := pebble.Open(o)
	if err != nil {
		return nil, err
	}
	socket := controlSocket(s.Path)
	_ = os.Remove(socket) // of a process that was killed
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f := new(faults)
			if json.NewDecoder(conn).Decode(f) == nil {
				now.Store(f)
				store.Wake()
				_, _ = conn.Write([]byte("ok"))
			}
			conn.Close()
		}
	}()
	return &steppedStore{store, &now}, nil
}

// steppedStore is a store whose clock alone is wrong. Workers tell it by the right
// one when to retry; in a process there is one clock for both.
type steppedStore struct {
	*pebble.Store
	faults *atomic.Pointer[faults]
}

func (s *steppedStore) Claim(ctx context.Context, destination queue.Destination) (queue.Claim, error) {
	c, err := s.Store.Claim(ctx, destination)
	if err != nil {
		return nil, err
	}
	return steppedClaim{c, s.faults}, nil
}

type steppedClaim struct {
	queue.Claim
	faults *atomic.Pointer[faults]
}

func (c steppedClaim) Retry(at time.Time, a queue.Attempt) error {
	return c.Claim.Retry(at.Add(c.faults.Load().Clock), a)
}

func controlSocket(dir string) string { return dir + ".control" }
func syncedDir(dir string) string     { return dir + ".synced" }

// spoil tells a running gateway's faultyStore what is wrong from now on.
func spoil(dir string, f faults) error {
	conn, err := net.Dial("unix", controlSocket(dir))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := json.NewEncoder(conn).Encode(f); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 2))
	return err
}

// injector makes what touches the disk slow or fail.
type injector struct{ faults *atomic.Pointer[faults] }

func (injector) String() string { return "faults" }

func (i injector) MaybeError(op errorfs.Op) error {
	f := i.faults.Load()
	switch op.Kind {
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		time.Sleep(f.Delay)
		return nil
	case errorfs.OpCreate, errorfs.OpReuseForWrite, errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFilePreallocate, errorfs.OpMkdirAll, errorfs.OpLink:
		if f.Full {
			return &os.PathError{Op: "write", Path: op.Path, Err: syscall.ENOSPC}
		}
	}
	return nil
}

// tracingFS notes how far each log is synced, in a file that survives the
// process, so that a test can take away what a power failure would.
type tracingFS struct {
	vfs.FS
	notes string
}

func (fs *tracingFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, category)
	return fs.trace(name, f, err)
}

func (fs *tracingFS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(old, name, category)
	return fs.trace(name, f, err)
}

func (fs *tracingFS) trace(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil || !strings.HasSuffix(name, ".log") {
		return f, err
	}
	note, err := os.Create(filepath.Join(fs.notes, filepath.Base(name)))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &tracedFile{File: f, note: note}, nil
}

type tracedFile struct {
	vfs.File
	note    *os.File
	written atomic.Int64
}

func (f *tracedFile) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	f.written.Add(int64(n))
	return n, err
}

func (f *tracedFile) Sync() error     { return f.synced(f.File.Sync) }
func (f *tracedFile) SyncData() error { return f.synced(f.File.SyncData) }

func (f *tracedFile) SyncTo(length int64) (full bool, err error) {
	err = f.synced(func() (err error) {
		if full, err = f.File.SyncTo(length); err == nil && !full {
			return errNotAll
		}
		return err
	})
	if errors.Is(err, errNotAll) {
		err = nil
	}
	return full, err
}

var errNotAll = errors.New("not all is synced")

func (f *tracedFile) synced(sync func() error) error {
	n := f.written.Load()
	if err := sync(); err != nil {
		return err
	}
	_, err := f.note.WriteAt(binary.BigEndian.AppendUint64(nil, uint64(n)), 0)
	return err
}

func (f *tracedFile) Close() error { return errors.Join(f.File.Close(), f.note.Close()) }

// tear takes from the newest log what was not synced, from some place on: it is
// cut off, or there is garbage in its place.
func tear(t testing.TB, dir string, random *rand.Rand) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no log in %s: %v", dir, err)
	}
	slices.Sort(logs)
	newest := logs[len(logs)-1]
	note, err := os.ReadFile(filepath.Join(syncedDir(dir), filepath.Base(newest)))
	if err != nil {
		t.Fatal(err)
	}
	synced := int64(0)
	if len(note) == 8 {
		synced = int64(binary.BigEndian.Uint64(note))
	}
	info, err := os.Stat(newest)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() <= synced {
		return
	}
	at := synced + random.Int64N(info.Size()-synced)
	if random.IntN(2) == 0 {
		err = os.Truncate(newest, at)
	} else {
		garbage := make([]byte, min(info.Size()-at, 1<<16))
		for i := range garbage {
			garbage[i] = byte(random.Uint32())
		}
		var f *os.File
		if f, err = os.OpenFile(newest, os.O_WRONLY, 0); err == nil {
			_, err = f.WriteAt(garbage, at)
			err = errors.Join(err, f.Close())
		}
	}
	if err != nil {
		t.Fatal(fmt.Errorf("tearing the log: %w", err))
	}
}
