package pebble

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// change moves a delivery from one stage to another. build adds the records to a
// batch. doneLocked updates the counts in memory, after the batch was committed.
//
// Invariants:
//
//   - from is the standing on disk. Only the holder of the claim, or of the message's
//     stripe in Store.parts, may build a change.
//   - A delivery is in exactly one index: that of its stage. leave removes it from the
//     index of from, arrive adds it to the index of to, in one batch.
//   - A change to stageGone needs the message's stripe; see lock.
type change struct {
	store    *Store
	lane     *lane
	id       queue.ID
	from, to standing
	touched  bool           // the standing has a record on disk
	attempt  *queue.Attempt // to be counted; nil: none
	endpoint laneID         // a guess at the message's endpoint; summary searches if it is wrong
	why      reason         // of a removal
}

// ends sets the stage at the end of a delivery. Without a retention the delivery is
// removed at once, except a dead letter.
func (c *change) ends(st stage, why reason) {
	c.to.stage, c.to.ended, c.why = st, nanos(c.store.now()), why
	if st != stageDead && c.lane.retention.Load() <= 0 {
		c.to.stage = stageGone
	}
}

// lockLimit is how long a change waits for the stripe of a message. On a full disk
// the holder waits for space, and a change without a limit could not be stopped.
const lockLimit = 5 * time.Second

