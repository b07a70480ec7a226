package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// Engine owns the databases that are opened on one folder, one after another.
//
// Invariants:
//
//   - current is nil or a database that Hooks.Load has read.
//   - The folder's lock is held whenever a database is open or being opened.
//
// doc.go has the order of its locks.
type Engine struct {
	options Options
	hooks   Hooks
	disk    *disk
	space   *space // the space field of disk
	home    *home  // nil while a damaged folder is watched; changes under mu
	cache   *pebble.Cache
	damage  *folder.Damage

	current atomic.Pointer[Database] // nil while there is none

	running    context.Context // until Close
	stop       context.CancelFunc
	background sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	opening *fence // of the database that is being opened
	cause   error  // of current being nil

	lostLogs int // damaged logs found by beforeOpen; used by the goroutine of start alone
}

// Hooks connect an engine with the owner of its data. All are required. The engine
// holds no lock while it calls one.
type Hooks struct {
	// Load reads the state of a newly opened database that nobody else uses yet. It
	// may repair records. It can go on after the database has failed and another one
	// is open, so it returns the state to a function instead of making it visible.
	Load func(db *Database) (Adopt, error)
	// Opened is called after a loaded database has become the current one.
	Opened func()
	// Lost is called when a database has ended, also one that has failed before it was
	// current, and by Close. Goroutines that wait for new data should call
	// [Engine.Enter] again.
	Lost func()
	// Waiting reports whether the folder contains data that must not be given up. If it
	// was deleted, the engine then waits for a copy instead of beginning an empty one.
	Waiting func() bool
}

// Adopt makes the state that Hooks.Load has read visible. The database becomes the
// current one afterwards. The engine calls later, if it is not nil, exactly once in the
// background, even if adopting has failed. later has to return soon after the database
// has failed or the engine closes.
type Adopt func() (later func(), err error)

// Errors of an engine. [Unavailable] wraps them where a caller may try again.
var (
	// ErrDiskFull: a write found no space, or the rest of the space is reserved.
	ErrDiskFull = errors.New("the disk is full")
	// ErrGivenUp: the database has ended, and no write reaches its files any more.
	ErrGivenUp = errors.New("the database was given up")

	errClosed = errors.New("the store is closed")
)

// Unavailable wraps err in [queue.ErrUnavailable]: the caller may try again later.
func Unavailable(err error) error {
	if err == nil {
		return queue.ErrUnavailable
	}
	return fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
}

// Refuse marks an error of Hooks.Load that does not come from damaged files, such as
// a missing encryption key. The engine then does not search the files for damage.
func Refuse(err error) error { return refusal{err} }

type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// New returns an engine for a folder. It touches no file before Open.
func New(o Options, h Hooks) *Engine {
	o = o.withDefaults()
	e := &Engine{
		options: o,
		hooks:   h,
		disk:    newDisk(),
		damage:  folder.NewDamage(o.Logger),
	}
	e.running, e.stop = context.WithCancel(context.Background())
	e.space = &e.disk.space
	return e
}

// Open opens the folder, or creates it. The error wraps [queue.ErrLocked] when another
// process has it open. After an error the engine cannot be used.
//
// Open also succeeds on a full disk and on a damaged folder. Enter then returns
// [queue.ErrUnavailable] until there is space, or until the folder is replaced.
func (e *Engine) Open() error {
	o := e.options
	if err := o.FS.MkdirAll(o.Dir, folder.PrivateDir); err != nil {
		return fmt.Errorf("opening the queue: %w", err)
	}
	if err := e.takeLock(); err != nil {
		return fmt.Errorf("opening the queue in %s: %w", o.Dir, err)
	}
	if err := folder.CheckMoved(o.FS, o.Dir); err != nil {
		return errors.Join(fmt.Errorf("opening the queue in %s: %w", o.Dir, err), e.unlock())
	}
	folder.Close(o.FS, o.Dir, o.Logger)
	e.cache = pebble.NewCache(o.CacheSize)
	e.space.init(o)
	e.space.begin()
	started := make(chan error, 1)
	e.background.Go(func() { started <- e.start() })
	select {
	case err := <-started:
		switch {
		case folder.IsError(err):
			e.giveBack(err)
			e.background.Go(func() { e.outlastDamage(err) })
		case err != nil:
			e.cache.Unref()
			return errors.Join(fmt.Errorf("opening the queue in %s: %w", o.Dir, err), e.unlock())
		}
	case <-e.disk.whenFull():
		o.Logger.Error("the disk is full; the queue opens when there is space")
		e.background.Go(func() {
			switch err := <-started; {
			case folder.IsError(err):
				e.giveBack(err)
				e.outlastDamage(err)
			case err != nil:
				e.reopen()
			}
		})
	}
	e.background.Go(e.spaceLoop)
	e.background.Go(e.homeLoop)
	return nil
}

// Enter returns the current database for use. The caller must call its Leave, or
// Commit, which does so. The error wraps [queue.ErrUnavailable].
func (e *Engine) Enter() (*Database, error) {
	if db := e.current.Load(); db != nil && db.Use() {
		return db, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, Unavailable(errors.New("it is closed"))
	}
	return nil, Unavailable(e.cause)
}

// Available reports whether a database is open and new data is accepted.
func (e *Engine) Available() bool { return e.current.Load() != nil && !e.Refuses() }

// Cause returns why there is no database, or nil.
func (e *Engine) Cause() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current.Load() != nil {
		return nil
	}
	return e.cause
}

// Damage returns the damage known in the files. It stays the same through all
// databases of the engine.
func (e *Engine) Damage() *folder.Damage { return e.damage }

// Running returns a context that ends when Close is called.
func (e *Engine) Running() context.Context { return e.running }

// Go runs f in the background, unless the engine is closed. Close waits for f, which
// must therefore return when [Engine.Running] ends.
func (e *Engine) Go(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.background.Go(f)
	}
}
