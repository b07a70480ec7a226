package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// Store is a [queue.Store] in a PostgreSQL database that several nodes share.
type Store struct {
	options    Options
	schema     string // quoted
	class      int32  // of advisory locks
	statements sync.Map
	pool       *pgxpool.Pool
	links      links
	unflushed  unflushed
	crashes    atomic.Int64 // of the database's processes, as far as its connections have told

	running context.Context // ends at Close
	stop    context.CancelFunc
	tasks   sync.WaitGroup
	closing sync.Once

	accepts chan *acceptance
	marks   chan *marking
	poke    chan struct{} // to renew the lease before its time
	tell    chan struct{} // to notify the other nodes
	look    chan struct{} // to read what they have left
	speech  chan string   // of Tell

	limit, maxRetained, keeping atomic.Int64 // Settings
	keys                        atomic.Int64 // of dedupe; -1: unknown
	fresh                       *window.Budget
	started                     atomic.Bool
	copies                      atomic.Int64          // that a commit has when it returns; see countCopies
	trouble                     atomic.Pointer[error] // of the last exchange with the database; nil: none

	announced            atomic.Pointer[announcement] // nil: nothing yet
	surveyed             atomic.Pointer[survey]       // the last one; nil: none yet
	skew, commit         atomic.Int64                 // nanoseconds; see queue.Cluster
	takeOvers, lostMarks atomic.Int64
	followers            atomic.Int64  // calls of Follow that last
	told                 *announcement // in the row of the node toldBy; of the goroutine that renews, as are the next two
	toldBy               int32
	warned               map[string]bool // the warnings that are in force, and in the log

	reserved reserved

	answers    answers // for senders at this node
	asked      asked
	attemptFor atomic.Pointer[func(queue.Claim, func([]byte))] // for senders at other nodes; nil: not set

	seal    *seal.Seal
	keying  sync.Mutex    // one exchange of the encryption keys at a time
	rings   atomic.Int64  // exchanges, and one
	keyless atomic.Int64  // when an event was met whose key is missing; 0: not with these keys
	keyed   chan struct{} // to look for events whose key has come

	admitted map[int64]*tenure // rows of the inbox that are in memory; of the goroutine attends

	beating sync.Mutex // one change of the ownership at a time
	mu      sync.RWMutex
	node    int32
	peers   []*peer // all nodes in the tables; not changed once they are here
	alive   []*peer
	beaten  time.Time // begin of the last renewal
	byName  map[queue.Destination]*destination
	byID    map[int32]*destination
	serves  map[queue.Destination]bool          // Claim was called for these
	retains map[queue.Destination]time.Duration // of Retain
}

var (
	_ queue.Store     = (*Store)(nil)
	_ queue.Inspector = (*Store)(nil)
	_ queue.Keeper    = (*Store)(nil)
	_ queue.Clustered = (*Store)(nil)
)

// writers is how many batches of acceptances, and of marks, are on their way at once.
const writers = 3

// Open opens the store. A database that cannot be reached does not make it fail: the
// store is unavailable until the database is there. A wrong password, missing rights or
// tables of another format do.
func Open(o Options) (*Store, error) {
	o = o.withDefaults()
	if o.Durability < 0 {
		return nil, fmt.Errorf("opening the queue: durability is %d copies", o.Durability)
	}
	sealed, err := seal.New(o.Settings.Keys)
	if err != nil {
		return nil, fmt.Errorf("opening the queue: %w", err)
	}
	config, err := o.config()
	if err != nil {
		return nil, fmt.Errorf("opening the queue: %w", err)
	}
	s := &Store{
		options: o, schema: pgx.Identifier{o.Schema}.Sanitize(), class: class(o.Schema),
		accepts: make(chan *acceptance, 1024), marks: make(chan *marking, 1024),
		poke: make(chan struct{}, 1), tell: make(chan struct{}, 1), look: make(chan struct{}, 1), keyed: make(chan struct{}, 1), seal: sealed,
		speech: make(chan string, speechQueue), fresh: window.NewBudget(freshSize),
		byName: make(map[queue.Destination]*destination), byID: make(map[int32]*destination),
		serves: make(map[queue.Destination]bool), retains: make(map[queue.Destination]time.Duration),
		admitted: make(map[int64]*tenure),
		answers:  answers{all: make(map[queue.ID]*answer)}, asked: make(asked, maxAsked),
		reserved: reserved{open: make(map[*reservation]bool), dropping: make(chan struct{}, 1)},
	}
	s.links.watch(config)
	noticed := config.ConnConfig.OnNotice
	config.ConnConfig.OnNotice = func(c *pgconn.PgConn, n *pgconn.Notice) {
		if n.Code == "57P02" { // a process was killed; the server itself goes on
			s.crashes.Add(1)
		}
		noticed(c, n)
	}
	if s.pool, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		return nil, fmt.Errorf("opening the queue: %w", plain(err))
	}
	s.running, s.stop = context.WithCancel(context.Background())
	s.keys.Store(-1)
	s.rings.Store(1)
	s.setLimits(o.Settings)
	err = s.start()
	if err != nil && permanent(err) {
		s.stop()
		s.pool.Close()
		return nil, fmt.Errorf("opening the queue: %w", plain(err))
	}
	s.note(err)
	for range writers {
		s.tasks.Go(func() { batches(s, s.accepts, (*acceptance).bytes, s.writeAccepts) })
		s.tasks.Go(func() { batches(s, s.marks, (*marking).bytes, s.writeMarks) })
	}
	s.tasks.Go(s.beats)
	s.tasks.Go(s.guard)
	s.tasks.Go(s.attends)
	s.tasks.Go(s.tells)
	s.tasks.Go(s.speaks)
	if !o.NoListen {
		s.tasks.Go(s.listens)
	}
	s.tasks.Go(s.sweeps)
	s.tasks.Go(s.reserves)
	s.tasks.Go(s.unparks)
	return s, nil
}

