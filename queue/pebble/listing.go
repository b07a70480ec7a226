package pebble

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
)

const (
	// pageEffort is how many records of an index a page looks at. A filter that
	// matches little so makes for short pages, not for slow ones.
	pageEffort = 10_000
	// pageMax is how many entries a page has at most.
	pageMax = 1000
)

// listing makes one page of a list.
type listing struct {
	*view
	ctx    context.Context
	filter queue.Filter
	walk   bool   // upward through indexes that are sorted by receipt
	oldest []byte // of a walk: the ID before which nothing can match; nil: any can
	room   int    // entries that still fit
	effort int    // records that may still be looked at
}

// cursor says where the next page begins: behind a row, or, in a row with several
// deliveries, behind so many of them. That of a walk has its kind in capitals, because a
// walk goes the other way.
type cursor struct {
	kind byte
	row  row
	skip int
}

// walkBit makes a capital of an index's letter.
const walkBit = 'a' ^ 'A'

func (l *listing) encodeCursor(p *cursor) queue.Cursor {
	kind := p.kind
	if l.walk {
		kind ^= walkBit
	}
	b := binary.BigEndian.AppendUint16([]byte{kind}, uint16(p.skip))
	b = append(append(b, p.row.list[:]...), p.row.rest...)
	return queue.Cursor(base64.RawURLEncoding.EncodeToString(b))
}

// parseCursor reads a cursor of a list that consists of these indexes.
func (l *listing) parseCursor(c queue.Cursor, kinds []byte) (*cursor, error) {
	if c == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(string(c))
	if err == nil && len(b) > 0 && l.walk {
		b[0] ^= walkBit
	}
	if err != nil || len(b) < 11 || !bytes.Contains(kinds, b[:1]) || len(b) != 11+record.RestSize(b[0]) {
		return nil, queue.ErrCursor
	}
	return &cursor{b[0], row{list: record.Digest(b[3:11]), rest: b[11:]}, int(binary.BigEndian.Uint16(b[1:]))}, nil
}

// visit handles a row. It returns how many of the row's deliveries were dealt
// with when there was no room for the others, and 0 when the row is done.
type visit func(kind byte, r *row, skip int) (rest int, err error)

// run goes through the indexes, one after another, from a cursor on until the
// page is full or has cost enough, and returns where to go on.
func (l *listing) run(kinds []byte, after queue.Cursor, visit visit) (queue.Cursor, error) {
	at, err := l.parseCursor(after, kinds)
	if err != nil {
		return "", err
	}
	if at != nil {
		kinds = kinds[bytes.IndexByte(kinds, at.kind):]
	}
	for i, kind := range kinds {
		next, err := l.index(kind, at, visit)
		if err != nil {
			return "", err
		}
		if next != nil {
			return l.encodeCursor(next), nil
		}
		at = nil
		if (l.room <= 0 || l.effort <= 0) && i+1 < len(kinds) {
			// The next index begins behind nothing.
			return l.encodeCursor(&cursor{kinds[i+1], row{rest: make([]byte, record.RestSize(kinds[i+1]))}, 0}), nil
		}
	}
	return "", nil
}

// index goes through one index. It returns nil when that is over.
func (l *listing) index(kind byte, at *cursor, visit visit) (next *cursor, err error) {
	from, to := l.bounds(kind)
	var after *row
	skip := 0
	if at != nil {
		after, skip = &at.row, at.skip
	}
	down := kind != record.KindWaiting && kind != record.KindOrdered && !l.walk
	if skip > 0 { // at the row, not behind it
		after = &row{at.row.list, bump(at.row.rest), nil}
	}
	m, err := newMerge(l.snap, span{kind: kind, down: down, lists: l.lists(kind), from: from, to: to, after: after})
	if err != nil {
		return nil, unavailable(err)
	}
	defer func() {
		if closeErr := m.close(); closeErr != nil {
			next, err = nil, errors.Join(err, unavailable(closeErr))
		}
	}()
	for r := m.next(); r != nil; r = m.next() {
		if err := l.ctx.Err(); err != nil {
			return nil, context.Cause(l.ctx)
		}
		if skip > 0 && (r.list != at.row.list || !bytes.Equal(r.rest, at.row.rest)) {
			if c := bytes.Compare(r.rest, at.row.rest); c > 0 || c == 0 && bytes.Compare(r.list[:], at.row.list[:]) > 0 {
				continue // before the cursor
			}
			skip = 0 // the row has gone meanwhile
		}
		rest, err := visit(kind, r, skip)
		if err != nil {
			return nil, err
		}
		skip = 0
		at = &cursor{kind, *r, rest}
		if l.effort--; rest > 0 || (l.room <= 0 || l.effort <= 0) && len(m.order) > 0 {
			return at, nil
		}
	}
	return nil, nil
}

