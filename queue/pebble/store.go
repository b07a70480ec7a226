package pebble

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
)

// DefaultMaxBacklog is the limit on the backlog, in bytes: 10 GiB.
const DefaultMaxBacklog = 10 << 30

// Options say where and how a store is kept.
type Options struct {
	// Dir is the folder; it is created with mode 0700 where it is missing.
	Dir string
	// FS is the file system. Default: the operating system's.
	FS vfs.FS
	// MaxBacklog limits the bytes of waiting messages and dead letters; beyond it
	// Accept answers with [queue.ErrFull]. 0: [DefaultMaxBacklog]; negative: none.
	MaxBacklog int64
	// Retention is how long ended deliveries stay in destinations without a call of
	// [Store.Retain]. 0: [queue.DefaultRetention]; negative: not at all.
	Retention time.Duration
	// MaxRetained limits the bytes of ended deliveries; beyond it the oldest are
	// removed. 0: [DefaultMaxRetained]; negative: none.
	MaxRetained int64
	// Keys encrypt messages, the texts of attempts and learnt secrets. Each has 32
	// bytes. The first seals, all open. None: nothing is encrypted. Names of
	// endpoints, event IDs and types, sizes and times stay readable.
	Keys [][]byte
	// Now decides which deliveries are due and which keys have expired. Default:
	// time.Now. After setting another clock forward, call [Store.Wake].
	Now func() time.Time
	// Logger receives faults, repairs and warnings for a person. Default: none.
	Logger *slog.Logger

	memTableSize uint64 // default 16 MiB, or less where the disk is small
	blockSize    int    // default 32 KiB; Pebble needs its square in time to describe a broken block
	cacheSize    int64  // default 72 MiB, for blocks, bloom filters and the memtables
	freshSize    int64  // default 16 MiB, for messages not yet claimed
	stallLimit   time.Duration
}

// memTables is how many memtables there may be at once. Pebble takes their memory
// out of the block cache. A cache that is not larger than the memtables holds no
// blocks, and each look-up of a key then reads its filters from the disk.
const memTables = 3

func (o Options) withDefaults() Options {
	set := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	o.FS = private(o.FS)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.blockSize == 0 {
		o.blockSize = 32 << 10
	}
	set(&o.MaxBacklog, DefaultMaxBacklog)
	set(&o.MaxRetained, DefaultMaxRetained)
	set((*int64)(&o.Retention), int64(queue.DefaultRetention))
	set(&o.cacheSize, int64(memTables*o.memTableOf(sizesOf(math.MaxInt64)))+24<<20)
	set(&o.freshSize, 16<<20)
	if o.stallLimit == 0 {
		o.stallLimit = 2 * time.Second
	}
	return o
}

// memTableOf returns the size of a memtable on a disk with these shares.
func (o Options) memTableOf(disk sizes) uint64 {
	if o.memTableSize > 0 {
		return o.memTableSize
	}
	return disk.memTable
}

// Store is a [queue.Store] in a folder. It outlives the databases that it opens on
// the folder one after another.
//
// Invariants:
//
//   - current is nil or a database that has been loaded into all lanes.
//   - bytes is the sum of lane.bytes and of the acceptances under way.
//   - The folder's lock is held whenever a database is open or being opened.
//
// doc.go has the order of its locks.
type Store struct {
	options Options
	disk    *disk
	space   *space    // the space field of disk
	lock    io.Closer // nil while a damaged folder is watched; changes under mu
	cache   *pebble.Cache
	flights flights
	seal    *seal
	damage  damage
	locks   stripes
	parts   stripes      // by message ID; see lockMessage
	limit   atomic.Int64 // on bytes; none if it is not positive
	bytes   atomic.Int64 // of the backlog, acceptances under way included
	filter  keyFilter
	keys    atomic.Int64 // dedupe keys; those on disk at the start only once counted
	counted atomic.Bool  // keys includes those that were on disk at the start
	sweeper sweeper
	history history
	garbage garbage
	secrets chan struct{} // full while learnt secrets or encryption keys are changed
	pausing chan struct{} // full while a lane is paused or resumed

	current atomic.Pointer[database] // nil while there is none

	steady steady

	lanesMu sync.RWMutex
	lanes   map[string]*lane
	laneIDs map[laneID]*lane

	closing    chan struct{}
	background sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	opening *fence // of the database that is being opened
	cause   error  // of current being nil

	lostLogs int // damaged logs found by beforeOpen; used by the goroutine of start alone
}

