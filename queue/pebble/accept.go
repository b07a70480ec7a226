package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// Accept implements [queue.Store]. A message without an ID is given one.
// Messages are due at once, by the store's clock.
func (s *Store) Accept(ctx context.Context, m *queue.Message, id queue.Identity, to ...queue.Route) (queue.Accepted, error) {
	var names []string
	for _, r := range to {
		names = append(names, r.Destination)
	}
	verdict, err := s.record(ctx, id, m.ReceivedAt, m, names)
	return queue.Accepted{Verdict: verdict}, err
}

// Mark implements [queue.Store].
func (s *Store) Mark(ctx context.Context, id queue.Identity, now time.Time) error {
	_, err := s.record(ctx, id, now, nil, nil)
	return err
}

// Seen implements [queue.Store].
func (s *Store) Seen(ctx context.Context, id queue.Identity, now time.Time) (queue.Verdict, error) {
	db, err := s.enter()
	if err != nil {
		return 0, err
	}
	defer db.leave()
	verdict, err := s.decide(db, id, nanos(now))
	if err != nil {
		return 0, unavailable(err)
	}
	if verdict == queue.New {
		return verdict, nil
	}
	// What can be seen need not be durable yet. It is when its writer lets go of
	// the stripe, or else it is gone.
	held, err := s.locks.lock(ctx, id.Key, id.Digest)
	if err != nil {
		return 0, unavailable(err)
	}
	defer held.unlock()
	if db.hasFailed() {
		return 0, unavailable(nil)
	}
	verdict, err = s.decide(db, id, nanos(now))
	if err != nil {
		return 0, unavailable(err)
	}
	return verdict, nil
}

// record writes an identity in one commit with the message. Where there is a
// message, it decides first whether the identity was seen.
func (s *Store) record(ctx context.Context, id queue.Identity, now time.Time, m *queue.Message, to []string) (queue.Verdict, error) {
	if s.disk.full() {
		return 0, unavailable(errDiskFull)
	}
	if err := ctx.Err(); err != nil {
		return 0, unavailable(context.Cause(ctx))
	}
	if id.Window <= 0 {
		id.Key, id.Digest = queue.Key{}, queue.Key{}
	}
	if id.Digest == id.Key {
		id.Digest = queue.Key{}
	}
	held, err := s.locks.lock(ctx, id.Key, id.Digest)
	if err != nil {
		return 0, unavailable(err)
	}
	db, err := s.enter()
	if err != nil {
		held.unlock()
		return 0, err
	}
	verdict := queue.New
	if m != nil {
		verdict, err = s.decide(db, id, nanos(now))
	}
	if err == nil && (verdict == queue.Duplicate || verdict == queue.Replayed && id.RefuseReplays) {
		// Whoever recorded it has let go of the stripe, so that it is durable, if the
		// commit did not fail.
		if db.hasFailed() {
			err = unavailable(nil)
		}
		db.leave()
		held.unlock()
		return verdict, err
	}
	if err != nil {
		db.leave()
		held.unlock()
		return 0, unavailable(err)
	}
	w := &write{store: s, held: held, id: id}
	if err := w.build(db, id, now, m, to); err != nil {
		w.finish(err)
		db.leave()
		return 0, err
	}
	if w.batch.Empty() {
		w.finish(nil)
		db.leave()
		return verdict, nil
	}
	if err := db.commit(ctx, s.disk, w.batch, true, w.finish); err != nil {
		return 0, err
	}
	return verdict, nil
}

var errDiskFull = errors.New("the disk is full")

// decide looks an identity up; its stripes are held, or the answer is only a
// first look.
func (s *Store) decide(db *database, id queue.Identity, now int64) (queue.Verdict, error) {
	for _, known := range [...]struct {
		key     queue.Key
		verdict queue.Verdict
	}{{id.Key, queue.Duplicate}, {id.Digest, queue.Replayed}} {
		if known.key == (queue.Key{}) || !s.filter.mayHave(known.key) {
			continue
		}
		expiry, found, err := db.expiryOf(known.key)
		if err != nil {
			return queue.New, err
		}
		if found && expiry > now {
			return known.verdict, nil
		}
	}
	return queue.New, nil
}

