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

// Damage has two forms.
//
// A record that does not decode is set aside: it moves to the kind 'b', where a person
// can look at it.
//
// A block with a wrong checksum is a hole. It hides its own records, and all records of
// other files between the same two keys. A reader of a range continues behind the hole;
// a reader of one record in it gets an error. At the start, waiting deliveries in a hole
// are put back into their index; see mend. A salvage copies all readable records into a
// new folder. Without its MANIFEST, or if a table cannot be opened, the store does not
// open; see broken.go.

// isCorruption: a block of a file does not have the checksum that it was written
// with, or a file is missing. The rest of the files can be read.
func isCorruption(err error) bool { return pebble.IsCorruptionError(err) }

// isDamage reports whether a record exists but can never be read.
func isDamage(err error) bool {
	return errors.Is(err, errDamaged) || errors.Is(err, queue.ErrDamaged) || isCorruption(err)
}

// damage counts the damaged records and holes of a store. It outlives the databases.
type damage struct {
	log *slog.Logger

	mu      sync.Mutex
	count   int64             // set aside, and holes
	pending []piece           // to be set aside
	holes   map[string][]byte // where to go on, by the last key that can be read
	sealed  bool              // a missing key was reported
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

// record notes a damaged record, which setAside moves later.
func (d *damage) record(k, v []byte, err error) {
	d.log.Error("a damaged record is set aside", "kind", string(k[:1]), "key", hex.EncodeToString(k[1:]), "bytes", len(v), "error", err)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	d.pending = append(d.pending, piece{bytes.Clone(k), bytes.Clone(v)})
}

// hole notes that the records between two keys cannot be read.
func (d *damage) hole(after, next []byte, err error) {
	d.mu.Lock()
	if d.holes == nil {
		d.holes = make(map[string][]byte)
	}
	d.holes[string(after)] = next
	d.count++
	d.mu.Unlock()
	d.log.Error("a part of the queue cannot be read and is passed over", "after", hex.EncodeToString(after), "error", err)
}

// gap is a part of a kind that cannot be read, without its ends.
type gap struct{ after, next []byte }

// take returns the gaps of two kinds, which are being mended.
func (d *damage) take(a, b byte) (gaps []gap) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for after, next := range d.holes {
		if after[0] == a || after[0] == b {
			gaps = append(gaps, gap{[]byte(after), next})
			delete(d.holes, after)
		}
	}
	return gaps
}

// past tells where to go on behind a known hole; nil: nowhere.
func (d *damage) past(after []byte) (next []byte, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next, known = d.holes[string(after)]
	return next, known
}

