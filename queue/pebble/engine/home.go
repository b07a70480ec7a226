package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// home is the engine's folder, as the path led to it when its lock was taken.
//
// While an engine is open, its path can come to lead elsewhere: somebody removes or
// renames the folder, or mounts another file system over it. Writes to open files then
// still succeed, but the next start does not find them. Therefore the fence looks after
// each sync whether the folder is in place, before Pebble counts the sync as done. One
// sync serves many commits, so this costs one look for all of them. The fence also looks
// before and after it creates, renames or removes a file by its path.
//
// A file system in memory is always in place: file is nil there.
type home struct {
	dir  string
	lock io.Closer
	// file is the lock's file. Closing it would release the lock, which belongs to the
	// file and not to the handle, so release closes it last.
	file *os.File
	info fs.FileInfo // of file
}

// takeHome takes the lock of a folder.
func takeHome(files vfs.FS, dir string) (*home, error) {
	name := files.PathJoin(dir, folder.LockName)
	lock, err := files.Lock(name)
	if err != nil {
		if folder.IsLocked(err) {
			err = fmt.Errorf("%w: %w", queue.ErrLocked, err)
		}
		return nil, err
	}
	h := &home{dir: dir, lock: lock}
	if vfs.Root(files) != vfs.Default {
		return h, nil
	}
	if h.file, err = os.Open(name); err == nil {
		h.info, err = h.file.Stat()
	}
	if err != nil {
		return nil, errors.Join(err, h.release())
	}
	return h, nil
}

// release gives the lock back.
func (h *home) release() error {
	if h == nil {
		return nil
	}
	err := h.lock.Close()
	if h.file != nil {
		_ = h.file.Close()
	}
	return err
}

// missing returns a [*GoneError] unless the path leads to the folder.
func (h *home) missing() error {
	if h == nil || h.file == nil {
		return nil
	}
	at, err := os.Stat(h.file.Name())
	if err == nil && os.SameFile(at, h.info) {
		return nil
	}
	gone := &GoneError{dir: h.dir, err: err}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		gone.err = nil
		if _, err := os.Stat(h.dir); err == nil {
			gone.replaced = true
		}
	}
	gone.replaced = gone.replaced || err == nil
	return gone
}

// removed reports whether the folder was deleted, so that nobody can put it back.
func (h *home) removed() bool {
	info, err := h.file.Stat()
	return err == nil && isUnlinked(info)
}

// GoneError says that the folder is not where it was. The engine goes on when it is
// back.
type GoneError struct {
	dir      string
	replaced bool  // another folder is in its place
	waiting  bool  // it was deleted, and Hooks.Waiting reports data
	err      error // of the look
}

func (e *GoneError) Error() string {
	switch {
	case e.err != nil:
		return fmt.Sprintf("the queue's folder %s cannot be looked at (%v); the queue goes on when it can", e.dir, e.err)
	case e.waiting:
		return fmt.Sprintf("the queue's folder %s was deleted while deliveries waited in it; put a copy of the folder there, or restart Caddy to begin with an empty one", e.dir)
	case e.replaced:
		return fmt.Sprintf("another folder is in the place of the queue's folder %s, which was moved, emptied or hidden by a mount; put it back, and the queue goes on", e.dir)
	}
	return fmt.Sprintf("the queue's folder %s is gone: it was moved, deleted or hidden by a mount; put it back, and the queue goes on", e.dir)
}

func (e *GoneError) Unwrap() error { return e.err }

func isGone(err error) bool {
	var gone *GoneError
	return errors.As(err, &gone)
}

// inPlace returns an operation on paths of the folder that fails where the paths lead
// elsewhere.
func (f *fence) inPlace(op func() error) func() error {
	return func() error {
		if gone := f.home.missing(); gone != nil {
			return gone
		}
		return f.stillInPlace(op)()
	}
}

// stillInPlace returns an operation that fails if the folder is not in place afterwards.
func (f *fence) stillInPlace(op func() error) func() error {
	return func() error {
		err := op()
		if gone := f.home.missing(); gone != nil {
			return gone
		}
		return err
	}
}

// takeLock takes the folder's lock.
func (e *Engine) takeLock() error {
	h, err := takeHome(e.options.FS, e.options.Dir)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.home = h
	return nil
}

// unlock gives the folder's lock back.
func (e *Engine) unlock() error {
	e.mu.Lock()
	h := e.home
	e.home = nil
	e.mu.Unlock()
	return h.release()
}

func (e *Engine) currentHome() *home {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.home
}

// homePause is the time between two looks while nothing is written.
const homePause = 500 * time.Millisecond

// homeLoop notices that the folder is gone when no commit does.
func (e *Engine) homeLoop() {
	tick := time.NewTicker(homePause)
	defer tick.Stop()
	for {
		select {
		case <-e.running.Done():
			return
		case <-tick.C:
		}
		if db := e.current.Load(); db != nil {
			if err := db.fence.home.missing(); err != nil {
				db.fail(err)
			}
		}
	}
}

// homeSettled is how long a folder that somebody puts in place must stay unchanged
// before it is opened. Copying a folder takes time, and Pebble would delete the logs of
// one that is half copied.
const homeSettled = 3 * time.Second

// awaitHome waits until there is a folder to open, and returns false if the engine is
// closed before. It waits for the folder itself while that exists anywhere. If it was
// deleted, another folder takes its place: a copy of a store, or an empty one if nothing
// waited in the deleted one.
func (e *Engine) awaitHome(err error) bool {
	e.complain(err)
	old, deleted := e.currentHome(), false
	var seen string
	var since time.Time
	pause := firstWatch
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-e.running.Done():
			return false
		case <-timer.C:
		}
		timer.Reset(pause)
		pause = min(2*pause, lastWatch)
		if !deleted {
			now := old.missing()
			if now == nil {
				e.options.Logger.Info("the queue's folder is back", "folder", e.options.Dir)
				return true
			}
			if deleted = old.removed(); !deleted {
				err = e.complainAnew(now, err)
				continue
			}
		}
		waiting := e.hooks.Waiting()
		if print := e.footprint(); print != seen {
			seen, since = print, time.Now()
		}
		if seen != "" && time.Since(since) < homeSettled {
			continue
		}
		if waiting && !e.hasData() {
			err = e.complainAnew(&GoneError{dir: e.options.Dir, waiting: true}, err)
			continue
		}
		if err := e.moveIn(); err != nil {
			e.options.Logger.Warn("the queue cannot begin in a new folder yet", "folder", e.options.Dir, "error", err)
			continue
		}
		e.options.Logger.Error("the queue's folder was deleted; the queue goes on in the folder in its place", "folder", e.options.Dir, "empty", seen == "")
		return true
	}
}

// hasData reports whether a database with data is in the folder in place.
func (e *Engine) hasData() bool {
	f, err := folder.Read(e.options.FS, e.options.Dir)
	return err == nil && f.Manifest != "" && !f.Empty()
}

// moveIn takes the lock of the folder in place of a deleted one, and makes a folder if
// there is none.
func (e *Engine) moveIn() error {
	_ = e.unlock() // of a deleted file
	if err := e.options.FS.MkdirAll(e.options.Dir, folder.PrivateDir); err != nil {
		return err
	}
	if err := e.takeLock(); err != nil {
		return err
	}
	folder.Close(e.options.FS, e.options.Dir, e.options.Logger)
	e.space.begin()
	return nil
}

// complainAnew reports why there is no database, unless that was reported before. It
// returns the error that was reported last.
func (e *Engine) complainAnew(now, before error) error {
	if now.Error() != before.Error() {
		e.complain(now)
	}
	return now
}