// expiryOf looks a key up. An iterator, unlike Get, consults the bloom filters
// of the last level too, which is where most of ten million keys are: a new key
// so costs no read from disk.
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
type write struct {
	store  *Store
	held   held
	batch  *pebble.Batch
	bytes  int64 // taken from the backlog's limit
	id     queue.Identity
	keys   int64
	expiry int64
	parts  []part
}

// part is one delivery of a message that is being accepted.
type part struct {
	lane  *lane
	entry entry
	state state
	named bool // the lane's name is in the batch
}

func (w *write) build(db *database, id queue.Identity, now time.Time, m *queue.Message, to []string) error {
	w.batch = db.NewBatch()
	if m != nil && len(to) > 0 {
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

// message adds a message and its deliveries to the batch.
func (w *write) message(m *queue.Message, to []string) error {
	s := w.store
	if m.ID == (queue.ID{}) {
		m.ID = queue.NewID(m.ReceivedAt)
	}
	record := s.seal.message(nil, m)
	size := int64(len(record))
	if limit := s.limit.Load(); s.bytes.Add(size) > limit && limit > 0 {
		s.bytes.Add(-size)
		return queue.ErrFull
	}
	w.bytes = size

	var b keyBuffer
	if err := w.batch.Set(messageKey(&b, m.ID), record, nil); err != nil {
		return err
	}
	to = unique(to)
	due := nanos(s.now())
	for i, destination := range to {
		l, err := s.lane(destination)
		if err != nil {
			return err
		}
		p := part{lane: l, entry: entry{position: position{due, m.ID}}}
		// Each delivery carries its share of the message's bytes, so that the sum
		// over the index is what the messages take.
		p.state = state{size: size / int64(len(to)), parts: len(to)}
		if i == 0 {
			p.state.size += size % int64(len(to))
		}
		if err := w.delivery(&p); err != nil {
			return err
		}
		if s.fresh.take(len(record)) {
			p.entry.fresh = &fresh{record: record, state: p.state}
		}
		l.begin(m.ID)
		w.parts = append(w.parts, p)
	}
	return nil
}

func (w *write) delivery(p *part) error {
	var b keyBuffer
	var v [64]byte
	err := w.batch.Set(waitingKey(&b, p.lane.id, p.entry.position), p.state.append(v[:0]), nil)
	if err == nil && p.state.parts > 1 {
		err = w.batch.Set(partKey(&b, p.entry.id, p.lane.id), nil, nil)
	}
	if err == nil && !p.lane.named.Load() {
		p.named = true
		err = w.batch.Set(nameKey(&b, p.lane.id), []byte(p.lane.name), nil)
	}
	return err
}

// unique drops destinations named twice: a delivery is written once.
func unique(to []string) []string {
	for i := range to {
		if slices.Contains(to[:i], to[i]) {
			to = slices.Clone(to)
			slices.Sort(to)
			return slices.Compact(to)
		}
	}
	return to
}

// finish lets go of what the acceptance held, once its outcome is known.
func (w *write) finish(err error) {
	s := w.store
	for i := range w.parts {
		p := &w.parts[i]
		if err != nil && p.entry.fresh != nil {
			s.fresh.give(len(p.entry.fresh.record))
			p.entry.fresh = nil
		}
		if err == nil && p.named {
			p.lane.named.Store(true)
		}
		p.lane.accepted(p.entry, &p.state, err)
	}
	if err != nil {
		s.bytes.Add(-w.bytes)
	} else if w.keys > 0 {
		s.keys.Add(w.keys)
		s.sweeper.recorded(w.expiry)
	}
	if w.keys > 0 { // also after an error: the batch may be on disk all the same
		for _, key := range [...]queue.Key{w.id.Key, w.id.Digest} {
			if key != (queue.Key{}) && s.filter.add(key) {
				s.loadFilter()
			}
		}
	}
	w.held.unlock()
}
