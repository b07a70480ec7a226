package pebble

import (
	"sync"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/window"
)

// flights are the messages in memory, each of them once: a message with ten
// deliveries that are attempted at the same time is read and decoded for the
// first and shared with the others, until the last of them is ended.
type flights struct {
	fresh  *window.Budget // for messages that nobody has claimed since their acceptance
	shards [64]flightShard
}

type flightShard struct {
	mu  sync.Mutex
	all map[queue.ID]*flight
}

func (f *flights) shard(id queue.ID) *flightShard { return &f.shards[id[15]%64] }

func (s *flightShard) listLocked(x *flight) {
	if s.all == nil {
		s.all = make(map[queue.ID]*flight)
	}
	if s.all[x.id] == nil {
		s.all[x.id], x.listed = x, true
	}
}

// settleLocked returns the memory of a message without deliveries that keep it, and
// removes a message without users from the shard.
func (s *flightShard) settleLocked(x *flight) {
	if x.kept == 0 && x.size > 0 {
		x.flights.fresh.Give(int(x.size))
		x.size = 0
	}
	if x.kept == 0 && x.claims == 0 && x.listed {
		delete(s.all, x.id)
		x.listed = false
	}
}

// flight is one message in memory.
type flight struct {
	flights *flights
	id      queue.ID
	size    int64 // bytes of the budget while deliveries keep it
	record  []byte

	// Guarded by the shard.
	kept   int  // deliveries that wait with the message in memory
	claims int  // deliveries that are claimed
	listed bool // others find it

	once    sync.Once
	message *queue.Message
	err     error
}

// launch keeps a message from its acceptance on, for so many deliveries. The
// record is in the plain form. nil: there is no room for it.
func (f *flights) launch(id queue.ID, stored []byte, deliveries int) *flight {
	if !f.fresh.Take(len(stored)) {
		return nil
	}
	x := &flight{flights: f, id: id, size: int64(len(stored)), record: stored, kept: deliveries}
	if deliveries > 1 {
		s := f.shard(id)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.listLocked(x)
	}
	return x
}

// board joins the flight of a message for a claim.
func (f *flights) board(id queue.ID) *flight {
	s := f.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.all[id]
	if x == nil {
		x = &flight{flights: f, id: id}
		s.listLocked(x)
	}
	x.claims++
	return x
}

// take turns a delivery that keeps the message into one that is claimed.
func (x *flight) take() { x.change(-1, 1) }

// drop is for a delivery that keeps the message no longer.
func (x *flight) drop() {
	if x != nil {
		x.change(-1, 0)
	}
}

// leave is for a claim that has ended.
func (x *flight) leave() { x.change(0, -1) }

func (x *flight) change(kept, claims int) {
	s := x.flights.shard(x.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	x.kept += kept
	x.claims += claims
	s.settleLocked(x)
}

// open returns the message, which read gets from the disk for the first caller
// unless it is in memory since its acceptance.
func (x *flight) open(read func() (*queue.Message, error)) (*queue.Message, error) {
	x.once.Do(func() {
		x.err = queue.ErrUnavailable // should read panic
		if x.record != nil {
			x.message, x.err = queue.DecodeMessage(x.record)
			x.record = nil // the message refers to the parts that it needs
		} else {
			x.message, x.err = read()
		}
		if x.err != nil {
			x.unlist()
		}
	})
	return x.message, x.err
}

// unlist keeps others from an error that may be over when they come.
func (x *flight) unlist() {
	s := x.flights.shard(x.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.listed {
		delete(s.all, x.id)
		x.listed = false
	}
}