var _ queue.Store = (*Store)(nil)

var errStoreClosed = errors.New("the store is closed")

// Open opens the store in a folder, or creates it. The error wraps
// [queue.ErrLocked] when another process has it open.
//
// Open also succeeds on a full disk and on a damaged folder. The store is then
// unavailable until there is space, or until the folder is replaced.
func Open(o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{
		options: o,
		disk:    newDisk(),
		lanes:   make(map[string]*lane),
		laneIDs: make(map[laneID]*lane),
		closing: make(chan struct{}),
		locks:   newStripes(),
		parts:   newStripes(),
		secrets: make(chan struct{}, 1),
		pausing: make(chan struct{}, 1),
	}
	s.sweeper.early, s.history.early = make(chan struct{}, 1), make(chan struct{}, 1)
	s.history.turn = make(chan struct{}, 1)
	s.flights.fresh.left.Store(o.freshSize)
	s.damage.log = o.Logger
	s.SetMaxBacklog(o.MaxBacklog)
	s.SetMaxRetained(o.MaxRetained)
	var err error
	if s.seal, err = newSeal(o.Keys); err != nil {
		return nil, fmt.Errorf("opening the queue: %w", err)
	}
	if err := o.FS.MkdirAll(o.Dir, privateDir); err != nil {
		return nil, fmt.Errorf("opening the queue: %w", err)
	}
	if s.lock, err = s.takeLock(); err != nil {
		return nil, fmt.Errorf("opening the queue in %s: %w", o.Dir, err)
	}
	closeFolder(o.FS, o.Dir, o.Logger)
	s.cache = pebble.NewCache(o.cacheSize)
	s.space = &s.disk.space
	s.space.init(o)
	s.space.begin()
	started := make(chan error, 1)
	s.background.Go(func() { started <- s.start() })
	select {
	case err := <-started:
		switch {
		case cannotOpen(err):
			s.giveBack(err)
			s.background.Go(func() { s.outlastDamage(err) })
		case err != nil:
			s.cache.Unref()
			return nil, errors.Join(fmt.Errorf("opening the queue in %s: %w", o.Dir, err), s.lock.Close())
		}
	case <-s.disk.whenFull():
		o.Logger.Error("the disk is full; the queue opens when there is space")
		s.background.Go(func() {
			switch err := <-started; {
			case cannotOpen(err):
				s.giveBack(err)
				s.outlastDamage(err)
			case err != nil:
				s.reopen()
			}
		})
	}
	s.background.Go(s.spaceLoop)
	s.background.Go(func() { s.sweepLoop(&s.sweeper, sweepPause, s.sweepKeys) })
	s.background.Go(func() { s.sweepLoop(&s.history.sweeper, retirePause, s.retire) })
	return s, nil
}

// isLocked reports whether an error of taking the folder's lock means that it is
// taken. vfs returns a bare errno, or a text alone if this process has the lock.
func isLocked(err error) bool {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return err == error(errno) && (errno == syscall.EAGAIN || errno == syscall.EACCES)
	}
	return strings.Contains(err.Error(), "lock held")
}

