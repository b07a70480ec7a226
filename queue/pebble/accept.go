package pebble

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/window"
)

// Accept implements [queue.Store]. A message without an ID gets one. Its deliveries are
// due at the time in the ID, or now by the store's clock if that is earlier.
func (s *Store) Accept(ctx context.Context, m *queue.Message, id queue.Identity, to ...queue.Route) (queue.Accepted, error) {
	verdict, w, err := s.record(ctx, id, m, to)
	a := queue.Accepted{Verdict: verdict}
	if w != nil {
		a.Held = w.hand()
	}
	return a, err
}

// Seen implements [queue.Store].
func (s *Store) Seen(ctx context.Context, id queue.Identity, now time.Time) (queue.Verdict, error) {
	db, err := s.enter()
	if err != nil {
		return 0, err
	}
	defer db.Leave()
	verdict, _, err := s.decide(db, id, window.Nanos(now))
	if err != nil {
		return 0, unavailable(err)
	}
	if verdict == queue.New {
		return verdict, nil
	}
	// A visible key need not be durable. Its writer holds the stripe until it is durable
	// or the commit has failed.
	held, err := s.locks.lock(ctx, id.Key, id.Digest)
	if err != nil {
		return 0, unavailable(err)
	}
	if db.HasFailed() {
		held.unlock()
		return 0, unavailable(db.Failure())
	}
	verdict, expiry, err := s.decide(db, id, window.Nanos(now))
	if err != nil {
		held.unlock()
		return 0, unavailable(err)
	}
	s.slide(ctx, held, id, known{verdict, expiry, now})
	return verdict, nil
}

// record decides whether an identity was seen, and if not, writes it in one commit with
// the message.
func (s *Store) record(ctx context.Context, id queue.Identity, m *queue.Message, to []queue.Route) (queue.Verdict, *write, error) {
	if s.engine.Refuses() {
		return 0, nil, unavailable(engine.ErrDiskFull)
	}
	if err := ctx.Err(); err != nil {
		return 0, nil, unavailable(context.Cause(ctx))
	}
	id = id.Recorded()
	held, err := s.locks.lock(ctx, id.Key, id.Digest)
	if err != nil {
		return 0, nil, unavailable(err)
	}
	db, err := s.enter()
	if err != nil {
		held.unlock()
		return 0, nil, err
	}
	verdict, expiry, err := s.decide(db, id, window.Nanos(m.ReceivedAt))
	if err == nil && !id.GoesOn(verdict) {
		// The writer of the key has released the stripe, so the key is durable, unless the
		// database has failed.
		failed := db.HasFailed()
		db.Leave()
		if failed {
			held.unlock()
			return verdict, nil, unavailable(db.Failure())
		}
		s.slide(ctx, held, id, known{verdict, expiry, m.ReceivedAt})
		return verdict, nil, nil
	}
	if err != nil {
		db.Leave()
		held.unlock()
		return 0, nil, unavailable(err)
	}
	w := &write{store: s, held: held, id: id}
	if !s.engine.Take(int64(len(m.Body)) + roughRest) {
		err = unavailable(engine.ErrDiskFull)
	} else {
		err = w.build(db, m, to)
	}
	if err != nil {
		w.finish(err)
		db.Leave()
		return 0, nil, err
	}
	if w.batch.Empty() {
		w.finish(nil)
		db.Leave()
		return verdict, nil, nil
	}
	if err := db.Commit(ctx, w.batch, true, w.finish); err != nil {
		w.abandon()
		return 0, nil, err
	}
	return verdict, w, nil
}

// roughRest and roughKeys estimate the bytes of the records of an acceptance beside its
// body, and of its dedupe keys alone.
const (
	roughRest = 2048
	roughKeys = 256
)

// decide looks an identity up and returns the expiry of the key that decided. Without
// the stripes of the identity the verdict can be wrong in both directions.
func (s *Store) decide(db *engine.Database, id queue.Identity, now int64) (verdict queue.Verdict, expiry int64, err error) {
	for _, known := range [...]struct {
		key     queue.Key
		verdict queue.Verdict
	}{{id.Key, queue.Duplicate}, {id.Digest, queue.Replayed}} {
		if known.key == (queue.Key{}) || !s.filter.mayHave(known.key) {
			continue
		}
		expiry, found, err := s.expiryOf(db, known.key, now)
		if isDamage(err) {
			continue // an event twice is better than an event refused
		}
		if err != nil {
			return queue.New, 0, err
		}
		if found {
			return known.verdict, expiry, nil
		}
	}
	return queue.New, 0, nil
}

