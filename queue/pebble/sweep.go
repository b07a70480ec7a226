package pebble

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

const (
	sweepBatch = 512         // keys in one commit
	sweepPause = time.Minute // at least this long between sweeps
)

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
		case <-s.closing:
			return
		case <-w.early:
		case <-timer.C:
			if !s.disk.full() {
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
		timer.Reset(max(pause, time.Duration(next-nanos(s.now()))))
	}
}

// Sweep deletes expired dedupe keys and the ended deliveries whose retention is over, and
// returns their number. The store also sweeps by itself.
func (s *Store) Sweep(ctx context.Context) (int, error) {
	keys, err := s.sweepKeys(ctx)
	ended, err2 := s.retire(ctx)
	return keys + ended, errors.Join(err, err2)
}

func (s *Store) sweepKeys(ctx context.Context) (int, error) {
	now := nanos(s.now())
	// Keys that are recorded from here on lower it again.
	s.sweeper.next.Store(math.MaxInt64)
	total := 0
	from := int64(0)
	for {
		n, next, err := s.sweepSome(ctx, from, now)
		total += n
		if err != nil {
			s.sweeper.recorded(now)
			return total, err
		}
		if next > now {
			if next != math.MaxInt64 {
				s.sweeper.recorded(next)
			}
			return total, nil
		}
		from = next
	}
}

// sweepSome deletes one batch and returns the expiry at which to go on.
func (s *Store) sweepSome(ctx context.Context, from, now int64) (n int, next int64, err error) {
	expired, next, err := s.expired(from, now)
	if err != nil {
		return 0, 0, unavailable(err)
	}
	if len(expired) == 0 {
		return 0, next, nil
	}
	if err := s.forgetKeys(ctx, expired); err != nil {
		return 0, 0, err
	}
	return len(expired), next, nil
}

// expiring is an entry of the expiry index.
type expiring struct {
	expiry int64
	key    queue.Key
}

func (s *Store) expired(from, now int64) (found []expiring, next int64, err error) {
	db, err := s.enter()
	if err != nil {
		return nil, 0, err
	}
	defer db.leave()
	next = math.MaxInt64
	var lower keyBuffer
	// The lower bound skips the tombstones of the batch before.
	err = db.walk(expiryKey(&lower, from, queue.Key{}), []byte{kindExpiry + 1}, func(k, _ []byte) error {
		expiry, key, err := splitExpiry(k)
		if err != nil {
			return err
		}
		if expiry > now || len(found) == sweepBatch {
			next = expiry
			return errEnough
		}
		found = append(found, expiring{expiry, key})
		return nil
	})
	s.setAside(db)
	return found, next, err
}

// forgetKeys deletes entries of the expiry index, and of their keys those that
// were not recorded anew meanwhile. It locks the keys that it looks at.
func (s *Store) forgetKeys(ctx context.Context, expired []expiring) error {
	keys := make([]queue.Key, len(expired))
	for i := range expired {
		keys[i] = expired[i].key
	}
	unlock, err := s.locks.lockAll(ctx, keys)
	if err != nil {
		return unavailable(err)
	}
	db, err := s.enter()
	if err != nil {
		unlock()
		return err
	}
	batch := db.NewBatch()
	if err := db.forget(batch, expired); err != nil {
		unlock()
		db.leave()
		return unavailable(err)
	}
	return db.commit(ctx, s.disk, batch, false, func(err error) {
		if err == nil {
			s.keys.Add(-int64(len(expired)))
		}
		unlock()
	})
}

func (db *database) forget(batch *pebble.Batch, expired []expiring) error {
	var b keyBuffer
	for _, x := range expired {
		expiry, found, err := db.expiryOf(x.key)
		if err == nil && found && expiry == x.expiry {
			err = batch.Delete(dedupeKey(&b, x.key), nil)
		}
		if err == nil {
			// Not SingleDelete: a key marked twice within one tick has written it twice.
			err = batch.Delete(expiryKey(&b, x.expiry, x.key), nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
