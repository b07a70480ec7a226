package pebble

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
)

// quotaFS is a disk of a size. Its files are in memory, in blocks of 4 KiB.
type quotaFS struct {
	vfs.FS
	size  int64
	cause error        // of writes beyond the size
	blind bool         // a quota on a large disk, which does not show in its free space
	other atomic.Int64 // bytes taken by others
	deny  atomic.Bool  // the reserve cannot be created
	taken atomic.Int64

	mu    sync.Mutex
	files map[string]*quotaInode
}

type quotaInode struct{ size, blocks int64 }

type quotedFile struct {
	vfs.File
	fs    *quotaFS
	inode *quotaInode
}

const quotaBlock = 4096

func newQuota(size int64, cause error) *quotaFS {
	return &quotaFS{FS: vfs.NewMem(), size: size, cause: cause, blind: cause == error(syscall.EDQUOT), files: make(map[string]*quotaInode)}
}

func (f *quotaFS) free() int64 { return max(f.size-f.taken.Load()-f.other.Load(), 0) }

func (f *quotaFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	total, free := f.size, f.free()
	if f.blind {
		total, free = 1<<40, 1<<39
	}
	return vfs.DiskUsage{TotalBytes: uint64(total), AvailBytes: uint64(free), UsedBytes: uint64(total - free)}, nil
}

// forget frees the space of a file. mu is held.
func (f *quotaFS) forget(name string) {
	if inode := f.files[name]; inode != nil {
		f.taken.Add(-inode.blocks * quotaBlock)
		delete(f.files, name)
	}
}

func (f *quotaFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if f.deny.Load() && len(name) > 10 && name[len(name)-9:len(name)-1] == "RESERVE-" {
		return nil, syscall.EACCES
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := f.FS.Create(name, c)
	if err != nil {
		return nil, err
	}
	f.forget(name)
	inode := new(quotaInode)
	f.files[name] = inode
	return &quotedFile{file, f, inode}, nil
}

func (f *quotaFS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.FS.Remove(name)
	if err == nil {
		f.forget(name)
	}
	return err
}

func (f *quotaFS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.FS.Rename(from, to)
	if err == nil {
		f.forget(to)
		f.files[to] = f.files[from]
		delete(f.files, from)
	}
	return err
}

func (f *quotaFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := f.FS.ReuseForWrite(from, to, c)
	if err != nil {
		return nil, err
	}
	inode := f.files[from]
	delete(f.files, from)
	f.files[to] = inode
	return &quotedFile{file, f, inode}, nil
}

func (f *quotedFile) Write(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	room := f.inode.blocks*quotaBlock - f.inode.size + f.fs.free()/quotaBlock*quotaBlock
	short := int64(len(p)) > room
	if short {
		p = p[:room]
	}
	n, err := f.File.Write(p)
	f.inode.size += int64(n)
	blocks := (f.inode.size + quotaBlock - 1) / quotaBlock
	f.fs.taken.Add((blocks - f.inode.blocks) * quotaBlock)
	f.inode.blocks = blocks
	if err == nil && short {
		err = f.fs.cause
	}
	return n, err
}

// fullStore is a store on a quotaFS, and what it has acknowledged.
type fullStore struct {
	*testing.T
	*Store
	options Options
	body    int
	next    atomic.Uint32
	mu      sync.Mutex
	kept    map[string]bool // acknowledged and not delivered
	seen    map[string]int
}

func newFullStore(t *testing.T, fs *quotaFS, body int) *fullStore {
	return newFullStoreIn(t, "queue", fs, body)
}

func newFullStoreIn(t *testing.T, dir string, fs vfs.FS, body int) *fullStore {
	if raced {
		body *= 4 // fewer events
	}
	f := &fullStore{T: t, body: body, kept: make(map[string]bool), seen: make(map[string]int)}
	f.options = Options{Dir: dir, Settings: queue.DefaultSettings(), FS: fs, Logger: testLogger(t), tuning: engine.Tuning{StallLimit: 20 * time.Millisecond}}
	f.open()
	t.Cleanup(func() { f.Close() })
	return f
}

func (f *fullStore) open() {
	f.Helper()
	s, err := Open(f.options)
	if err != nil {
		f.Fatal(err)
	}
	f.Store = s
}

func (f *fullStore) restart() {
	f.Helper()
	_ = f.Close() // on a full disk it says that it is
	f.open()
}

// accept tries one new event.
func (f *fullStore) accept() error {
	n := f.next.Add(1)
	now := time.Now()
	event := fmt.Sprint(n)
	m := &queue.Message{ID: queue.NewID(now), ReceivedAt: now, Endpoint: "endpoint", EventID: event, Body: make([]byte, f.body)}
	// Bytes and keys are random, so that they neither compress nor lie in order.
	source := rand.NewChaCha8(sha256.Sum256([]byte(event)))
	_, _ = source.Read(m.Body)
	var key queue.Key
	_, _ = source.Read(key[:])
	ctx, cancel := context.WithTimeout(f.Context(), faultPatience)
	defer cancel()
	_, err := f.Accept(ctx, m, queue.Identity{Key: key, Window: time.Hour}, routesTo("a")...)
	if ctx.Err() != nil {
		f.Error("Accept hung")
	}
	if err == nil {
		f.mu.Lock()
		f.kept[event] = true
		f.mu.Unlock()
	}
	return err
}

// fill accepts until events are refused for good.
func (f *fullStore) fill() {
	f.Helper()
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for refused := 0; refused < 30; {
				err := f.accept()
				if err == nil {
					refused = 0
					continue
				}
				if !errors.Is(err, queue.ErrUnavailable) {
					f.Error(err)
					return
				}
				refused++
				time.Sleep(time.Millisecond) // as a sender waits before it tries again
			}
		})
	}
	senders.Wait()
	if f.Stats().Available {
		f.Log("the store has space again already")
	}
}