// write is one acceptance on its way to the disk.
//
// Invariants:
//
//   - The stripes in held stay locked from the decision until finish. finish runs once,
//     with the outcome of the commit.
//   - bytes is in Store.bytes from message on; finish takes it back after an error.
//   - Each waiting part was announced by destination.Begin, and finish ends that by
//     destination.accepted.
//
// finish can run after the caller has left. mu orders it against abandon, so that a
// claim which is made for a caller that has left is released.
type write struct {
	store  *Store
	held   held
	batch  *pebble.Batch
	bytes  int64 // of the message, added to Store.bytes
	id     queue.Identity
	keys   int64
	bucket *bucket // of the keys; nil: none is written
	parts  []part
	single [1]part // most messages have one delivery

	mu        sync.Mutex
	abandoned bool   // the caller has left without the claim
	claim     *claim // of the route with Hold
	kept      *fresh // the message of claim
}

// part is one delivery of a message that is being accepted.
type part struct {
	destination *destination
	waiting     window.Entry
	stored      record.Delivery
	touched     bool // the state gets a record
	named       bool // the batch contains the destination's name
	hold        bool
}

// fresh is the message if it is in memory; nil: it is not.
func (p *part) fresh() *fresh {
	x, _ := p.waiting.Fresh.(*fresh)
	return x
}

// drop gives the message in memory up.
func (p *part) drop() {
	if x := p.fresh(); x != nil {
		x.Drop()
	}
	p.waiting.Fresh = nil
}

func (w *write) build(db *engine.Database, m *queue.Message, to []queue.Route) error {
	w.batch = db.NewBatch()
	if err := w.message(m, to); err != nil {
		return err
	}
	return w.dedupe(m.ReceivedAt)
}

// message adds a message and its deliveries to the batch. A message without a route is
// kept as unrouted for the retention of its endpoint, and not at all without one.
func (w *write) message(m *queue.Message, to []queue.Route) error {
	s := w.store
	if m.ID == (queue.ID{}) {
		m.ID = queue.NewID(m.ReceivedAt)
	}
	if len(to) == 0 {
		d, err := s.destination(queue.Destination{Endpoint: m.Endpoint})
		if err != nil || s.retention(d) == 0 {
			return err
		}
		stored := s.encode(m)
		p := part{destination: d, waiting: window.Entry{Waiting: window.Waiting{Position: window.Position{ID: m.ID}}}, touched: true}
		p.stored = record.Delivery{Stage: record.StageUnrouted, Size: int64(stored.size()), Ended: window.Nanos(s.now())}
		w.parts = append(w.parts, p)
		return w.records(m, &stored)
	}
	w.parts = w.single[:0]
	if err := w.routes(to); err != nil {
		w.parts = nil
		return err
	}
	stored := s.encode(m)
	size := int64(stored.size())
	if limit := s.limit.Load(); s.bytes.Add(size) > limit && limit > 0 {
		s.bytes.Add(-size)
		w.parts = nil
		return queue.ErrFull
	}
	w.bytes = size
	var f *flight
	if stored.body == nil {
		f = s.flights.launch(m.ID, stored.plain, len(w.parts))
	}
	due, now := record.ReceiptDue(m.ID), s.due()
	for i := range w.parts {
		p := &w.parts[i]
		p.stored.Size, p.stored.Due = share(size, i, len(w.parts)), min(due, now)
		p.touched = due > now || p.stored.Order != nil // the ID does not imply the index key then
		p.waiting.Waiting = p.stored.Waiting(m.ID)
		if f != nil {
			p.waiting.Fresh = &fresh{flight: f, size: p.stored.Size, touched: p.touched}
		}
		p.destination.Begin(m.ID)
	}
	return w.records(m, &stored)
}

