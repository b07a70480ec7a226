package pebble

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

const (
	retireBatch = 512         // deliveries removed in one commit
	retirePause = time.Second // at least this long between sweeps
	goneAge     = 30 * 24 * time.Hour
	gonePause   = time.Hour // at least this long between sweeps of the records of removed messages
	goneSize    = 256 << 20 // bytes that these records may take, roughly
)

// history counts the ended deliveries that are kept, and controls their sweeps.
type history struct {
	sweeper
	turn    chan struct{} // full while a sweep runs
	bytes   atomic.Int64
	counted atomic.Bool  // bytes includes the deliveries that were on disk at the start
	limit   atomic.Int64 // on bytes; none if it is not positive
	gone    atomic.Int64 // time of the next sweep of the records of removed messages
}

// Retain implements [queue.Store].
func (s *Store) Retain(destination queue.Destination, age time.Duration) {
	d, err := s.destination(destination)
	if err != nil {
		return // two names with one digest: Accept refuses this one as well
	}
	if before := d.retention.Swap(&age); before == nil || *before != age {
		s.history.recorded(0)
	}
}

// retention returns how long ended deliveries of a destination are kept, in nanoseconds. 0: not
// at all.
func (s *Store) retention(d *destination) int64 {
	if own := d.retention.Load(); own != nil {
		return int64(max(*own, 0))
	}
	return max(s.keeping.Load(), 0)
}

// maxRetained is the limit on the bytes of ended deliveries. On a small disk it is a
// share of the disk. 0 or less: none.
func (s *Store) maxRetained() int64 {
	limit, share := s.history.limit.Load(), s.retainedShare()
	if limit <= 0 || share < limit {
		return share
	}
	return limit
}

// retainedShare is how many bytes of the disk ended deliveries may take.
func (s *Store) retainedShare() int64 { return s.engine.Share(4, 1<<20, math.MaxInt64) }

// retain adds an ended delivery to the counts, or removes it with sign -1, and sets the
// time of its sweep. It needs no lock.
func (s *Store) retain(d *destination, st *record.Delivery, sign int64) {
	bytes := s.history.bytes.Add(sign * st.Size)
	if sign < 0 {
		return
	}
	d.lower(st.Ended)
	due := later(st.Ended, s.retention(d))
	if limit := s.maxRetained(); limit > 0 && bytes > limit && s.history.counted.Load() {
		due = 0
	}
	s.history.recorded(due)
}

// lower makes first cover a delivery that ended at the given time.
func (d *destination) lower(ended int64) {
	for {
		first := d.first.Load()
		if ended >= first || d.first.CompareAndSwap(first, ended) {
			return
		}
	}
}

func later(t, d int64) int64 {
	if d > math.MaxInt64-t {
		return math.MaxInt64
	}
	return t + max(d, 0)
}

// countEnded prepares the count of ended deliveries, as countKeys does for keys.
func (s *Store) countEnded(db *engine.Database) (count func(), err error) {
	s.history.counted.Store(false)
	s.history.bytes.Store(0)
	if !db.Use() {
		return func() {}, nil
	}
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{record.KindEnded}, UpperBound: []byte{record.KindEnded + 1}})
	if err != nil {
		db.Leave()
		return func() {}, err
	}
	return func() {
		defer db.Leave()
		var bytes int64
		n := 0
		for ok := iter.First(); ok; ok = iter.Next() {
			if n++; n%4096 == 0 && s.interrupted(db) {
				break
			}
			bytes += record.DecodeSize(iter.Value())
		}
		if errors.Join(iter.Error(), iter.Close()) == nil && !s.interrupted(db) {
			s.history.bytes.Add(bytes)
			s.history.counted.Store(true)
			s.history.recorded(0)
		}
	}, nil
}

// retire removes the ended deliveries whose retention is over, and the oldest ones
// beyond the limit on their bytes.
//
// One retire runs at a time. A second one at the same time would find nothing and
// return too early, while the first still removes.
func (s *Store) retire(ctx context.Context) (int, error) {
	select {
	case s.history.turn <- struct{}{}:
		defer func() { <-s.history.turn }()
	case <-ctx.Done():
		return 0, unavailable(context.Cause(ctx))
	case <-s.engine.Running().Done():
		return 0, unavailable(errors.New("it is closed"))
	}
	now := window.Nanos(s.now())
	// Deliveries that end from here on lower it again.
	s.history.next.Store(math.MaxInt64)
	r := retiring{store: s}
	err := r.aged(ctx, now)
	if err == nil {
		err = r.crowded(ctx)
	}
	if err == nil {
		err = s.sweepGone(ctx, now)
	}
	if err != nil {
		s.history.recorded(now)
		return r.total, err
	}
	for _, d := range s.allDestinations() {
		if first := d.first.Load(); first != math.MaxInt64 {
			s.history.recorded(later(first, s.retention(d)))
		}
	}
	s.history.recorded(s.history.gone.Load())
	return r.total, nil
}

