package pebble

import (
	"context"
	"encoding/binary"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/window"
)

// Pause keeps deliveries to a destination waiting until it is resumed. Attempts
// under way end. It is durable when it returns without an error.
func (s *Store) Pause(ctx context.Context, destination queue.Destination, paused bool) error {
	d, err := s.destination(destination)
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
	var k record.KeyBuffer
	if paused {
		since := binary.BigEndian.AppendUint64(nil, uint64(window.Nanos(s.now())))
		err = batch.Set(record.PausedKey(&k, d.id), since, nil)
	} else {
		err = batch.Delete(record.PausedKey(&k, d.id), nil)
	}
	named := d.named.Load()
	if err == nil && paused && !named {
		err = d.setName(batch)
	}
	if err != nil {
		<-s.pausing
		db.Leave()
		return unavailable(err)
	}
	return db.Commit(ctx, batch, true, func(err error) {
		if err == nil {
			d.Lock()
			d.PauseLocked(paused)
			d.Unlock()
			if paused {
				d.named.Store(true)
			}
		}
		<-s.pausing
	})
}

// loadPaused reads which destinations are paused.
func loadPaused(db *engine.Database, counts map[record.Digest]*tally) error {
	return each(db, record.KindPaused, func(k, _ []byte) error {
		if len(k) != 1+8 {
			return record.ErrDamaged
		}
		tallyOf(counts, record.Digest(k[1:])).paused = true
		return nil
	})
}
