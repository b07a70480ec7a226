package pebble

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/hookwicket/hookwicket/queue"
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

// spot is a place in a list: behind a row, or, in a row that gave several
// entries, behind so many of its deliveries. A walk's has its kind in capitals, as
// it leads the other way.
type spot struct {
	kind byte
	row  row
	skip int
}

// walkBit makes a capital of an index's letter.
const walkBit = 'a' ^ 'A'

func (l *listing) cursor(p *spot) queue.Cursor {
	kind := p.kind
	if l.walk {
		kind ^= walkBit
	}
	b := binary.BigEndian.AppendUint16([]byte{kind}, uint16(p.skip))
	b = append(append(b, p.row.strand[:]...), p.row.rest...)
	return queue.Cursor(base64.RawURLEncoding.EncodeToString(b))
}

// parseCursor reads a cursor of a list that consists of these indexes.
func (l *listing) parseCursor(c queue.Cursor, kinds []byte) (*spot, error) {
	if c == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(string(c))
	if err == nil && len(b) > 0 && l.walk {
		b[0] ^= walkBit
	}
	if err != nil || len(b) < 11 || !bytes.Contains(kinds, b[:1]) || len(b) != 11+restSize(b[0]) {
		return nil, queue.ErrCursor
	}
	return &spot{b[0], row{strand: laneID(b[3:11]), rest: b[11:]}, int(binary.BigEndian.Uint16(b[1:]))}, nil
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
			return l.cursor(next), nil
		}
		at = nil
		if (l.room <= 0 || l.effort <= 0) && i+1 < len(kinds) {
			// The next index begins behind nothing.
			return l.cursor(&spot{kinds[i+1], row{rest: make([]byte, restSize(kinds[i+1]))}, 0}), nil
		}
	}
	return "", nil
}

// index goes through one index. It returns nil when that is over.
func (l *listing) index(kind byte, at *spot, visit visit) (next *spot, err error) {
	var from, to []byte
	if restSize(kind) == 16 { // sorted by receipt
		if !l.filter.Since.IsZero() {
			id := idFrom(l.filter.Since)
			from = id[:]
		}
		if !l.filter.Until.IsZero() {
			id := idFrom(l.filter.Until)
			to = id[:]
		}
	}
	if bytes.Compare(from, l.oldest) < 0 {
		from = l.oldest
	}
	var after *row
	skip := 0
	if at != nil {
		after, skip = &at.row, at.skip
	}
	down := kind != kindWaiting && kind != kindLine && !l.walk
	if skip > 0 { // at the row, not behind it
		after = &row{at.row.strand, bump(at.row.rest), nil}
	}
	m, err := newMerge(l.snap, kind, down, l.strands(kind), from, to, after)
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
		if skip > 0 && (r.strand != at.row.strand || !bytes.Equal(r.rest, at.row.rest)) {
			if c := bytes.Compare(r.rest, at.row.rest); c > 0 || c == 0 && bytes.Compare(r.strand[:], at.row.strand[:]) > 0 {
				continue // before the place
			}
			skip = 0 // the row has gone meanwhile
		}
		rest, err := visit(kind, r, skip)
		if err != nil {
			return nil, err
		}
		skip = 0
		at = &spot{kind, *r, rest}
		if l.effort--; rest > 0 || (l.room <= 0 || l.effort <= 0) && len(m.order) > 0 {
			return at, nil
		}
	}
	return nil, nil
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

// strands returns those of an index that the filter selects; nil: all.
func (l *listing) strands(kind byte) []laneID {
	f := &l.filter
	switch {
	case kind == kindEvent:
		return []laneID{laneID(eventOf(f.EventID))}
	case kind == kindList && f.Endpoint != "":
		return []laneID{laneOf(f.Endpoint)}
	case kind == kindList:
		return nil
	case f.Destination != "":
		return []laneID{laneOf(f.Destination)}
	case f.Endpoint != "":
		return l.store.lanesNamed(f.Endpoint)
	}
	return nil
}

// received tells whether a message was received in the filter's time.
func (l *listing) received(id queue.ID) bool {
	f := &l.filter
	if !f.Since.IsZero() {
		if from := idFrom(f.Since); bytes.Compare(id[:], from[:]) < 0 {
			return false
		}
	}
	if !f.Until.IsZero() {
		if to := idFrom(f.Until); bytes.Compare(id[:], to[:]) >= 0 {
			return false
		}
	}
	return true
}

// about tells whether a message is one that the filter selects. Of a damaged
// one little is known: it matches filters that do not ask for it.
func (l *listing) about(sum *summary) bool {
	f := &l.filter
	if sum == nil {
		return f.EventType == "" && f.EventID == ""
	}
	return (f.Endpoint == "" || sum.endpoint == f.Endpoint[:min(len(f.Endpoint), maxSummaryText)]) &&
		(f.EventID == "" || sum.eventID == f.EventID[:min(len(f.EventID), maxSummaryText)]) &&
		(f.EventType == "" || queue.Match(f.EventType, sum.eventType))
}

// stands tells whether a delivery is where the filter wants it.
func (l *listing) stands(d *queue.DeliveryState) bool {
	f := &l.filter
	return (f.Destination == "" || d.Destination == f.Destination) &&
		(len(f.States) == 0 || slices.Contains(f.States, d.State))
}

// describe makes the list entry of a message.
func describe(id queue.ID, sum *summary) queue.Summary {
	s := queue.Summary{ID: id, ReceivedAt: idTime(id)}
	if sum != nil {
		s.Endpoint, s.EventID, s.EventType, s.Size = sum.endpoint, sum.eventID, sum.eventType, sum.size
	}
	return s
}