func (s *Store) allDestinations() []*destination {
	s.destinationsMu.RLock()
	defer s.destinationsMu.RUnlock()
	all := make([]*destination, 0, len(s.destinations))
	for _, d := range s.destinations {
		all = append(all, d)
	}
	return all
}

// retiring is one sweep of ended deliveries. It removes deliveries of many destinations in one
// commit.
//
// Invariant: a delivery in batch is not covered by its destination's first any more. commit
// removes it, or undo covers it again.
type retiring struct {
	store *Store
	batch []retired
	bytes int64 // in the batch
	total int
}

// retired is an ended delivery that is to be removed.
type retired struct {
	destination *destination
	ended       int64
	id          queue.ID
	st          record.Delivery
}

func (r *retiring) aged(ctx context.Context, now int64) error {
	for _, d := range r.store.allDestinations() {
		for {
			until := now - r.store.retention(d)
			if d.first.Load() > until {
				break
			}
			if err := r.collect(d, until, math.MaxInt64); err != nil {
				return r.undo(err)
			}
			if len(r.batch) == retireBatch {
				if err := r.commit(ctx, record.GoneAged); err != nil {
					return err
				}
			}
		}
	}
	return r.commit(ctx, record.GoneAged)
}

// crowded removes the oldest ended deliveries of all destinations beyond the limit. It stops a
// little below the limit, so that not each new one starts a sweep.
func (r *retiring) crowded(ctx context.Context) error {
	h := &r.store.history
	limit := r.store.maxRetained()
	if limit <= 0 || !h.counted.Load() || h.bytes.Load() <= limit {
		return nil
	}
	return r.crowdedTo(ctx, limit-limit/64)
}

// crowdedTo removes the oldest until target bytes are left.
func (r *retiring) crowdedTo(ctx context.Context, target int64) error {
	h := &r.store.history
	destinations := r.store.allDestinations()
	for h.bytes.Load()-r.bytes > target {
		d, until := oldest(destinations)
		if d == nil {
			break
		}
		if err := r.collect(d, until, h.bytes.Load()-r.bytes-target); err != nil {
			return r.undo(err)
		}
		if len(r.batch) == retireBatch {
			if err := r.commit(ctx, record.GoneCrowded); err != nil {
				return err
			}
		}
	}
	return r.commit(ctx, record.GoneCrowded)
}

// oldest returns the destination with the delivery that ended first, and the time when the first
// one of the other destinations ended.
func oldest(destinations []*destination) (d *destination, until int64) {
	first := int64(math.MaxInt64)
	until = math.MaxInt64
	for _, other := range destinations {
		switch at := other.first.Load(); {
		case at < first:
			d, first, until = other, at, first
		case at < until:
			until = at
		}
	}
	return d, until
}

// collect adds the deliveries of a destination that ended by the given time to the batch, until
// the batch is full or has grown by the given bytes. It sets first to the next one.
func (r *retiring) collect(d *destination, until, bytes int64) error {
	db, err := r.store.enter()
	if err != nil {
		return err
	}
	defer db.Leave()
	from := d.first.Swap(math.MaxInt64)
	var lower, upper record.KeyBuffer
	// The lower bound skips the tombstones of removed deliveries.
	first := record.Entry{Part: record.KindEnded, Destination: d.id, When: uint64(from)}
	to := record.Entry{Part: record.KindEnded, Destination: d.id, When: math.MaxInt64, ID: window.Last.ID}
	err = walk(db, first.Key(&lower), append(to.Key(&upper), 0), func(k, v []byte) error {
		e, err := record.SplitEntry(k)
		if err != nil {
			return err
		}
		ended := int64(e.When)
		if ended > until || bytes <= 0 || len(r.batch) == retireBatch {
			d.lower(ended)
			return folder.ErrEnough
		}
		size := record.DecodeSize(v)
		r.batch = append(r.batch, retired{destination: d, ended: ended, id: e.ID, st: record.Delivery{Size: size}})
		r.bytes += size
		bytes -= size
		return nil
	})
	r.store.setAside(db)
	if err != nil {
		d.lower(from)
		return unavailable(err)
	}
	return nil
}

// undo returns the collected deliveries to their destinations for a later sweep.
func (r *retiring) undo(err error) error {
	for _, x := range r.batch {
		x.destination.lower(x.ended)
	}
	r.clear()
	return err
}

func (r *retiring) clear() { r.batch, r.bytes = nil, 0 }

