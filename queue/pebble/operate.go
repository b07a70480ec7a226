package pebble

import (
	"context"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// operation is a person's change of one delivery. It holds the message's stripe, so that
// operations on a message run one after another. It claims a waiting delivery as a
// worker does, so that no worker attempts it meanwhile.
//
// Invariant: finish runs exactly once. It ends the claim or the announcement by begin,
// and releases the stripe.
type operation struct {
	change
	db     *database
	batch  *pebble.Batch
	sum    summary
	only   []queue.State // the states in which the delivery may be; none: any
	found  bool          // the message has such a delivery
	claim  *claim        // of one that waits
	begun  bool          // lane.begin has announced it as waiting
	other  *change
	named  bool // the lane's name is in the batch
	unlock func()
}

// operate applies the change that decide makes to operation.to, durably. If decide
// changes nothing, the delivery has the requested state already.
func (s *Store) operate(ctx context.Context, id queue.ID, destination string, decide func(*operation) error, only []queue.State) error {
	if s.disk.full() {
		return unavailable(errDiskFull)
	}
	unlock, err := s.lockMessage(ctx, id)
	if err != nil {
		return unavailable(err)
	}
	db, err := s.enter()
	if err != nil {
		unlock()
		return err
	}
	l := s.laneBy(laneOf(destination))
	if l == nil {
		l = newLane(destination, laneOf(destination), s.due) // nothing has ever been in it
	}
	o := &operation{db: db, unlock: unlock, only: only, change: change{store: s, lane: l, id: id}}
	err = o.prepare(decide)
	if err == nil && o.batch == nil && db.hasFailed() {
		err = unavailable(nil) // the records that were read need not be durable
	}
	if err != nil || o.batch == nil {
		o.finish(errCancelled)
		db.leave()
		return err
	}
	return db.commit(ctx, s.disk, o.batch, true, o.finish)
}

// errCancelled ends an operation that changes nothing.
var errCancelled = errors.New("nothing was changed")

// prepare reads the delivery and makes the batch.
func (o *operation) prepare(decide func(*operation) error) error {
	if err := o.find(); err != nil {
		return err
	}
	was := o.from.stage
	if len(o.only) > 0 && !slices.Contains(o.only, was.state()) {
		if !o.found && !slices.Contains(o.only, queue.StateNone) {
			return queue.ErrNotFound
		}
		return queue.ErrState
	}
	if err := decide(o); err != nil {
		return err
	}
	if o.found && o.to == o.from {
		return nil
	}
	if o.claim == nil && o.to.stage == stageWaiting {
		o.lane.begin(o.id)
		o.begun = true
	}
	o.batch = o.db.NewBatch()
	err := o.build(o.db, o.batch)
	if err == nil && was == stageGone {
		err = o.join()
	}
	if err != nil {
		o.batch = nil
		return unavailable(err)
	}
	return nil
}

// find reads the summary of the message and holds its delivery.
func (o *operation) find() (err error) {
	o.endpoint, o.sum, err = o.db.summary(o.id, o.store.endpoint(o.lane))
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return o.store.gone(o.db, o.id)
	case err != nil:
		return unreadable(err)
	}
	if !slices.Contains(o.sum.lanes, o.lane.id) {
		o.from = standing{stage: stageGone}
	} else if err := o.hold(); err != nil {
		return err
	}
	o.to = o.from
	o.found = o.from.stage != stageGone
	return nil
}

