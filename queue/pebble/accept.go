package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// Accept implements [queue.Store]. A message without an ID gets one. Its deliveries are
// due at the time in the ID, or now by the store's clock if that is earlier.
func (s *Store) Accept(ctx context.Context, m *queue.Message, id queue.Identity, to ...queue.Route) (queue.Accepted, error) {
	verdict, w, err := s.record(ctx, id, m.ReceivedAt, m, to)
	a := queue.Accepted{Verdict: verdict}
	if w != nil {
		a.Held = w.hand()
	}
	return a, err
}

// Mark implements [queue.Store].
func (s *Store) Mark(ctx context.Context, id queue.Identity, now time.Time) error {
	_, _, err := s.record(ctx, id, now, nil, nil)
	return err
}

// Seen implements [queue.Store].
func (s *Store) Seen(ctx context.Context, id queue.Identity, now time.Time) (queue.Verdict, error) {
	db, err := s.enter()
	if err != nil {
		return 0, err
	}
	defer db.leave()
	verdict, _, err := s.decide(db, id, nanos(now))
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
	if db.hasFailed() {
		held.unlock()
		return 0, unavailable(nil)
	}
	verdict, expiry, err := s.decide(db, id, nanos(now))
	if err != nil {
		held.unlock()
		return 0, unavailable(err)
	}
	s.slide(ctx, held, id, known{verdict, expiry, now})
	return verdict, nil
}

// record writes an identity in one commit with the message. Where there is a
// message, it decides first whether the identity was seen.
func (s *Store) record(ctx context.Context, id queue.Identity, now time.Time, m *queue.Message, to []queue.Route) (queue.Verdict, *write, error) {
	if s.disk.full() || s.space.shut.Load() {
		return 0, nil, unavailable(errDiskFull)
	}
	if err := ctx.Err(); err != nil {
		return 0, nil, unavailable(context.Cause(ctx))
	}
	if id.Window <= 0 {
		id.Key, id.Digest = queue.Key{}, queue.Key{}
	}
	if id.Digest == id.Key {
		id.Digest = queue.Key{}
	}
	held, err := s.locks.lock(ctx, id.Key, id.Digest)
	if err != nil {
		return 0, nil, unavailable(err)
	}
	db, err := s.enter()
	if err != nil {
		held.unlock()
		return 0, nil, err
	}
	verdict, expiry := queue.New, int64(0)
	if m != nil {
		verdict, expiry, err = s.decide(db, id, nanos(now))
	}
	if err == nil && (verdict == queue.Duplicate || verdict == queue.Replayed && id.RefuseReplays) {
		// The writer of the key has released the stripe, so the key is durable, unless the
		// database has failed.
		failed := db.hasFailed()
		db.leave()
		if failed {
			held.unlock()
			return verdict, nil, unavailable(nil)
		}
		s.slide(ctx, held, id, known{verdict, expiry, now})
		return verdict, nil, nil
	}
	if err != nil {
		db.leave()
		held.unlock()
		return 0, nil, unavailable(err)
	}
	w := &write{store: s, held: held, id: id}
	if !s.space.take(roughSize(m)) {
		err = unavailable(errDiskFull)
	} else {
		err = w.build(db, id, now, m, to)
	}
	if err != nil {
		w.finish(err)
		db.leave()
		return 0, nil, err
	}
	if w.batch.Empty() {
		w.finish(nil)
		db.leave()
		return verdict, nil, nil
	}
	if err := db.commit(ctx, s.disk, w.batch, true, w.finish); err != nil {
		w.abandon()
		return 0, nil, err
	}
	return verdict, w, nil
}

// roughSize estimates the bytes of the records of an acceptance.
func roughSize(m *queue.Message) int64 {
	if m == nil {
		return 256
	}
	return int64(len(m.Body)) + 2048
}

var errDiskFull = errors.New("the disk is full")