// commit removes the collected deliveries. It is not synced: after a crash they are
// removed again.
func (r *retiring) commit(ctx context.Context, why record.Reason) error {
	if len(r.batch) == 0 {
		return nil
	}
	s := r.store
	keys := make([]queue.Key, len(r.batch))
	for i := range r.batch {
		keys[i] = queue.Key(r.batch[i].id)
	}
	unlock, err := s.parts.lockAll(ctx, keys)
	if err != nil {
		return r.undo(unavailable(err))
	}
	db, err := s.enter()
	if err != nil {
		unlock()
		return r.undo(err)
	}
	batch := db.NewBatch()
	removed, err := r.build(db, batch, why)
	if err != nil {
		unlock()
		db.Leave()
		return r.undo(unavailable(err))
	}
	err = db.Commit(ctx, batch, false, func(err error) {
		if err == nil {
			for i := range removed {
				s.retain(removed[i].destination, &removed[i].st, -1)
				s.garbage.add(removed[i].id, removed[i].st.Size)
			}
		}
		unlock()
	})
	if err != nil {
		return r.undo(err)
	}
	r.total += len(removed)
	r.clear()
	return nil
}

// build adds the removals of the deliveries that are still in their index.
//
// A delivery can have been collected twice: collect can meet its index entry before the
// change that made it has lowered first, and then again. The second removal must not be
// built. It would not see the first one, which is only in the batch, and would leave a
// state of a message that is gone.
func (r *retiring) build(db *engine.Database, batch *pebble.Batch, why record.Reason) (removed []retired, err error) {
	s := r.store
	rm := s.newRemoval(db, batch)
	built := make(map[record.Entry]bool, len(r.batch))
	for _, x := range r.batch {
		e := record.Entry{Part: record.KindEnded, Destination: x.destination.id, When: uint64(x.ended), ID: x.id}
		if built[e] {
			continue
		}
		built[e] = true
		st, found, err := s.delivery(db, x.id, x.destination.id)
		if isDamage(err) || errors.Is(err, seal.ErrNoKey) {
			err = nil // only the attempt at its end is unreadable; the rest is in st
		}
		if err != nil {
			return nil, err
		}
		if !found || st.Ended != x.ended || !st.Stage.Kept() {
			// A person has redelivered it, or the index entry has no delivery.
			var k record.KeyBuffer
			_, closer, err := db.Get(e.Key(&k))
			if errors.Is(err, pebble.ErrNotFound) {
				continue
			}
			if err == nil {
				err = errors.Join(closer.Close(), remove(batch, e))
			}
			if err != nil {
				return nil, err
			}
			removed = append(removed, x)
			continue
		}
		x.st.Stage = st.Stage
		endpoint := s.endpoint(x.destination)
		if err := remove(batch, e); err != nil {
			return nil, err
		}
		if err := rm.delivery(&change{destination: x.destination, id: x.id, from: st, touched: true, endpoint: endpoint, why: why}); err != nil {
			return nil, err
		}
		removed = append(removed, x)
	}
	return removed, nil
}

// endpoint returns the endpoint in whose list the messages of a destination probably are.
// It locks destinationsMu because a destination that has lost its name can get it back.
func (s *Store) endpoint(d *destination) record.Digest {
	s.destinationsMu.RLock()
	defer s.destinationsMu.RUnlock()
	return record.DigestOf(d.name.Endpoint)
}

// sweepGone deletes the records of messages that were removed long ago, and the oldest
// ones if all of them take much space. IDs sort by time, so it deletes one range.
func (s *Store) sweepGone(ctx context.Context, now int64) error {
	if now < s.history.gone.Load() {
		return nil
	}
	db, err := s.enter()
	if err != nil {
		return err
	}
	first, size, err := goneRecords(db)
	if err != nil {
		db.Leave()
		return unavailable(err)
	}
	cut := now - int64(goneAge)
	if limit := uint64(s.engine.Share(16, 1<<20, goneSize)); size > limit {
		cut = max(cut, now-int64(float64(now-first)*float64(limit)/float64(size)))
	}
	s.history.gone.Store(later(now, int64(gonePause)))
	if first >= cut {
		db.Leave()
		return nil
	}
	batch := db.NewBatch()
	var k record.KeyBuffer
	upper := queue.NewID(time.Unix(0, cut))
	if err := batch.DeleteRange([]byte{record.KindGone}, record.GoneKey(&k, upper), nil); err != nil {
		db.Leave()
		return unavailable(err)
	}
	return db.Commit(ctx, batch, false, func(error) {})
}

// goneRecords returns the receipt of the oldest removed message (MaxInt64: there is none), and
// roughly the bytes of all such records.
func goneRecords(db *engine.Database) (first int64, size uint64, err error) {
	lower, upper := []byte{record.KindGone}, []byte{record.KindGone + 1}
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return 0, 0, err
	}
	first = math.MaxInt64
	if iter.First() && len(iter.Key()) == 1+16 {
		first = record.ReceiptDue(queue.ID(iter.Key()[1:]))
	}
	if err := errors.Join(iter.Error(), iter.Close()); err != nil {
		return 0, 0, err
	}
	size, err = db.EstimateDiskUsage(lower, upper)
	return first, size, err
}
