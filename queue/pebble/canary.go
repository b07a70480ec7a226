package pebble

import (
	"errors"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
)

// errWrongKey: none of the keys is one that the folder was encrypted with.
var errWrongKey = errors.New("the folder is encrypted with another key: give that key after the new one, or alone")

// checkSeal sees to it that keys are not exchanged by mistake: a folder that is
// encrypted takes a new key only beside one of those that it knows. Each first
// key leaves a canary, which no other key opens.
func (s *Store) checkSeal(db *engine.Database, ring seal.Ring) error {
	known, canaries := false, 0
	err := each(db, record.KindCanary, func(k, v []byte) error {
		name, err := record.SplitCanary(k)
		if err == nil {
			canaries++
			known = known || ring.OpensCanary(name, v)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case len(ring) == 0 && canaries > 0:
		s.options.Logger.Warn("the folder has been encrypted; without a key the records of that time cannot be read")
		return nil
	case len(ring) == 0:
		return nil
	case canaries > 0 && !known:
		return errWrongKey
	}
	name, v := ring.Canary()
	key := record.CanaryKey(name)
	_, closer, err := db.Get(key)
	if err == nil {
		return closer.Close()
	}
	if isDamage(err) {
		return nil // it is there
	}
	if !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	return db.Set(key, v, pebble.Sync)
}

// reseal puts the learnt secrets under the first key. Unlike events they have no
// end, so that the key before could never be taken away. A secret that cannot be
// opened stays, and reading it returns an error.
func (s *Store) reseal(db *engine.Database) error {
	ring := s.seal.Ring()
	if len(ring) == 0 {
		return nil
	}
	batch := db.NewBatch()
	err := each(db, record.KindSecret, func(k, v []byte) error {
		if record.SealsSecret(v, ring) {
			return nil
		}
		l, err := record.DecodeSecret(k, v, s.seal)
		if err != nil {
			return nil
		}
		return batch.Set(k, l.Append(nil, k, s.seal), nil)
	})
	if err != nil || batch.Empty() {
		return errors.Join(err, batch.Close())
	}
	return batch.Commit(pebble.Sync)
}

// setKeys exchanges the encryption keys if they differ. Events stay as they are and need
// their key as long as they are kept. After an error the former keys stay in use.
func (s *Store) setKeys(keys [][]byte) error {
	ring, err := seal.NewRing(keys)
	if err != nil {
		return err
	}
	s.secrets <- struct{}{}
	var writes sync.WaitGroup // those of direct can end after setKeys
	defer func() {
		go func() {
			writes.Wait()
			<-s.secrets
		}()
	}()
	if slices.EqualFunc(ring, s.seal.Ring(), seal.Key.Equal) {
		return nil
	}
	db, err := s.enter()
	if err != nil {
		return err
	}
	defer db.Leave()
	write := func(f func() error) error {
		writes.Add(1)
		return db.Direct(func() error {
			defer writes.Done()
			return f()
		})
	}
	if err := write(func() error { return s.checkSeal(db, ring) }); err != nil {
		return err
	}
	s.seal.Set(ring)
	s.engine.Go(s.unpark)
	s.keyless.Store(false) // the next missing key is reported
	if err := write(func() error { return s.reseal(db) }); err != nil {
		s.options.Logger.Warn("learnt secrets still need their key from before; the next start tries again", "error", err)
	}
	return nil
}