// decide looks an identity up and returns the expiry of the key that decided. Without
// the stripes of the identity the verdict can be wrong in both directions.
func (s *Store) decide(db *database, id queue.Identity, now int64) (verdict queue.Verdict, expiry int64, err error) {
	for _, known := range [...]struct {
		key     queue.Key
		verdict queue.Verdict
	}{{id.Key, queue.Duplicate}, {id.Digest, queue.Replayed}} {
		if known.key == (queue.Key{}) || !s.filter.mayHave(known.key) {
			continue
		}
		expiry, found, err := db.expiryOf(known.key)
		if isDamage(err) {
			continue // an event twice is better than an event refused
		}
		if err != nil {
			return queue.New, 0, err
		}
		if found && expiry > now {
			return known.verdict, expiry, nil
		}
	}
	return queue.New, 0, nil
}

// expiryOf looks a key up. Unlike Get, an iterator uses the bloom filters of the last
// level too, which contains most of ten million keys. Therefore a new key costs no
// read from disk.
func (db *database) expiryOf(key queue.Key) (expiry int64, found bool, err error) {
	iter, err := db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return 0, false, err
	}
	var b keyBuffer
	if iter.SeekPrefixGE(dedupeKey(&b, key)) {
		if v := iter.Value(); len(v) == 8 {
			expiry, found = int64(binary.BigEndian.Uint64(v)), true
		} else {
			err = errDamaged
		}
	}
	return expiry, found, errors.Join(err, iter.Close())
}

// write is one acceptance on its way to the disk.
//
// Invariants:
//
//   - The stripes in held stay locked from the decision until finish. finish runs once,
//     with the outcome of the commit.
//   - bytes is in Store.bytes from message on; finish takes it back after an error.
//   - Each waiting part was announced by lane.begin, and finish ends that by
//     lane.accepted.
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
	expiry int64
	parts  []part
	single [1]part // most messages have one delivery

	mu        sync.Mutex
	abandoned bool   // the caller has left without the claim
	claim     *claim // of the route with Hold
	kept      *fresh // the message of claim
}

// part is one delivery of a message that is being accepted.
type part struct {
	lane     *lane
	entry    entry
	standing standing
	touched  bool // the standing gets a record
	named    bool // the batch contains the lane's name
	hold     bool
}

func (w *write) build(db *database, id queue.Identity, now time.Time, m *queue.Message, to []queue.Route) error {
	w.batch = db.NewBatch()
	if m != nil {
		if err := w.message(m, to); err != nil {
			return err
		}
	}
	w.expiry = nanos(now.Add(id.Window))
	for _, key := range [...]queue.Key{id.Key, id.Digest} {
		if key == (queue.Key{}) {
			continue
		}
		var b keyBuffer
		v := binary.BigEndian.AppendUint64(make([]byte, 0, 8), uint64(w.expiry))
		if err := w.batch.Set(dedupeKey(&b, key), v, nil); err != nil {
			return err
		}
		if err := w.batch.Set(expiryKey(&b, w.expiry, key), nil, nil); err != nil {
			return err
		}
		w.keys++
	}
	return nil
}

