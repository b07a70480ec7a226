package pebble

import (
	"bytes"
	"container/heap"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue/pebble/folder"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
)

// The indexes that lists are made of have one shape: a kind, the name of a list, which is
// the eight bytes of a destination, an endpoint or an event ID, and the rest of
// the key, by which the records of a list are sorted. A page is read from
// several lists at once, in the order of the rest.

// row is a record of an index.
type row struct {
	list  record.Digest
	rest  []byte // 16 or 24 bytes
	value []byte
}

// merge runs through the lists of an index in the order of (rest, list), or
// in the reverse order. It reads each list in small pieces through one
// iterator, so that a page from a thousand lists costs a thousand seeks, and
// from one it costs one.
type merge struct {
	span
	files pebble.Reader
	iter  *pebble.Iterator
	piece int
	order []*list // a heap by the first row
	err   error
}

// span says what a merge runs through.
type span struct {
	kind  byte
	down  bool            // in the reverse order
	lists []record.Digest // nil: all that there are
	from  []byte          // the least rest, included; nil: no bound
	to    []byte          // the bound above, excluded; nil: none
	after *row            // the row behind which it begins; nil: at the beginning
}

// list is the state of one list of a merge.
type list struct {
	id   record.Digest
	rows []row // to come
	last []byte
	over bool // nothing is left on disk
}

// newMerge begins a merge.
func newMerge(r pebble.Reader, in span) (*merge, error) {
	iter, err := r.NewIter(&pebble.IterOptions{LowerBound: []byte{in.kind}, UpperBound: []byte{in.kind + 1}})
	if err != nil {
		return nil, err
	}
	m := &merge{span: in, files: r, iter: iter}
	if m.lists == nil {
		if m.lists, err = m.discover(); err != nil {
			return nil, errors.Join(err, iter.Close())
		}
	}
	m.piece = min(max(256/max(len(m.lists), 1), 8), 256)
	for _, id := range m.lists {
		l := &list{id: id}
		if m.after != nil {
			l.last = m.after.rest
			// A list later in the order may have a record with the same rest, which comes next.
			if c := bytes.Compare(id[:], m.after.list[:]); c > 0 && !m.down || c < 0 && m.down {
				l.last = nil
				if m.down {
					m.fillFrom(l, nil, append(bytes.Clone(m.after.rest), 0))
				} else {
					m.fillFrom(l, m.after.rest, nil)
				}
			}
		}
		m.fill(l)
		if len(l.rows) > 0 {
			m.order = append(m.order, l)
		}
	}
	heap.Init(m)
	return m, nil
}

// discover finds the lists of the index by jumping from one to the next.
func (m *merge) discover() (found []record.Digest, err error) {
	end := []byte{m.kind + 1}
	from := []byte{m.kind}
	for from != nil {
		ok := m.iter.SeekGE(from)
		if folder.IsCorruption(m.iter.Error()) {
			if from, err = folder.Pass(m.files, from, end, false); err != nil {
				return found, err
			}
			continue
		}
		if !ok {
			break
		}
		k := m.iter.Key()
		if len(k) < 9 {
			from = append(bytes.Clone(k), 0)
			continue
		}
		id := record.Digest(k[1:9])
		found = append(found, id)
		from = append(append([]byte{m.kind}, id[:]...), bytes.Repeat([]byte{0xff}, 25)...)
	}
	return found, m.iter.Error()
}

// fill reads a list's next piece when it has none left.
func (m *merge) fill(l *list) {
	if len(l.rows) > 0 || l.over || m.err != nil {
		return
	}
	switch {
	case l.last == nil:
		m.fillFrom(l, nil, nil)
	case m.down:
		m.fillFrom(l, nil, l.last)
	default:
		m.fillFrom(l, append(bytes.Clone(l.last), 0), nil)
	}
}

// fillFrom reads a piece of the rows between two keys and within the merge's bounds.
func (m *merge) fillFrom(l *list, from, to []byte) {
	if bytes.Compare(from, m.from) < 0 {
		from = m.from
	}
	if to == nil || m.to != nil && bytes.Compare(to, m.to) > 0 {
		to = m.to
	}
	prefix := append([]byte{m.kind}, l.id[:]...)
	lower := append(bytes.Clone(prefix), from...)
	upper := append(bytes.Clone(prefix), to...)
	if to == nil {
		upper = append(upper, bytes.Repeat([]byte{0xff}, 25)...)
	}
	seek, step := m.iter.SeekGE, m.iter.Next
	start := lower
	if m.down {
		seek, step, start = m.iter.SeekLT, m.iter.Prev, upper
	}
	for {
		for ok := seek(start); ok && len(l.rows) < m.piece; ok = step() {
			k := m.iter.Key()
			if m.down && bytes.Compare(k, lower) < 0 || !m.down && bytes.Compare(k, upper) >= 0 {
				break
			}
			m.take(l, k)
		}
		if !folder.IsCorruption(m.iter.Error()) {
			break
		}
		next := m.passed(l, start, lower, upper)
		if next == nil || bytes.Equal(next, start) {
			break
		}
		start = next
	}
	l.over = len(l.rows) < m.piece
	if err := m.iter.Error(); err != nil && !folder.IsCorruption(err) {
		m.err = err
	}
}

func (m *merge) take(l *list, k []byte) {
	l.last = bytes.Clone(k[9:])
	if len(l.last) == record.RestSize(m.kind) {
		l.rows = append(l.rows, row{l.id, l.last, bytes.Clone(m.iter.Value())})
	}
}

// passed returns where to seek next behind unreadable rows; nil: nowhere.
func (m *merge) passed(l *list, start, lower, upper []byte) []byte {
	if l.last != nil {
		start = append(append([]byte{m.kind}, l.id[:]...), l.last...)
	}
	limit := upper
	if m.down {
		limit = lower
	}
	next, err := folder.Pass(m.files, start, limit, m.down)
	switch {
	case err != nil:
		m.err = err
		return nil
	case next != nil && m.down:
		return append(next, 0) // seeks below it
	}
	return next
}

// next returns the next row, or nil at the end and after an error.
func (m *merge) next() *row {
	if m.err != nil || len(m.order) == 0 {
		return nil
	}
	l := m.order[0]
	r := l.rows[0]
	l.rows = l.rows[1:]
	m.fill(l)
	if len(l.rows) == 0 {
		heap.Pop(m)
	} else {
		heap.Fix(m, 0)
	}
	return &r
}

func (m *merge) close() error { return errors.Join(m.err, m.iter.Close()) }

// Len, Less, Swap, Push and Pop implement [heap.Interface].
func (m *merge) Len() int { return len(m.order) }

func (m *merge) Less(i, j int) bool {
	a, b := m.order[i], m.order[j]
	c := bytes.Compare(a.rows[0].rest, b.rows[0].rest)
	if c == 0 {
		c = bytes.Compare(a.id[:], b.id[:])
	}
	if m.down {
		return c > 0
	}
	return c < 0
}

func (m *merge) Swap(i, j int) { m.order[i], m.order[j] = m.order[j], m.order[i] }
func (m *merge) Push(x any)    { m.order = append(m.order, x.(*list)) }

func (m *merge) Pop() any {
	last := m.order[len(m.order)-1]
	m.order = m.order[:len(m.order)-1]
	return last
}
