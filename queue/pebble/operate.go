package pebble

import (
	"context"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// operation is a person's change of one delivery. It holds the message's stripe, so that
// operations on a message run one after another. It claims a waiting delivery as a
// worker does, so that no worker attempts it meanwhile.
//
// Invariant: finish runs exactly once. It ends the claim or the announcement by begin,
// and releases the stripe.
type operation struct {
	change
	db     *engine.Database
	batch  *pebble.Batch
	sum    record.Summary
	only   []queue.State // the states in which the delivery may be; none: any
	found  bool          // the message has such a delivery
	claim  *claim        // of one that waits
	begun  bool          // destination.Begin has announced it as waiting
	named  bool          // the destination's name is in the batch
	unlock func()
}

// target is the delivery that an operation changes.
type target struct {
	id          queue.ID
	destination queue.Destination
	only        []queue.State // the states in which it may be; none: any
}

// operate applies the change that decide makes to operation.to, durably. If decide
// changes nothing, the delivery has the requested state already.
func (s *Store) operate(ctx context.Context, t target, decide func(*operation) error) error {
	if s.engine.Full() {
		return unavailable(engine.ErrDiskFull)
	}
	unlock, err := s.lockMessage(ctx, t.id)
	if err != nil {
		return unavailable(err)
	}
	db, err := s.enter()
	if err != nil {
		unlock()
		return err
	}
	d := s.destinationBy(record.DigestOf(t.destination.String()))
	if d == nil {
		d = newDestination(t.destination, record.DigestOf(t.destination.String()), s.due) // nothing has ever been in it
	}
	o := &operation{db: db, unlock: unlock, only: t.only, change: change{store: s, destination: d, id: t.id}}
	err = o.prepare(decide)
	if err == nil && o.batch == nil && db.HasFailed() {
		err = unavailable(db.Failure()) // the records that were read need not be durable
	}
	if err != nil || o.batch == nil {
		o.finish(errCancelled)
		db.Leave()
		return err
	}
	return db.Commit(ctx, o.batch, true, o.finish)
}

// errCancelled ends an operation that changes nothing.
var errCancelled = errors.New("nothing was changed")

// prepare reads the delivery and makes the batch.
func (o *operation) prepare(decide func(*operation) error) error {
	if err := o.find(); err != nil {
		return err
	}
	was := o.from.Stage
	if len(o.only) > 0 && !slices.Contains(o.only, was.State()) {
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
	if o.claim == nil && o.to.Stage == record.StageWaiting {
		o.destination.Begin(o.id)
		o.begun = true
	}
	o.batch = o.db.NewBatch()
	err := o.build(o.db, o.batch)
	if err == nil && was == record.StageGone {
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
	o.endpoint, o.sum, err = summary(o.db, o.id, o.store.endpoint(o.destination))
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return o.store.gone(o.db, o.id)
	case err != nil:
		return unreadable(err)
	}
	if !slices.Contains(o.sum.Destinations, o.destination.id) {
		o.from = record.Delivery{Stage: record.StageGone}
	} else if err := o.hold(); err != nil {
		return err
	}
	o.to = o.from
	o.found = o.from.Stage != record.StageGone
	return nil
}

// hold reads the state of the delivery, and claims it if it waits. It reads Pebble
// under the destination's lock, so that no worker claims the delivery between the reading and
// the claim.
func (o *operation) hold() error {
	d := o.destination
	d.Lock()
	defer d.Unlock()
	if _, busy := d.HolderLocked(o.id); busy {
		return queue.ErrBusy
	}
	// No worker has it and the message is locked, so nothing changes it now.
	st, touched, err := o.store.delivery(o.db, o.id, d.id)
	if err != nil {
		return unreadable(err)
	}
	o.from, o.touched = st, touched
	if st.Stage != record.StageWaiting {
		return nil
	}
	if !touched {
		o.from.Due = record.ReceiptDue(o.id)
	}
	p := o.from.Waiting(o.id)
	var k record.KeyBuffer
	v, closer, err := o.db.Get(record.EntryOf(d.id, p).Key(&k))
	if errors.Is(err, pebble.ErrNotFound) || isDamage(err) {
		// Damage has removed it from the index, and the counts do not include it. It can
		// be redelivered like a removed one.
		o.from = record.Delivery{Stage: record.StageGone, Written: st.Written, Last: st.Last, Closed: st.Closed}
		return nil
	}
	if err != nil {
		return unreadable(err)
	}
	o.from.Size = record.DecodeSize(v)
	if err := closer.Close(); err != nil {
		return unreadable(err)
	}
	o.claim = d.grabLocked(p)
	o.claim.store, o.claim.stored = o.store, o.from
	return nil
}

// unreadable wraps an error that may pass in ErrUnavailable, and leaves damage alone.
func unreadable(err error) error {
	if isDamage(err) || errors.Is(err, seal.ErrNoKey) {
		return err
	}
	return unavailable(err)
}

// join adds a new delivery to the message.
func (o *operation) join() error {
	var k record.KeyBuffer
	if !slices.Contains(o.sum.Destinations, o.destination.id) {
		o.sum.Destinations = append(o.sum.Destinations, o.destination.id)
		var v [256]byte
		if err := o.batch.Set(record.SummaryKey(&k, o.endpoint, o.id), o.sum.Append(v[:0]), nil); err != nil {
			return err
		}
	}
	if !o.destination.named.Load() {
		o.named = true
		if err := o.destination.setName(o.batch); err != nil {
			return err
		}
	}
	return nil
}

// finish applies the outcome to memory, and releases the claim and the stripe.
func (o *operation) finish(err error) {
	d := o.destination
	d.Lock()
	if o.claim != nil {
		d.endedLocked(o.claim)
		o.claim.phase = ended
	} else if o.begun {
		d.AbandonLocked(o.id)
	}
	switch {
	case err == nil:
		o.doneLocked()
		if o.to.Stage == record.StageWaiting {
			d.InsertLocked(window.Entry{Waiting: o.to.Waiting(o.id)})
		}
		if o.named {
			d.named.Store(true)
		}
	case o.claim != nil && !o.claim.Gone:
		d.InsertLocked(window.Entry{Waiting: o.claim.Waiting})
	case o.begun:
		d.ForgetLocked(o.to.Waiting(o.id))
	}
	d.Unlock()
	o.unlock()
}

func (s *Store) destinationBy(id record.Digest) *destination {
	s.destinationsMu.RLock()
	defer s.destinationsMu.RUnlock()
	return s.digests[id]
}

// gone is the error for a message that is not there.
func (s *Store) gone(db *engine.Database, id queue.ID) error {
	var k record.KeyBuffer
	v, closer, err := db.Get(record.GoneKey(&k, id))
	if errors.Is(err, pebble.ErrNotFound) {
		return queue.ErrNotFound
	}
	if err != nil {
		return unavailable(err)
	}
	gone, err := record.DecodeGone(id, v)
	if errors.Join(err, closer.Close()) != nil {
		return queue.ErrNotFound
	}
	return gone
}

// Redeliver implements [queue.Inspector]. In its order the delivery comes before waiting
// ones that were received after it. A redelivered message is not unrouted any more. The
// limit on the backlog does not apply.
func (s *Store) Redeliver(ctx context.Context, id queue.ID, to queue.Route, only ...queue.State) error {
	for {
		err := s.redeliver(ctx, id, to, only)
		if err == errUnrouted {
			err = s.Reroute(ctx, id, to)
			if errors.Is(err, queue.ErrState) {
				continue // somebody else has routed it meanwhile
			}
		}
		return err
	}
}

// errUnrouted: the message has no delivery yet but the one that stands for being unrouted.
var errUnrouted = errors.New("the message is unrouted")

func (s *Store) redeliver(ctx context.Context, id queue.ID, to queue.Route, only []queue.State) error {
	return s.operate(ctx, target{id, to.Destination, only}, func(o *operation) (err error) {
		now := window.Nanos(s.now())
		if !o.found {
			unrouted, err := s.unrouted(o.db, o.id, &o.sum)
			if err != nil {
				return err
			}
			if unrouted != nil {
				return errUnrouted
			}
			if o.destination, err = s.destination(to.Destination); err != nil {
				return err
			}
			if o.to.Size == 0 {
				o.to.Size = o.sum.Size / int64(len(o.sum.Destinations)+1)
			}
		}
		o.to.Stage, o.to.Due, o.to.Ended = record.StageWaiting, s.due(), 0
		o.to.Redelivered, o.to.Attempts, o.to.Order = now, 0, nil
		if to.Ordered {
			order := window.OrderKeyOf(to.OrderRule, to.OrderKey)
			o.to.Order = &order
		}
		return nil
	})
}

// Cancel implements [queue.Inspector]. A cancelled delivery stays cancelled.
func (s *Store) Cancel(ctx context.Context, id queue.ID, destination queue.Destination, only ...queue.State) error {
	return s.operate(ctx, target{id, destination, only}, endWaiting(record.StageCancelled))
}

// Bury implements [queue.Inspector]. A dead letter stays one.
func (s *Store) Bury(ctx context.Context, id queue.ID, destination queue.Destination, only ...queue.State) error {
	return s.operate(ctx, target{id, destination, only}, endWaiting(record.StageDead))
}

func endWaiting(as record.Stage) func(*operation) error {
	return func(o *operation) error {
		switch o.from.Stage {
		case record.StageWaiting:
			o.ends(as, record.GonePurged)
			return nil
		case as:
			return nil
		case record.StageGone:
			return queue.ErrNotFound
		}
		return queue.ErrState
	}
}

// Purge implements [queue.Inspector].
func (s *Store) Purge(ctx context.Context, id queue.ID, destination queue.Destination, only ...queue.State) error {
	return s.operate(ctx, target{id, destination, only}, func(o *operation) error {
		if !o.found {
			return queue.ErrNotFound
		}
		o.to.Stage, o.why = record.StageGone, record.GonePurged
		return nil
	})
}
