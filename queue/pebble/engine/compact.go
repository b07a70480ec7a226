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
//
// The goroutine is none of db.loops, which end before Pebble is closed: Pebble may never
// come to a compaction that it has deferred.
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
		c.err = folder.Guarded(func() error { return compact(db) })
	}()
	return c, true
}

// maxPieces bounds the pieces of a compaction. Pebble writes the memtable to a table for each.
const maxPieces = 16

// Compact rewrites the tables with keys between from and to. It hides Pebble's method, whose
// context and whose parallel parts take compactions back.
//
// It goes in pieces that share no table. Each needs space for its own tables only, and the
// space of one is free for the next.
func (db *Database) Compact(from, to []byte) error {
	flushed, err := db.AsyncFlush() // the tables that this makes are in the pieces, too
	if err != nil {
		return err
	}
	select {
	case <-flushed:
	case <-db.closed.Done():
		return ErrGivenUp
	}
	pieces, err := db.pieces(from, to)
	for _, p := range pieces {
		if err == nil {
			err = db.DB.Compact(db.closed, p.first, append(p.last, 0), false)
		}
	}
	return err
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
