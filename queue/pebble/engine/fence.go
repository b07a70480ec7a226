package engine

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// How long a write that found no space waits before it tries again.
const (
	firstSpaceCheck = 10 * time.Millisecond
	lastSpaceCheck  = 500 * time.Millisecond
)

// disk counts the writes that wait for space. It outlives the databases. filled is
// closed exactly while waiting is positive.
type disk struct {
	space   space
	waiting atomic.Int32
	mu      sync.Mutex
	filled  chan struct{}
}

func newDisk() *disk { return &disk{filled: make(chan struct{})} }

func (d *disk) full() bool { return d.waiting.Load() > 0 }

// whenFull returns a channel that is closed once the disk is full.
func (d *disk) whenFull() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.filled
}

func (d *disk) enter() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting.Add(1) == 1 {
		close(d.filled)
	}
}

func (d *disk) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting.Add(-1) == 0 {
		d.filled = make(chan struct{})
	}
}

// fence is the file system of one database. It does three things that Pebble cannot do.
//
// A write without space gives back a part of the reserve, or waits, and continues where
// it stopped. Pebble treats a failed write to its log or MANIFEST as fatal. A failed
// sync is not repeated: the kernel may have dropped the pages, and the second call
// would report them as safe.
//
// Any other failed write is reported, and its goroutine blocks in change until the
// fence vanishes. On some failed writes Pebble panics below a deferred unlock of a mutex
// that it does not hold, which no recover survives. While it opens a database, Pebble may
// already compact, and a failure of the opening closes the files below the compaction.
//
// Once the fence is shut, no change reaches the files, so another database can be
// opened on them. Once no caller uses the database any more, the fence vanishes: the
// blocked changes and all later ones return success without doing anything, so that
// Pebble can shut down.
//
// Invariant: shut is closed before void, and void only when the database has no users.
// An acknowledgement can therefore never rest on a change that was not made.
type fence struct {
	vfs.FS
	disk   *disk
	home   *home
	tables folder.Tables
	// fail is called with the error of a write.
	fail atomic.Pointer[func(error)]
	// serving is true once the database is open. Until then all of the reserve may be used.
	serving atomic.Bool
	// crowded is the time until which compactions rest after one found no space.
	crowded atomic.Int64

	// Every change holds mu for reading, and close waits for them by taking it. Changes
	// never nest: a second read lock would wait for close, and close for the first.
	mu       sync.RWMutex
	shut     chan struct{}
	shutOnce sync.Once
	void     chan struct{}
	voidOnce sync.Once
}

func newFence(fs vfs.FS, d *disk, h *home) *fence {
	return &fence{FS: fs, disk: d, home: h, shut: make(chan struct{}), void: make(chan struct{})}
}

// stop shuts the fence. Changes that wait for space end; those in a system call end in
// their own time.
func (f *fence) stop() { f.shutOnce.Do(func() { close(f.shut) }) }

// close shuts the fence and waits for the changes under way.
func (f *fence) close() {
	f.stop()
	f.mu.Lock()
	defer f.mu.Unlock()
}

// vanish releases the blocked changes with success. The database has no users.
func (f *fence) vanish() { f.voidOnce.Do(func() { close(f.void) }) }

func (f *fence) isShut() bool {
	select {
	case <-f.shut:
		return true
	default:
		return false
	}
}

// change runs one operation that alters the files. On a shut fence, and after an error,
// it blocks until the fence vanishes and returns nil.
func (f *fence) change(op func() error) error {
	if err := f.try(op); err != ErrGivenUp {
		if err == nil || f.fail.Load() == nil {
			return err
		}
		f.report(err)
	}
	<-f.void
	return nil
}

// report passes the first error of the files to the database.
func (f *fence) report(err error) {
	if fail := f.fail.Load(); fail != nil {
		(*fail)(err)
	}
}

func (f *fence) try(op func() error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.isShut() {
		return ErrGivenUp
	}
	return op()
}

// retry runs an operation again until it finds space.
func (f *fence) retry(op func() error) error {
	return f.change(func() error {
		err := op()
		for folder.NoSpace(err) && f.disk.space.give(!f.serving.Load()) {
			err = op()
		}
		if err == nil || !folder.NoSpace(err) {
			return err
		}
		return f.wait(op)
	})
}

