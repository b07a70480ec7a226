package engine

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// compactionLimit is how long Compact waits while other compactions find no space.
const compactionLimit = 500 * time.Millisecond

// compactionLate is how long Compact waits in any case. The next call begins another.
const compactionLate = 30 * time.Second

var errCompactionLate = fmt.Errorf("the compaction goes on: %w", queue.ErrUnavailable)

var errDiskCrowded = fmt.Errorf("compactions find no space: %w", syscall.ENOSPC)

// Compact runs a compaction on a nearly full disk. frees says that it frees more than it
// needs. Then it may use the space of missing parts of the reserve, and gets another
// part for the next attempt if it finds no space.
//
// Compact does not wait for a compaction that hangs or that Pebble defers. compact may
// therefore end later than Compact. Its context ends then.
func (e *Engine) Compact(ctx context.Context, frees bool, compact func(context.Context, *Database) error) error {
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

func (e *Engine) compact(ctx context.Context, compact func(context.Context, *Database) error) error {
	db, err := e.Enter()
	if err != nil {
		return err
	}
	// A failed database is closed when it has no users, and its writes block until then.
	// Waiting for the compaction would therefore wait for ever.
	defer db.Leave()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	db.loops.Go(func() {
		done <- folder.Guarded(func() error { return compact(ctx, db) })
	})
	defer cancel()
	crowded := db.fence.crowded.Load()
	check := time.NewTicker(compactionLimit)
	defer check.Stop()
	late := time.NewTimer(compactionLate)
	defer late.Stop()
	for {
		select {
		case err = <-done:
			return err
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
}
