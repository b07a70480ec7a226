package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

const (
	reclaimPause = 250 * time.Millisecond
	// reclaimRest is the pause before little garbage is compacted.
	reclaimRest = 2 * time.Second
	// removedSize is roughly the garbage of a removed delivery besides its message: the
	// records of its stages, and a tombstone for each.
	removedSize = 600
	// wholeSize is the size up to which a store is compacted as a whole.
	wholeSize = 256 << 20
)

// garbage estimates how many bytes of the files belong to removed messages. Pebble
// frees that space in compactions only. If bytes is positive, all removed messages
// have IDs from first to newest.
type garbage struct {
	mu            sync.Mutex
	bytes         int64
	first, newest queue.ID // of the removed messages
}

func (g *garbage) add(id queue.ID, size int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.bytes == 0 || bytes.Compare(id[:], g.first[:]) < 0 {
		g.first = id
	}
	if g.bytes == 0 || bytes.Compare(id[:], g.newest[:]) > 0 {
		g.newest = id
	}
	g.bytes += size + removedSize
}

func (g *garbage) size() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bytes
}

// take returns the estimate and sets it to zero.
func (g *garbage) take() (bytes int64, first, newest queue.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	bytes, first, newest = g.bytes, g.first, g.newest
	g.bytes = 0
	return bytes, first, newest
}

// putBack undoes take after a compaction that failed.
func (g *garbage) putBack(bytes int64, first, newest queue.ID) {
	if bytes == 0 {
		return
	}
	g.add(first, 0)
	g.add(newest, bytes-2*removedSize)
}

// reclaimer frees space on a nearly full disk. It removes the oldest ended deliveries
// before their retention is over, and compacts the range of removed messages.
type reclaimer struct {
	store  *Store
	last   time.Time // the last compaction
	failed int       // compactions in a row that found no space
	fresh  bool      // no compaction has succeeded, so garbage of an earlier run may be left
}

// reclaimLoop runs until ctx ends, which is when the store closes.
func (s *Store) reclaimLoop(ctx context.Context) {
	r := reclaimer{store: s, fresh: true}
	timer := time.NewTimer(reclaimPause)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if lack := s.space.lack(); lack > 0 {
			if err := r.round(ctx, lack); err != nil && ctx.Err() == nil && !noSpace(err) && !errors.Is(err, queue.ErrUnavailable) {
				s.options.Logger.Warn("freeing space on the queue's disk", "error", err)
			}
			s.space.poke()
		}
		timer.Reset(reclaimPause)
	}
}

// round tries to free lack bytes.
func (r *reclaimer) round(ctx context.Context, lack int64) error {
	s := r.store
	// After each compaction without space, twice as much is removed: the next compaction
	// then needs less space.
	if more := lack<<min(r.failed, 10) - s.garbage.size(); more > 0 {
		if err := s.retireMore(ctx, more); err != nil {
			return err
		}
	}
	size := s.garbage.size()
	if rested := time.Since(r.last) > reclaimRest; !r.fresh && size < lack/2 && (size == 0 || !rested) {
		return nil
	}
	r.last = time.Now()
	size, first, newest := s.garbage.take()
	// Where most of the files is backlog, compaction without removals frees nothing.
	worth := size > 0 || r.fresh && s.bytes.Load() < s.space.current().retained
	s.space.spend.Store(worth)
	err := s.compact(ctx, size, first, newest)
	s.space.spend.Store(false)
	if err == nil {
		r.fresh, r.failed = false, 0
		s.space.compacted(nil)
		s.options.Logger.Debug("compacted the queue's files, as the disk is nearly full", "removed", size, "took", time.Since(r.last))
		return nil
	}
	s.garbage.putBack(size, first, newest)
	if noSpace(err) && worth {
		r.failed++
		s.space.compacted(err)
		// A compaction frees more than it needs, but it needs the space first.
		s.space.give(false)
	} else if noSpace(err) {
		r.fresh = false
	}
	return err
}

// retireMore removes the oldest ended deliveries, of about the given bytes.
func (s *Store) retireMore(ctx context.Context, bytes int64) error {
	select {
	case s.history.turn <- struct{}{}:
		defer func() { <-s.history.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if !s.history.counted.Load() {
		return nil
	}
	r := retiring{store: s}
	return r.crowdedTo(ctx, max(s.history.bytes.Load()-bytes, 0))
}

// compact rewrites the files that contain removed messages. In a large store it rewrites
// only the range of those messages, and only if they are an eighth of it or more.
func (s *Store) compact(ctx context.Context, size int64, first, newest queue.ID) error {
	db, err := s.enter()
	if err != nil {
		return err
	}
	// A failed database is closed when it has no users, and its writes block until then.
	// Waiting for the compaction would therefore wait for ever.
	defer db.leave()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	db.loops.Go(func() {
		done <- guarded(func() error { return db.compactRemoved(ctx, size, first, newest) })
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
			return unavailable(nil)
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

// compactionLimit is how long round waits for a compaction while others find no space.
const compactionLimit = 500 * time.Millisecond

// compactionLate is how long round waits for a compaction in any case. The next round
// begins another.
const compactionLate = 30 * time.Second

var errCompactionLate = fmt.Errorf("the compaction goes on: %w", queue.ErrUnavailable)

var errDiskCrowded = fmt.Errorf("compactions find no space: %w", syscall.ENOSPC)

func (db *database) compactRemoved(ctx context.Context, size int64, first, newest queue.ID) error {
	m := db.Metrics()
	if m.DiskSpaceUsage() <= wholeSize {
		return db.Compact(ctx, []byte{0}, []byte{0xff}, true)
	}
	if size == 0 {
		return nil
	}
	var lower, upper keyBuffer
	from, to := messageKey(&lower, first), append(messageKey(&upper, newest), 0)
	usage, err := db.EstimateDiskUsage(from, to)
	if err != nil || int64(usage) > 8*size {
		return err
	}
	if err := db.Compact(ctx, from, to, true); err != nil {
		return err
	}
	return db.Compact(ctx, append([]byte{kindAttempt}, first[:]...), append(append([]byte{kindAttempt}, newest[:]...), 0xff), true)
}
