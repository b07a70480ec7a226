package pebble

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
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
	mu sync.Mutex
	removed
}

// removed is an estimate of the bytes of removed messages, and the range of their IDs.
type removed struct {
	bytes         int64
	first, newest queue.ID
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
func (g *garbage) take() removed {
	g.mu.Lock()
	defer g.mu.Unlock()
	taken := g.removed
	g.bytes = 0
	return taken
}

// putBack undoes take after a compaction that failed.
func (g *garbage) putBack(taken removed) {
	if taken.bytes == 0 {
		return
	}
	g.add(taken.first, 0)
	g.add(taken.newest, taken.bytes-2*removedSize)
}

// reclaimer frees space on a nearly full disk. It removes the oldest ended deliveries
// before their retention is over, and compacts the range of removed messages.
type reclaimer struct {
	store  *Store
	last   time.Time // the last compaction
	failed int       // compactions in a row that found no space
	fresh  bool      // no compaction has succeeded, so garbage of an earlier run may be left
}

// reclaimLoop runs until the store closes.
func (s *Store) reclaimLoop() {
	ctx := s.engine.Running()
	r := reclaimer{store: s, fresh: true}
	timer := time.NewTimer(reclaimPause)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if lack := s.engine.Lack(); lack > 0 {
			if err := r.round(ctx, lack); err != nil && ctx.Err() == nil && !folder.NoSpace(err) && !errors.Is(err, queue.ErrUnavailable) {
				s.options.Logger.Warn("freeing space on the queue's disk", "error", err)
			}
			s.engine.Measure()
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
	taken := s.garbage.take()
	// Where most of the files is backlog, compaction without removals frees nothing.
	worth := taken.bytes > 0 || r.fresh && s.bytes.Load() < s.retainedShare()
	err := s.engine.Compact(ctx, worth, func(db *engine.Database) error {
		return compactRemoved(db, taken)
	})
	if err == nil {
		r.fresh, r.failed = false, 0
		s.options.Logger.Debug("compacted the queue's files, as the disk is nearly full", "removed", taken.bytes, "took", time.Since(r.last))
		return nil
	}
	s.garbage.putBack(taken)
	if folder.NoSpace(err) && worth {
		r.failed++
	} else if folder.NoSpace(err) {
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

// compactRemoved rewrites the files that contain removed messages. In a large store it
// rewrites only the range of those messages, and only if they are an eighth of it or
// more.
func compactRemoved(db *engine.Database, taken removed) error {
	m := db.Metrics()
	if m.DiskSpaceUsage() <= wholeSize {
		return db.Compact([]byte{0}, []byte{0xff})
	}
	if taken.bytes == 0 {
		return nil
	}
	var lower, upper record.KeyBuffer
	from, to := record.MessageKey(&lower, taken.first), append(record.MessageKey(&upper, taken.newest), 0)
	usage, err := db.EstimateDiskUsage(from, to)
	if err != nil || int64(usage) > 8*taken.bytes {
		return err
	}
	if err := db.Compact(from, to); err != nil {
		return err
	}
	for _, kind := range []byte{record.KindDelivery, record.KindAttempt} {
		from, to := append([]byte{kind}, taken.first[:]...), append(append([]byte{kind}, taken.newest[:]...), 0xff)
		if err := db.Compact(from, to); err != nil {
			return err
		}
	}
	return nil
}