// deliver delivers all that waits, with a bound on the time.
func (f *fullStore) deliver(limit time.Duration) {
	f.Helper()
	if raced {
		limit *= 4
	}
	ctx, cancel := context.WithTimeout(f.Context(), limit)
	defer cancel()
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for ctx.Err() == nil {
				c, err := f.Claim(ctx, dest("a"))
				if err != nil {
					time.Sleep(time.Millisecond)
					continue
				}
				event := c.Delivery().Message.EventID
				for err = c.Done(queue.Attempt{}); errors.Is(err, queue.ErrUnavailable) && ctx.Err() == nil; err = c.Done(queue.Attempt{}) {
					time.Sleep(time.Millisecond)
				}
				if err != nil && ctx.Err() == nil {
					f.Errorf("marking %s: %v", event, err)
					return
				}
				if err != nil {
					return
				}
				f.mu.Lock()
				f.seen[event]++
				delete(f.kept, event)
				left := len(f.kept)
				f.mu.Unlock()
				if left == 0 {
					cancel()
				}
			}
		})
	}
	workers.Wait()
	if len(f.kept) > 0 {
		st := f.Stats()
		f.Fatalf("%d acknowledged events were not delivered: %+v", len(f.kept), st)
	}
}

// await waits until an event is accepted again.
func (f *fullStore) await() {
	f.Helper()
	began := time.Now()
	limit := 30 * time.Second
	if raced {
		limit *= 4
	}
	for time.Since(began) < limit {
		if err := f.accept(); err == nil {
			if d := time.Since(began); d > time.Millisecond {
				f.Logf("accepted again after %v", d.Round(time.Millisecond))
			}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.Fatalf("no event is accepted after %v: %+v", limit, f.Stats())
}

const mega = 1 << 20

// TestSmallDisk fills disks of several sizes, delivers everything and expects that
// events are accepted again, twice, with restarts in between.
func TestSmallDisk(t *testing.T) {
	for i, c := range []struct {
		size, other int64 // of the disk, and what others take of it
		body        int
		cause       error
	}{
		{24 * mega, 0, 8000, syscall.ENOSPC},
		{24 * mega, 0, 8000, syscall.EDQUOT},
		{24 * mega, 0, 2000, syscall.ENOSPC},
		{40 * mega, 0, 12000, syscall.ENOSPC},
		{40 * mega, 0, 6000, syscall.EDQUOT},
		{256 * mega, 180 * mega, 12000, syscall.ENOSPC},
		{1024 * mega, 760 * mega, 60000, syscall.ENOSPC},
	} {
		if i > 1 && (raced || testing.Short()) {
			break // the rest differs in size alone
		}
		t.Run(fmt.Sprintf("%d MiB, %v, bodies of %d", c.size/mega, c.cause, c.body), func(t *testing.T) {
			fs := newQuota(c.size, c.cause)
			fs.other.Store(c.other)
			f := newFullStore(t, fs, c.body)
			rounds := 2
			if raced {
				rounds = 1
			}
			for round := range rounds {
				f.fill()
				n := len(f.kept)
				t.Logf("round %d: %d events, %d bytes free", round, n, fs.free())
				if n == 0 {
					t.Fatal("nothing was accepted")
				}
				f.restart()
				f.deliver(60 * time.Second)
				if round == 0 {
					f.restart()
				}
				f.await()
			}
		})
	}
}

// TestForeignFile fills the disk by another program, while the store works and
// while it is closed, and frees it.
func TestForeignFile(t *testing.T) {
	fs := newQuota(32*mega, syscall.ENOSPC)
	f := newFullStore(t, fs, 4000)
	for range 20 {
		f.await()
	}
	fs.other.Store(fs.free())
	f.fill()
	f.deliver(30 * time.Second)
	if st := f.Stats(); !st.Full || st.Available || st.Needed <= st.Free {
		t.Errorf("the disk is full: %+v", st)
	}
	f.restart()
	if err := f.accept(); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("accepting on a full disk: %v", err)
	}
	fs.other.Store(0)
	f.await()
	if st := f.Stats(); st.Full || st.Needed != 0 {
		t.Errorf("the disk is no longer full: %+v", st)
	}
	f.deliver(30 * time.Second)
}

// TestNoReserve: a store whose reserve cannot be made says so and goes on.
func TestNoReserve(t *testing.T) {
	fs := newQuota(10*mega, syscall.ENOSPC)
	fs.deny.Store(true)
	f := newFullStore(t, fs, 4000)
	f.await()
	if _, err := fs.Stat("queue/RESERVE-1"); err == nil {
		t.Fatal("the reserve was made")
	}
	f.fill()
	f.deliver(60 * time.Second)
	f.await()
}
