package pebble

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/window"
)

// A delivery whose message is encrypted with a key that is not given is parked: it
// makes way for the others, and is tried again after keyPause or as soon as a key
// comes. Its due time distinguishes parked deliveries from those that wait for a retry, so
// that they are found again after a restart without an index of their own.

// keyPause is how long a delivery rests whose key is missing.
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
	destination *destination
	id          queue.ID
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
	defer db.Leave()
	jobs := make(chan parked)
	var workers sync.WaitGroup
	for range unparkers {
		workers.Go(func() {
			for p := range jobs {
				err := folder.Guarded(func() error { return s.dueNow(p) })
				if err != nil && !errors.Is(err, errCancelled) && !errors.Is(err, queue.ErrBusy) && !isDamage(err) {
					s.options.Logger.Warn("an event that waits for its key is tried again later", "message", p.id, "error", err)
				}
			}
		})
	}
	send := func(p parked) error {
		select {
		case jobs <- p:
			return nil
		case <-s.engine.Running().Done():
			return engine.ErrGivenUp
		case <-db.Failing():
			return engine.ErrGivenUp
		}
	}
	from := s.due()
	for _, d := range s.allDestinations() {
		if err := d.eachParked(db, from, send); err != nil {
			break // the store closes or its disk fails
		}
	}
	close(jobs)
	workers.Wait()
}

// eachParked calls f for the parked deliveries that are due after from: the heads of order
// keys from memory, and those without an order key from the index.
func (d *destination) eachParked(db *engine.Database, from int64, f func(parked) error) error {
	d.Lock()
	var heads []queue.ID
	d.EachHeadLocked(func(p window.Position) {
		if p.Due > from && isParked(p.Due) {
			heads = append(heads, p.ID)
		}
	})
	d.Unlock()
	for _, id := range heads {
		if err := f(parked{d, id}); err != nil {
			return err
		}
	}
	to := from + int64(keyPause) + int64(time.Minute)
	var lower, upper record.KeyBuffer
	first, end := record.WaitingEntry(d.id, window.Position{Due: from}), record.WaitingEntry(d.id, window.Position{Due: to})
	return walk(db, first.Key(&lower), end.Key(&upper), func(k, v []byte) error {
		e, err := record.SplitEntry(k)
		if err != nil || !isParked(e.Waiting(v).Due) {
			return err
		}
		return f(parked{d, e.ID})
	})
}

// dueNow makes one parked delivery due.
func (s *Store) dueNow(p parked) error {
	return s.operate(context.Background(), target{id: p.id, destination: p.destination.name}, func(o *operation) error {
		if o.from.Stage != record.StageWaiting || !isParked(o.from.Due) {
			return errCancelled // something else became of it
		}
		o.to.Due = s.due()
		return nil
	})
}
