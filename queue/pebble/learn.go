package pebble

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

var _ queue.Keeper = (*Store)(nil)

// secretPrefix begins the keys of an endpoint's secrets.
func secretPrefix(endpoint string) []byte {
	sum := sha256.Sum256([]byte(endpoint))
	return append([]byte{kindSecret}, sum[:16]...)
}

// secretKey is the key of one secret, which is its own digest so that it is kept
// once.
func secretKey(endpoint, secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return append(secretPrefix(endpoint), sum[:16]...)
}

// learnt is a secret and when it was learnt.
type learnt struct {
	at     uint64
	secret string
}

// Learn implements [queue.Keeper]. Without keys secrets lie in the folder as they
// are, like the events: it is readable by its owner alone.
func (s *Store) Learn(ctx context.Context, endpoint, secret string) error {
	return s.changeSecrets(ctx, func(db *database, batch *pebble.Batch) error {
		known, err := s.secretsOf(db, endpoint)
		switch {
		case err != nil:
			return err
		case slices.ContainsFunc(known, func(l learnt) bool { return l.secret == secret }):
			return nil
		case len(known) >= queue.MaxLearnt:
			return queue.ErrTooMany
		}
		at := uint64(nanos(s.now()))
		if n := len(known); n > 0 && known[n-1].at >= at {
			at = known[n-1].at + 1 // whatever the clock does, they stay in order
		}
		key := secretKey(endpoint, secret)
		return batch.Set(key, s.seal.secret(nil, key, at, secret), nil)
	})
}

// Forget implements [queue.Keeper].
func (s *Store) Forget(ctx context.Context, endpoint, secret string) error {
	return s.changeSecrets(ctx, func(_ *database, batch *pebble.Batch) error {
		return batch.Delete(secretKey(endpoint, secret), nil)
	})
}

// changeSecrets commits the records that change writes. It runs one change at a time,
// because change reads the secrets first.
func (s *Store) changeSecrets(ctx context.Context, change func(*database, *pebble.Batch) error) error {
	if s.disk.full() {
		return unavailable(errDiskFull)
	}
	select {
	case s.secrets <- struct{}{}:
	case <-ctx.Done():
		return unavailable(context.Cause(ctx))
	}
	free := func(error) { <-s.secrets }
	db, err := s.enter()
	if err != nil {
		free(err)
		return err
	}
	batch := db.NewBatch()
	err = change(db, batch)
	if err == nil && batch.Empty() && db.hasFailed() {
		err = errFenced // the secrets that were read need not be durable
	}
	if err != nil || batch.Empty() {
		free(err)
		db.leave()
		if err != nil && !errors.Is(err, queue.ErrTooMany) {
			err = unavailable(err)
		}
		return err
	}
	return db.commit(ctx, s.disk, batch, true, free)
}

// Learnt implements [queue.Keeper].
func (s *Store) Learnt(_ context.Context, endpoint string) ([]string, error) {
	db, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer db.leave()
	all, err := s.secretsOf(db, endpoint)
	if err != nil {
		return nil, unavailable(err)
	}
	secrets := make([]string, len(all))
	for i, l := range all {
		secrets[i] = l.secret
	}
	return secrets, nil
}

// secretSealed is set in the time of a sealed secret, which has no such bit itself.
const secretSealed = 1 << 63

// secret appends the value of a secret: when it was learnt, and the secret.
func (s *seal) secret(b, key []byte, at uint64, secret string) []byte {
	kept := s.close(nil, append([]byte{sealsSecret}, key...), func(b []byte) []byte { return append(b, secret...) })
	if len(kept) != len(secret) {
		at |= secretSealed
	}
	return append(binary.BigEndian.AppendUint64(b, at), kept...)
}

// secretSealedBy tells whether a secret's value is sealed with this key.
func secretSealedBy(key *sealKey, v []byte) bool {
	return len(v) >= 8+sealHead && v[0]&0x80 != 0 && isSealed(v[8:]) && keyName(v[8+len(sealMark):][:len(keyName{})]) == key.name
}

func (s *seal) openSecret(key, v []byte) (l learnt, err error) {
	if len(v) < 8 {
		return l, errDamaged
	}
	l.at = binary.BigEndian.Uint64(v)
	if v = v[8:]; l.at&secretSealed == 0 {
		l.secret = string(v)
		return l, nil
	}
	l.at &^= secretSealed
	if !isSealed(v) {
		return l, errDamaged
	}
	plain, err := s.open(v, append([]byte{sealsSecret}, key...))
	l.secret = string(plain)
	return l, err
}

// secretsOf reads an endpoint's secrets, the oldest first.
func (s *Store) secretsOf(db *database, endpoint string) (all []learnt, err error) {
	prefix := secretPrefix(endpoint)
	// The digest that follows the prefix never begins with 17 bytes of 0xff.
	upper := append(bytes.Clone(prefix), bytes.Repeat([]byte{0xff}, 17)...)
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: upper})
	if err != nil {
		return nil, err
	}
	for ok := iter.First(); ok && err == nil; ok = iter.Next() {
		var l learnt
		switch l, err = s.seal.openSecret(iter.Key(), iter.Value()); {
		case errors.Is(err, errDamaged):
			// The others still verify.
			s.options.Logger.Error("a learnt secret is damaged", "endpoint", endpoint)
			err = nil
		case err == nil:
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b learnt) int {
		if a.at < b.at {
			return -1
		}
		return 1
	})
	return all, errors.Join(err, iter.Close())
}
