package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// A folder with damaged files must not keep the process from serving other things.
// The engine opens without a database, answers [queue.ErrUnavailable], and looks at
// the folder now and then: when its files have changed, as when somebody has put
// another folder in its place, it opens them. Meanwhile it gives the folder's lock
// back, so that the folder can be checked and salvaged.

// beforeOpen refuses a folder that Pebble would open and take data out of, and
// reports logs of which a part is lost.
func (e *Engine) beforeOpen() error {
	f, err := folder.Read(e.options.FS, e.options.Dir)
	if err != nil {
		return err
	}
	lost := f.InspectClosed()
	f.InspectIndex()
	f.InspectLogs(false) // Pebble overlooks damage in the last block of a log, and drops what follows
	if problems := f.Settle(); len(problems) > 0 {
		return &folder.Error{Dir: e.options.Dir, Files: problems}
	}
	for _, p := range lost {
		e.options.Logger.Error("a log of the queue is damaged; its lost records cannot be restored", "file", p.File, "problem", p.Problem)
	}
	e.lostLogs = len(lost)
	if len(lost) > 0 || !f.WasClosed() {
		return nil
	}
	return e.dropClosed()
}

// dropClosed removes the list of files before they change. It has to be durable, or
// the list would tell of files that are rightly gone.
func (e *Engine) dropClosed() error {
	err := e.options.FS.Remove(e.options.FS.PathJoin(e.options.Dir, folder.ClosedName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, folder.SyncDir(e.options.FS, e.options.Dir))
}

// diagnose finds the files because of which a folder does not open.
func (e *Engine) diagnose(err error) error {
	var refused refusal
	if errors.As(err, &refused) || errors.Is(err, ErrGivenUp) || errors.Is(err, errClosed) || folder.IsError(err) || !folder.FromDamage(err) {
		return err
	}
	f, readErr := folder.Read(e.options.FS, e.options.Dir)
	if readErr != nil {
		return err
	}
	return f.Explain(f.Inspect(err), err)
}

// The pauses while a damaged folder is watched.
const (
	firstWatch = 100 * time.Millisecond
	lastWatch  = time.Second
	openAnyway = time.Minute // also if no file has changed
)

// giveBack says why there is no database, and gives the folder's lock back.
func (e *Engine) giveBack(err error) {
	e.complain(err)
	_ = e.unlock()
}

// outlastDamage waits until a damaged folder can be opened, and opens it. The lock
// was given back.
func (e *Engine) outlastDamage(err error) {
	seen := e.footprint()
	pause, tried := firstWatch, time.Now()
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-e.running.Done():
			return
		case <-timer.C:
		}
		timer.Reset(pause)
		pause = min(2*pause, lastWatch)
		now := e.footprint()
		if now == "" || now == seen && time.Since(tried) < openAnyway {
			continue // taken away, and not replaced yet
		}
		if e.takeLock() != nil {
			continue // somebody checks it
		}
		folder.Close(e.options.FS, e.options.Dir, e.options.Logger)
		next := e.start()
		if next == nil {
			e.options.Logger.Info("the queue's folder is sound again")
			return
		}
		if !folder.IsError(next) && e.retries(next) {
			e.reopen()
			return
		}
		if next.Error() != err.Error() {
			err = next
			e.complain(err)
		}
		_ = e.unlock()
		seen, tried = e.footprint(), time.Now()
	}
}

// retries reports whether opening may work by itself after an error.
func (e *Engine) retries(err error) bool {
	return folder.NoSpace(err) || errors.Is(err, syscall.EIO) || pebble.IsCorruptionError(err)
}

func (e *Engine) complain(err error) {
	e.mu.Lock()
	e.cause = err
	e.mu.Unlock()
	e.options.Logger.Error("the queue cannot be opened; senders get 503 until it can", "error", err)
}

// footprint differs when the folder has changed; empty: it is not there, or
// nothing is in it.
func (e *Engine) footprint() string {
	names, err := e.options.FS.List(e.options.Dir)
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, name := range names {
		if name == folder.LockName {
			continue
		}
		if info, err := e.options.FS.Stat(e.options.FS.PathJoin(e.options.Dir, name)); err == nil {
			fmt.Fprintln(&b, name, info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String()
}
