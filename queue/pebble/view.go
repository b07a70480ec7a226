package pebble

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
)

// view is a snapshot of the store. A delivery is in exactly one index of it, although
// workers move it meanwhile.
type view struct {
	store *Store
	db    *engine.Database
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
	v.db.Leave()
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
func (v *view) summary(endpoint record.Digest, id queue.ID) (*record.Summary, error) {
	var k record.KeyBuffer
	b, err := v.get(record.SummaryKey(&k, endpoint, id))
	if b == nil || err != nil {
		return nil, err
	}
	sum, err := record.DecodeSummary(b)
	return &sum, err
}

// find finds a message whose endpoint is not known: the message names it, or else
// all lists are asked. Both may be nil.
func (v *view) find(id queue.ID) (sum *record.Summary, m *queue.Message, damage, err error) {
	var k record.KeyBuffer
	stored, err := v.get(record.MessageKey(&k, id))
	if err != nil && !isDamage(err) {
		return nil, nil, nil, err
	}
	if damage = err; stored != nil {
		m, damage = v.store.seal.OpenMessage(id, stored)
	}
	if m != nil {
		sum, err = v.summary(record.DigestOf(m.Endpoint), id)
	} else {
		_, sum, err = searchLists(v.snap, id)
	}
	switch {
	case err == nil || isDamage(err):
		if sum == nil && m != nil {
			sum = &record.Summary{Size: int64(len(stored)), Endpoint: m.Endpoint, EventID: m.EventID, EventType: m.EventType}
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
func searchLists(r pebble.Reader, id queue.ID) (endpoint record.Digest, sum *record.Summary, err error) {
	m, err := newMerge(r, span{kind: record.KindSummary, from: id[:], to: append(bytes.Clone(id[:]), 0)})
	if err != nil {
		return endpoint, nil, err
	}
	found := m.next()
	if err := m.close(); found == nil || err != nil {
		return endpoint, nil, err
	}
	s, err := record.DecodeSummary(found.value)
	return found.list, &s, err
}

// destinationsOf returns the destinations of a message's deliveries: those that the summary
// names, and without one of those that were touched.
func (v *view) destinationsOf(sum *record.Summary, id queue.ID) ([]record.Digest, error) {
	if sum != nil && len(sum.Destinations) > 0 {
		return sum.Destinations, nil
	}
	var lower, upper record.KeyBuffer
	iter, err := v.snap.NewIter(&pebble.IterOptions{
		LowerBound: record.DeliveryKey(&lower, id, record.Digest{}),
		UpperBound: append(record.DeliveryKey(&upper, id, record.Digest(bytes.Repeat([]byte{0xff}, 8))), 0),
	})
	if err != nil {
		return nil, err
	}
	var destinations []record.Digest
	for ok := iter.First(); ok; ok = iter.Next() {
		if k := iter.Key(); len(k) == 1+16+8 {
			destinations = append(destinations, record.Digest(k[17:]))
		}
	}
	return destinations, errors.Join(iter.Error(), iter.Close())
}

// delivery reads the state of a delivery. gone: it was removed.
func (v *view) delivery(id queue.ID, digest record.Digest) (d queue.DeliveryState, st record.Delivery, gone bool, err error) {
	d.Destination = v.store.nameOf(digest)
	var k record.KeyBuffer
	b, err := v.get(record.DeliveryKey(&k, id, digest))
	switch {
	case isDamage(err):
		d.Err = err
		return d, st, false, nil
	case err != nil:
		return d, st, false, err
	case b == nil: // unchanged since its receipt
		st.Due = record.ReceiptDue(id)
	default:
		st, d.Err = record.DecodeDelivery(b, v.store.seal.For(id))
	}
	if st.Stage == record.StageGone {
		return d, st, true, nil
	}
	if st.Stage >= record.StageEnd {
		return d, record.Delivery{}, false, nil
	}
	d.State, d.Attempts, d.Last, d.Redelivered = st.Stage.State(), st.Attempts, st.Brief(), record.Time(st.Redelivered)
	if st.Stage == record.StageWaiting {
		d.Claimed, d.Next = v.store.isClaimed(digest, id), v.store.wallAt(st.Due)
	} else {
		d.Ended = record.Time(st.Ended)
	}
	return d, st, false, nil
}

// behind returns the message whose delivery goes before this one, by the order key of
// a waiting delivery; zero: none.
func (v *view) behind(id queue.ID, digest record.Digest, st *record.Delivery) (first queue.ID, err error) {
	if st.Stage != record.StageWaiting || st.Order == nil {
		return first, nil
	}
	var lower, upper record.KeyBuffer
	iter, err := v.snap.NewIter(&pebble.IterOptions{
		LowerBound: record.OrderedEntry(digest, *st.Order, queue.ID{}).Key(&lower),
		UpperBound: record.OrderedEntry(digest, *st.Order, id).Key(&upper),
	})
	if err != nil {
		return first, err
	}
	if iter.First() {
		e, err := record.SplitEntry(iter.Key())
		if err == nil { // a damaged record is set aside when its turn comes
			first = e.ID
		}
	}
	return first, errors.Join(iter.Error(), iter.Close())
}

// history reads the attempts of a delivery that are kept, the oldest first. last is the
// one in its state.
func (v *view) history(id queue.ID, digest record.Digest, last *queue.Attempt) (all []queue.Attempt, damage, err error) {
	var lower, upper record.KeyBuffer
	iter, err := v.snap.NewIter(&pebble.IterOptions{
		LowerBound: record.AttemptKey(&lower, id, digest, 0),
		UpperBound: append(record.AttemptKey(&upper, id, digest, 1<<32-1), 0),
	})
	if err != nil {
		return nil, nil, err
	}
	for ok := iter.First(); ok; ok = iter.Next() {
		a, err := record.DecodeAttempt(bytes.Clone(iter.Value()), v.store.seal.For(id))
		if err != nil {
			damage = err
			continue
		}
		all = append(all, *a)
	}
	if last != nil {
		all = append(all, *last)
	}
	if err = errors.Join(iter.Error(), iter.Close()); isDamage(err) {
		damage, err = err, nil
	}
	return all, damage, err
}

// gone returns the record of a removed message; nil: there is none.
func (v *view) gone(id queue.ID) (*queue.GoneError, error) {
	var k record.KeyBuffer
	b, err := v.get(record.GoneKey(&k, id))
	if b == nil || err != nil {
		return nil, err
	}
	return record.DecodeGone(id, b)
}

// nameOf returns the name of a destination, or one that stands for a lost name.
func (s *Store) nameOf(id record.Digest) queue.Destination {
	s.destinationsMu.RLock()
	defer s.destinationsMu.RUnlock()
	if d := s.digests[id]; d != nil {
		return d.name
	}
	return record.Nameless(id)
}

// isClaimed reports whether a worker holds a delivery.
func (s *Store) isClaimed(digest record.Digest, id queue.ID) bool {
	s.destinationsMu.RLock()
	d := s.digests[digest]
	s.destinationsMu.RUnlock()
	if d == nil {
		return false
	}
	d.Lock()
	defer d.Unlock()
	c, _ := d.HolderLocked(id)
	return c != nil
}

// destinationsOf returns the destinations of an endpoint.
func (s *Store) destinationsOf(endpoint string) []record.Digest {
	s.destinationsMu.RLock()
	defer s.destinationsMu.RUnlock()
	found := []record.Digest{}
	for name, d := range s.destinations {
		if name.Endpoint == endpoint {
			found = append(found, d.id)
		}
	}
	return found
}
