package pebble

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	numbers "math/big"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// Damage comes in two forms. A record that is not what this package writes is
// set aside: it moves to a kind of its own, where a person can look at it, and
// the rest goes on. A block of a file whose checksum is wrong hides the records
// in it, and all that other files hold between the same two keys; whoever reads
// a range goes on behind it, and who needs a record from within learns that it is
// damaged. What cannot be survived is the loss of a file's own index or of the
// manifest: then the store does not open, and says which file it is.

// isCorruption: a block of a file does not have the checksum that it was written
// with, or a file is missing. What lies elsewhere can be read all the same.
func isCorruption(err error) bool { return pebble.IsCorruptionError(err) }

// isDamage: a record is there and cannot be read, now or ever.
func isDamage(err error) bool {
	return errors.Is(err, errDamaged) || errors.Is(err, queue.ErrDamaged) || isCorruption(err)
}

// damage is what a store knows of its damaged records. It outlives the databases.
type damage struct {
	log *slog.Logger

	mu      sync.Mutex
	count   int64           // set aside, and holes
	pending []piece         // to be set aside
	holes   map[string]bool // by the last readable key before
	sealed  bool            // a missing key was reported
}

// piece is a record that is damaged.
type piece struct{ key, value []byte }

// restart begins a count anew, as a database is loaded that has so many records
// set aside.
func (d *damage) restart(count int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count, d.pending, d.holes = count, nil, nil
}

func (d *damage) total() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// record is told of a record that is to be set aside.
func (d *damage) record(k, v []byte, err error) {
	d.log.Error("a damaged record is set aside", "kind", string(k[:1]), "key", hex.EncodeToString(k[1:]), "bytes", len(v), "error", err)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	d.pending = append(d.pending, piece{bytes.Clone(k), bytes.Clone(v)})
}

// hole is told that what follows a key cannot be read.
func (d *damage) hole(after []byte, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.holes[string(after)] {
		return
	}
	if d.holes == nil {
		d.holes = make(map[string]bool)
	}
	d.holes[string(after)] = true
	d.count++
	d.log.Error("a part of the queue cannot be read and is passed over", "after", hex.EncodeToString(after), "error", err)
}

// noKey is told of a record that nobody can read. It reports the first.
func (d *damage) noKey(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.sealed {
		d.sealed = true
		d.log.Error("events wait that cannot be read; give the key that they were encrypted with", "error", err)
	}
}

// keysChanged makes it report the next one.
func (d *damage) keysChanged() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sealed = false
}

// damagedKey is where a record with a key is set aside.
func damagedKey(key []byte) []byte { return append([]byte{kindDamaged}, key...) }

// setAside moves what was found to be damaged. What cannot be moved now is found
// again the next time.
func (s *Store) setAside(db *database) {
	s.damage.mu.Lock()
	pending := s.damage.pending
	s.damage.pending = nil
	s.damage.mu.Unlock()
	if len(pending) == 0 || !db.use() {
		return
	}
	batch := db.NewBatch()
	var err error
	for _, p := range pending {
		err = errors.Join(err, batch.Set(damagedKey(p.key), p.value, nil), batch.Delete(p.key, nil))
	}
	if err != nil {
		db.leave()
		return
	}
	_ = db.commit(context.Background(), s.disk, batch, false, func(error) {})
}

// noteMessage counts a message that cannot be read. It stays where it is: an
// empty record among those set aside tells of it.
func (s *Store) noteMessage(db *database, id queue.ID, err error) {
	s.options.Logger.Error("an event cannot be read; its deliveries become dead letters", "message", id, "error", err)
	var k keyBuffer
	key := damagedKey(messageKey(&k, id))
	if _, closer, err := db.Get(key); err == nil {
		_ = closer.Close()
		return
	}
	s.damage.mu.Lock()
	s.damage.count++
	s.damage.mu.Unlock()
	if !db.use() {
		return
	}
	batch := db.NewBatch()
	if batch.Set(key, nil, nil) != nil {
		db.leave()
		return
	}
	_ = db.commit(context.Background(), s.disk, batch, false, func(error) {})
}

// walk calls f for the records between two keys until f returns an error, of
// which errEnough is none. At errDamaged the record is to be set aside, and where
// files cannot be read, it goes on behind the place.
func (db *database) walk(lower, upper []byte, f func(k, v []byte) error) error {
	for {
		last, err := db.walkWhole(lower, upper, f)
		switch {
		case err == errEnough:
			return nil
		case !isCorruption(err):
			return err
		}
		if last == nil {
			last = lower
		}
		db.damage.hole(last, err)
		next, err := db.behind(last, upper)
		if next == nil || err != nil {
			return err
		}
		lower = next
	}
}

func (db *database) walkWhole(lower, upper []byte, f func(k, v []byte) error) (last []byte, err error) {
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, err
	}
	for ok := iter.First(); ok && err == nil; ok = iter.Next() {
		last = append(last[:0], iter.Key()...)
		if err = f(iter.Key(), iter.Value()); err == errDamaged {
			db.damage.record(iter.Key(), iter.Value(), err)
			err = nil
		}
	}
	if closeErr := iter.Close(); err == nil {
		err = closeErr
	}
	return last, err
}

// errEnough ends a walk.
var errEnough = errors.New("enough")

// behind finds where one can read again behind a key; nil: nowhere before upper.
// Nobody tells where a broken block ends. So it tries places ever farther away,
// which finds the first that is as wide as the hole, and then closes in on it.
func (db *database) behind(last, upper []byte) ([]byte, error) {
	iter, err := db.NewIter(&pebble.IterOptions{UpperBound: upper})
	if err != nil {
		return nil, err
	}
	defer iter.Close()
	const size = len(keyBuffer{}) + 1 // keys as numbers of so many bytes
	number := func(k []byte) *numbers.Int {
		return new(numbers.Int).SetBytes(append(bytes.Clone(k), make([]byte, size-min(len(k), size))...)[:size])
	}
	bytesOf := func(n *numbers.Int) []byte { return n.FillBytes(make([]byte, size)) }
	low, limit := number(last), number(upper)
	readable := func(n *numbers.Int) (bool, error) {
		if n.Cmp(limit) >= 0 {
			return true, nil
		}
		iter.SeekGE(bytesOf(n))
		err := iter.Error()
		if err != nil && !isCorruption(err) {
			return false, err
		}
		return err == nil, nil
	}
	high := new(numbers.Int)
	for step := numbers.NewInt(1); ; step.Lsh(step, 1) {
		high.Add(low, step)
		ok, err := readable(high)
		if err != nil {
			return nil, err
		}
		if ok {
			break
		}
	}
	for middle := new(numbers.Int); ; {
		middle.Rsh(middle.Add(low, high), 1)
		if middle.Cmp(low) <= 0 {
			break
		}
		ok, err := readable(middle)
		if err != nil {
			return nil, err
		}
		if ok {
			high.Set(middle)
		} else {
			low.Set(middle)
		}
	}
	if high.Cmp(limit) >= 0 {
		return nil, nil
	}
	return bytesOf(high), nil
}

// nameless names a lane whose name is lost. Cannot happen, as a name is written
// with the first delivery; should it, the deliveries are kept under a name that
// says so.
func nameless(id laneID) string { return "unknown " + hex.EncodeToString(id[:]) }
