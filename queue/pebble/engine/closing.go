package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// closeLimit is how long Close waits for a disk that hangs.
const closeLimit = 10 * time.Second

// Close waits for commits under way and closes the files. On a full disk it does
// not wait, and writes without an acknowledgement may be lost.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	db := e.current.Swap(nil)
	if e.opening != nil {
		e.opening.stop()
	}
	e.mu.Unlock()
	e.stop()
	e.hooks.Lost()

	done := make(chan error, 1)
	go func() {
		e.background.Wait()
		if db == nil {
			done <- nil
			return
		}
		done <- e.closeDatabase(db)
	}()
	timer := time.NewTimer(closeLimit)
	defer timer.Stop()
	select {
	case err := <-done:
		e.cache.Unref()
		return errors.Join(err, e.unlock())
	case <-timer.C:
		// The disk hangs. The folder's lock stays taken, as writes may still end.
		if db != nil {
			db.fence.stop()
		}
		return Unavailable(errors.New("the disk hangs"))
	}
}

func (e *Engine) closeDatabase(db *Database) error {
	db.retire()
	select {
	case <-db.idle:
	case <-db.failing:
	case <-e.disk.whenFull():
	}
	closed := make(chan error, 1)
	broken := db.HasFailed() || e.disk.full()
	if !broken {
		close(db.dead)
		go func() { closed <- db.close() }()
		select {
		case err := <-closed:
			if err == nil {
				e.noteClosed()
			}
			return err
		case <-db.failing:
		case <-e.disk.whenFull():
		}
		db.fence.close()
		db.fence.vanish()
		if db.HasFailed() {
			return Unavailable(fmt.Errorf("closing the queue: %w", db.Failure()))
		}
		return Unavailable(errors.New("closing the queue: the disk is full"))
	}
	e.abandon(db)
	return nil
}

// noteClosed writes the list of files. Without it the next start finds less damage.
func (e *Engine) noteClosed() {
	if err := folder.WriteClosed(e.options.FS, e.options.Dir); err != nil {
		e.options.Logger.Warn("the queue's files cannot be listed; the next start cannot tell whether a log was cut off", "error", err)
	}
}

// abandon fences a database off and waits until nobody uses it. It must run with
// no lock held, since users may hold any. Pebble may be unable to close the database,
// which only costs memory.
func (e *Engine) abandon(db *Database) {
	db.retire()
	e.hooks.Lost()
	db.fence.close()
	close(db.dead)
	<-db.idle
	db.fence.vanish()
	go func() { _ = db.close() }()
}
