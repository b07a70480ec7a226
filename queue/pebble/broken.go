package pebble

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// A folder with damaged files must not keep the process from serving other things.
// The store opens without a database, answers [queue.ErrUnavailable], and looks at
// the folder now and then: when its files have changed, as when somebody has put
// another folder in its place, it opens them. Meanwhile it gives the folder's lock
// back, so that the folder can be checked and salvaged.

// beforeOpen refuses a folder that Pebble would open and take data out of, and
// reports logs of which a part is lost.
func (s *Store) beforeOpen() error {
	f, err := readFolder(s.options.FS, s.options.Dir)
	if err != nil {
		return err
	}
	lost := f.inspectClosed()
	f.inspectIndex()
	f.inspectLogs(false) // Pebble overlooks damage in the last block of a log, and drops what follows
	if problems := f.settle(); len(problems) > 0 {
		return &FolderError{Dir: s.options.Dir, Files: problems}
	}
	for _, p := range lost {
		s.options.Logger.Error("a log of the queue is damaged; what it has lost is lost", "file", p.File, "problem", p.Problem)
	}
	s.lostLogs = len(lost)
	if len(lost) > 0 || f.readClosed() == nil && !f.has(closedName, "") {
		return nil
	}
	return s.dropClosed()
}

// dropClosed removes the list of files before they change. It has to be durable, or
// the list would tell of files that are rightly gone.
func (s *Store) dropClosed() error {
	err := s.options.FS.Remove(s.options.FS.PathJoin(s.options.Dir, closedName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, syncDir(s.options.FS, s.options.Dir))
}

// diagnose finds the files because of which a folder does not open.
func (s *Store) diagnose(err error) error {
	if cannotOpen(err) || !damagedFolder(err) {
		return err
	}
	f, readErr := readFolder(s.options.FS, s.options.Dir)
	if readErr != nil {
		return err
	}
	return f.explain(f.inspect(err), err)
}

// explain makes of an error of opening a folder one that names the files.
func (f *folder) explain(problems []FileProblem, err error) error {
	if !damagedFolder(err) || len(problems) == 0 && !isCorruption(err) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return &FolderError{Dir: f.dir, Files: problems, Err: err}
}

// damagedFolder tells errors that come of damaged files from those that a person has
// to mend elsewhere, such as a wrong key, and from those of the disk.
func damagedFolder(err error) bool {
	switch {
	case err == nil, errors.Is(err, errWrongKey), errors.Is(err, errFormat), errors.Is(err, errFenced), errors.Is(err, errStoreClosed),
		errors.Is(err, fs.ErrPermission), errors.Is(err, queue.ErrLocked), noSpace(err),
		errors.Is(err, syscall.EIO), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EMFILE):
		return false
	}
	return true
}

// cannotOpen reports whether an error is a damaged folder's.
func cannotOpen(err error) bool {
	var folder *FolderError
	return errors.As(err, &folder)
}

// The pauses while a damaged folder is watched.
const (
	firstWatch = 100 * time.Millisecond
	lastWatch  = time.Second
	openAnyway = time.Minute // also if no file has changed
)

// takeLock takes the folder's lock.
func (s *Store) takeLock() (io.Closer, error) {
	lock, err := s.options.FS.Lock(s.options.FS.PathJoin(s.options.Dir, lockName))
	if err != nil && isLocked(err) {
		err = fmt.Errorf("%w: %w", queue.ErrLocked, err)
	}
	return lock, err
}

// giveBack says why there is no database, and gives the folder's lock back.
func (s *Store) giveBack(err error) {
	s.complain(err)
	s.unlock()
}

// outlastDamage waits until a damaged folder can be opened, and opens it. The lock
// was given back.
func (s *Store) outlastDamage(err error) {
	seen := s.footprint()
	pause, tried := firstWatch, time.Now()
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-timer.C:
		}
		timer.Reset(pause)
		pause = min(2*pause, lastWatch)
		now := s.footprint()
		if now == "" || now == seen && time.Since(tried) < openAnyway {
			continue // taken away, and not replaced yet
		}
		lock, lockErr := s.takeLock()
		if lockErr != nil {
			continue // somebody checks it
		}
		s.mu.Lock()
		s.lock = lock
		s.mu.Unlock()
		closeFolder(s.options.FS, s.options.Dir, s.options.Logger)
		next := s.start()
		if next == nil {
			s.options.Logger.Info("the queue's folder is sound again")
			return
		}
		if !cannotOpen(next) && s.retries(next) {
			s.reopen()
			return
		}
		if next.Error() != err.Error() {
			err = next
			s.complain(err)
		}
		s.unlock()
		seen, tried = s.footprint(), time.Now()
	}
}

// retries reports whether opening may work by itself after an error.
func (s *Store) retries(err error) bool {
	return noSpace(err) || errors.Is(err, syscall.EIO) || pebble.IsCorruptionError(err)
}

func (s *Store) complain(err error) {
	s.mu.Lock()
	s.cause = err
	s.mu.Unlock()
	s.options.Logger.Error("the queue cannot be opened; senders get 503 until it can", "error", err)
}

func (s *Store) unlock() {
	s.mu.Lock()
	lock := s.lock
	s.lock = nil
	s.mu.Unlock()
	if lock != nil {
		_ = lock.Close()
	}
}

// footprint tells a changed folder from the one before; empty: it is not there, or
// nothing is in it.
func (s *Store) footprint() string {
	names, err := s.options.FS.List(s.options.Dir)
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, name := range names {
		if name == lockName {
			continue
		}
		if info, err := s.options.FS.Stat(s.options.FS.PathJoin(s.options.Dir, name)); err == nil {
			fmt.Fprintln(&b, name, info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String()
}