// message adds a message and its deliveries to the batch. A message without a route is
// kept as unrouted for the retention of its endpoint, and not at all without one.
func (w *write) message(m *queue.Message, to []queue.Route) error {
	s := w.store
	if m.ID == (queue.ID{}) {
		m.ID = queue.NewID(m.ReceivedAt)
	}
	if len(to) == 0 {
		l, err := s.lane(m.Endpoint)
		if err != nil || l.retention.Load() <= 0 {
			return err
		}
		record := s.encode(m)
		p := part{lane: l, entry: entry{place: place{position: position{id: m.ID}}}, touched: true}
		p.standing = standing{stage: stageUnrouted, size: int64(record.size()), ended: nanos(s.now())}
		w.parts = append(w.parts, p)
		return w.records(m, &record)
	}
	w.parts = w.single[:0]
	for i, r := range to {
		if slices.ContainsFunc(to[:i], func(o queue.Route) bool { return o.Destination == r.Destination }) {
			continue // a destination gets one delivery
		}
		l, err := s.lane(r.Destination)
		if err != nil {
			w.parts = nil
			return err
		}
		p := part{lane: l, hold: r.Hold}
		if r.Ordered {
			order := orderOf(r.OrderRule, r.OrderKey)
			p.standing.order = &order
		}
		w.parts = append(w.parts, p)
	}
	record := s.encode(m)
	size := int64(record.size())
	if limit := s.limit.Load(); s.bytes.Add(size) > limit && limit > 0 {
		s.bytes.Add(-size)
		w.parts = nil
		return queue.ErrFull
	}
	w.bytes = size
	var f *flight
	if record.body == nil {
		f = s.flights.launch(m.ID, record.plain, len(w.parts))
	}
	due, now := receiptDue(m.ID), s.due()
	for i := range w.parts {
		p := &w.parts[i]
		// Each delivery has a share of the message's bytes, so that the sum over the index
		// is the size of the messages.
		p.standing.size, p.standing.due = size/int64(len(w.parts)), min(due, now)
		if i == 0 {
			p.standing.size += size % int64(len(w.parts))
		}
		p.touched = due > now || p.standing.order != nil // the ID does not imply the index key then
		p.entry.place = p.standing.place(m.ID)
		if f != nil {
			p.entry.fresh = &fresh{flight: f, size: p.standing.size, touched: p.touched}
		}
		p.lane.begin(m.ID)
	}
	return w.records(m, &record)
}

// records adds the records of a message and of its deliveries to the batch. The message
// comes first, since encoded.put needs an empty batch.
func (w *write) records(m *queue.Message, record *encoded) error {
	err := record.put(w.batch)
	var k keyBuffer
	var lanes [4]laneID
	sum := summary{size: int64(record.size()), endpoint: m.Endpoint, eventID: m.EventID, eventType: m.EventType, lanes: lanes[:0]}
	for i := range w.parts {
		sum.lanes = append(sum.lanes, w.parts[i].lane.id)
		if err == nil {
			err = w.delivery(&w.parts[i])
		}
	}
	if err != nil {
		return err
	}
	var v [256]byte
	if err := w.batch.Set(listKey(&k, laneOf(m.Endpoint), m.ID), sum.append(v[:0]), nil); err != nil {
		return err
	}
	if m.EventID == "" {
		return nil
	}
	return w.batch.Set(eventKey(&k, eventOf(m.EventID), m.ID), nil, nil)
}

func (w *write) delivery(p *part) error {
	x := change{store: w.store, lane: p.lane, id: p.entry.id, to: p.standing}
	err := x.arrive(w.batch)
	if err == nil && p.touched {
		err = w.store.setStanding(w.batch, x.id, x.lane.id, &x.to)
	}
	if err == nil && !p.lane.named.Load() {
		p.named = true
		var k keyBuffer
		err = w.batch.Set(nameKey(&k, p.lane.id), []byte(p.lane.name), nil)
	}
	return err
}

// finish applies the outcome to memory and releases the stripes.
func (w *write) finish(err error) {
	s := w.store
	for i := range w.parts {
		p := &w.parts[i]
		if err != nil {
			p.entry.fresh.drop()
			p.entry.fresh = nil
		}
		if err == nil && p.named {
			p.lane.named.Store(true)
		}
		if p.standing.stage == stageWaiting {
			w.settle(p, err)
		} else if err == nil {
			s.retain(p.lane, &p.standing, 1)
		}
	}
	if err != nil {
		s.bytes.Add(-w.bytes)
	} else if w.keys > 0 {
		s.keys.Add(w.keys)
		s.sweeper.recorded(w.expiry)
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

// settle passes the outcome for one delivery to its lane, and keeps the claim for hand.
func (w *write) settle(p *part, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	hold := p.hold && w.claim == nil && !w.abandoned
	if c := p.lane.accepted(p.entry, p.standing.size, hold, err); c != nil {
		w.claim, w.kept = c, p.entry.fresh
	}
}

// abandon releases the claim of a caller that leaves, and makes settle claim nothing
// any more.
func (w *write) abandon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abandoned = true
	if w.claim != nil {
		w.kept.drop()
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
	defer db.leave()
	if c, err = w.store.fill(db, c, w.kept); c == nil || err != nil {
		return nil
	}
	return c
}