// start opens a database, loads the state of the lanes from it and makes it the
// current one.
func (s *Store) start() error {
	files := newFence(s.options.FS, s.disk)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errStoreClosed
	}
	s.opening = files
	s.mu.Unlock()

	var db *database
	err := s.beforeOpen()
	if err == nil {
		db, err = openDatabase(s.options, s.cache, files, s.failed)
	}
	count := func() {}
	if err == nil {
		db.damage = &s.damage
		count, err = s.loadFrom(db)
	}
	s.mu.Lock()
	s.opening = nil
	if err == nil && s.closed {
		err = errStoreClosed
	}
	if err == nil && db.hasFailed() {
		err = errors.New("the database failed while it was opened")
	}
	if err == nil {
		s.current.Store(db)
		s.cause = nil
	}
	s.mu.Unlock()
	if err != nil {
		if db != nil {
			go count() // ends at once, as the database has failed or the store closes
			s.abandon(db)
		}
		return s.diagnose(err)
	}
	if s.lostLogs > 0 {
		if err := s.dropClosed(); err != nil {
			s.options.Logger.Warn("the list of the queue's files cannot be removed; the next start may report lost logs again", "error", err)
		}
	}
	s.background.Go(count)
	s.loadFilter()
	s.wakeLanes()
	s.background.Go(s.unpark)
	return nil
}

// loadFrom loads the lanes from a database, and prepares the count of dedupe keys
// and ended deliveries. It returns early when the database fails: the goroutine of
// load may hang in Pebble, and start must go on to abandon the database.
func (s *Store) loadFrom(db *database) (count func(), err error) {
	count = func() {}
	loaded := make(chan error, 1)
	db.loops.Go(func() { loaded <- guarded(func() error { return s.load(db) }) })
	select {
	case err = <-loaded:
	case <-db.failing:
		err = errors.New("the disk failed while the queue was read")
	}
	if err != nil {
		return count, err
	}
	keys, err := s.countKeys(db)
	if err != nil {
		return count, err
	}
	ended, err := s.countEnded(db)
	return func() { keys(); ended() }, err
}

// failed is called by a database with the first error that it cannot survive. The
// caller may hold Pebble's locks, so nothing here may wait for them.
func (s *Store) failed(db *database, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.current.CompareAndSwap(db, nil) {
		return // Close or start abandons it
	}
	s.cause = err
	s.background.Go(func() { s.repair(db, err) })
}

// The pauses between attempts to open a database again.
const (
	firstRepair = 50 * time.Millisecond
	lastRepair  = 10 * time.Second
)

// repair replaces a broken database by a fresh one. The files contain everything
// that was acknowledged. After an error they are read again, because the memory of
// the broken database may differ from them.
func (s *Store) repair(db *database, err error) {
	s.options.Logger.Error("the queue's disk failed; opening it again", "error", err)
	s.abandon(db)
	s.reopen()
}

// reopen opens a database until it works or the store is closed.
func (s *Store) reopen() {
	pause := firstRepair
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-timer.C:
		}
		err := s.start()
		if err == nil {
			s.options.Logger.Info("the queue's disk works again")
			return
		}
		if cannotOpen(err) {
			s.giveBack(err)
			s.outlastDamage(err)
			return
		}
		s.mu.Lock()
		s.cause = err
		s.mu.Unlock()
		s.options.Logger.Error("opening the queue again", "error", err, "next", pause)
		timer.Reset(pause)
		pause = min(2*pause, lastRepair)
	}
}

// abandon fences a database off and waits until nobody uses it. It must run with
// no lock held, since users may hold any. Pebble may be unable to close the database,
// which only costs memory.
func (s *Store) abandon(db *database) {
	db.retire()
	s.wakeLanes()
	db.fence.close()
	close(db.dead)
	<-db.idle
	db.fence.vanish()
	go func() { _ = db.close() }()
}

// enter returns the database for use; the caller must call leave on it.
func (s *Store) enter() (*database, error) {
	if db := s.current.Load(); db != nil && db.use() {
		return db, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, unavailable(errors.New("it is closed"))
	}
	return nil, unavailable(s.cause)
}

// closeLimit is how long Close waits for a disk that hangs.
const closeLimit = 10 * time.Second

