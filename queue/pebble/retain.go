package pebble

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// DefaultMaxRetained is the limit on the bytes of ended deliveries: 1 GiB.
const DefaultMaxRetained = 1 << 30

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
func (s *Store) Retain(destination string, age time.Duration) {
	l, err := s.lane(destination)
	if err != nil {
		return // two names with one digest: Accept refuses this one as well
	}
	if l.retention.Swap(int64(age)) != int64(age) {
		s.history.recorded(0)
	}
}

// SetMaxRetained changes the limit of Options.MaxRetained. 0 or less is no limit.
func (s *Store) SetMaxRetained(bytes int64) {
	s.history.limit.Store(bytes)
	s.history.recorded(0)
}

// maxRetained is the limit on the bytes of ended deliveries. On a small disk it is a
// share of the disk. 0 or less: none.
func (s *Store) maxRetained() int64 {
	limit, share := s.history.limit.Load(), s.space.retained.Load()
	if limit <= 0 || share > 0 && share < limit {
		return share
	}
	return limit
}

// retain adds an ended delivery to the counts, or removes it with sign -1, and sets the
// time of its sweep. It needs no lock.
func (s *Store) retain(l *lane, st *standing, sign int64) {
	bytes := s.history.bytes.Add(sign * st.size)
	if sign < 0 {
		return
	}
	l.lower(st.ended)
	due := later(st.ended, l.retention.Load())
	if limit := s.maxRetained(); limit > 0 && bytes > limit && s.history.counted.Load() {
		due = 0
	}
	s.history.recorded(due)
}

// lower makes first cover a delivery that ended at the given time.
func (l *lane) lower(ended int64) {
	for {
		first := l.first.Load()
		if ended >= first || l.first.CompareAndSwap(first, ended) {
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
func (s *Store) countEnded(db *database) (count func(), err error) {
	s.history.counted.Store(false)
	s.history.bytes.Store(0)
	if !db.use() {
		return func() {}, nil
	}
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindEnded}, UpperBound: []byte{kindEnded + 1}})
	if err != nil {
		db.leave()
		return func() {}, err
	}
	return func() {
		defer db.leave()
		var bytes int64
		n := 0
		for ok := iter.First(); ok; ok = iter.Next() {
			if n++; n%4096 == 0 && s.interrupted(db) {
				break
			}
			bytes += decodeSize(iter.Value())
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
	case <-s.closing:
		return 0, unavailable(errors.New("it is closed"))
	}
	now := nanos(s.now())
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
	for _, l := range s.allLanes() {
		if first := l.first.Load(); first != math.MaxInt64 {
			s.history.recorded(later(first, l.retention.Load()))
		}
	}
	s.history.recorded(s.history.gone.Load())
	return r.total, nil
}

func (s *Store) allLanes() []*lane {
	s.lanesMu.RLock()
	defer s.lanesMu.RUnlock()
	all := make([]*lane, 0, len(s.lanes))
	for _, l := range s.lanes {
		all = append(all, l)
	}
	return all
}

// retiring is one sweep of ended deliveries. It removes deliveries of many lanes in one
// commit.
//
// Invariant: a delivery in batch is not covered by its lane's first any more. commit
// removes it, or undo covers it again.
type retiring struct {
	store *Store
	batch []retired
	bytes int64 // in the batch
	total int
}

// retired is an ended delivery that is to be removed.
type retired struct {
	lane  *lane
	ended int64
	id    queue.ID
	st    standing
}

func (r *retiring) aged(ctx context.Context, now int64) error {
	for _, l := range r.store.allLanes() {
		for {
			until := now - max(l.retention.Load(), 0)
			if l.first.Load() > until {
				break
			}
			if err := r.collect(l, until, math.MaxInt64); err != nil {
				return r.undo(err)
			}
			if len(r.batch) == retireBatch {
				if err := r.commit(ctx, goneAged); err != nil {
					return err
				}
			}
		}
	}
	return r.commit(ctx, goneAged)
}

// crowded removes the oldest ended deliveries of all lanes beyond the limit. It stops a
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
	lanes := r.store.allLanes()
	for h.bytes.Load()-r.bytes > target {
		l, until := oldest(lanes)
		if l == nil {
			break
		}
		if err := r.collect(l, until, h.bytes.Load()-r.bytes-target); err != nil {
			return r.undo(err)
		}
		if len(r.batch) == retireBatch {
			if err := r.commit(ctx, goneCrowded); err != nil {
				return err
			}
		}
	}
	return r.commit(ctx, goneCrowded)
}

// oldest returns the lane with the delivery that ended first, and the time when the first
// one of the other lanes ended.
func oldest(lanes []*lane) (l *lane, until int64) {
	first := int64(math.MaxInt64)
	until = math.MaxInt64
	for _, other := range lanes {
		switch at := other.first.Load(); {
		case at < first:
			l, first, until = other, at, first
		case at < until:
			until = at
		}
	}
	return l, until
}

