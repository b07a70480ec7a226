package pebble

import (
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
)

// Stats implements [queue.Store]. Ended deliveries are counted in the background
// at the start. A message's bytes count in parts: each of its
// deliveries carries an equal share until it is done. Oldest is exact to a
// minute, and to a millisecond while nothing else of that minute is done.
func (s *Store) Stats() queue.Stats {
	st := queue.Stats{
		Bytes:     s.bytes.Load(),
		Limit:     max(s.limit.Load(), 0),
		Available: s.engine.Available(),
		Keys:      -1,
		Retained:  -1,
		Damaged:   s.engine.Damage().Total(),
	}
	if !st.Available {
		if cause := s.engine.Cause(); cause != nil {
			st.Cause = cause.Error()
		}
	}
	st.Full, st.Free, st.Needed = s.engine.Space()
	if s.buckets.counted.Load() {
		st.Keys = max(s.buckets.keys(), 0)
	}
	if s.history.counted.Load() {
		st.Retained = s.history.bytes.Load()
	}
	s.destinationsMu.RLock()
	defer s.destinationsMu.RUnlock()
	st.Destinations = make(map[queue.Destination]queue.DestinationStats, len(s.destinations))
	for name, d := range s.destinations {
		d.Lock()
		w := d.StatsLocked()
		st.Destinations[name] = queue.DestinationStats{
			Waiting: w.Waiting, Claimed: w.Claimed, DeadLetters: d.dead, Bytes: d.bytes,
			Paused: w.Paused, Oldest: w.Oldest,
		}
		d.Unlock()
	}
	return st
}

// Backlog implements [queue.Store].
func (s *Store) Backlog(destinations ...queue.Destination) (bytes int64) {
	s.destinationsMu.RLock()
	defer s.destinationsMu.RUnlock()
	for _, name := range destinations {
		if d := s.destinations[name]; d != nil {
			d.Lock()
			bytes += d.bytes
			d.Unlock()
		}
	}
	return bytes
}

func (s *Store) interrupted(db *engine.Database) bool {
	select {
	case <-s.engine.Running().Done():
		return true
	default:
		return db.HasFailed()
	}
}
