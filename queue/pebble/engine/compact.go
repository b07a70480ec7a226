package engine

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// compactionLimit is how long Compact waits while other compactions find no space.
const compactionLimit = 500 * time.Millisecond

// compactionLate is how long Compact waits in any case. The next call waits on.
const compactionLate = 30 * time.Second

var errCompactionLate = fmt.Errorf("the compaction goes on: %w", queue.ErrUnavailable)

var errDiskCrowded = fmt.Errorf("compactions find no space: %w", syscall.ENOSPC)

// A request is a compaction that has been given to Pebble and cannot be taken back: Pebble 2.1
// panics if a compaction is cancelled that it has chosen and not begun. Therefore nothing
// ends the context of one before Pebble is closed, and a database has one at a time.
type request struct {
	done chan struct{}
	err  error // set before done is closed
}

// Compact runs a compaction on a nearly full disk. frees says that it frees more than it
// needs. Then it may use the space of missing parts of the reserve, and gets another
// part for the next attempt if it finds no space.
//
// Compact does not wait for a compaction that hangs or that Pebble defers. compact may
// therefore end later than Compact. The next call waits for it before it begins its own.
func (e *Engine) Compact(ctx context.Context, frees bool, compact func(*Database) error) error {
	e.space.spend.Store(frees)
	err := e.compact(ctx, compact)
	e.space.spend.Store(false)
	switch {
	case err == nil:
		e.space.compacted(nil)
	case folder.NoSpace(err) && frees:
		e.space.compacted(err)
		// A compaction frees more than it needs, but it needs the space first.
		e.space.give(false)
	}
	return err
}

func (e *Engine) compact(ctx context.Context, compact func(*Database) error) error {
	db, err := e.Enter()
	if err != nil {
		return err
	}
	// A failed database is closed when it has no users, and its writes block until then.
	// Waiting for the compaction would therefore wait for ever.
	defer db.Leave()
	crowded := db.fence.crowded.Load()
	check := time.NewTicker(compactionLimit)
	defer check.Stop()
	late := time.NewTimer(compactionLate)
	defer late.Stop()
	for {
		c, begun := db.begin(compact)
	wait:
		for {
			select {
			case <-c.done:
				break wait
			case <-db.failing:
				return Unavailable(db.Failure())
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-late.C:
				return errCompactionLate
			case <-check.C:
				// Pebble prefers its own compactions, even those that find no space.
				if db.fence.crowded.Load() != crowded {
					return errDiskCrowded
				}
			}
		}
		if begun || c.err != nil {
			return c.err
		}
	}
}

// begin starts a compaction, unless one is under way: then it returns that one and false.
func (db *Database) begin(compact func(*Database) error) (c *request, begun bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if c = db.compaction; c != nil {
		select {
		case <-c.done:
		default:
			return c, false
		}
	}
	c = &request{done: make(chan struct{})}
	db.compaction = c
	go func() {
		defer close(c.done)
		c.err = db.stay.run(func() error { return compact(db) })
	}()
	return c, true
}

// A stay counts the goroutine of a compaction among db.loops while it is in Pebble, so that
// Pebble is not closed meanwhile. It does not count while it waits for Pebble, which may
// never come to a compaction that it has deferred. One goroutine at a time uses it.
type stay struct {
	db *Database
	in bool
}

// run calls f during the stay.
func (s *stay) run(f func() error) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	return folder.Guarded(f)
}

// begin fails if the database is about to be closed.
func (s *stay) begin() error {
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	if s.db.broken {
		return Unavailable(ErrGivenUp)
	}
	s.db.loops.Add(1) // before loops.Wait, since broken is set before that
	s.in = true
	return nil
}

// end does nothing between stays.
func (s *stay) end() {
	if s.in {
		s.in = false
		s.db.loops.Done()
	}
}

// departure is a context for Pebble's Compact. It ends the stay when Compact asks for Done,
// that is before it waits. The little that Compact does afterwards takes no harm from a close.
type departure struct {
	context.Context
	stay *stay
}

func (d departure) Done() <-chan struct{} {
	d.stay.end()
	return d.Context.Done()
}

// maxPieces bounds the pieces of a compaction. Pebble writes the memtable to a table for each.
const maxPieces = 16

// Compact rewrites the tables with keys between from and to. It hides Pebble's method, whose
// context and whose parallel parts take compactions back.
//
// Only the function that [Engine.Compact] runs may call it. It goes in pieces that share no table. Each needs space for its own tables only, and the
// space of one is free for the next.
func (db *Database) Compact(from, to []byte) error {
	flushed, err := db.AsyncFlush() // the tables that this makes are in the pieces, too
	if err != nil {
		return err
	}
	db.stay.end()
	select {
	case <-flushed:
	case <-db.closed.Done():
	}
	if err := db.stay.begin(); err != nil {
		return err
	}
	pieces, err := db.pieces(from, to)
	for _, p := range pieces {
		if err == nil {
			err = db.compactPiece(p)
		}
	}
	return err
}

func (db *Database) compactPiece(p piece) error {
	if err := db.DB.Compact(departure{db.closed, &db.stay}, p.first, append(p.last, 0), false); err != nil {
		return err
	}
	db.stay.end() // Compact need not have waited
	return db.stay.begin()
}

// piece is a range of keys whose tables have no key outside of it.
type piece struct {
	first, last []byte
	size        uint64 // of the tables
}

func (db *Database) pieces(from, to []byte) (pieces []piece, err error) {
	levels, err := db.SSTables(pebble.WithKeyRangeFilter(from, to))
	if err != nil {
		return nil, err
	}
	var tables []piece
	var size uint64
	for _, level := range levels {
		for _, t := range level {
			tables = append(tables, piece{bytes.Clone(t.Smallest.UserKey), bytes.Clone(t.Largest.UserKey), t.Size})
			size += t.Size
		}
	}
	slices.SortFunc(tables, func(a, b piece) int { return bytes.Compare(a.first, b.first) })
	for _, t := range tables {
		n := len(pieces) - 1
		if n < 0 || bytes.Compare(pieces[n].last, t.first) < 0 && pieces[n].size >= size/maxPieces {
			pieces = append(pieces, t)
			continue
		}
		pieces[n].size += t.size
		if bytes.Compare(pieces[n].last, t.last) < 0 {
			pieces[n].last = t.last
		}
	}
	return pieces, nil
}