func (f *fence) wait(op func() error) error {
	f.disk.enter()
	defer f.disk.leave()
	pause := firstSpaceCheck
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-f.shut:
			return ErrGivenUp
		}
		f.disk.space.give(!f.serving.Load()) // the reserve may have been made again
		if err := op(); err == nil || !folder.NoSpace(err) {
			return err
		}
		pause = min(2*pause, lastSpaceCheck)
		timer.Reset(pause)
	}
}

func (f *fence) open(open func() (vfs.File, error)) (vfs.File, error) {
	var file vfs.File
	err := f.retry(f.inPlace(func() (err error) {
		file, err = open()
		return err
	}))
	if err != nil {
		if file != nil {
			_ = file.Close()
		}
		return nil, err
	}
	if file == nil {
		file = vfs.NewMemFile(nil) // vanished: it is never written to
	}
	return &fencedFile{File: file, fence: f}, nil
}

func (f *fence) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if category == compaction {
		return f.createYielding(name)
	}
	return f.open(func() (vfs.File, error) { return f.FS.Create(name, category) })
}

func (f *fence) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.OpenReadWrite(name, category, opts...) })
}

func (f *fence) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.ReuseForWrite(oldname, newname, category) })
}

func (f *fence) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.Open(name, opts...)
	if err != nil {
		// Without this look, a missing file would count as damage of the files.
		if gone := f.home.missing(); gone != nil {
			f.report(gone)
			return nil, gone
		}
	}
	return f.tables.File(name, file, opts), err
}

// List cannot fail either once Pebble compacts: it belongs to the last steps of the opening.
func (f *fence) List(dir string) (names []string, err error) {
	err = f.change(f.inPlace(func() (err error) {
		names, err = f.FS.List(dir)
		return err
	}))
	return names, err
}

func (f *fence) OpenDir(name string) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.OpenDir(name) })
}

func (f *fence) Link(oldname, newname string) error {
	return f.retry(f.inPlace(func() error { return f.FS.Link(oldname, newname) }))
}

func (f *fence) Rename(oldname, newname string) error {
	return f.retry(f.inPlace(func() error { return f.FS.Rename(oldname, newname) }))
}

func (f *fence) MkdirAll(dir string, perm os.FileMode) error {
	return f.retry(f.inPlace(func() error { return f.FS.MkdirAll(dir, perm) }))
}

// A file that cannot be removed does no harm, because Pebble removes it at the next
// opening. Therefore these two return their error.

func (f *fence) Remove(name string) error {
	return f.try(f.inPlace(func() error { return f.FS.Remove(name) }))
}

func (f *fence) RemoveAll(name string) error {
	return f.try(f.inPlace(func() error { return f.FS.RemoveAll(name) }))
}

// Lock does nothing. The engine holds the folder's lock across all its databases.
func (f *fence) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func (f *fence) Unwrap() vfs.FS { return f.FS }

// fencedFile is a file that was opened for writing.
type fencedFile struct {
	vfs.File
	fence     *fence
	yields    bool // it belongs to a compaction
	unchecked int  // bytes written since the last look at the free space
}

func (f *fencedFile) Write(p []byte) (n int, err error) {
	if f.yields {
		return f.writeYielding(p)
	}
	err = f.fence.retry(func() error {
		m, err := f.File.Write(p[n:])
		n += m
		return err
	})
	if err == nil {
		n = len(p)
	}
	return n, err
}

func (f *fencedFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.fence.retry(func() error {
		m, err := f.File.WriteAt(p[n:], off+int64(n))
		n += m
		return err
	})
	if err == nil {
		n = len(p)
	}
	return n, err
}

// Close closes the file also behind a shut fence, as it changes nothing.
func (f *fencedFile) Close() error {
	err := f.File.Close()
	return f.fence.change(func() error { return err })
}

func (f *fencedFile) Preallocate(offset, length int64) error {
	return f.fence.try(func() error { return f.File.Preallocate(offset, length) })
}

func (f *fencedFile) Stat() (info vfs.FileInfo, err error) {
	err = f.fence.change(func() error {
		info, err = f.File.Stat()
		return err
	})
	if info == nil && err == nil {
		return vfs.NewMemFile(nil).Stat()
	}
	return info, err
}

func (f *fencedFile) Sync() error { return f.fence.change(f.fence.stillInPlace(f.File.Sync)) }

func (f *fencedFile) SyncData() error {
	return f.fence.change(f.fence.stillInPlace(f.File.SyncData))
}

func (f *fencedFile) SyncTo(length int64) (full bool, err error) {
	err = f.fence.change(f.fence.stillInPlace(func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	}))
	return full, err
}
