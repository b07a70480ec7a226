package pebble

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/window"
)

var _ queue.Keeper = (*Store)(nil)

// Learn implements [queue.Keeper]. Without keys secrets lie in the folder as they
// are, like the events: it is readable by its owner alone.
func (s *Store) Learn(ctx context.Context, endpoint, secret string) error {
	return s.changeSecrets(ctx, func(db *engine.Database, batch *pebble.Batch) error {
		known, err := s.secretsOf(db, endpoint)
		switch {
		case err != nil:
			return err
		case slices.ContainsFunc(known, func(l record.Secret) bool { return l.Secret == secret }):
			return nil
		case len(known) >= queue.MaxLearnt:
			return queue.ErrTooMany
		}
		at := uint64(window.Nanos(s.now()))
		if n := len(known); n > 0 && known[n-1].At >= at {
			at = known[n-1].At + 1 // whatever the clock does, they stay in order
		}
		key := record.SecretKey(endpoint, secret)
		learnt := record.Secret{At: at, Endpoint: endpoint, Secret: secret}
		return batch.Set(key, learnt.Append(nil, key, s.seal), nil)
	})
}

// Forget implements [queue.Keeper].
func (s *Store) Forget(ctx context.Context, endpoint, secret string) error {
	return s.changeSecrets(ctx, func(_ *engine.Database, batch *pebble.Batch) error {
		return batch.Delete(record.SecretKey(endpoint, secret), nil)
	})
}

// changeSecrets commits the records that change writes. It runs one change at a time,
// because change reads the secrets first.
func (s *Store) changeSecrets(ctx context.Context, change func(*engine.Database, *pebble.Batch) error) error {
	if s.engine.Full() {
		return unavailable(engine.ErrDiskFull)
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
	if err == nil && batch.Empty() && db.HasFailed() {
		err = engine.ErrGivenUp // the secrets that were read need not be durable
	}
	if err != nil || batch.Empty() {
		free(err)
		db.Leave()
		if err != nil && !errors.Is(err, queue.ErrTooMany) {
			err = unavailable(err)
		}
		return err
	}
	return db.Commit(ctx, batch, true, free)
}

// Learnt implements [queue.Keeper].
func (s *Store) Learnt(_ context.Context, endpoint string) ([]string, error) {
	db, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer db.Leave()
	all, err := s.secretsOf(db, endpoint)
	if err != nil {
		return nil, unavailable(err)
	}
	secrets := make([]string, len(all))
	for i, l := range all {
		secrets[i] = l.Secret
	}
	return secrets, nil
}

// secretsOf reads an endpoint's secrets, the oldest first.
func (s *Store) secretsOf(db *engine.Database, endpoint string) (all []record.Secret, err error) {
	prefix := record.SecretPrefix(endpoint)
	// The digest that follows the prefix never begins with 17 bytes of 0xff.
	upper := append(bytes.Clone(prefix), bytes.Repeat([]byte{0xff}, 17)...)
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: upper})
	if err != nil {
		return nil, err
	}
	for ok := iter.First(); ok && err == nil; ok = iter.Next() {
		var l record.Secret
		switch l, err = record.DecodeSecret(iter.Key(), iter.Value(), s.seal); {
		case errors.Is(err, record.ErrDamaged):
			// The others still verify.
			s.options.Logger.Error("a learnt secret is damaged", "endpoint", endpoint)
			err = nil
		case err == nil:
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b record.Secret) int {
		if a.At < b.At {
			return -1
		}
		return 1
	})
	return all, errors.Join(err, iter.Close())
}
