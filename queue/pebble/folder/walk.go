package folder

import (
	"bytes"
	"encoding/hex"
	"errors"
	"log/slog"
	numbers "math/big"
	"sync"

	"github.com/cockroachdb/pebble/v2"
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

// Damage counts the damaged records and holes of a store. It outlives the databases.
type Damage struct {
	log *slog.Logger

	mu      sync.Mutex
	count   int64             // set aside, and holes
	pending []Record          // to be set aside
	holes   map[string][]byte // where to go on, by the last key that can be read
}

// Record is a record that is damaged.
type Record struct{ Key, Value []byte }

// Restart begins a count anew, as a database is loaded that has so many records
// set aside.
func (d *Damage) Restart(count int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count, d.pending, d.holes = count, nil, nil
}

func (d *Damage) Total() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// Note notes a damaged record, which setAside moves later.
func (d *Damage) Note(k, v []byte, err error) {
	d.log.Error("a damaged record is set aside", "kind", string(k[:1]), "key", hex.EncodeToString(k[1:]), "bytes", len(v), "error", err)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	d.pending = append(d.pending, Record{bytes.Clone(k), bytes.Clone(v)})
}

// hole notes that the records between two keys cannot be read.
func (d *Damage) hole(after, next []byte, err error) {
	d.mu.Lock()
	if d.holes == nil {
		d.holes = make(map[string][]byte)
	}
	d.holes[string(after)] = next
	d.count++
	d.mu.Unlock()
	d.log.Error("a part of the queue cannot be read and is passed over", "after", hex.EncodeToString(after), "error", err)
}

// Gap is a part of a kind that cannot be read, without its ends.
type Gap struct{ After, Next []byte }

// NewDamage returns a record of damage that reports to a logger.
func NewDamage(log *slog.Logger) *Damage { return &Damage{log: log} }

// TakePending returns the records that are to be set aside.
func (d *Damage) TakePending() []Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	pending := d.pending
	d.pending = nil
	return pending
}

// NoteOne counts a damaged record that stays where it is.
func (d *Damage) NoteOne() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
}

// Found returns the keys behind which records cannot be read, and the keys of damaged
// records.
func (d *Damage) Found() (holes, records [][]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for after := range d.holes {
		holes = append(holes, []byte(after))
	}
	for _, p := range d.pending {
		records = append(records, p.Key)
	}
	return holes, records
}

// Take returns the gaps of two kinds, which are being mended.
func (d *Damage) Take(a, b byte) (gaps []Gap) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for after, next := range d.holes {
		if after[0] == a || after[0] == b {
			gaps = append(gaps, Gap{[]byte(after), next})
			delete(d.holes, after)
		}
	}
	return gaps
}

// past returns the key at which to continue behind a known hole; nil: there is none.
func (d *Damage) past(after []byte) (next []byte, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next, known = d.holes[string(after)]
	return next, known
}

// Walk calls f for the records between two keys until f returns an error. ErrEnough
// ends it, ErrSetAside notes the record as damaged. Where files cannot be read, walk
// continues behind the place.
func (d *Damage) Walk(r pebble.Reader, lower, upper []byte, f func(k, v []byte) error) error {
	for {
		last, err := d.walkWhole(r, lower, upper, f)
		switch {
		case err == ErrEnough:
			return nil
		case !IsCorruption(err):
			return err
		}
		if last == nil {
			last = lower
		}
		next, known := d.past(last)
		if !known {
			cause := err
			if next, err = Pass(r, last, upper, false); err != nil {
				return err
			}
			d.hole(last, next, cause)
		}
		if next == nil || bytes.Compare(next, upper) >= 0 {
			return nil
		}
		lower = next
	}
}

func (d *Damage) walkWhole(r pebble.Reader, lower, upper []byte, f func(k, v []byte) error) (last []byte, err error) {
	iter, err := r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, err
	}
	for ok := iter.First(); ok && err == nil; ok = iter.Next() {
		last = append(last[:0], iter.Key()...)
		if err = f(iter.Key(), iter.Value()); err == ErrSetAside {
			d.Note(iter.Key(), iter.Value(), err)
			err = nil
		}
	}
	if closeErr := iter.Close(); err == nil {
		err = closeErr
	}
	return last, err
}

// The errors by which the callback of a walk says what to do.
var (
	ErrEnough   = errors.New("enough")
	ErrSetAside = errors.New("the record does not decode")
)

// MaxKey is the length of the longest key.
const MaxKey = 33

// keyLength is the length of a padded key, with room for one behind the longest.
const keyLength = MaxKey + 1

// BehindAll returns a key behind all others.
func BehindAll() []byte { return bytes.Repeat([]byte{0xff}, keyLength) }

// passProbes bounds how closely pass looks for the end of a hole before it reads
// its way there.
const passProbes = 40

// passSamples is how many keys of a passed range pass tries, to find readable records.
const passSamples = 64

// Pass finds where one can read again beyond a key, upwards or downwards; nil:
// nowhere before the limit. Reading goes on at the key that it returns, included.
// The end of a broken block is not recorded, so it finds out how many bytes of the key
// lead out of it, closes in on the end, and then reads back towards it. Then it
// checks whether the passed range is more than one hole.
func Pass(r pebble.Reader, key, limit []byte, down bool) (found []byte, err error) {
	iter, err := r.NewIter(nil)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := iter.Close(); closeErr != nil && !IsCorruption(closeErr) {
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
		return !IsCorruption(iter.Error())
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
			if err := iter.Error(); err != nil && !IsCorruption(err) {
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
