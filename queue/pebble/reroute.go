package pebble

import (
	"context"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/window"
)

// rerouting gives an unrouted message its deliveries, all in one commit. Otherwise a crash
// could leave it with a part of them, and it would not count as unrouted any more.
//
// The new deliveries are those of an acceptance, so write announces and adds them.
type rerouting struct {
	write
	leaving change // of the delivery that stood for the message being unrouted
	unlock  func() // of the message's stripe
}

// Reroute implements [queue.Inspector].
func (s *Store) Reroute(ctx context.Context, id queue.ID, to ...queue.Route) error {
	if s.engine.Full() {
		return unavailable(engine.ErrDiskFull)
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
	r := &rerouting{write: write{store: s, batch: db.NewBatch()}, unlock: unlock}
	err = r.build(db, id, to)
	if errors.Is(err, queue.ErrState) && db.HasFailed() {
		err = unavailable(db.Failure()) // the records that were read need not be durable
	}
	if err != nil {
		r.finish(err)
		db.Leave()
		return err
	}
	return db.Commit(ctx, r.batch, true, r.finish)
}

func (r *rerouting) build(db *engine.Database, id queue.ID, to []queue.Route) error {
	s := r.store
	endpoint, sum, err := summary(db, id, record.Digest{})
	if errors.Is(err, pebble.ErrNotFound) {
		return s.gone(db, id)
	}
	if err != nil {
		return unreadable(err)
	}
	leaving, err := s.unrouted(db, id, &sum)
	if err != nil {
		return err
	}
	if leaving == nil || len(to) == 0 {
		return queue.ErrState
	}
	if err := leaving.move(r.batch); err != nil {
		return unavailable(err)
	}
	if err := s.setDelivery(r.batch, id, leaving.destination.id, &leaving.to); err != nil {
		return unavailable(err)
	}
	if err := r.deliveries(id, leaving.from.Size, to); err != nil {
		return unavailable(err)
	}
	r.leaving = *leaving
	for i := range r.parts {
		if d := r.parts[i].destination.id; !slices.Contains(sum.Destinations, d) {
			sum.Destinations = append(sum.Destinations, d)
		}
	}
	var k record.KeyBuffer
	var v [256]byte
	return r.batch.Set(record.SummaryKey(&k, endpoint, id), sum.Append(v[:0]), nil)
}

// deliveries adds the new deliveries to the batch.
func (r *rerouting) deliveries(id queue.ID, size int64, to []queue.Route) error {
	s := r.store
	if err := r.routes(to); err != nil {
		r.parts = nil // none is announced
		return err
	}
	s.bytes.Add(size)
	r.bytes = size
	for i := range r.parts {
		p := &r.parts[i]
		p.hold, p.touched = false, true
		p.stored.Size, p.stored.Due, p.stored.Redelivered = share(size, i, len(r.parts)), s.due(), window.Nanos(s.now())
		p.waiting.Waiting = p.stored.Waiting(id)
		p.destination.Begin(id)
	}
	for i := range r.parts {
		if err := r.delivery(&r.parts[i]); err != nil {
			return err
		}
	}
	return nil
}

// finish applies the outcome to memory, and releases the stripe.
func (r *rerouting) finish(err error) {
	r.write.finish(err)
	if d := r.leaving.destination; d != nil && err == nil {
		d.Lock()
		r.leaving.doneLocked()
		d.Unlock()
	}
	r.unlock()
}

// unrouted returns the removal of the unrouted delivery of a message; nil: there is
// none.
func (s *Store) unrouted(db *engine.Database, id queue.ID, sum *record.Summary) (*change, error) {
	for _, digest := range sum.Destinations {
		st, found, err := s.delivery(db, id, digest)
		if err != nil {
			return nil, unreadable(err)
		}
		d := s.destinationBy(digest)
		if found && st.Stage == record.StageUnrouted && d != nil {
			return &change{store: s, destination: d, id: id, from: st, to: record.Delivery{Stage: record.StageGone, Size: st.Size}}, nil
		}
	}
	return nil, nil
}
