package folder

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
)

// TableReader reads the entries of a table in order and passes damaged blocks. key and
// version are those of the entry that next has reached; holes counts the passed places.
type TableReader struct {
	Name   string
	reader *sstable.Reader
	iter   *tableIter
	begun  bool
	Key    []byte
	Version
	Holes int64
}

func OpenTable(f *Folder, name string) (t *TableReader, err error) {
	file, err := f.Files.Open(f.Files.PathJoin(f.dir, name))
	if err != nil {
		return nil, err
	}
	tables := new(Tables)
	tables.Add(name) // so that each block is compared with its checksum
	readable, err := sstable.NewSimpleReadable(tables.File(name, file, nil))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	err = Guarded(func() error {
		r, err := sstable.NewReader(context.Background(), readable, sstable.ReaderOptions{})
		if err != nil {
			return errors.Join(err, readable.Close())
		}
		iter, err := r.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles)
		if err != nil {
			return errors.Join(err, r.Close())
		}
		t = &TableReader{Name: name, reader: r, iter: &tableIter{iter: iter}}
		return nil
	})
	return t, err
}

func (t *TableReader) Close() error {
	return Guarded(func() error { return errors.Join(t.iter.iter.Close(), t.reader.Close()) })
}

// Cuts calls f for the deletions of ranges.
func (t *TableReader) Cuts(f func(Cut)) error {
	return Guarded(func() error {
		iter, err := t.reader.NewRawRangeDelIter(context.Background(), sstable.NoFragmentTransforms, sstable.NoReadEnv)
		if err != nil || iter == nil {
			return err
		}
		defer iter.Close()
		span, err := iter.First()
		for ; span != nil && err == nil; span, err = iter.Next() {
			for _, k := range span.Keys {
				f(Cut{bytes.Clone(span.Start), bytes.Clone(span.End), uint64(k.SeqNum())})
			}
		}
		return err
	})
}

// Next goes to the next readable entry. It gives the table up if pass does not get
// beyond the last key, which would repeat for ever.
func (t *TableReader) Next() bool {
	ok := false
	err := Guarded(func() error {
		if t.begun {
			ok = t.iter.Next()
		} else {
			t.begun, ok = true, t.iter.First()
		}
		return nil
	})
	for tries := 0; err != nil || !ok && t.iter.Error() != nil; tries++ {
		t.Holes++
		from := t.Key
		var found []byte
		passErr := Guarded(func() (err error) {
			found, err = passIn(t.iter, from, BehindAll(), false)
			return err
		})
		if passErr != nil || found == nil || bytes.Compare(found, from) <= 0 || tries > maxHoles {
			return false
		}
		err = Guarded(func() error { ok = t.iter.SeekGE(found); return nil })
		if ok {
			break
		}
		t.Key = append(t.Key[:0], found...)
	}
	return ok && t.read()
}

// maxHoles bounds the damaged places that are passed in a table.
const maxHoles = 10_000

// read copies the entry of the iterator into key and version.
func (t *TableReader) read() bool {
	at := t.iter.at
	t.Key = append(t.Key[:0], at.UserKey...)
	t.Version = Version{Seq: uint64(at.SeqNum())}
	switch at.Kind() {
	case pebble.InternalKeyKindSet, pebble.InternalKeyKindSetWithDelete:
		v, _, err := t.iter.entry.Value(nil)
		if err != nil { // older than another version of the record
			t.Holes++
			return t.Next()
		}
		t.Value = v
	default:
		t.Deleted = true
	}
	return true
}

// tableIter gives a table's iterator the methods of a database's, for passIn.
type tableIter struct {
	iter  sstable.Iterator
	at    pebble.InternalKey
	entry tableEntry // nil: there is none
}

// tableEntry is the value of the iterator's entry.
type tableEntry interface {
	Value(buf []byte) (value []byte, callerOwned bool, err error)
}

func (t *tableIter) take(k pebble.InternalKey, e tableEntry) bool {
	t.at, t.entry = k, e
	return true
}

func (t *tableIter) none() bool {
	t.entry = nil
	return false
}

func (t *tableIter) First() bool {
	if kv := t.iter.First(); kv != nil {
		return t.take(kv.K, kv)
	}
	return t.none()
}

func (t *tableIter) Last() bool {
	if kv := t.iter.Last(); kv != nil {
		return t.take(kv.K, kv)
	}
	return t.none()
}

func (t *tableIter) Next() bool {
	if kv := t.iter.Next(); kv != nil {
		return t.take(kv.K, kv)
	}
	return t.none()
}

func (t *tableIter) Prev() bool {
	if kv := t.iter.Prev(); kv != nil {
		return t.take(kv.K, kv)
	}
	return t.none()
}

func (t *tableIter) SeekGE(key []byte) bool {
	if kv := t.iter.SeekGE(key, 0); kv != nil {
		return t.take(kv.K, kv)
	}
	return t.none()
}

func (t *tableIter) SeekLT(key []byte) bool {
	if kv := t.iter.SeekLT(key, 0); kv != nil {
		return t.take(kv.K, kv)
	}
	return t.none()
}

func (t *tableIter) Valid() bool  { return t.entry != nil }
func (t *tableIter) Key() []byte  { return t.at.UserKey }
func (t *tableIter) Error() error { return t.iter.Error() }

// inspectTables reports the tables that cannot be opened.
func (f *Folder) inspectTables() {
	for _, name := range f.Names {
		if _, ok := FileNumber(name, ".sst"); !ok {
			continue
		}
		t, err := OpenTable(f, name)
		if err != nil {
			f.Problem(name, "cannot be opened: %v", Plainly(err))
			continue
		}
		_ = t.Close()
	}
}

// Version is the last version of a record.
type Version struct {
	Seq     uint64
	Deleted bool
	Value   []byte
	LogEnd  uint64 // the last sequence number of its log; 0: the version is of a table
}

// After reports whether v is younger than w. The higher sequence number is younger, but
// a compaction sets the number of an old record to 0. That record is older than any
// other, except than those of a log that is already in the tables as a whole.
func (v *Version) After(w *Version, highest uint64) bool {
	switch {
	case w == nil:
		return true
	case v.Seq == 0 && w.LogEnd > 0:
		return w.LogEnd <= highest
	case w.Seq == 0 && v.LogEnd > 0:
		return v.LogEnd > highest
	}
	return v.Seq > w.Seq
}

// Cut is a deleted range of keys, without to.
type Cut struct {
	From, To []byte
	Seq      uint64
}

// Plainly returns the first line of an error; Pebble adds stack traces.
func Plainly(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}