// hold reads the standing of the delivery, and claims it if it waits. It reads Pebble
// under the lane's lock, so that no worker claims the delivery between the reading and
// the claim.
func (o *operation) hold() error {
	l := o.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, busy := l.busy[o.id]; busy {
		return queue.ErrBusy
	}
	// No worker has it and the message is locked, so nothing changes it now.
	st, touched, err := o.store.standing(o.db, o.id, l.id)
	if err != nil {
		return unreadable(err)
	}
	o.from, o.touched = st, touched
	if st.stage != stageWaiting {
		return nil
	}
	if !touched {
		o.from.due = receiptDue(o.id)
	}
	p := o.from.place(o.id)
	var k keyBuffer
	v, closer, err := o.db.Get(p.key(&k, l.id))
	if errors.Is(err, pebble.ErrNotFound) || isDamage(err) {
		// Damage has removed it from the index, and the counts do not include it. It can
		// be redelivered like a removed one.
		o.from = standing{stage: stageGone, written: st.written}
		return nil
	}
	if err != nil {
		return unreadable(err)
	}
	o.from.size = p.size(v)
	if err := closer.Close(); err != nil {
		return unreadable(err)
	}
	o.claim = l.grabLocked(p)
	o.claim.store, o.claim.standing = o.store, o.from
	return nil
}

// unreadable wraps an error that may pass in ErrUnavailable, and leaves damage alone.
func unreadable(err error) error {
	if isDamage(err) || errors.Is(err, errNoKey) {
		return err
	}
	return unavailable(err)
}

// grabLocked claims a delivery that waits and that nobody holds.
func (l *lane) grabLocked(p place) *claim {
	if p.order != nil {
		l.lines.hold(p).drop()
		return l.claimLocked(p)
	}
	if i, found := l.findLocked(p.position); found {
		l.window[i].fresh.drop()
		l.window = slices.Delete(l.window, i, i+1)
	}
	l.arrived = slices.DeleteFunc(l.arrived, func(e entry) bool { return e.position == p.position })
	return l.claimLocked(p)
}

// join adds a new delivery to the message. It removes the delivery that stood for the
// message being unrouted.
func (o *operation) join() error {
	var k keyBuffer
	if !slices.Contains(o.sum.lanes, o.lane.id) {
		o.sum.lanes = append(o.sum.lanes, o.lane.id)
		var v [256]byte
		if err := o.batch.Set(listKey(&k, o.endpoint, o.id), o.sum.append(v[:0]), nil); err != nil {
			return err
		}
	}
	if !o.lane.named.Load() {
		o.named = true
		if err := o.batch.Set(nameKey(&k, o.lane.id), []byte(o.lane.name), nil); err != nil {
			return err
		}
	}
	if o.other == nil {
		return nil
	}
	if err := o.other.leave(o.batch); err != nil {
		return err
	}
	return o.store.setStanding(o.batch, o.id, o.other.lane.id, &o.other.to)
}

// unrouted returns the removal of the unrouted delivery of a message; nil: there is
// none.
func (o *operation) unrouted() (*change, error) {
	for _, id := range o.sum.lanes {
		st, found, err := o.store.standing(o.db, o.id, id)
		if err != nil {
			return nil, unavailable(err)
		}
		l := o.store.laneBy(id)
		if found && st.stage == stageUnrouted && l != nil {
			return &change{store: o.store, lane: l, id: o.id, from: st, to: standing{stage: stageGone, size: st.size}}, nil
		}
	}
	return nil, nil
}

// finish applies the outcome to memory, and releases the claim and the stripe.
func (o *operation) finish(err error) {
	l := o.lane
	l.mu.Lock()
	if o.claim != nil {
		l.endedLocked(o.claim)
		o.claim.phase = ended
	} else if o.begun {
		delete(l.busy, o.id)
	}
	switch {
	case err == nil:
		o.doneLocked()
		if o.to.stage == stageWaiting {
			l.insertLocked(entry{place: o.to.place(o.id)})
		}
		if o.named {
			l.named.Store(true)
		}
	case o.claim != nil && !o.claim.gone:
		l.insertLocked(entry{place: o.claim.place})
	case o.begun:
		l.forgetLocked(o.to.place(o.id))
	}
	l.mu.Unlock()
	if o.other != nil && err == nil {
		o.other.lane.mu.Lock()
		o.other.doneLocked()
		o.other.lane.mu.Unlock()
	}
	o.unlock()
}

func (s *Store) laneBy(id laneID) *lane {
	s.lanesMu.RLock()
	defer s.lanesMu.RUnlock()
	return s.laneIDs[id]
}

