package pebble

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// change moves a delivery from one stage to another. build adds the records to a
// batch. doneLocked updates the counts in memory, after the batch was committed.
//
// Invariants:
//
//   - from is the state on disk. Only the holder of the claim, or of the message's
//     stripe in Store.parts, may build a change.
//   - A delivery has exactly one entry in the index, at the place that follows from its
//     state. move deletes that of from and writes that of to, in one batch.
//   - A change to record.StageGone needs the message's stripe; see lock.
type change struct {
	store       *Store
	destination *destination
	id          queue.ID
	from, to    record.Delivery
	touched     bool           // the state has a record on disk
	attempt     *queue.Attempt // to be counted; nil: none
	endpoint    record.Digest  // a guess at the message's endpoint; summary searches if it is wrong
	why         record.Reason  // of a removal
}

// ends sets the stage at the end of a delivery. Without a retention the delivery is
// removed at once, except a dead letter.
func (c *change) ends(st record.Stage, why record.Reason) {
	c.to.Stage, c.to.Ended, c.why = st, window.Nanos(c.store.now()), why
	if st != record.StageDead && c.store.retention(c.destination) == 0 {
		c.to.Stage = record.StageGone
	}
}

// lockLimit is how long a change waits for the stripe of a message. On a full disk
// the holder waits for space, and a change without a limit could not be stopped.
const lockLimit = 5 * time.Second

// lock locks the message if the change removes the delivery. Two removals of one
// message at a time would each find the other delivery still there, and the message
// would stay for ever.
func (c *change) lock() (unlock func(), err error) {
	if c.to.Stage != record.StageGone {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockLimit)
	defer cancel()
	return c.store.lockMessage(ctx, c.id)
}

// lockMessage locks the set of deliveries of a message.
func (s *Store) lockMessage(ctx context.Context, id queue.ID) (unlock func(), err error) {
	held, err := s.parts.lock(ctx, queue.Key(id), queue.Key{})
	return held.unlock, err
}

// build adds the records of the change to the batch.
func (c *change) build(db *engine.Database, batch *pebble.Batch) error {
	if c.attempt != nil {
		if err := c.count(batch); err != nil {
			return err
		}
	}
	if err := c.move(batch); err != nil {
		return err
	}
	if c.to.Stage == record.StageGone {
		r := c.store.newRemoval(db, batch)
		return r.delivery(c)
	}
	return c.store.setDelivery(batch, c.id, c.destination.id, &c.to)
}

// count counts the attempt, which goes into the state. The one before it gets a record
// of its own. Most deliveries have one attempt and therefore no such record.
func (c *change) count(batch *pebble.Batch) error {
	c.to.Attempts++
	a := *c.attempt
	a.Number = c.to.Attempts
	var v [256]byte
	before := c.to.AppendLast(v[:0], c.store.seal.For(c.id))
	c.to.Last, c.to.Closed = &a, ""
	if c.to.Stage == record.StageGone {
		return nil
	}
	var k record.KeyBuffer
	if len(before) > 0 {
		if err := batch.Set(record.AttemptKey(&k, c.id, c.destination.id, c.to.Written), before, nil); err != nil {
			return err
		}
	}
	c.to.Written++
	if n := c.to.Written - record.MaxAttempts; n > 0 {
		return batch.Delete(record.AttemptKey(&k, c.id, c.destination.id, n), nil)
	}
	return nil
}

// move takes the delivery from its place in the index to another. A delivery of
// record.StageGone has no place.
func (c *change) move(batch *pebble.Batch) error {
	var k record.KeyBuffer
	if c.from.Stage != record.StageGone {
		if err := remove(batch, c.from.Entry(c.destination.id, c.id)); err != nil {
			return err
		}
	}
	if c.to.Stage == record.StageGone {
		return nil
	}
	if c.to.Stage == record.StageWaiting {
		if err := c.store.steady.keep(batch); err != nil {
			return err
		}
	}
	var v [24]byte
	return batch.Set(c.to.Entry(c.destination.id, c.id).Key(&k), c.to.AppendEntry(v[:0]), nil)
}

