package pebble

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// canaryText is the plain text of every canary.
const canaryText = "hookwicket"

// errWrongKey: none of the keys is one that the folder was encrypted with.
var errWrongKey = errors.New("the folder is encrypted with another key: give that key after the new one, or alone")

func canaryKey(name keyName) []byte { return append([]byte{kindCanary}, name[:]...) }

// checkSeal sees to it that keys are not exchanged by mistake: a folder that is
// encrypted takes a new key only beside one of those that it knows. Each first
// key leaves a canary that tells it from others.
func (s *Store) checkSeal(db *database, ring []sealKey) error {
	known, canaries := false, 0
	err := each(db, kindCanary, func(k, v []byte) error {
		if len(k) != 1+len(keyName{}) {
			return errDamaged
		}
		canaries++
		for i := range ring {
			known = known || opensCanary(&ring[i], k, v)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(ring) == 0 && canaries > 0:
		s.options.Logger.Warn("the folder has been encrypted; without a key what is left of that cannot be read")
		return nil
	case len(ring) == 0:
		return nil
	case canaries > 0 && !known:
		return errWrongKey
	}
	key := canaryKey(ring[0].name)
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
	var only seal
	one := ring[:1]
	only.keys.Store(&one)
	v := only.close(nil, bound(sealsCanary, queue.ID{}), func(b []byte) []byte { return append(b, canaryText...) })
	return db.Set(key, v, pebble.Sync)
}

func opensCanary(key *sealKey, k, v []byte) bool {
	var only seal
	one := []sealKey{*key}
	only.keys.Store(&one)
	plain, err := only.open(v, bound(sealsCanary, queue.ID{}))
	return err == nil && isSealed(v) && string(plain) == canaryText && keyName(k[1:]) == key.name
}

// reseal puts the learnt secrets under the first key. Unlike events they have no
// end, so that the key before could never be taken away. A secret that cannot be
// opened stays, and reading it returns an error.
func (s *Store) reseal(db *database) error {
	ring := s.seal.ring()
	if len(ring) == 0 {
		return nil
	}
	batch := db.NewBatch()
	err := each(db, kindSecret, func(k, v []byte) error {
		if secretSealedBy(&ring[0], v) {
			return nil
		}
		l, err := s.seal.openSecret(k, v)
		if err != nil {
			return nil
		}
		return batch.Set(k, s.seal.secret(nil, k, l.at, l.secret), nil)
	})
	if err != nil || batch.Empty() {
		return errors.Join(err, batch.Close())
	}
	return batch.Commit(pebble.Sync)
}

// SetKeys exchanges the keys of Options.Keys. Events stay as they are and need
// their key as long as they are kept.
func (s *Store) SetKeys(keys [][]byte) error {
	ring, err := newRing(keys)
	if err != nil {
		return err
	}
	s.secrets <- struct{}{}
	defer func() { <-s.secrets }()
	db, err := s.enter()
	if err != nil {
		return err
	}
	defer db.leave()
	if err := guarded(func() error { return s.checkSeal(db, ring) }); err != nil {
		return err
	}
	s.seal.keys.Store(&ring)
	s.later(s.unpark)
	s.damage.keysChanged()
	if err := guarded(func() error { return s.reseal(db) }); err != nil {
		s.options.Logger.Warn("learnt secrets still need their key from before; the next start tries again", "error", err)
	}
	return nil
}
