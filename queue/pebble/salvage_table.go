package pebble

import (
	"bytes"
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
)

// tableReader reads the entries of a table in order and passes damaged blocks. key and
// version are those of the entry that next has reached; holes counts the passed places.
type tableReader struct {
	name   string
	reader *sstable.Reader
	iter   *tableIter
	begun  bool
	key    []byte
	version
	holes int64
}

func openTable(f *folder, name string) (t *tableReader, err error) {
	file, err := f.files.Open(f.files.PathJoin(f.dir, name))
	if err != nil {
		return nil, err
	}
	tables := new(damagedTables)
	tables.add(name) // so that each block is compared with its checksum
	readable, err := sstable.NewSimpleReadable(tables.file(name, file, nil))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	err = guarded(func() error {
		r, err := sstable.NewReader(context.Background(), readable, sstable.ReaderOptions{})
		if err != nil {
			return errors.Join(err, readable.Close())
		}
		iter, err := r.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles)
		if err != nil {
			return errors.Join(err, r.Close())
		}
		t = &tableReader{name: name, reader: r, iter: &tableIter{iter: iter}}
		return nil
	})
	return t, err
}

func (t *tableReader) close() error {
	return guarded(func() error { return errors.Join(t.iter.iter.Close(), t.reader.Close()) })
}

// cuts calls f for the deletions of ranges.
func (t *tableReader) cuts(f func(cut)) error {
	return guarded(func() error {
		iter, err := t.reader.NewRawRangeDelIter(context.Background(), sstable.NoFragmentTransforms, sstable.NoReadEnv)
		if err != nil || iter == nil {
			return err
		}
		defer iter.Close()
		span, err := iter.First()
		for ; span != nil && err == nil; span, err = iter.Next() {
			for _, k := range span.Keys {
				f(cut{bytes.Clone(span.Start), bytes.Clone(span.End), uint64(k.SeqNum())})
			}
		}
		return err
	})
}

// next goes to the next readable entry. It gives the table up if pass does not get
// beyond the last key, which would repeat for ever.
func (t *tableReader) next() bool {
	ok := false
	err := guarded(func() error {
		if t.begun {
			ok = t.iter.Next()
		} else {
			t.begun, ok = true, t.iter.First()
		}
		return nil
	})
	for tries := 0; err != nil || !ok && t.iter.Error() != nil; tries++ {
		t.holes++
		from := t.key
		var found []byte
		passErr := guarded(func() (err error) {
			found, err = passIn(t.iter, from, bytes.Repeat([]byte{0xff}, keyLength), false)
			return err
		})
		if passErr != nil || found == nil || bytes.Compare(found, from) <= 0 || tries > maxHoles {
			return false
		}
		err = guarded(func() error { ok = t.iter.SeekGE(found); return nil })
		if ok {
			break
		}
		t.key = append(t.key[:0], found...)
	}
	return ok && t.read()
}

// maxHoles bounds the damaged places that are passed in a table.
const maxHoles = 10_000

// read copies the entry of the iterator into key and version.
func (t *tableReader) read() bool {
	at := t.iter.at
	t.key = append(t.key[:0], at.UserKey...)
	t.version = version{seq: uint64(at.SeqNum())}
	switch at.Kind() {
	case pebble.InternalKeyKindSet, pebble.InternalKeyKindSetWithDelete:
		v, _, err := t.iter.entry.Value(nil)
		if err != nil { // older than another version of the record
			t.holes++
			return t.next()
		}
		t.value = v
	default:
		t.deleted = true
	}
	return true
}

// tableHeap sorts the tables by their next key.
type tableHeap []*tableReader

func (h tableHeap) Len() int           { return len(h) }
func (h tableHeap) Less(i, j int) bool { return bytes.Compare(h[i].key, h[j].key) < 0 }
func (h tableHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *tableHeap) Push(x any)        { *h = append(*h, x.(*tableReader)) }

func (h *tableHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
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
func (f *folder) inspectTables() {
	for _, name := range f.names {
		if _, ok := fileNumber(name, ".sst"); !ok {
			continue
		}
		t, err := openTable(f, name)
		if err != nil {
			f.problem(name, "cannot be opened: %v", plainly(err))
			continue
		}
		_ = t.close()
	}
}
