package pebble

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// Store is a [queue.Store] in a folder. Its engine opens databases on the folder, one
// after another, and the store outlives them.
//
// Invariants:
//
//   - The engine's database has been loaded into all destinations.
//   - bytes is the sum of destination.bytes and of the acceptances under way.
//
// doc.go has the order of its locks.
type Store struct {
	options      Options
	engine       *engine.Engine
	flights      flights
	seal         *seal.Seal
	keyless      atomic.Bool // a missing key was reported
	locks        stripes
	reservations reservations
	takes        takes
	parts        stripes      // by message ID; see lockMessage
	limit        atomic.Int64 // on bytes; none if it is not positive
	keeping      atomic.Int64 // Settings.Retention
	bytes        atomic.Int64 // of the backlog, acceptances under way included
	filter       keyFilter
	buckets      buckets
	sweeper      sweeper
	history      history
	garbage      garbage
	secrets      chan struct{} // full while learnt secrets or encryption keys are changed
	pausing      chan struct{} // full while a destination is paused or resumed
	scans        chan struct{} // one for each scan of the index under way; see maxScans

	steady steady

	destinationsMu sync.RWMutex
	destinations   map[queue.Destination]*destination
	digests        map[record.Digest]*destination
}

var _ queue.Store = (*Store)(nil)

// Open opens the store in a folder, or creates it. The error wraps
// [queue.ErrLocked] when another process has it open.
//
// Open also succeeds on a full disk and on a damaged folder. The store is then
// unavailable until there is space, or until the folder is replaced.
func Open(o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{
		options:      o,
		destinations: make(map[queue.Destination]*destination),
		digests:      make(map[record.Digest]*destination),
		locks:        newStripes(),
		parts:        newStripes(),
		reservations: reservations{byKey: make(map[queue.Key]*reservation)},
		secrets:      make(chan struct{}, 1),
		pausing:      make(chan struct{}, 1),
		scans:        make(chan struct{}, maxScans),
	}
	s.sweeper.early, s.history.early = make(chan struct{}, 1), make(chan struct{}, 1)
	s.history.turn = make(chan struct{}, 1)
	s.flights.fresh = window.NewBudget(o.freshSize)
	s.setLimits(o.Settings)
	var err error
	if s.seal, err = seal.New(o.Settings.Keys); err != nil {
		return nil, fmt.Errorf("opening the queue: %w", err)
	}
	s.engine = engine.New(o.engine(), engine.Hooks{
		Load:    s.loadFrom,
		Opened:  s.opened,
		Lost:    s.wakeAll,
		Waiting: func() bool { return s.bytes.Load() > 0 },
	})
	if err := s.engine.Open(); err != nil {
		return nil, err
	}
	if s.engine.Measured() {
		s.engine.Go(s.reclaimLoop)
	}
	s.engine.Go(func() { s.sweepLoop(&s.sweeper, sweepPause, s.sweepKeys) })
	s.engine.Go(func() { s.sweepLoop(&s.history.sweeper, retirePause, s.retire) })
	return s, nil
}

// opened continues what waited for a database.
func (s *Store) opened() {
	s.loadFilter()
	s.wakeAll()
	s.engine.Go(s.unpark)
}

// Close waits for commits under way and closes the files. On a full disk it does
// not wait, and writes without an acknowledgement may be lost.
func (s *Store) Close() error { return s.engine.Close() }

// enter returns the database for use; the caller must call Leave on it.
func (s *Store) enter() (*engine.Database, error) { return s.engine.Enter() }

// unavailable wraps err in [queue.ErrUnavailable]: the caller may try again later.
func unavailable(err error) error { return engine.Unavailable(err) }

// Configure implements [queue.Store].
func (s *Store) Configure(set queue.Settings) error {
	s.setLimits(set)
	return s.setKeys(set.Keys)
}

func (s *Store) setLimits(set queue.Settings) {
	s.limit.Store(set.MaxBacklog)
	s.keeping.Store(int64(set.Retention))
	s.history.limit.Store(set.MaxRetained)
	s.history.recorded(0) // the limits may have been lowered
}

// Wake makes waiting claims read the clock again. Call it after setting
// [Options].Now forward.
func (s *Store) Wake() {
	s.destinationsMu.RLock()
	defer s.destinationsMu.RUnlock()
	for _, d := range s.destinations {
		d.Lock()
		d.StirLocked()
		d.Unlock()
	}
	s.sweeper.poke()
	s.history.poke()
}

func (s *Store) wakeAll() {
	s.destinationsMu.RLock()
	defer s.destinationsMu.RUnlock()
	for _, d := range s.destinations {
		d.WakeAll()
	}
}

func (s *Store) now() time.Time { return s.options.Now() }

// destination returns the destination with a name, and adds it if it is new.
func (s *Store) destination(destination queue.Destination) (*destination, error) {
	s.destinationsMu.RLock()
	d := s.destinations[destination]
	s.destinationsMu.RUnlock()
	if d != nil {
		return d, nil
	}
	return s.addDestination(destination, record.DigestOf(destination.String()))
}

func (s *Store) addDestination(destination queue.Destination, id record.Digest) (*destination, error) {
	s.destinationsMu.Lock()
	defer s.destinationsMu.Unlock()
	if d := s.destinations[destination]; d != nil {
		return d, nil
	}
	other := s.digests[id]
	if other != nil && other.name == record.Nameless(id) && record.DigestOf(destination.String()) == id {
		delete(s.destinations, other.name)
		other.name = destination // no claim or batch contains a name that stands for a lost one
		s.destinations[destination] = other
		return other, nil
	}
	if other != nil {
		return nil, fmt.Errorf("the names of the destinations %q and %q have the same digest: rename one", destination, other.name)
	}
	d := newDestination(destination, id, s.due)
	s.destinations[destination], s.digests[id] = d, d
	return d, nil
}
