package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// view is one picture of the store, in which a delivery is in one place, however
// much workers move it meanwhile.
type view struct {
	store *Store
	db    *database
	snap  *pebble.Snapshot
}

func (s *Store) view() (*view, error) {
	db, err := s.enter()
	if err != nil {
		return nil, err
	}
	return &view{s, db, db.NewSnapshot()}, nil
}

func (v *view) close() error {
	err := v.snap.Close()
	v.db.leave()
	return err
}

// get reads a copy of a value; nil: there is none.
func (v *view) get(key []byte) ([]byte, error) {
	b, closer, err := v.snap.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b = append(make([]byte, 0, len(b)), b...)
	return b, closer.Close()
}

// summary reads the summary of a message from the list of an endpoint; nil: it
// is not in it.
func (v *view) summary(endpoint laneID, id queue.ID) (*summary, error) {
	var k keyBuffer
	b, err := v.get(listKey(&k, endpoint, id))
	if b == nil || err != nil {
		return nil, err
	}
	sum, err := decodeSummary(b)
	return &sum, err
}

// find finds a message whose endpoint is not known: the message tells, or else
// all lists are asked. Both may be nil.
func (v *view) find(id queue.ID) (sum *summary, m *queue.Message, damage, err error) {
	var k keyBuffer
	record, err := v.get(messageKey(&k, id))
	if err != nil && !isDamage(err) {
		return nil, nil, nil, err
	}
	if damage = err; record != nil {
		m, damage = v.store.seal.openMessage(id, record)
	}
	if m != nil {
		sum, err = v.summary(laneOf(m.Endpoint), id)
	} else {
		_, sum, err = searchLists(v.snap, id)
	}
	switch {
	case err == nil || isDamage(err):
		if sum == nil && m != nil {
			sum = &summary{size: int64(len(record)), endpoint: m.Endpoint, eventID: m.EventID, eventType: m.EventType}
		}
		if damage == nil && sum != nil && m == nil {
			damage = errMissing
		}
		return sum, m, errors.Join(damage, err), nil
	default:
		return nil, nil, nil, err
	}
}

var errMissing = errors.New("the message is missing")

// searchLists looks for a message in the lists of all endpoints; nil: it is in none.
func searchLists(r pebble.Reader, id queue.ID) (endpoint laneID, sum *summary, err error) {
	m, err := newMerge(r, kindList, false, nil, id[:], append(bytes.Clone(id[:]), 0), nil)
	if err != nil {
		return endpoint, nil, err
	}
	found := m.next()
	if err := m.close(); found == nil || err != nil {
		return endpoint, nil, err
	}
	s, err := decodeSummary(found.value)
	return found.strand, &s, err
}

// lanesOf returns the lanes of a message's deliveries: of those that the summary
// names, and without one of those that were touched.
func (v *view) lanesOf(sum *summary, id queue.ID) ([]laneID, error) {
	if sum != nil && len(sum.lanes) > 0 {
		return sum.lanes, nil
	}
	var lower, upper keyBuffer
	iter, err := v.snap.NewIter(&pebble.IterOptions{
		LowerBound: standingKey(&lower, id, laneID{}),
		UpperBound: append(standingKey(&upper, id, laneID(bytes.Repeat([]byte{0xff}, 8))), 0),
	})
	if err != nil {
		return nil, err
	}
	var lanes []laneID
	for ok := iter.First(); ok; ok = iter.Next() {
		if k := iter.Key(); len(k) == 1+16+8 {
			lanes = append(lanes, laneID(k[17:]))
		}
	}
	return lanes, errors.Join(iter.Error(), iter.Close())
}