// gone is the error for a message that is not there.
func (s *Store) gone(db *database, id queue.ID) error {
	var k keyBuffer
	v, closer, err := db.Get(goneKey(&k, id))
	if errors.Is(err, pebble.ErrNotFound) {
		return queue.ErrNotFound
	}
	if err != nil {
		return unavailable(err)
	}
	gone, err := decodeGone(id, v)
	if errors.Join(err, closer.Close()) != nil {
		return queue.ErrNotFound
	}
	return gone
}

// Redeliver implements [queue.Inspector]. In its order the delivery comes before waiting
// ones that were received after it. A redelivered message is not unrouted any more. The
// limit on the backlog does not apply.
func (s *Store) Redeliver(ctx context.Context, id queue.ID, to queue.Route, only ...queue.State) error {
	return s.operate(ctx, id, to.Destination, func(o *operation) (err error) {
		now := nanos(s.now())
		if !o.found {
			if o.lane, err = s.lane(to.Destination); err != nil {
				return err
			}
			if o.other, err = o.unrouted(); err != nil {
				return err
			}
			switch {
			case o.other != nil:
				o.to.size = o.other.from.size
			case o.to.size == 0:
				o.to.size = o.sum.size / int64(len(o.sum.lanes)+1)
			}
		}
		o.to.stage, o.to.due, o.to.ended = stageWaiting, s.due(), 0
		o.to.redelivered, o.to.attempts, o.to.order = now, 0, nil
		if to.Ordered {
			order := orderOf(to.OrderRule, to.OrderKey)
			o.to.order = &order
		}
		return nil
	}, only)
}

// Cancel implements [queue.Inspector]. A cancelled delivery stays cancelled.
func (s *Store) Cancel(ctx context.Context, id queue.ID, destination string, only ...queue.State) error {
	return s.operate(ctx, id, destination, endWaiting(stageCancelled), only)
}

// Bury implements [queue.Inspector]. A dead letter stays one.
func (s *Store) Bury(ctx context.Context, id queue.ID, destination string, only ...queue.State) error {
	return s.operate(ctx, id, destination, endWaiting(stageDead), only)
}

func endWaiting(as stage) func(*operation) error {
	return func(o *operation) error {
		switch o.from.stage {
		case stageWaiting:
			o.ends(as, gonePurged)
			return nil
		case as:
			return nil
		case stageGone:
			return queue.ErrNotFound
		}
		return queue.ErrState
	}
}

// Purge implements [queue.Inspector].
func (s *Store) Purge(ctx context.Context, id queue.ID, destination string, only ...queue.State) error {
	return s.operate(ctx, id, destination, func(o *operation) error {
		if !o.found {
			return queue.ErrNotFound
		}
		o.to.stage, o.why = stageGone, gonePurged
		return nil
	}, only)
}

// ForgetKey implements [queue.Inspector].
func (s *Store) ForgetKey(ctx context.Context, key queue.Key) (bool, error) {
	if s.disk.full() {
		return false, unavailable(errDiskFull)
	}
	held, err := s.locks.lock(ctx, key, queue.Key{})
	if err != nil {
		return false, unavailable(err)
	}
	db, err := s.enter()
	if err != nil {
		held.unlock()
		return false, err
	}
	expiry, found, err := db.expiryOf(key)
	found = found && expiry > nanos(s.now())
	if err == nil && !found && db.hasFailed() {
		err = errFenced // the missing key need not be durable
	}
	if err != nil || !found {
		held.unlock()
		db.leave()
		if err != nil {
			err = unavailable(err)
		}
		return false, err
	}
	batch := db.NewBatch()
	var b keyBuffer
	err = errors.Join(batch.Delete(dedupeKey(&b, key), nil), batch.Delete(expiryKey(&b, expiry, key), nil))
	if err != nil {
		held.unlock()
		db.leave()
		return false, unavailable(err)
	}
	err = db.commit(ctx, s.disk, batch, true, func(err error) {
		if err == nil {
			s.keys.Add(-1)
		}
		held.unlock()
	})
	return err == nil, err
}