// Close waits for commits under way and closes the files. On a full disk it does
// not wait, and writes without an acknowledgement may be lost.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	db := s.current.Swap(nil)
	if s.opening != nil {
		s.opening.stop()
	}
	s.mu.Unlock()
	close(s.closing)
	s.wakeLanes()

	done := make(chan error, 1)
	go func() {
		s.background.Wait()
		if db == nil {
			done <- nil
			return
		}
		done <- s.closeDatabase(db)
	}()
	timer := time.NewTimer(closeLimit)
	defer timer.Stop()
	select {
	case err := <-done:
		s.cache.Unref()
		s.mu.Lock()
		lock := s.lock
		s.mu.Unlock()
		if lock != nil {
			err = errors.Join(err, lock.Close())
		}
		return err
	case <-timer.C:
		// The disk hangs. The folder's lock stays taken, as writes may still end.
		if db != nil {
			db.fence.stop()
		}
		return unavailable(errors.New("the disk hangs"))
	}
}

func (s *Store) closeDatabase(db *database) error {
	db.retire()
	select {
	case <-db.idle:
	case <-db.failing:
	case <-s.disk.whenFull():
	}
	closed := make(chan error, 1)
	broken := db.hasFailed() || s.disk.full()
	if !broken {
		close(db.dead)
		go func() { closed <- db.close() }()
		select {
		case err := <-closed:
			if err == nil {
				s.noteClosed()
			}
			return err
		case <-db.failing:
		case <-s.disk.whenFull():
		}
		db.fence.close()
		db.fence.vanish()
		return unavailable(errors.New("closing the queue: the disk is full or faulty"))
	}
	s.abandon(db)
	return nil
}

// noteClosed writes the list of files. Without it the next start finds less damage.
func (s *Store) noteClosed() {
	if err := writeClosed(s.options.FS, s.options.Dir); err != nil {
		s.options.Logger.Warn("the queue's files cannot be listed; the next start cannot tell whether a log was cut off", "error", err)
	}
}

// later runs f in the background, unless the store is closed.
func (s *Store) later(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.background.Go(f)
	}
}

// SetMaxBacklog changes the limit of Options.MaxBacklog. 0 or less is no limit.
func (s *Store) SetMaxBacklog(bytes int64) { s.limit.Store(bytes) }

// Wake makes waiting claims read the clock again. Call it after setting
// [Options].Now forward.
func (s *Store) Wake() {
	s.lanesMu.RLock()
	defer s.lanesMu.RUnlock()
	for _, l := range s.lanes {
		l.mu.Lock()
		l.stirLocked()
		l.mu.Unlock()
	}
	s.sweeper.poke()
	s.history.poke()
}

func (s *Store) wakeLanes() {
	s.lanesMu.RLock()
	defer s.lanesMu.RUnlock()
	for _, l := range s.lanes {
		l.wakeAll()
	}
}

func (s *Store) now() time.Time { return s.options.Now() }

// lane returns the lane of a destination.
func (s *Store) lane(destination string) (*lane, error) {
	s.lanesMu.RLock()
	l := s.lanes[destination]
	s.lanesMu.RUnlock()
	if l != nil {
		return l, nil
	}
	return s.addLane(destination, laneOf(destination))
}

func (s *Store) addLane(destination string, id laneID) (*lane, error) {
	s.lanesMu.Lock()
	defer s.lanesMu.Unlock()
	if l := s.lanes[destination]; l != nil {
		return l, nil
	}
	other := s.laneIDs[id]
	if other != nil && other.name == nameless(id) && laneOf(destination) == id {
		delete(s.lanes, other.name)
		other.name = destination // no claim or batch contains the name of a nameless lane
		s.lanes[destination] = other
		return other, nil
	}
	if other != nil {
		return nil, fmt.Errorf("the names of the destinations %q and %q have the same digest: rename one", destination, other.name)
	}
	l := newLane(destination, id, s.due)
	l.retention.Store(int64(s.options.Retention))
	s.lanes[destination], s.laneIDs[id] = l, l
	return l, nil
}