// delivery tells where a delivery stands. gone: it is over and not kept.
func (v *view) delivery(id queue.ID, lane laneID) (d queue.DeliveryState, st standing, gone bool, err error) {
	d.Destination = v.store.destination(lane)
	var k keyBuffer
	b, err := v.get(standingKey(&k, id, lane))
	switch {
	case isDamage(err):
		d.Err = err
		return d, st, false, nil
	case err != nil:
		return d, st, false, err
	case b == nil: // nobody has touched it
		st.due = receiptDue(id)
	default:
		st, d.Err = decodeStanding(b, v.store.seal.of(id))
	}
	if st.stage == stageGone {
		return d, st, true, nil
	}
	if st.stage >= stageEnd {
		return d, standing{}, false, nil
	}
	d.State, d.Attempts, d.Last, d.Redelivered = st.stage.state(), st.attempts, st.last, unnanos(st.redelivered)
	if st.stage == stageWaiting {
		d.Claimed, d.Next = v.store.isClaimed(lane, id), v.store.wallAt(st.due)
	} else {
		d.Ended = unnanos(st.ended)
	}
	return d, st, false, nil
}

// history reads the attempts of a delivery that are kept, the oldest first.
func (v *view) history(id queue.ID, lane laneID) (all []queue.Attempt, damage, err error) {
	var lower, upper keyBuffer
	iter, err := v.snap.NewIter(&pebble.IterOptions{
		LowerBound: attemptKey(&lower, id, lane, 0),
		UpperBound: append(attemptKey(&upper, id, lane, 1<<32-1), 0),
	})
	if err != nil {
		return nil, nil, err
	}
	for ok := iter.First(); ok; ok = iter.Next() {
		a, err := decodeAttempt(bytes.Clone(iter.Value()), v.store.seal.of(id))
		if err != nil {
			damage = err
			continue
		}
		all = append(all, *a)
	}
	if err = errors.Join(iter.Error(), iter.Close()); isDamage(err) {
		damage, err = err, nil
	}
	return all, damage, err
}

// gone tells of a message that has gone; nil: nothing is known.
func (v *view) gone(id queue.ID) (*queue.GoneError, error) {
	var k keyBuffer
	b, err := v.get(goneKey(&k, id))
	if b == nil || err != nil {
		return nil, err
	}
	return decodeGone(id, b)
}

// destination is the name of a lane, also of one that lost it.
func (s *Store) destination(id laneID) string {
	s.lanesMu.RLock()
	defer s.lanesMu.RUnlock()
	if l := s.laneIDs[id]; l != nil {
		return l.name
	}
	return nameless(id)
}

// isClaimed tells whether a worker holds a delivery.
func (s *Store) isClaimed(lane laneID, id queue.ID) bool {
	s.lanesMu.RLock()
	l := s.laneIDs[lane]
	s.lanesMu.RUnlock()
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy[id] != nil
}

// lanesNamed returns the lanes of an endpoint's forwards.
func (s *Store) lanesNamed(endpoint string) []laneID {
	s.lanesMu.RLock()
	defer s.lanesMu.RUnlock()
	found := []laneID{}
	for name, l := range s.lanes {
		if name == endpoint || strings.HasPrefix(name, endpoint+"/") {
			found = append(found, l.id)
		}
	}
	return found
}

// endpointOf is the endpoint that a destination belongs to.
func endpointOf(destination string) string {
	endpoint, _, _ := strings.Cut(destination, "/")
	return endpoint
}

// idTime is when a message was received, as far as its ID tells.
func idTime(id queue.ID) time.Time {
	sub := int64(binary.BigEndian.Uint16(id[6:])&0xfff) * int64(time.Millisecond) >> 12
	return time.Unix(0, min(receiptDue(id), maxNanos-int64(time.Millisecond))+sub).UTC()
}

const maxNanos = 1<<63 - 1

// idFrom is before the ID of every message received at t or later, and behind
// those of the ones before.
func idFrom(t time.Time) queue.ID {
	id := queue.NewID(time.Unix(0, nanos(t)))
	return queue.ID(append(id[:8:8], make([]byte, 8)...))
}
