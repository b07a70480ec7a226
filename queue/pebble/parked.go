package pebble

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// A delivery whose message is encrypted with a key that is not given is parked: it
// makes way for the others, and is tried again after keyPause or as soon as a key
// comes. Its due time tells parked deliveries from those that wait for a retry, so
// that they are found again after a restart without an index of their own.

// keyPause is how long a delivery rests that nobody can read for want of a key.
const keyPause = 5 * time.Minute

// parkedMark is what the due time of a parked delivery is beyond a whole
// millisecond, in nanoseconds. A retry has it one time in a million by chance, and
// then comes early at most.
const parkedMark = 777_777

func parkedAt(due int64) int64 {
	milli := int64(time.Millisecond)
	return due/milli*milli + parkedMark
}

func isParked(due int64) bool { return due%int64(time.Millisecond) == parkedMark }

// parked is a delivery that waits for a key.
type parked struct {
	lane *lane
	id   queue.ID
}

// unparkers is how many parked deliveries are made due at once, so that they share
// their syncs.
const unparkers = 64

// unpark makes parked deliveries due at once. Those whose key is still missing are
// parked again by the worker that meets them.
func (s *Store) unpark() {
	db, err := s.enter()
	if err != nil {
		return // the next start does it
	}
	defer db.leave()
	jobs := make(chan parked)
	var workers sync.WaitGroup
	for range unparkers {
		workers.Go(func() {
			for p := range jobs {
				err := guarded(func() error { return s.dueNow(p) })
				if err != nil && !errors.Is(err, errCancelled) && !errors.Is(err, queue.ErrBusy) && !isDamage(err) {
					s.options.Logger.Warn("an event that waits for its key is tried again later", "message", p.id, "error", err)
				}
			}
		})
	}
	from := s.due()
	to := from + int64(keyPause) + int64(time.Minute)
	for _, l := range s.allLanes() {
		if err := s.eachParked(db, l, from, to, jobs); err != nil {
			break // the store closes or its disk fails
		}
	}
	close(jobs)
	workers.Wait()
}

// eachParked sends a lane's parked deliveries: those that wait in order at the head
// of their line, which memory knows, and the others out of the index.
func (s *Store) eachParked(db *database, l *lane, from, to int64, jobs chan<- parked) error {
	send := func(id queue.ID) error {
		select {
		case jobs <- parked{l, id}:
			return nil
		case <-s.closing:
			return errFenced
		case <-db.failing:
			return errFenced
		}
	}
	l.mu.Lock()
	var heads []queue.ID
	for _, x := range l.lines.ready {
		if x.due > from && isParked(x.due) {
			heads = append(heads, x.id)
		}
	}
	l.mu.Unlock()
	for _, id := range heads {
		if err := send(id); err != nil {
			return err
		}
	}
	var lower, upper keyBuffer
	return db.walk(waitingKey(&lower, l.id, position{due: from}), waitingKey(&upper, l.id, position{due: to}), func(k, _ []byte) error {
		_, p, err := splitWaiting(k)
		if err != nil || !isParked(p.due) {
			return err
		}
		return send(p.id)
	})
}

// dueNow makes one parked delivery due.
func (s *Store) dueNow(p parked) error {
	return s.operate(context.Background(), p.id, p.lane.name, func(o *operation) error {
		if o.from.stage != stageWaiting || !isParked(o.from.due) {
			return errCancelled // something else became of it
		}
		o.to.due = s.due()
		return nil
	}, nil)
}