// remove deletes an entry of the index. SingleDelete is cheaper, but wrong for a key
// that was written twice.
func remove(batch *pebble.Batch, e record.Entry) error {
	var k record.KeyBuffer
	if e.WrittenOnce() {
		return batch.SingleDelete(e.Key(&k), nil)
	}
	return batch.Delete(e.Key(&k), nil)
}

func (s *Store) setDelivery(batch *pebble.Batch, id queue.ID, digest record.Digest, st *record.Delivery) error {
	var k record.KeyBuffer
	var v [256]byte
	return batch.Set(record.DeliveryKey(&k, id, digest), st.Append(v[:0], s.seal.For(id)), nil)
}

// doneLocked updates the counts in memory after the commit. The destination is locked.
func (c *change) doneLocked() {
	c.store.tallyLocked(c.destination, c.id, &c.from, -1)
	c.store.tallyLocked(c.destination, c.id, &c.to, 1)
	if c.to.Stage == record.StageGone {
		c.store.garbage.add(c.id, c.from.Size)
	}
}

// tallyLocked adds a delivery to the counts of its stage, or removes it with sign -1.
// The destination is locked.
func (s *Store) tallyLocked(d *destination, id queue.ID, st *record.Delivery, sign int64) {
	switch st.Stage {
	case record.StageGone:
		return
	case record.StageWaiting:
		d.CountLocked(st.Waiting(id), sign)
	case record.StageDead:
		d.dead += sign
	default:
		s.retain(d, st, sign)
		return
	}
	d.bytes += sign * st.Size
	s.bytes.Add(sign * st.Size)
}

// removal removes deliveries from the store, and each message with its last
// delivery. The stripes of the messages are held until the batch is committed.
type removal struct {
	store *Store
	db    *engine.Database
	batch *pebble.Batch
	now   int64
	gone  map[queue.ID][]record.Digest // removed in this batch, while their message stays
}

func (s *Store) newRemoval(db *engine.Database, batch *pebble.Batch) *removal {
	return &removal{store: s, db: db, batch: batch, now: window.Nanos(s.now())}
}

// delivery adds the removal of one delivery to the batch. The caller has removed it
// from its index. If other deliveries are left, a state of record.StageGone stays until
// the message goes, so that a later removal knows of it.
func (r *removal) delivery(c *change) error {
	d, id, st := c.destination, c.id, &c.from
	var k record.KeyBuffer
	for n := st.Oldest(); n < st.Written; n++ { // the last one is in the state
		if err := r.batch.Delete(record.AttemptKey(&k, id, d.id, n), nil); err != nil {
			return err
		}
	}
	endpoint, sum, err := summary(r.db, id, c.endpoint)
	if errors.Is(err, pebble.ErrNotFound) || isDamage(err) {
		sum, err = r.lost(id)
	}
	if err != nil {
		return err
	}
	others, err := r.others(d, id, &sum)
	if err != nil {
		return err
	}
	if others {
		if r.gone == nil {
			r.gone = make(map[queue.ID][]record.Digest)
		}
		r.gone[id] = append(r.gone[id], d.id)
		return r.store.setDelivery(r.batch, id, d.id, &record.Delivery{Stage: record.StageGone, Size: st.Size})
	}
	return r.message(c, endpoint, &sum)
}

