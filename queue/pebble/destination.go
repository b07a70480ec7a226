package pebble

import (
	"sync/atomic"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/window"
)

// destination is the part of the store in memory for one destination. Its window decides
// which delivery is claimed next; the window's lock is the destination's.
//
// Invariant: dead and bytes count exactly the committed deliveries.
type destination struct {
	*window.Window
	name  queue.Destination
	id    record.Digest
	named atomic.Bool // the name is on disk

	retention atomic.Pointer[time.Duration] // set by Retain; nil: Settings.Retention applies
	first     atomic.Int64                  // no ended delivery on disk ended before this; MaxInt64: there is none

	dead, bytes int64
}

func newDestination(name queue.Destination, id record.Digest, clock func() int64) *destination {
	return &destination{Window: window.New(clock), name: name, id: id}
}

// fresh is the message of a delivery without an attempt, in memory since its acceptance.
type fresh struct {
	flight  *flight
	size    int64
	touched bool // the state has a record on disk
}

// Drop implements [window.Fresh].
func (f *fresh) Drop() { f.flight.drop() }

// accepted ends an acceptance that Begin began. With hold the delivery is claimed at once
// if it is durable and the order allows it.
func (d *destination) accepted(e window.Entry, size int64, hold bool, err error) *claim {
	d.Lock()
	defer d.Unlock()
	if err == nil {
		d.bytes += size
	}
	if !hold {
		d.AcceptedLocked(e, nil, err)
		return nil
	}
	c := &claim{destination: d}
	if !d.AcceptedLocked(e, &c.Claim, err) {
		return nil
	}
	return c
}

// nextLocked claims the first delivery if it is due.
func (d *destination) nextLocked(now int64) (c *claim, x *fresh) {
	_, message := d.NextLocked(now, func() *window.Claim {
		c = &claim{destination: d}
		return &c.Claim
	})
	x, _ = message.(*fresh)
	return c, x
}

// grabLocked claims a delivery that waits and that nobody holds.
func (d *destination) grabLocked(p window.Waiting) *claim {
	c := &claim{destination: d}
	d.GrabLocked(&c.Claim, p)
	return c
}

// endedLocked ends the hold of a claim and releases its message.
func (d *destination) endedLocked(c *claim) {
	if c.flight != nil {
		c.flight.leave()
		c.flight = nil
	}
	d.EndedLocked(&c.Claim)
}

// adoptLocked gives the destination the state that was found on disk; nil: there is none.
// The database before has no users.
func (d *destination) adoptLocked(t *tally) {
	if t == nil {
		t = new(tally)
	}
	d.AdoptLocked(&t.backlog, t.paused)
	d.dead, d.bytes = t.dead, t.bytes
	d.first.Store(0)
}

// index reads the waiting deliveries of a destination for its window.
type index struct {
	store  *Store
	db     *engine.Database
	digest record.Digest
}

var _ window.Index = index{}

// maxScans is how many scans of the index run at once. Each keeps a block of each level of
// the database in memory, and at the start all destinations scan.
const maxScans = 4

// scan waits for the turn of a scan and returns the function that ends it.
func (s *Store) scan() (end func()) {
	s.scans <- struct{}{}
	return func() { <-s.scans }
}

// Scan implements [window.Index].
func (x index) Scan(from window.Position, n int) (found []window.Position, rest window.Position, err error) {
	defer x.store.setAside(x.db)
	defer x.store.scan()()
	var lower, upper record.KeyBuffer
	rest = window.Last
	to := record.WaitingEntry(x.digest, window.Last).Key(&upper)
	err = walk(x.db, record.WaitingEntry(x.digest, from).Key(&lower), to, func(k, v []byte) error {
		e, err := record.SplitEntry(k)
		if err != nil {
			return err
		}
		p := e.Waiting(v).Position
		if len(found) == n {
			rest = p
			return folder.ErrEnough
		}
		found = append(found, p)
		return nil
	})
	return found, rest, err
}

// Search implements [window.Index].
func (x index) Search(order window.OrderKey, from queue.ID, n int) (found []window.Position, more bool, err error) {
	defer x.store.setAside(x.db)
	defer x.store.scan()()
	var lower, upper record.KeyBuffer
	to := append(record.OrderedEntry(x.digest, order, window.Last.ID).Key(&upper), 0)
	err = walk(x.db, record.OrderedEntry(x.digest, order, from).Key(&lower), to, func(k, v []byte) error {
		e, err := record.SplitEntry(k)
		if err != nil {
			return err
		}
		if len(found) == n {
			more = true
			return folder.ErrEnough
		}
		found = append(found, e.Waiting(v).Position)
		return nil
	})
	return found, more, err
}
