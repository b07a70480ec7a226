package engine

import (
	"errors"
	"time"

	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// start opens a database, lets the owner load it and makes it the current one.
func (e *Engine) start() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return errClosed
	}
	home := e.home
	files := newFence(e.options.FS, e.disk, home)
	e.opening = files
	e.mu.Unlock()

	var db *Database
	err := home.missing()
	if err == nil {
		err = e.beforeOpen()
	}
	if err == nil {
		db, err = openDatabase(e.options, e.cache, files, e.failed)
	}
	var later func()
	if err == nil {
		db.damage, db.lostLogs = e.damage, e.lostLogs
		later, err = e.load(db)
	}
	e.mu.Lock()
	e.opening = nil
	if err == nil && e.closed {
		err = errClosed
	}
	if err == nil && db.HasFailed() {
		err = errors.New("the database failed while it was opened")
	}
	if err == nil {
		e.current.Store(db)
		e.cause = nil
	}
	e.mu.Unlock()
	if err != nil {
		if db != nil {
			if later != nil {
				go later() // ends at once, as the database has failed or the engine closes
			}
			e.abandon(db)
		}
		if gone := home.missing(); gone != nil {
			return gone // and not the errors of reading another folder
		}
		return e.diagnose(err)
	}
	if e.lostLogs > 0 {
		if err := e.dropClosed(); err != nil {
			e.options.Logger.Warn("the list of the queue's files cannot be removed; the next start may report lost logs again", "error", err)
		}
	}
	if later != nil {
		e.background.Go(later)
	}
	e.hooks.Opened()
	return nil
}

// load lets the owner read a database and adopt its state. It returns early when the
// database fails: the goroutine of Load may hang in Pebble, and start must go on to
// abandon the database.
func (e *Engine) load(db *Database) (later func(), err error) {
	var adopt Adopt
	loaded := make(chan error, 1)
	db.loops.Go(func() {
		loaded <- folder.Guarded(func() (err error) {
			adopt, err = e.hooks.Load(db)
			return err
		})
	})
	select {
	case err = <-loaded:
	case <-db.failing:
		err = errors.New("the disk failed while the queue was read")
	}
	if err != nil {
		return nil, err
	}
	return adopt()
}

// failed is called by a database with the first error that it cannot survive. The
// caller may hold Pebble's locks, so nothing here may wait for them.
func (e *Engine) failed(db *Database, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || !e.current.CompareAndSwap(db, nil) {
		return // Close or start abandons it
	}
	e.cause = err
	e.background.Go(func() { e.repair(db, err) })
}

// The pauses between attempts to open a database again.
const (
	firstRepair = 50 * time.Millisecond
	lastRepair  = 10 * time.Second
)

// repair replaces a broken database by a fresh one. The files contain everything
// that was acknowledged. After an error they are read again, because the memory of
// the broken database may differ from them.
func (e *Engine) repair(db *Database, err error) {
	if !isGone(err) { // reopen reports it
		e.options.Logger.Error("the queue's disk failed; opening it again", "error", err)
	}
	e.abandon(db)
	e.reopen()
}

// reopen opens a database until it works or the engine is closed.
func (e *Engine) reopen() {
	pause := firstRepair
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-e.running.Done():
			return
		case <-timer.C:
		}
		err := e.start()
		if err == nil {
			e.options.Logger.Info("the queue's disk works again")
			return
		}
		if isGone(err) {
			if !e.awaitHome(err) {
				return
			}
			pause = firstRepair
			timer.Reset(0)
			continue
		}
		if folder.IsError(err) {
			e.giveBack(err)
			e.outlastDamage(err)
			return
		}
		e.mu.Lock()
		e.cause = err
		e.mu.Unlock()
		e.options.Logger.Error("opening the queue again", "error", err, "next", pause)
		timer.Reset(pause)
		pause = min(2*pause, lastRepair)
	}
}