// routes adds a delivery for each destination.
func (w *write) routes(to []queue.Route) error {
	for i, r := range to {
		if slices.ContainsFunc(to[:i], func(o queue.Route) bool { return o.Destination == r.Destination }) {
			continue // a destination gets one delivery
		}
		d, err := w.store.destination(r.Destination)
		if err != nil {
			return err
		}
		p := part{destination: d, hold: r.Hold}
		if r.Ordered {
			order := window.OrderKeyOf(r.OrderRule, r.OrderKey)
			p.stored.Order = &order
		}
		w.parts = append(w.parts, p)
	}
	return nil
}

// share returns the bytes of a message that its ith delivery of n has, so that the sum
// over the index is the size of the messages.
func share(size int64, i, n int) int64 {
	if i == 0 {
		return size/int64(n) + size%int64(n)
	}
	return size / int64(n)
}

// records adds the records of a message and of its deliveries to the batch. The message
// comes first, since encoded.put needs an empty batch.
func (w *write) records(m *queue.Message, stored *encoded) error {
	err := stored.put(w.batch)
	var k record.KeyBuffer
	var destinations [4]record.Digest
	sum := record.Summary{Size: int64(stored.size()), Endpoint: m.Endpoint, EventID: m.EventID, EventType: m.EventType, Destinations: destinations[:0]}
	for i := range w.parts {
		sum.Destinations = append(sum.Destinations, w.parts[i].destination.id)
		if err == nil {
			err = w.delivery(&w.parts[i])
		}
	}
	if err != nil {
		return err
	}
	var v [256]byte
	if err := w.batch.Set(record.SummaryKey(&k, record.DigestOf(m.Endpoint), m.ID), sum.Append(v[:0]), nil); err != nil {
		return err
	}
	if m.EventID == "" {
		return nil
	}
	return w.batch.Set(record.EventKey(&k, record.EventDigest(m.EventID), m.ID), nil, nil)
}

func (w *write) delivery(p *part) error {
	x := change{store: w.store, destination: p.destination, id: p.waiting.ID, from: record.Delivery{Stage: record.StageGone}, to: p.stored}
	err := x.move(w.batch)
	if err == nil && p.touched {
		err = w.store.setDelivery(w.batch, x.id, x.destination.id, &x.to)
	}
	if err == nil && !p.destination.named.Load() {
		p.named = true
		err = p.destination.setName(w.batch)
	}
	return err
}

// finish applies the outcome to memory and releases the stripes.
func (w *write) finish(err error) {
	s := w.store
	for i := range w.parts {
		p := &w.parts[i]
		if err != nil {
			p.drop()
		}
		if err == nil && p.named {
			p.destination.named.Store(true)
		}
		if p.stored.Stage == record.StageWaiting {
			w.settle(p, err)
		} else if err == nil {
			s.retain(p.destination, &p.stored, 1)
		}
	}
	if err != nil {
		s.bytes.Add(-w.bytes)
	} else if w.keys > 0 {
		w.bucket.keys.Add(w.keys)
		s.sweeper.recorded(w.bucket.end)
	}
	if w.keys > 0 { // after an error as well: the batch may be on disk
		for _, key := range [...]queue.Key{w.id.Key, w.id.Digest} {
			if key != (queue.Key{}) && s.filter.add(key) {
				s.loadFilter()
			}
		}
	}
	w.held.unlock()
}

// settle passes the outcome for one delivery to its destination, and keeps the claim for hand.
func (w *write) settle(p *part, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	hold := p.hold && w.claim == nil && !w.abandoned
	if c := p.destination.accepted(p.waiting, p.stored.Size, hold, err); c != nil {
		w.claim, w.kept = c, p.fresh()
	}
}

// abandon releases the claim of a caller that leaves, and makes settle claim nothing
// any more.
func (w *write) abandon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abandoned = true
	if w.claim != nil {
		if w.kept != nil {
			w.kept.Drop()
		}
		_ = w.claim.Release() // cannot fail: nothing has ended the claim
	}
}

// hand completes the claim for the caller; nil: there is none. The message is durable
// by now, so a claim that cannot be completed is delivered by a worker later.
func (w *write) hand() queue.Claim {
	w.mu.Lock()
	c := w.claim
	w.mu.Unlock()
	if c == nil {
		return nil
	}
	db, err := w.store.enter()
	if err != nil {
		w.abandon()
		return nil
	}
	defer db.Leave()
	if c, err = w.store.fill(db, c, w.kept); c == nil || err != nil {
		return nil
	}
	return c
}
