package pebble

import (
	"math"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// Stats implements [queue.Store]. Ended deliveries are counted in the background
// at the start. A message's bytes count in parts: each of its
// deliveries carries an equal share until it is done. Oldest is exact to a
// minute, and to a millisecond while nothing else of that minute is done.
func (s *Store) Stats() queue.Stats {
	st := queue.Stats{
		Bytes:     s.bytes.Load(),
		Limit:     max(s.limit.Load(), 0),
		Available: s.current.Load() != nil && !s.disk.full() && !s.space.shut.Load(),
		Keys:      -1,
		Retained:  -1,
		Damaged:   s.damage.total(),
	}
	if !st.Available {
		s.mu.Lock()
		if s.cause != nil && s.current.Load() == nil {
			st.Cause = s.cause.Error()
		}
		s.mu.Unlock()
	}
	st.Full, st.Free, st.Needed = s.space.stats(s.disk.full())
	if s.counted.Load() {
		st.Keys = max(s.keys.Load(), 0)
	}
	if s.history.counted.Load() {
		st.Retained = s.history.bytes.Load()
	}
	s.lanesMu.RLock()
	defer s.lanesMu.RUnlock()
	st.Destinations = make(map[string]queue.DestinationStats, len(s.lanes))
	for name, l := range s.lanes {
		l.mu.Lock()
		st.Destinations[name] = queue.DestinationStats{
			Waiting: l.waiting, Claimed: l.claimed, DeadLetters: l.dead, Bytes: l.bytes,
			Paused: l.paused, Oldest: l.ages.oldest(),
		}
		l.mu.Unlock()
	}
	return st
}

// Backlog implements [queue.Store].
func (s *Store) Backlog(destinations ...string) (bytes int64) {
	s.lanesMu.RLock()
	defer s.lanesMu.RUnlock()
	for _, name := range destinations {
		if l := s.lanes[name]; l != nil {
			l.mu.Lock()
			bytes += l.bytes
			l.mu.Unlock()
		}
	}
	return bytes
}

// countKeys prepares the count of the keys on disk and returns the function that runs it.
// Ten million keys take some seconds, in the background. The iterator reads the state
// before the first write, and later writes are counted where they are made.
func (s *Store) countKeys(db *database) (count func(), err error) {
	if s.counted.Load() || !db.use() {
		return func() {}, nil
	}
	s.keys.Store(0)
	iter, err := expiries(db)
	if err != nil {
		db.leave()
		return func() {}, err
	}
	return func() {
		defer db.leave()
		n := int64(0)
		complete := s.eachKey(db, iter, func(queue.Key) bool { n++; return true })
		if err := iter.Close(); err == nil && complete {
			s.keys.Add(n)
			s.counted.Store(true)
		}
	}, nil
}

// loadFilter makes the filter anew, in the background: at the start, and when it
// has got crowded, with room for more keys or without those that have expired.
func (s *Store) loadFilter() {
	db, err := s.enter()
	if err != nil {
		return // the next key asks again
	}
	go func() {
		defer db.leave()
		s.filter.load(func(add func(queue.Key) bool) bool {
			iter, err := expiries(db) // now: add covers all keys that are recorded later
			if err != nil {
				return false
			}
			complete := s.eachKey(db, iter, add)
			return iter.Close() == nil && complete
		})
	}()
}

func expiries(db *database) (*pebble.Iterator, error) {
	return db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindExpiry}, UpperBound: []byte{kindExpiry + 1}})
}

// eachKey calls f for every recorded key until it returns false, and tells
// whether it has seen them all.
func (s *Store) eachKey(db *database, iter *pebble.Iterator, f func(queue.Key) bool) bool {
	n := 0
	for ok := iter.First(); ok; ok = iter.Next() {
		if n++; n%4096 == 0 && s.interrupted(db) {
			return false
		}
		_, key, err := splitExpiry(iter.Key())
		if err != nil || !f(key) {
			return false
		}
	}
	return iter.Error() == nil && !s.interrupted(db)
}

func (s *Store) interrupted(db *database) bool {
	select {
	case <-s.closing:
		return true
	default:
		return db.hasFailed()
	}
}

// ages counts a lane's waiting deliveries by the minute of their receipt, taken from
// their IDs. Memory grows with the number of minutes and not with the backlog.
type ages []age // sorted

type age struct {
	minute   int64
	count    int64
	earliest int64 // milliseconds
	plain    int64 // number of those without an order key
	first    int64 // milliseconds; the earliest of these
}

// milliOf is when a message was received, in milliseconds.
func milliOf(id queue.ID) int64 {
	return int64(id[0])<<40 | int64(id[1])<<32 | int64(id[2])<<24 | int64(id[3])<<16 | int64(id[4])<<8 | int64(id[5])
}

func (a *ages) find(id queue.ID) (i int, found bool, milli int64) {
	milli = milliOf(id)
	minute := milli / time.Minute.Milliseconds()
	if n := len(*a); n > 0 && (*a)[n-1].minute == minute {
		return n - 1, true, milli
	}
	i, found = slices.BinarySearchFunc(*a, minute, func(x age, m int64) int { return int(x.minute - m) })
	return i, found, milli
}

func (a *ages) add(id queue.ID, inLine bool) {
	i, found, milli := a.find(id)
	if !found {
		*a = slices.Insert(*a, i, age{minute: milli / time.Minute.Milliseconds(), earliest: milli})
	}
	x := &(*a)[i]
	x.count++
	x.earliest = min(x.earliest, milli)
	if !inLine {
		if x.plain++; x.plain == 1 {
			x.first = milli
		}
		x.first = min(x.first, milli)
	}
}

func (a *ages) remove(id queue.ID, inLine bool) {
	i, found, _ := a.find(id)
	if !found {
		return
	}
	x := &(*a)[i]
	if !inLine {
		x.plain--
	}
	if x.count--; x.count == 0 {
		*a = slices.Delete(*a, i, i+1)
	}
}

// plain is the receipt in milliseconds of the earliest that waits in no line, exact
// like oldest; MaxInt64: all wait in lines.
func (a *ages) plain() int64 {
	for i := range *a {
		if x := &(*a)[i]; x.plain > 0 {
			return x.first
		}
	}
	return math.MaxInt64
}

// newest is when a delivery was received of the youngest that wait, in
// nanoseconds.
func (a *ages) newest() int64 {
	if len(*a) == 0 {
		return 0
	}
	return (*a)[len(*a)-1].earliest * int64(time.Millisecond)
}

func (a *ages) oldest() time.Time {
	if len(*a) == 0 {
		return time.Time{}
	}
	return time.UnixMilli((*a)[0].earliest)
}