// bounds returns the bounds of an index that is sorted by receipt; nil: there is none.
func (l *listing) bounds(kind byte) (from, to []byte) {
	at := func(t time.Time) []byte {
		if t.IsZero() {
			return nil
		}
		id := record.FirstID(t)
		return id[:]
	}
	switch kind {
	case record.KindWaiting, record.KindOrdered, record.KindEnded:
		return nil, nil
	}
	from, to = at(l.filter.Since), at(l.filter.Until)
	if bytes.Compare(from, l.oldest) < 0 {
		from = l.oldest
	}
	if kind == record.KindDead {
		if from != nil {
			from = slices.Concat(make([]byte, 8), from)
		}
		if to != nil {
			to = slices.Concat(make([]byte, 8), to)
		}
	}
	return from, to
}

// bump returns the least rest above another of the same length.
func bump(rest []byte) []byte {
	next := bytes.Clone(rest)
	for i := len(next) - 1; i >= 0; i-- {
		if next[i]++; next[i] != 0 {
			break
		}
	}
	return next
}

// lists returns those of an index that the filter selects; nil: all.
func (l *listing) lists(kind byte) []record.Digest {
	f := &l.filter
	switch {
	case kind == record.KindEvent:
		return []record.Digest{record.EventDigest(f.EventID)}
	case kind == record.KindSummary && f.Endpoint != "":
		return []record.Digest{record.DigestOf(f.Endpoint)}
	case kind == record.KindSummary:
		return nil
	case f.Destination != (queue.Destination{}):
		return []record.Digest{record.DigestOf(f.Destination.String())}
	case f.Endpoint != "":
		return l.store.destinationsOf(f.Endpoint)
	}
	return nil
}

// received reports whether a message was received in the filter's time.
func (l *listing) received(id queue.ID) bool {
	f := &l.filter
	if !f.Since.IsZero() {
		if from := record.FirstID(f.Since); bytes.Compare(id[:], from[:]) < 0 {
			return false
		}
	}
	if !f.Until.IsZero() {
		if to := record.FirstID(f.Until); bytes.Compare(id[:], to[:]) >= 0 {
			return false
		}
	}
	return true
}

// about reports whether a message is one that the filter selects. Of a damaged
// one little is known: it matches filters that do not ask for it.
func (l *listing) about(sum *record.Summary) bool {
	f := &l.filter
	if sum == nil {
		return f.EventType == "" && f.EventID == ""
	}
	return (f.Endpoint == "" || sum.Endpoint == f.Endpoint[:min(len(f.Endpoint), record.MaxText)]) &&
		(f.EventID == "" || sum.EventID == f.EventID[:min(len(f.EventID), record.MaxText)]) &&
		(f.EventType == "" || queue.Match(f.EventType, sum.EventType))
}

// selects reports whether the filter selects a delivery by its destination and state.
func (l *listing) selects(d *queue.DeliveryState) bool {
	f := &l.filter
	return (f.Destination == (queue.Destination{}) || d.Destination == f.Destination) &&
		(len(f.States) == 0 || slices.Contains(f.States, d.State))
}

// describe makes the list entry of a message.
func describe(id queue.ID, sum *record.Summary) queue.Summary {
	s := queue.Summary{ID: id, ReceivedAt: record.ReceivedAt(id)}
	if sum != nil {
		s.Endpoint, s.EventID, s.EventType, s.Size = sum.Endpoint, sum.EventID, sum.EventType, sum.Size
	}
	return s
}