// start makes this a node of the cluster, with the destinations that fall to it.
func (s *Store) start() error {
	s.keying.Lock()
	defer s.keying.Unlock()
	ctx, cancel := context.WithTimeout(s.running, 10*time.Second)
	defer cancel()
	if err := s.checkPooler(ctx); err != nil {
		return err
	}
	if _, err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.checkKeys(ctx, s.seal.Ring()); err != nil {
		return err
	}
	if err := s.register(ctx); err != nil {
		return err
	}
	if err := s.beat(ctx); err != nil {
		return err
	}
	if err := s.countCopies(ctx); err != nil {
		return err
	}
	s.started.Store(true)
	s.reseal(ctx)
	s.surveys()
	return nil
}

// note keeps the outcome of an exchange with the database, for Stats.
func (s *Store) note(err error) {
	if err == nil {
		s.trouble.Store(nil)
		return
	}
	err = plain(err)
	if s.trouble.Swap(&err) == nil && s.running.Err() == nil {
		s.options.Logger.Warn("the database is not available", "error", err)
	}
}

// safe returns an error if the database keeps fewer copies than it should.
func (s *Store) safe() error {
	if want := int64(s.options.Durability); s.copies.Load() < want {
		return unavailable(fmt.Errorf("the database keeps %d of the %d copies of a commit that durability asks for: see synchronous_standby_names", s.copies.Load(), want))
	}
	return nil
}

// ready returns an error unless the database can be used.
func (s *Store) ready() error {
	switch {
	case s.running.Err() != nil:
		return unavailable(errClosed)
	case !s.started.Load():
		if err := s.trouble.Load(); err != nil {
			return unavailable(*err)
		}
		return unavailable(errAway)
	}
	return nil
}

// closeLimit is for the statements that are under way when the store closes. The database may not
// answer at all.
const closeLimit = 3 * time.Second

// Close gives the destinations to the other nodes and ends the connections.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.end(closeLimit)
		if s.started.Load() {
			ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
			defer cancel()
			s.dropReservations(ctx)
			s.leave(ctx)
		}
		s.links.cut(0)
		s.pool.Close()
	})
	return nil
}

// Abandon closes the store as a crash would: nothing is given back or told to others. It is for tests.
func (s *Store) Abandon() {
	s.closing.Do(func() {
		s.end(0)
		s.pool.Close()
	})
}

// end stops the goroutines. Statements that are not answered within the limit are given up.
func (s *Store) end(limit time.Duration) {
	s.stop()
	s.wakeAll()
	s.links.close()
	defer time.AfterFunc(limit, func() { s.links.cut(0) }).Stop()
	s.tasks.Wait()
}

// Configure implements [queue.Store].
func (s *Store) Configure(set queue.Settings) error {
	s.setLimits(set)
	return s.setKeys(set.Keys)
}

func (s *Store) setLimits(set queue.Settings) {
	s.limit.Store(set.MaxBacklog)
	s.maxRetained.Store(set.MaxRetained)
	s.keeping.Store(int64(set.Retention))
}

// Wake makes waiting claims read the clock again. Call it after setting [Options].Now forward.
func (s *Store) Wake() {
	for _, d := range s.all() {
		if t := d.tenure.Load(); t != nil {
			t.Lock()
			t.StirLocked()
			t.Unlock()
		}
	}
}

func (s *Store) wakeAll() {
	for _, d := range s.all() {
		d.wake()
	}
}

func (s *Store) now() int64 { return window.Nanos(s.options.Now()) }

func (s *Store) all() (list []*destination) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, d := range s.byID {
		list = append(list, d)
	}
	return list
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

func pokeIt(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
