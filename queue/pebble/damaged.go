package pebble

import (
	"context"
	"errors"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
)

// isDamage reports whether a record exists but can never be read.
func isDamage(err error) bool {
	return errors.Is(err, record.ErrDamaged) || errors.Is(err, queue.ErrDamaged) || folder.IsCorruption(err)
}

// setAside moves the noted damaged records. A record that cannot be moved now is found
// again the next time.
func (s *Store) setAside(db *engine.Database) {
	pending := s.engine.Damage().TakePending()
	if len(pending) == 0 || !db.Use() {
		return
	}
	batch := db.NewBatch()
	var err error
	for _, p := range pending {
		err = errors.Join(err, batch.Set(record.DamagedKey(p.Key), p.Value, nil), batch.Delete(p.Key, nil))
	}
	if err != nil {
		db.Leave()
		return
	}
	_ = db.Commit(context.Background(), batch, false, func(error) {})
}

// noteMessage counts a message that cannot be read. It stays where it is: an
// empty record among those set aside stands for it.
func (s *Store) noteMessage(db *engine.Database, id queue.ID, err error) {
	s.options.Logger.Error("an event cannot be read; its deliveries become dead letters", "message", id, "error", err)
	var k record.KeyBuffer
	key := record.DamagedKey(record.MessageKey(&k, id))
	if _, closer, err := db.Get(key); err == nil {
		_ = closer.Close()
		return
	}
	s.engine.Damage().NoteOne()
	if !db.Use() {
		return
	}
	batch := db.NewBatch()
	if batch.Set(key, nil, nil) != nil {
		db.Leave()
		return
	}
	_ = db.Commit(context.Background(), batch, false, func(error) {})
}

// walk calls f for the records between two keys; see [engine.Database.Walk].
func walk(db *engine.Database, lower, upper []byte, f func(k, v []byte) error) error {
	return db.Walk(lower, upper, func(k, v []byte) error {
		err := f(k, v)
		if err == record.ErrDamaged {
			return folder.ErrSetAside
		}
		return err
	})
}

// A walk needs to know the length of the longest key.
var _ [folder.MaxKey]struct{} = [len(record.KeyBuffer{})]struct{}{}

// noKey logs the first record whose key is missing.
func (s *Store) noKey(err error) {
	if !s.keyless.Swap(true) {
		s.options.Logger.Error("events wait that cannot be read; give the key that they were encrypted with", "error", err)
	}
}
