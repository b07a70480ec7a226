package pebble

import (
	"bytes"
	"container/heap"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// The indexes that lists are made of have one shape: a kind, a strand, which is
// the eight bytes of a destination, an endpoint or an event ID, and the rest of
// the key, by which the records of a strand are sorted. A list runs through
// several strands at once, in the order of the rest.

// row is a record of an index.
type row struct {
	strand laneID
	rest   []byte // 16 or 24 bytes
	value  []byte
}

// merge runs through the strands of an index in the order of (rest, strand), or
// in the reverse order. It reads each strand in small pieces through one
// iterator, so that a page from a thousand strands costs a thousand seeks, and
// from one it costs one.
type merge struct {
	files pebble.Reader
	iter  *pebble.Iterator
	kind  byte
	down  bool
	from  []byte // the least rest, included; nil: no bound
	to    []byte // the bound above, excluded
	piece int
	order []*strand // a heap by the first row
	err   error
}

// strand is the state of one strand of a merge.
type strand struct {
	id   laneID
	rows []row // to come
	last []byte
	over bool // nothing is left on disk
}

// newMerge begins a merge behind a row, or at the beginning where after is nil.
// Without strands it takes all that there are.
func newMerge(r pebble.Reader, kind byte, down bool, strands []laneID, from, to []byte, after *row) (*merge, error) {
	iter, err := r.NewIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
	if err != nil {
		return nil, err
	}
	m := &merge{files: r, iter: iter, kind: kind, down: down, from: from, to: to}
	if strands == nil {
		if strands, err = m.discover(); err != nil {
			return nil, errors.Join(err, iter.Close())
		}
	}
	m.piece = min(max(256/max(len(strands), 1), 8), 256)
	for _, id := range strands {
		s := &strand{id: id}
		if after != nil {
			s.last = after.rest
			// In a strand that comes later at the same place, that place is not over.
			if c := bytes.Compare(id[:], after.strand[:]); c > 0 && !down || c < 0 && down {
				s.last = nil
				if down {
					m.fillFrom(s, nil, append(bytes.Clone(after.rest), 0))
				} else {
					m.fillFrom(s, after.rest, nil)
				}
			}
		}
		m.fill(s)
		if len(s.rows) > 0 {
			m.order = append(m.order, s)
		}
	}
	heap.Init(m)
	return m, nil
}

// discover finds the strands of the index by jumping from one to the next.
func (m *merge) discover() (found []laneID, err error) {
	end := []byte{m.kind + 1}
	from := []byte{m.kind}
	for from != nil {
		ok := m.iter.SeekGE(from)
		if isCorruption(m.iter.Error()) {
			if from, err = pass(m.files, from, end, false); err != nil {
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
		id := laneID(k[1:9])
		found = append(found, id)
		from = append(append([]byte{m.kind}, id[:]...), bytes.Repeat([]byte{0xff}, 25)...)
	}
	return found, m.iter.Error()
}

// fill reads a strand's next piece when it has none left.
func (m *merge) fill(s *strand) {
	if len(s.rows) > 0 || s.over || m.err != nil {
		return
	}
	switch {
	case s.last == nil:
		m.fillFrom(s, nil, nil)
	case m.down:
		m.fillFrom(s, nil, s.last)
	default:
		m.fillFrom(s, append(bytes.Clone(s.last), 0), nil)
	}
}

// fillFrom reads a piece of the rows between two places and within the merge's bounds.
func (m *merge) fillFrom(s *strand, from, to []byte) {
	if bytes.Compare(from, m.from) < 0 {
		from = m.from
	}
	if to == nil || m.to != nil && bytes.Compare(to, m.to) > 0 {
		to = m.to
	}
	prefix := append([]byte{m.kind}, s.id[:]...)
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
		for ok := seek(start); ok && len(s.rows) < m.piece; ok = step() {
			k := m.iter.Key()
			if m.down && bytes.Compare(k, lower) < 0 || !m.down && bytes.Compare(k, upper) >= 0 {
				break
			}
			m.take(s, k)
		}
		if !isCorruption(m.iter.Error()) {
			break
		}
		next := m.passed(s, start, lower, upper)
		if next == nil || bytes.Equal(next, start) {
			break
		}
		start = next
	}
	s.over = len(s.rows) < m.piece
	if err := m.iter.Error(); err != nil && !isCorruption(err) {
		m.err = err
	}
}

func (m *merge) take(s *strand, k []byte) {
	s.last = bytes.Clone(k[9:])
	if len(s.last) == restSize(m.kind) {
		s.rows = append(s.rows, row{s.id, s.last, bytes.Clone(m.iter.Value())})
	}
}

// passed returns where to seek next behind unreadable rows; nil: nowhere.
func (m *merge) passed(s *strand, start, lower, upper []byte) []byte {
	if s.last != nil {
		start = append(append([]byte{m.kind}, s.id[:]...), s.last...)
	}
	limit := upper
	if m.down {
		limit = lower
	}
	next, err := pass(m.files, start, limit, m.down)
	switch {
	case err != nil:
		m.err = err
		return nil
	case next != nil && m.down:
		return append(next, 0) // seeks below it
	}
	return next
}

// restSize is how long the rest of a whole key is.
func restSize(kind byte) int {
	switch kind {
	case kindWaiting, kindLine, kindEnded:
		return 24
	}
	return 16
}

// next returns the next row, or nil at the end and after an error.
func (m *merge) next() *row {
	if m.err != nil || len(m.order) == 0 {
		return nil
	}
	s := m.order[0]
	r := s.rows[0]
	s.rows = s.rows[1:]
	m.fill(s)
	if len(s.rows) == 0 {
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
func (m *merge) Push(x any)    { m.order = append(m.order, x.(*strand)) }

func (m *merge) Pop() any {
	last := m.order[len(m.order)-1]
	m.order = m.order[:len(m.order)-1]
	return last
}
