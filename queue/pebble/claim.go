package pebble

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// claim is a delivery that a worker, or an operation of a person, holds.
//
// Invariants:
//
//   - While the claim is not ended, Claim is the one of the destination's window, and the
//     window gives the delivery to nobody else.
//   - The fields before Claim belong to the holder. settle and AdoptLocked run on other
//     goroutines and change the others under the destination's lock.
//   - A claim writes nothing. On disk its delivery is a waiting one until a mark.
type claim struct {
	store       *Store
	destination *destination
	delivery    queue.Delivery
	stored      record.Delivery
	touched     bool    // the state has a record on disk
	flight      *flight // the message, until the claim ends
	unsure      bool    // a failed mark may have written its attempt all the same

	// The destination's lock guards the rest. AdoptLocked changes the window's claim when the
	// database is replaced. It is gone if a mark that returned an error was kept.
	window.Claim
	let   bool // Release was called while a mark is being written
	phase phase
}

// phase is the progress of a claim: holding → marking → ended, back to holding after
// a failed mark, or marked if the mark was kept although its caller had left.
type phase int

const (
	holding phase = iota
	marking       // a mark is being written
	marked        // the mark is kept; mark sets ended, or the worker got an error and calls again
	ended
)

var (
	errEnded   = errors.New("the claim has ended")
	errMarking = errors.New("an earlier mark is still being written")
)

// Claim implements [queue.Store].
func (s *Store) Claim(ctx context.Context, destination queue.Destination) (queue.Claim, error) {
	d, err := s.destination(destination)
	if err != nil {
		return nil, err
	}
	for {
		if err := ctx.Err(); err != nil {
			d.Lock()
			d.StirLocked() // this call may just have been woken: wake another
			d.Unlock()
			return nil, context.Cause(ctx)
		}
		c, wait, err := s.tryClaim(d)
		if err != nil {
			return nil, err
		}
		if c != nil {
			return c, nil
		}
		if wait == nil {
			continue
		}
		select {
		case <-wait:
		case <-ctx.Done():
			d.Lock()
			d.UnwaitLocked(wait)
			d.Unlock()
			return nil, context.Cause(ctx)
		}
	}
}

// tryClaim claims a due delivery, or returns the channel to wait for. It returns
// neither after a search or a scan: the caller calls it again. Searches and scans
// run without the destination's lock, one scan and one search of an order key at a time.
func (s *Store) tryClaim(d *destination) (*claim, chan struct{}, error) {
	db, err := s.enter()
	if err != nil {
		return nil, nil, err
	}
	defer db.Leave()
	d.Lock()
	if read, err := d.FillLocked(index{s, db, d.id}); read {
		defer d.Unlock()
		if err != nil {
			return nil, nil, unavailable(err)
		}
		return nil, nil, nil
	}
	c, message := d.nextLocked(s.due())
	if c == nil {
		defer d.Unlock()
		return nil, d.WaitLocked(), nil
	}
	d.Unlock()
	c, err = s.fill(db, c, message)
	return c, nil, err
}

// fill completes a claim with its message. It returns neither claim nor error if the
// message cannot be delivered: a damaged one becomes a dead letter, one without its
// key is parked. Both make way for the deliveries behind them.
func (s *Store) fill(db *engine.Database, c *claim, x *fresh) (*claim, error) {
	c.store = s
	err := s.locate(db, c, x)
	var m *queue.Message
	if err == nil {
		m, err = c.flight.open(func() (*queue.Message, error) {
			stored, err := message(db, c.ID)
			if err != nil {
				return nil, err
			}
			return s.seal.OpenMessage(c.ID, stored)
		})
	}
	switch {
	case err == nil:
		c.delivery = queue.Delivery{
			Message: m, Destination: c.destination.name, Attempts: c.stored.Attempts,
			Last: c.stored.Brief(), Redelivered: record.Time(c.stored.Redelivered),
		}
		return c, nil
	case errors.Is(err, seal.ErrNoKey):
		s.noKey(err)
		err = c.postpone()
	case isDamage(err), errors.Is(err, pebble.ErrNotFound):
		s.noteMessage(db, c.ID, err)
		err = c.Bury(queue.Attempt{At: s.now(), Error: "unreadable: " + err.Error()})
	default:
		err = unavailable(err)
	}
	if err != nil { // the caller gets no claim, so it is released here
		err = errors.Join(err, c.Release())
	}
	return nil, err
}

// locate reads the state of a delivery and joins the flight of its message. A
// fresh delivery has both in memory.
func (s *Store) locate(db *engine.Database, c *claim, x *fresh) error {
	c.stored = record.Delivery{Order: c.Order}
	if x != nil {
		x.flight.take()
		c.flight, c.stored.Size, c.touched = x.flight, x.size, x.touched
		return nil
	}
	c.flight = s.flights.board(c.ID)
	var b record.KeyBuffer
	v, closer, err := db.Get(record.EntryOf(c.destination.id, c.Waiting).Key(&b))
	if err != nil {
		return err
	}
	size := record.DecodeSize(v)
	if err := closer.Close(); err != nil {
		return err
	}
	c.stored, c.touched, err = s.delivery(db, c.ID, c.destination.id)
	if isDamage(err) {
		s.options.Logger.Error("the state of a delivery is damaged; it starts over", "message", c.ID, "destination", c.destination.name, "error", err)
		c.stored, c.touched, err = record.Delivery{}, true, nil
	}
	c.stored.Stage, c.stored.Size, c.stored.Order = record.StageWaiting, size, c.Order
	return err
}