// collect adds the deliveries of a lane that ended by the given time to the batch, until
// the batch is full or has grown by the given bytes. It sets first to the next one.
func (r *retiring) collect(l *lane, until, bytes int64) error {
	db, err := r.store.enter()
	if err != nil {
		return err
	}
	defer db.leave()
	from := l.first.Swap(math.MaxInt64)
	var lower, upper keyBuffer
	// The lower bound skips the tombstones of removed deliveries.
	to := append(endedKey(&upper, l.id, math.MaxInt64, end.id), 0)
	err = db.walk(endedKey(&lower, l.id, from, queue.ID{}), to, func(k, v []byte) error {
		_, ended, id, err := splitEnded(k)
		if err != nil {
			return err
		}
		if ended > until || bytes <= 0 || len(r.batch) == retireBatch {
			l.lower(ended)
			return errEnough
		}
		size := decodeSize(v)
		r.batch = append(r.batch, retired{lane: l, ended: ended, id: id, st: standing{size: size}})
		r.bytes += size
		bytes -= size
		return nil
	})
	r.store.setAside(db)
	if err != nil {
		l.lower(from)
		return unavailable(err)
	}
	return nil
}

// undo returns the collected deliveries to their lanes for a later sweep.
func (r *retiring) undo(err error) error {
	for _, x := range r.batch {
		x.lane.lower(x.ended)
	}
	r.clear()
	return err
}

func (r *retiring) clear() { r.batch, r.bytes = nil, 0 }

// commit removes the collected deliveries. It is not synced: after a crash they are
// removed again.
func (r *retiring) commit(ctx context.Context, why reason) error {
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
		db.leave()
		return r.undo(unavailable(err))
	}
	err = db.commit(ctx, s.disk, batch, false, func(err error) {
		if err == nil {
			for i := range removed {
				s.retain(removed[i].lane, &removed[i].st, -1)
				s.garbage.add(removed[i].id, removed[i].st.size)
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
func (r *retiring) build(db *database, batch *pebble.Batch, why reason) (removed []retired, err error) {
	s := r.store
	rm := s.newRemoval(db, batch)
	for _, x := range r.batch {
		st, found, err := s.standing(db, x.id, x.lane.id)
		if isDamage(err) || errors.Is(err, errNoKey) {
			err = nil // only the attempt at its end is unreadable; the rest is in st
		}
		if err != nil {
			return nil, err
		}
		var k keyBuffer
		key := endedKey(&k, x.lane.id, x.ended, x.id)
		if !found || st.ended != x.ended || !st.stage.kept() {
			// A person has redelivered it, or the index entry has no delivery.
			_, closer, err := db.Get(key)
			if errors.Is(err, pebble.ErrNotFound) {
				continue
			}
			if err == nil {
				err = errors.Join(closer.Close(), batch.SingleDelete(key, nil))
			}
			if err != nil {
				return nil, err
			}
			removed = append(removed, x)
			continue
		}
		x.st.stage = st.stage
		endpoint := s.endpoint(x.lane)
		if err := batch.SingleDelete(key, nil); err != nil {
			return nil, err
		}
		if err := rm.delivery(x.lane, x.id, &st, true, endpoint, why); err != nil {
			return nil, err
		}
		removed = append(removed, x)
	}
	return removed, nil
}

// kept reports whether a stage is one of the index of ended deliveries.
func (st stage) kept() bool {
	return st == stageDelivered || st == stageCancelled || st == stageUnrouted
}

// endpoint returns the endpoint in whose list the messages of a lane probably are.
// It locks lanesMu because a lane that has lost its name can get it back.
func (s *Store) endpoint(l *lane) laneID {
	s.lanesMu.RLock()
	defer s.lanesMu.RUnlock()
	return laneOf(endpointOf(l.name))
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
	first, size, err := db.gone()
	if err != nil {
		db.leave()
		return unavailable(err)
	}
	cut := now - int64(goneAge)
	if limit := uint64(s.space.current().gone); size > limit {
		cut = max(cut, now-int64(float64(now-first)*float64(limit)/float64(size)))
	}
	s.history.gone.Store(later(now, int64(gonePause)))
	if first >= cut {
		db.leave()
		return nil
	}
	batch := db.NewBatch()
	var k keyBuffer
	upper := queue.NewID(time.Unix(0, cut))
	if err := batch.DeleteRange([]byte{kindGone}, goneKey(&k, upper), nil); err != nil {
		db.leave()
		return unavailable(err)
	}
	return db.commit(ctx, s.disk, batch, false, func(error) {})
}

// gone returns the receipt of the oldest removed message (MaxInt64: there is none), and
// roughly the bytes of all such records.
func (db *database) gone() (first int64, size uint64, err error) {
	lower, upper := []byte{kindGone}, []byte{kindGone + 1}
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return 0, 0, err
	}
	first = math.MaxInt64
	if iter.First() && len(iter.Key()) == 1+16 {
		first = receiptDue(queue.ID(iter.Key()[1:]))
	}
	if err := errors.Join(iter.Error(), iter.Close()); err != nil {
		return 0, 0, err
	}
	size, err = db.EstimateDiskUsage(lower, upper)
	return first, size, err
}