// noKey logs the first record whose key is missing.
func (d *damage) noKey(err error) {
	d.mu.Lock()
	first := !d.sealed
	d.sealed = true
	d.mu.Unlock()
	if first {
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

// setAside moves the noted damaged records. A record that cannot be moved now is found
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
		next, known := db.damage.past(last)
		if !known {
			cause := err
			if next, err = pass(db, last, upper, false); err != nil {
				return err
			}
			db.damage.hole(last, next, cause)
		}
		if next == nil || bytes.Compare(next, upper) >= 0 {
			return nil
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

// keyLength is how long keys are at most, with room for one behind them.
const keyLength = len(keyBuffer{}) + 1

// passProbes bounds how closely pass looks for the end of a hole before it reads
// its way there.
const passProbes = 40

// passSamples is how many keys of a passed range pass tries, to find readable records.
const passSamples = 64

// pass finds where one can read again beyond a key, upwards or downwards; nil:
// nowhere before the limit. Reading goes on at the key that it returns, included.
// Nobody tells where a broken block ends, so it finds out how many bytes of the key
// lead out of it, closes in on the end, and then reads back towards it. Then it
// checks whether the passed range is more than one hole.
func pass(r pebble.Reader, key, limit []byte, down bool) (found []byte, err error) {
	iter, err := r.NewIter(nil)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := iter.Close(); closeErr != nil && !isCorruption(closeErr) {
			err = errors.Join(err, closeErr)
		}
	}()
	return passIn(iter, key, limit, down)
}

// seeker is an iterator of a database or of a table.
type seeker interface {
	SeekGE(key []byte) bool
	SeekLT(key []byte) bool
	First() bool
	Last() bool
	Next() bool
	Prev() bool
	Valid() bool
	Key() []byte
	Error() error
}

func passIn(iter seeker, key, limit []byte, down bool) (found []byte, err error) {
	seek, farthest, back := iter.SeekGE, iter.Last, iter.Prev
	if down {
		seek, farthest, back = iter.SeekLT, iter.First, iter.Next
	}
	beyond := func(k []byte) bool {
		c := bytes.Compare(k, limit)
		return !down && c >= 0 || down && c < 0
	}
	readable := func(k []byte) bool {
		if down && bytes.Compare(k, key) > 0 {
			k = key // it is shorter than its padded form
		}
		seek(k)
		return !isCorruption(iter.Error())
	}
	nearer := func(k, than []byte) bool {
		c := bytes.Compare(k, than)
		return !down && c < 0 || down && c > 0
	}
	// closeIn goes to the end of a hole that lies between a key in it and one beyond.
	closeIn := func(bad, good []byte) []byte {
		for range passProbes {
			middle := halfway(bad, good)
			if bytes.Equal(middle, bad) || bytes.Equal(middle, good) {
				break
			}
			if readable(middle) {
				good = middle
			} else {
				bad = middle
			}
		}
		return good
	}
	origin := padded(key)
	bad, good := origin, padded(limit)
	for size := keyLength - 1; size > 0; size-- { // small steps first, as there may be other holes
		next := stepped(origin, size, down)
		if next == nil || beyond(next) {
			break
		}
		if readable(next) {
			good = next
			break
		}
		bad = next
	}
	for good != nil {
		edge := closeIn(bad, good)
		found = nil
		if readable(edge) { // else the hole goes on beyond the limit
			for ok := iter.Valid() || farthest(); ok; ok = back() {
				if found != nil && (bytes.Compare(iter.Key(), key) <= 0) != down {
					break // there is no hole any more
				}
				found = append(found[:0], iter.Key()...)
			}
			if err := iter.Error(); err != nil && !isCorruption(err) {
				return nil, err
			}
			if found == nil {
				return nil, nil
			}
			edge = found
		}
		// The passed range may be several holes with readable records between them.
		bad, good = origin, nil
		for i := range int64(passSamples) {
			sample := between(origin, padded(edge), i+1, passSamples+1)
			if !readable(sample) {
				bad = sample
			} else if iter.Valid() && nearer(key, iter.Key()) && nearer(iter.Key(), edge) {
				good = sample
				break
			}
		}
	}
	if found == nil || beyond(found) {
		return nil, nil
	}
	return found, nil
}

func padded(key []byte) []byte {
	return append(bytes.Clone(key), make([]byte, keyLength)...)[:keyLength]
}

// stepped is the first key beyond all that share so many bytes with a key; nil:
// there is none.
func stepped(key []byte, size int, down bool) []byte {
	next := padded(key[:size])
	if down {
		return next // everything below it has other bytes there
	}
	for i := size - 1; i >= 0; i-- {
		if next[i]++; next[i] != 0 {
			return next
		}
	}
	return nil
}

func halfway(a, b []byte) []byte { return between(a, b, 1, 2) }

// between is a key some parts of the way from one to another.
func between(a, b []byte, parts, of int64) []byte {
	x, y := new(numbers.Int).SetBytes(a), new(numbers.Int).SetBytes(b)
	y.Sub(y, x)
	y.Mul(y, numbers.NewInt(parts)).Div(y, numbers.NewInt(of))
	return x.Add(x, y).FillBytes(make([]byte, keyLength))
}

// nameless names a lane whose name is lost. Cannot happen, as a name is written
// with the first delivery; should it, the deliveries are kept under a name that
// says so.
func nameless(id laneID) string { return "unknown " + hex.EncodeToString(id[:]) }