// Delivery implements [queue.Claim].
func (c *claim) Delivery() *queue.Delivery { return &c.delivery }

// Context implements [queue.Claim].
func (c *claim) Context() context.Context { return c.store.engine.Running() }

// Done implements [queue.Claim].
func (c *claim) Done(a queue.Attempt) error {
	return c.end("done", a, func(x *change) { x.ends(record.StageDelivered, record.GoneDelivered) })
}

// Retry implements [queue.Claim].
func (c *claim) Retry(at time.Time, a queue.Attempt) error {
	return c.end("retry", a, func(x *change) { x.to.Due = c.store.dueAt(at) })
}

// Bury implements [queue.Claim].
func (c *claim) Bury(a queue.Attempt) error {
	return c.end("bury", a, func(x *change) { x.ends(record.StageDead, 0) })
}

// postpone parks the delivery without counting an attempt.
func (c *claim) postpone() error {
	return c.mark(nil, func(x *change) { x.to.Due = parkedAt(c.store.dueAt(c.store.now().Add(keyPause))) })
}

// Release implements [queue.Claim]. Nothing is written: on disk a claimed delivery
// looks like a waiting one. If a mark is still being written after its caller has
// left, as on a full disk, settle releases the claim when the outcome is known.
func (c *claim) Release() error {
	d := c.destination
	d.Lock()
	defer d.Unlock()
	if c.phase == marking && !c.let {
		c.let = true
		return nil
	}
	if err := c.readyLocked(); err != nil {
		return err
	}
	if c.phase == holding {
		c.releaseLocked()
	}
	c.phase = ended
	return nil
}

// releaseLocked makes the delivery wait again. The destination is locked.
func (c *claim) releaseLocked() {
	c.destination.endedLocked(c)
	if !c.Gone {
		c.destination.InsertLocked(window.Entry{Waiting: c.Waiting})
	}
}

// readyLocked returns an error unless the claim can be ended now. The destination is locked.
func (c *claim) readyLocked() error {
	switch {
	case c.phase == ended || c.let:
		return errEnded
	case c.phase == marking:
		return unavailable(errMarking)
	}
	return nil
}

// end counts an attempt and commits the change of the delivery. After an error the
// claim is still held and may be ended again.
func (c *claim) end(what string, a queue.Attempt, to func(*change)) error {
	if err := c.mark(&a, to); err != nil {
		return fmt.Errorf("marking as %s: %w", what, err)
	}
	return nil
}

func (c *claim) mark(a *queue.Attempt, to func(*change)) error {
	if c.store.engine.Scarce() {
		return unavailable(engine.ErrDiskFull) // the rest of the space is for removals
	}
	db, err := c.store.enter()
	if err != nil {
		return err
	}
	was, proceed, err := c.startMark()
	if !proceed {
		db.Leave()
		return err
	}
	x := c.change(was)
	x.attempt = a
	to(x)
	unlock, err := x.lock()
	if err != nil {
		c.settle(x, err)
		db.Leave()
		return unavailable(err)
	}
	batch := db.NewBatch()
	if err := x.build(db, batch); err != nil {
		unlock()
		c.settle(x, err)
		db.Leave()
		return unavailable(err)
	}
	err = db.Commit(context.Background(), batch, false, func(err error) {
		unlock()
		c.settle(x, err)
	})
	if err != nil {
		return err
	}
	c.destination.Lock()
	defer c.destination.Unlock()
	c.phase = ended
	return nil
}

// change returns a change of the claimed delivery that changes nothing yet.
func (c *claim) change(at window.Waiting) *change {
	x := &change{store: c.store, destination: c.destination, id: at.ID, from: c.stored, touched: c.touched}
	x.from.Due, x.from.Order = at.Due, at.Order
	x.to = x.from
	if c.unsure {
		// The failed mark may have written the record of the attempt before it. This mark
		// writes the same again, or a removal deletes it.
		x.touched = true
		x.from.Written++
	}
	if m := c.delivery.Message; m != nil {
		x.endpoint = record.DigestOf(m.Endpoint)
	}
	return x
}

// startMark begins a mark. proceed is false if there is nothing to write: the mark
// before was kept after all, or the delivery is gone.
func (c *claim) startMark() (was window.Waiting, proceed bool, err error) {
	d := c.destination
	d.Lock()
	defer d.Unlock()
	if err := c.readyLocked(); err != nil {
		return was, false, err
	}
	if c.phase == marked {
		c.phase = ended
		return was, false, nil
	}
	if c.Gone {
		d.endedLocked(c)
		c.phase = ended
		return was, false, nil
	}
	c.phase = marking
	return c.Waiting, true, nil
}

// settle applies the outcome of a mark to memory. It runs on the goroutine of mark, or
// on that of outlast after mark has returned.
func (c *claim) settle(x *change, err error) {
	d := c.destination
	d.Lock()
	defer d.Unlock()
	if err != nil {
		c.phase, c.unsure = holding, true
		if c.let {
			c.releaseLocked()
			c.phase = ended
		}
		return
	}
	c.phase = marked
	d.endedLocked(c)
	x.doneLocked()
	if x.to.Stage == record.StageWaiting {
		d.InsertLocked(window.Entry{Waiting: x.to.Waiting(c.ID)})
	}
}

// message reads a message's bytes.
func message(db *engine.Database, id queue.ID) ([]byte, error) {
	var b record.KeyBuffer
	v, closer, err := db.Get(record.MessageKey(&b, id))
	if err != nil {
		return nil, err
	}
	stored := append(make([]byte, 0, len(v)), v...)
	return stored, closer.Close()
}
