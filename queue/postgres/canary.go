package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/seal"
)

// errWrongKey: none of the keys is one that the tables were encrypted with.
var errWrongKey = errors.New("the database is encrypted with another key: give that key after the new one, or alone")

// lockSecrets is held while learnt secrets or encryption keys are changed. Destinations have
// positive numbers.
const lockSecrets = -1

// setKeys exchanges the encryption keys if they differ. Events stay as they are and need
// their key as long as they are kept. After an error the former keys stay in use.
func (s *Store) setKeys(keys [][]byte) error {
	ring, err := seal.NewRing(keys)
	if err != nil {
		return err
	}
	if slices.EqualFunc(ring, s.seal.Ring(), seal.Key.Equal) {
		return nil
	}
	s.keying.Lock()
	defer s.keying.Unlock()
	if s.running.Err() != nil {
		return unavailable(errClosed)
	}
	ctx, cancel := context.WithTimeout(s.running, 10*time.Second)
	defer cancel()
	started := s.started.Load()
	if started { // otherwise start checks them
		if err := s.checkKeys(ctx, ring); errors.Is(err, errWrongKey) {
			return err
		} else if err != nil {
			return unavailable(err)
		}
	}
	s.seal.Set(ring)
	s.rings.Add(1)
	s.keyless.Store(0) // the next missing key is reported
	if started {
		s.reseal(ctx)
	}
	pokeIt(s.keyed)
	pokeIt(s.poke) // the other nodes compare their keys
	return nil
}

// checkKeys sees to it that keys are not exchanged by mistake: tables that are encrypted take
// a new key only beside one of those that they know. Each first key of a node leaves a canary,
// which no other key opens.
func (s *Store) checkKeys(ctx context.Context, ring seal.Ring) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return s.checkKeysIn(ctx, tx, ring, false) })
}

// checkKeysIn is checkKeys in a transaction. With strict, tables that are encrypted need a key.
func (s *Store) checkKeysIn(ctx context.Context, tx pgx.Tx, ring seal.Ring, strict bool) error {
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1, $2)", s.class, lockSecrets); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, s.sql("select key, value from {s}.canary"))
	if err != nil {
		return err
	}
	known, there, canaries := false, false, 0
	var name, value []byte
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		if canaries++; len(name) != len(seal.KeyName{}) {
			return nil // opens with no key
		}
		k := seal.KeyName(name)
		known = known || ring.OpensCanary(k, value)
		there = there || len(ring) > 0 && k == ring[0].Name()
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(ring) == 0 && canaries > 0 && !strict:
		s.options.Logger.Warn("the database has been encrypted; without a key the records of that time cannot be read")
		return nil
	case len(ring) == 0 && canaries == 0 || known && there:
		return nil
	case canaries > 0 && !known:
		return errWrongKey
	}
	own, value := ring.Canary()
	_, err = tx.Exec(ctx, s.sql("insert into {s}.canary (key, value) values ($1, $2) on conflict do nothing"), own[:], value)
	return err
}

// reseal puts the learnt secrets under the first key. Unlike events they have no end, so that
// the key before could never be taken away. A secret that cannot be opened stays, and reading
// it returns an error.
func (s *Store) reseal(ctx context.Context) {
	ring := s.seal.Ring()
	if len(ring) == 0 {
		return
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1, $2)", s.class, lockSecrets); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, s.sql("select endpoint, digest, secret, sealed from {s}.secret"))
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[storedSecret])
		if err != nil {
			return err
		}
		for _, x := range all {
			if x.Sealed && ring.Seals(x.Secret) {
				continue
			}
			secret, err := x.open(s.seal)
			if err != nil {
				continue
			}
			again := storeSecret(s.seal, x.Endpoint, secret)
			if _, err := tx.Exec(ctx, s.sql("update {s}.secret set secret = $3, sealed = $4 where endpoint = $1 and digest = $2"),
				x.Endpoint, x.Digest, again.Secret, again.Sealed); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.options.Logger.Warn("learnt secrets still need their key from before; the next start tries again", "error", plain(err))
	}
}

// storedSecret is a learnt secret as it is in the tables. Sealed keeps a plain secret, which a
// stranger may have chosen, from being taken for a sealed one.
type storedSecret struct {
	Endpoint string
	Digest   []byte
	Secret   []byte
	Sealed   bool
}

// storeSecret makes the row of a secret.
func storeSecret(with *seal.Seal, endpoint, secret string) storedSecret {
	digest := sha256.Sum256([]byte(secret))
	x := storedSecret{Endpoint: endpoint, Digest: digest[:]}
	x.Secret = with.Secret(nil, x.place(), secret)
	x.Sealed = len(x.Secret) != len(secret)
	return x
}

// place is what a sealed secret is bound to: the row's primary key.
func (x *storedSecret) place() []byte {
	endpoint := sha256.Sum256([]byte(x.Endpoint))
	return append(endpoint[:], x.Digest...)
}

func (x *storedSecret) open(with *seal.Seal) (string, error) {
	if !x.Sealed {
		return string(x.Secret), nil
	}
	return with.OpenSecret(x.place(), x.Secret)
}

// keyNames returns the short names of the keys, for the other nodes.
func keyNames(ring seal.Ring) [][]byte {
	names := [][]byte{}
	for _, k := range ring {
		name := k.Name()
		names = append(names, name[:])
	}
	return names
}

// compareKeys compares another node's keys with this node's, by their names.
func compareKeys(other, own [][]byte) queue.NodeKeys {
	lacks := func(list [][]byte, first []byte) bool {
		return !slices.ContainsFunc(list, func(k []byte) bool { return bytes.Equal(k, first) })
	}
	switch {
	case len(other) == 0 && len(own) == 0:
		return queue.KeysFit
	case len(other) == 0:
		return queue.KeysNone
	case len(own) == 0:
		return queue.KeysOnly
	}
	unknown, lacking := lacks(own, other[0]), lacks(other, own[0])
	switch {
	case unknown && lacking:
		return queue.KeysApart
	case unknown:
		return queue.KeysUnknown
	case lacking:
		return queue.KeysLacking
	}
	return queue.KeysFit
}