// lock locks the message if the change removes the delivery. Two removals of one
// message at a time would each find the other delivery still there, and the message
// would stay for ever.
func (c *change) lock() (unlock func(), err error) {
	if c.to.stage != stageGone {
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
func (c *change) build(db *database, batch *pebble.Batch) error {
	if c.attempt != nil {
		if err := c.count(batch); err != nil {
			return err
		}
	}
	if err := c.leave(batch); err != nil {
		return err
	}
	if c.to.stage == stageGone {
		r := c.store.newRemoval(db, batch)
		return r.delivery(c.lane, c.id, &c.from, c.touched, c.endpoint, c.why)
	}
	if err := c.arrive(batch); err != nil {
		return err
	}
	return c.store.setStanding(batch, c.id, c.lane.id, &c.to)
}

// count adds the record of the attempt, unless the delivery is removed with it.
func (c *change) count(batch *pebble.Batch) error {
	c.to.attempts++
	a := *c.attempt
	a.Number = c.to.attempts
	c.to.last = &a
	if c.to.stage == stageGone {
		return nil
	}
	c.to.written++
	var k keyBuffer
	var v [256]byte
	value := appendAttempt(v[:0], &a, c.store.seal.of(c.id))
	if err := batch.Set(attemptKey(&k, c.id, c.lane.id, c.to.written), value, nil); err != nil {
		return err
	}
	if n := c.to.written - historyMax; n > 0 {
		return batch.Delete(attemptKey(&k, c.id, c.lane.id, n), nil)
	}
	return nil
}

// leave deletes the delivery from the index of its old stage. SingleDelete is enough
// where a key is written once.
func (c *change) leave(batch *pebble.Batch) error {
	var k keyBuffer
	switch c.from.stage {
	case stageWaiting:
		if c.from.order != nil { // not SingleDelete: each retry writes the same key again
			return batch.Delete(c.from.place(c.id).key(&k, c.lane.id), nil)
		}
		return batch.SingleDelete(c.from.place(c.id).key(&k, c.lane.id), nil)
	case stageDead:
		return batch.SingleDelete(deadKey(&k, c.lane.id, c.id), nil)
	case stageGone:
		return nil
	default:
		return batch.SingleDelete(endedKey(&k, c.lane.id, c.from.ended, c.id), nil)
	}
}

// arrive adds the delivery to the index of its new stage.
func (c *change) arrive(batch *pebble.Batch) error {
	var k keyBuffer
	var v [24]byte
	size := appendSize(v[:0], c.to.size)
	switch c.to.stage {
	case stageWaiting:
		if err := c.store.steady.keep(batch); err != nil {
			return err
		}
		p := c.to.place(c.id)
		if p.order != nil {
			size = appendLine(v[:0], p.due, c.to.size)
		}
		return batch.Set(p.key(&k, c.lane.id), size, nil)
	case stageDead:
		return batch.Set(deadKey(&k, c.lane.id, c.id), size, nil)
	default:
		return batch.Set(endedKey(&k, c.lane.id, c.to.ended, c.id), size, nil)
	}
}

func (s *Store) setStanding(batch *pebble.Batch, id queue.ID, lane laneID, st *standing) error {
	var k keyBuffer
	var v [256]byte
	return batch.Set(standingKey(&k, id, lane), st.append(v[:0], s.seal.of(id)), nil)
}

// doneLocked updates the counts in memory after the commit. The lane is locked.
func (c *change) doneLocked() {
	c.store.tallyLocked(c.lane, c.id, &c.from, -1)
	c.store.tallyLocked(c.lane, c.id, &c.to, 1)
	if c.to.stage == stageGone {
		c.store.garbage.add(c.id, c.from.size)
	}
}

// tallyLocked adds a delivery to the counts of its stage, or removes it with sign -1.
// The lane is locked.
func (s *Store) tallyLocked(l *lane, id queue.ID, st *standing, sign int64) {
	switch st.stage {
	case stageGone:
		return
	case stageWaiting:
		l.waiting += sign
		if sign > 0 {
			l.ages.add(id, st.order != nil)
		} else {
			l.ages.remove(id, st.order != nil)
			if l.lines.anyBarred() {
				l.stirLocked()
			}
		}
	case stageDead:
		l.dead += sign
	default:
		s.retain(l, st, sign)
		return
	}
	l.bytes += sign * st.size
	s.bytes.Add(sign * st.size)
}

// removal removes deliveries from the store, and each message with its last
// delivery. The stripes of the messages are held until the batch is committed.
type removal struct {
	store *Store
	db    *database
	batch *pebble.Batch
	now   int64
	gone  map[queue.ID][]laneID // removed in this batch, while their message stays
}

func (s *Store) newRemoval(db *database, batch *pebble.Batch) *removal {
	return &removal{store: s, db: db, batch: batch, now: nanos(s.now())}
}

// delivery adds the removal of one delivery to the batch. The caller has removed it
// from its index. If other deliveries are left, a standing of stageGone stays until
// the message goes, so that a later removal knows of it.
func (r *removal) delivery(l *lane, id queue.ID, st *standing, touched bool, endpoint laneID, why reason) error {
	var k keyBuffer
	for n := st.oldest(); n <= st.written; n++ {
		if err := r.batch.Delete(attemptKey(&k, id, l.id, n), nil); err != nil {
			return err
		}
	}
	endpoint, sum, err := r.db.summary(id, endpoint)
	if errors.Is(err, pebble.ErrNotFound) || isDamage(err) {
		sum, err = r.lost(id)
	}
	if err != nil {
		return err
	}
	others, err := r.others(l, id, &sum)
	if err != nil {
		return err
	}
	if others {
		if r.gone == nil {
			r.gone = make(map[queue.ID][]laneID)
		}
		r.gone[id] = append(r.gone[id], l.id)
		return r.store.setStanding(r.batch, id, l.id, &standing{stage: stageGone, size: st.size})
	}
	return r.message(id, endpoint, &sum, l, touched, why)
}

// lost rebuilds the destinations of a message whose summary is missing or damaged. It
// asks every lane, because the message must stay while another delivery is left.
func (r *removal) lost(id queue.ID) (sum summary, err error) {
	var k keyBuffer
	for _, l := range r.store.allLanes() {
		untouched := place{position: position{receiptDue(id), id}}
		for _, key := range [][]byte{bytes.Clone(standingKey(&k, id, l.id)), untouched.key(&k, l.id)} {
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
			sum.lanes = append(sum.lanes, l.id)
			break
		}
	}
	return sum, nil
}

// others reports whether other deliveries of the message are left.
func (r *removal) others(l *lane, id queue.ID, sum *summary) (bool, error) {
	for _, other := range sum.lanes {
		if other == l.id || slices.Contains(r.gone[id], other) {
			continue
		}
		st, found, err := r.store.standing(r.db, id, other)
		if isDamage(err) || errors.Is(err, errNoKey) {
			err = nil // unreadable, but there: the message stays
		}
		if err != nil || !found || st.stage != stageGone {
			return true, err
		}
	}
	return false, nil
}

// message removes the message and its remaining records after its last delivery.
func (r *removal) message(id queue.ID, endpoint laneID, sum *summary, last *lane, touched bool, why reason) error {
	var k keyBuffer
	err := r.batch.SingleDelete(messageKey(&k, id), nil)
	if sum.lanes != nil {
		err = errors.Join(err, r.batch.Delete(listKey(&k, endpoint, id), nil))
	}
	if sum.eventID != "" {
		err = errors.Join(err, r.batch.Delete(eventKey(&k, eventOf(sum.eventID), id), nil))
	}
	for _, l := range sum.lanes {
		if l != last.id {
			err = errors.Join(err, r.batch.Delete(standingKey(&k, id, l), nil))
		}
	}
	if touched {
		err = errors.Join(err, r.batch.Delete(standingKey(&k, id, last.id), nil))
	}
	var v [9]byte
	return errors.Join(err, r.batch.Set(goneKey(&k, id), appendGone(v[:0], r.now, why), nil))
}

// standing reads the standing of a delivery. found is false if none is recorded: the
// delivery waits since its receipt, or does not exist.
func (s *Store) standing(db *database, id queue.ID, lane laneID) (st standing, found bool, err error) {
	var k keyBuffer
	v, closer, err := db.Get(standingKey(&k, id, lane))
	if errors.Is(err, pebble.ErrNotFound) {
		return standing{}, false, nil
	}
	if err != nil {
		return standing{}, false, err
	}
	st, err = decodeStanding(v, s.seal.of(id))
	return st, true, errors.Join(err, closer.Close())
}

// summary reads the summary of a message from the list of the given endpoint, or else
// searches the lists of all endpoints. The error is [pebble.ErrNotFound] if no list
// contains it.
func (db *database) summary(id queue.ID, endpoint laneID) (laneID, summary, error) {
	sum, err := db.summaryIn(endpoint, id)
	if !errors.Is(err, pebble.ErrNotFound) {
		return endpoint, sum, err
	}
	endpoint, found, err := searchLists(db, id)
	if found == nil && err == nil {
		return endpoint, summary{}, pebble.ErrNotFound
	}
	if err != nil {
		return endpoint, summary{}, err
	}
	return endpoint, *found, nil
}

func (db *database) summaryIn(endpoint laneID, id queue.ID) (summary, error) {
	var k keyBuffer
	v, closer, err := db.Get(listKey(&k, endpoint, id))
	if err != nil {
		return summary{}, err
	}
	sum, err := decodeSummary(v)
	return sum, errors.Join(err, closer.Close())
}
