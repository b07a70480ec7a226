package pebble

import (
	"context"
	"encoding/binary"
)

// Pause keeps deliveries to a destination waiting until it is resumed. Attempts
// under way end. It is durable when it returns without an error.
func (s *Store) Pause(ctx context.Context, destination string, paused bool) error {
	l, err := s.lane(destination)
	if err != nil {
		return err
	}
	// One at a time, so that memory agrees with the last commit.
	select {
	case s.pausing <- struct{}{}:
	case <-ctx.Done():
		return unavailable(context.Cause(ctx))
	}
	db, err := s.enter()
	if err != nil {
		<-s.pausing
		return err
	}
	batch := db.NewBatch()
	var k keyBuffer
	if paused {
		since := binary.BigEndian.AppendUint64(nil, uint64(nanos(s.now())))
		err = batch.Set(pausedKey(&k, l.id), since, nil)
	} else {
		err = batch.Delete(pausedKey(&k, l.id), nil)
	}
	named := l.named.Load()
	if err == nil && paused && !named {
		err = batch.Set(nameKey(&k, l.id), []byte(l.name), nil)
	}
	if err != nil {
		<-s.pausing
		db.leave()
		return unavailable(err)
	}
	return db.commit(ctx, s.disk, batch, true, func(err error) {
		if err == nil {
			l.pause(paused)
			if paused {
				l.named.Store(true)
			}
		}
		<-s.pausing
	})
}

func (l *lane) pause(paused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = paused
	l.stirLocked()
}

// loadPaused reads which lanes are paused.
func loadPaused(db *database, counts map[laneID]*tally) error {
	return each(db, kindPaused, func(k, _ []byte) error {
		if len(k) != 1+8 {
			return errDamaged
		}
		tallyOf(counts, laneID(k[1:])).paused = true
		return nil
	})
}

func pausedKey(b *keyBuffer, lane laneID) []byte {
	return append(append(b[:0], kindPaused), lane[:]...)
}
