package pebble

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/window"
)

// sweepPause is at least between two sweeps of dedupe keys.
const sweepPause = time.Minute

// sweeper controls a sweep. next is the earliest time at which a record can be deleted,
// so no sweep runs before it.
type sweeper struct {
	next  atomic.Int64 // nanoseconds; MaxInt64: nothing to sweep
	early chan struct{}
}

// recorded lowers next to the expiry of a new record.
func (w *sweeper) recorded(expiry int64) {
	for {
		next := w.next.Load()
		if expiry >= next {
			return
		}
		if w.next.CompareAndSwap(next, expiry) {
			w.poke()
			return
		}
	}
}

func (w *sweeper) poke() {
	select {
	case w.early <- struct{}{}:
	default:
	}
}

// sweepLoop deletes some time after it is due.
func (s *Store) sweepLoop(w *sweeper, pause time.Duration, sweep func(context.Context) (int, error)) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-s.engine.Running().Done():
			return
		case <-w.early:
		case <-timer.C:
			if !s.engine.Full() {
				if _, err := sweep(context.Background()); err != nil && !errors.Is(err, queue.ErrUnavailable) {
					s.options.Logger.Warn("sweeping the queue", "error", err)
				}
			}
		}
		next := w.next.Load()
		if next == math.MaxInt64 {
			timer.Stop()
			continue
		}
		timer.Reset(max(pause, time.Duration(next-window.Nanos(s.now()))))
	}
}

// Sweep deletes expired dedupe keys and the ended deliveries whose retention is over, and
// returns their number. The store also sweeps by itself.
func (s *Store) Sweep(ctx context.Context) (int, error) {
	keys, err := s.sweepKeys(ctx)
	ended, err2 := s.retire(ctx)
	return keys + ended, errors.Join(err, err2)
}