// lost rebuilds the destinations of a message whose summary is missing or damaged. It
// asks every destination, because the message must stay while another delivery is left.
func (r *removal) lost(id queue.ID) (sum record.Summary, err error) {
	var k record.KeyBuffer
	for _, d := range r.store.allDestinations() {
		untouched := window.Waiting{Position: window.Position{Due: record.ReceiptDue(id), ID: id}}
		for _, key := range [][]byte{bytes.Clone(record.DeliveryKey(&k, id, d.id)), record.EntryOf(d.id, untouched).Key(&k)} {
			_, closer, err := r.db.Get(key)
			if errors.Is(err, pebble.ErrNotFound) {
				continue
			}
			if err == nil {
				err = closer.Close()
			}
			if err != nil && !isDamage(err) {
				return sum, err
			}
			sum.Destinations = append(sum.Destinations, d.id)
			break
		}
	}
	return sum, nil
}

// others reports whether other deliveries of the message are left.
func (r *removal) others(d *destination, id queue.ID, sum *record.Summary) (bool, error) {
	for _, other := range sum.Destinations {
		if other == d.id || slices.Contains(r.gone[id], other) {
			continue
		}
		st, found, err := r.store.delivery(r.db, id, other)
		if isDamage(err) || errors.Is(err, seal.ErrNoKey) {
			err = nil // unreadable, but there: the message stays
		}
		if err != nil || !found || st.Stage != record.StageGone {
			return true, err
		}
	}
	return false, nil
}

// message removes the message and its remaining records after its last delivery.
func (r *removal) message(last *change, endpoint record.Digest, sum *record.Summary) error {
	id := last.id
	var k record.KeyBuffer
	err := r.batch.SingleDelete(record.MessageKey(&k, id), nil)
	if sum.Destinations != nil {
		err = errors.Join(err, r.batch.Delete(record.SummaryKey(&k, endpoint, id), nil))
	}
	if sum.EventID != "" {
		err = errors.Join(err, r.batch.SingleDelete(record.EventKey(&k, record.EventDigest(sum.EventID), id), nil))
	}
	for _, l := range sum.Destinations {
		if l != last.destination.id {
			err = errors.Join(err, r.batch.Delete(record.DeliveryKey(&k, id, l), nil))
		}
	}
	if last.touched {
		err = errors.Join(err, r.batch.Delete(record.DeliveryKey(&k, id, last.destination.id), nil))
	}
	var v [9]byte
	return errors.Join(err, r.batch.Set(record.GoneKey(&k, id), record.AppendGone(v[:0], r.now, last.why), nil))
}

// delivery reads the state of a delivery. found is false if none is recorded: the
// delivery waits since its receipt, or does not exist.
func (s *Store) delivery(db *engine.Database, id queue.ID, digest record.Digest) (st record.Delivery, found bool, err error) {
	var k record.KeyBuffer
	v, closer, err := db.Get(record.DeliveryKey(&k, id, digest))
	if errors.Is(err, pebble.ErrNotFound) {
		return record.Delivery{}, false, nil
	}
	if err != nil {
		return record.Delivery{}, false, err
	}
	st, err = record.DecodeDelivery(v, s.seal.For(id))
	return st, true, errors.Join(err, closer.Close())
}

// summary reads the summary of a message from the list of the given endpoint, or else
// searches the lists of all endpoints. The error is [pebble.ErrNotFound] if no list
// contains it.
func summary(db *engine.Database, id queue.ID, endpoint record.Digest) (record.Digest, record.Summary, error) {
	sum, err := summaryIn(db, endpoint, id)
	if !errors.Is(err, pebble.ErrNotFound) {
		return endpoint, sum, err
	}
	endpoint, found, err := searchLists(db, id)
	if found == nil && err == nil {
		return endpoint, record.Summary{}, pebble.ErrNotFound
	}
	if err != nil {
		return endpoint, record.Summary{}, err
	}
	return endpoint, *found, nil
}

func summaryIn(db *engine.Database, endpoint record.Digest, id queue.ID) (record.Summary, error) {
	var k record.KeyBuffer
	v, closer, err := db.Get(record.SummaryKey(&k, endpoint, id))
	if err != nil {
		return record.Summary{}, err
	}
	sum, err := record.DecodeSummary(v)
	return sum, errors.Join(err, closer.Close())
}
