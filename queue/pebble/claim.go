package pebble

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// claim is a delivery that a worker, or an operation of a person, holds.
//
// Invariants:
//
//   - While the claim is not ended, lane.busy[id] is the claim, and the delivery is
//     neither in the window nor the head of a line that can be claimed.
//   - The fields before place belong to the holder. settle and reconcile run on other
//     goroutines and change the others under the lane's lock.
//   - A claim writes nothing. On disk its delivery is a waiting one until a mark.
type claim struct {
	store    *Store
	lane     *lane
	delivery queue.Delivery
	standing standing
	touched  bool    // the standing has a record on disk
	flight   *flight // the message, until the claim ends
	unsure   bool    // a failed mark may have written its attempt all the same

	// The lane's lock guards the rest. reconcile changes place and gone when the
	// database is replaced.
	place
	gone  bool // not waiting on disk any more: a mark that returned an error was kept
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
func (s *Store) Claim(ctx context.Context, destination string) (queue.Claim, error) {
	l, err := s.lane(destination)
	if err != nil {
		return nil, err
	}
	for {
		if err := ctx.Err(); err != nil {
			l.mu.Lock()
			l.stirLocked() // this call may just have been woken: wake another
			l.mu.Unlock()
			return nil, context.Cause(ctx)
		}
		c, wait, err := s.tryClaim(l)
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
			l.mu.Lock()
			l.unwaitLocked(wait)
			l.mu.Unlock()
			return nil, context.Cause(ctx)
		}
	}
}

// tryClaim claims a due delivery, or returns the channel to wait for. It returns
// neither after a search or a scan: the caller calls it again. Searches and scans
// run without the lane's lock, one scan and one search of a line at a time.
func (s *Store) tryClaim(l *lane) (*claim, chan struct{}, error) {
	db, err := s.enter()
	if err != nil {
		return nil, nil, err
	}
	defer db.leave()
	l.mu.Lock()
	if r := l.searchLocked(); r != nil {
		l.mu.Unlock()
		found, rest, err := inLine(db, l.id, r)
		s.setAside(db)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.searchedLocked(r, found, rest, err)
		if err != nil {
			return nil, nil, unavailable(err)
		}
		return nil, nil, nil
	}
	if l.starvedLocked() {
		l.scanning = true
		from := l.bound
		l.mu.Unlock()
		found, rest, err := scan(db, l.id, from)
		s.setAside(db)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.scannedLocked(found, rest, err)
		if err != nil {
			return nil, nil, unavailable(err)
		}
		return nil, nil, nil
	}
	c, message := l.nextLocked(s.due())
	if c == nil {
		defer l.mu.Unlock()
		return nil, l.waitLocked(), nil
	}
	l.mu.Unlock()
	c, err = s.fill(db, c, message)
	return c, nil, err
}

// scan reads up to windowSize waiting deliveries from the index. rest is the position
// of the next one, or end.
func scan(db *database, lane laneID, from position) (found []position, rest position, err error) {
	var lower, upper keyBuffer
	rest = end
	err = db.walk(waitingKey(&lower, lane, from), waitingKey(&upper, lane, end), func(k, _ []byte) error {
		_, p, err := splitWaiting(k)
		if err != nil {
			return err
		}
		if len(found) == windowSize {
			rest = p
			return errEnough
		}
		found = append(found, p)
		return nil
	})
	return found, rest, err
}

// lookAhead is how many deliveries a search reads of a line. One is the head, one
// shows that the line goes on, and the others allow for deliveries being accepted.
const lookAhead = 8

// inLine reads the first deliveries of a line from r.from on. rest is true if there are
// more.
func inLine(db *database, lane laneID, r *search) (found []position, rest bool, err error) {
	var lower, upper keyBuffer
	from := lineKey(&lower, lane, r.line.order, r.from)
	to := append(lineKey(&upper, lane, r.line.order, end.id), 0)
	err = db.walk(from, to, func(k, v []byte) error {
		_, p, _, err := splitLine(k, v)
		if err != nil {
			return err
		}
		if len(found) == lookAhead {
			rest = true
			return errEnough
		}
		found = append(found, p.position)
		return nil
	})
	return found, rest, err
}

// fill completes a claim with its message. It returns neither claim nor error if the
// message cannot be delivered: a damaged one becomes a dead letter, one without its
// key is parked. Both make way for the deliveries behind them.
func (s *Store) fill(db *database, c *claim, x *fresh) (*claim, error) {
	c.store = s
	err := s.locate(db, c, x)
	var m *queue.Message
	if err == nil {
		m, err = c.flight.open(func() (*queue.Message, error) {
			record, err := message(db, c.id)
			if err != nil {
				return nil, err
			}
			return s.seal.openMessage(c.id, record)
		})
	}
	switch {
	case err == nil:
		c.delivery = queue.Delivery{
			Message: m, Destination: c.lane.name, Attempts: c.standing.attempts,
			Last: c.standing.last, Redelivered: unnanos(c.standing.redelivered),
		}
		return c, nil
	case errors.Is(err, errNoKey):
		s.damage.noKey(err)
		err = c.postpone()
	case isDamage(err), errors.Is(err, pebble.ErrNotFound):
		s.noteMessage(db, c.id, err)
		err = c.Bury(queue.Attempt{At: s.now(), Error: "unreadable: " + err.Error()})
	default:
		err = unavailable(err)
	}
	if err != nil { // the caller gets no claim, so it is released here
		err = errors.Join(err, c.Release())
	}
	return nil, err
}

// locate reads the standing of a delivery and joins the flight of its message. A
// fresh delivery has both in memory.
func (s *Store) locate(db *database, c *claim, x *fresh) error {
	c.standing = standing{order: c.order}
	if x != nil {
		x.flight.take()
		c.flight, c.standing.size, c.touched = x.flight, x.size, x.touched
		return nil
	}
	c.flight = s.flights.board(c.id)
	var b keyBuffer
	v, closer, err := db.Get(c.place.key(&b, c.lane.id))
	if err != nil {
		return err
	}
	size := c.place.size(v)
	if err := closer.Close(); err != nil {
		return err
	}
	c.standing, c.touched, err = s.standing(db, c.id, c.lane.id)
	if isDamage(err) {
		s.options.Logger.Error("the state of a delivery is damaged; it starts over", "message", c.id, "destination", c.lane.name, "error", err)
		c.standing, c.touched, err = standing{}, true, nil
	}
	c.standing.stage, c.standing.size, c.standing.order = stageWaiting, size, c.order
	return err
}

// Delivery implements [queue.Claim].
func (c *claim) Delivery() *queue.Delivery { return &c.delivery }

// Done implements [queue.Claim].
func (c *claim) Done(a queue.Attempt) error {
	return c.end("done", a, func(x *change) { x.ends(stageDelivered, goneDelivered) })
}

// Retry implements [queue.Claim].
func (c *claim) Retry(at time.Time, a queue.Attempt) error {
	return c.end("retry", a, func(x *change) { x.to.due = c.store.dueAt(at) })
}

// Bury implements [queue.Claim].
func (c *claim) Bury(a queue.Attempt) error {
	return c.end("bury", a, func(x *change) { x.ends(stageDead, 0) })
}

// postpone parks the delivery without counting an attempt.
func (c *claim) postpone() error {
	return c.mark(nil, func(x *change) { x.to.due = parkedAt(c.store.dueAt(c.store.now().Add(keyPause))) })
}

// Release implements [queue.Claim]. Nothing is written: on disk a claimed delivery
// looks like a waiting one. If a mark is still being written after its caller has
// left, as on a full disk, settle releases the claim when the outcome is known.
func (c *claim) Release() error {
	l := c.lane
	l.mu.Lock()
	defer l.mu.Unlock()
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

// releaseLocked makes the delivery wait again. The lane is locked.
func (c *claim) releaseLocked() {
	c.lane.endedLocked(c)
	if !c.gone {
		c.lane.insertLocked(entry{place: c.place})
	}
}

// readyLocked returns an error unless the claim can be ended now. The lane is locked.
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
	if c.store.space.scarce.Load() {
		return unavailable(errDiskFull) // the rest of the space is for removals
	}
	db, err := c.store.enter()
	if err != nil {
		return err
	}
	was, proceed, err := c.startMark()
	if !proceed {
		db.leave()
		return err
	}
	x := c.change(was)
	x.attempt = a
	to(x)
	unlock, err := x.lock()
	if err != nil {
		c.settle(x, err)
		db.leave()
		return unavailable(err)
	}
	batch := db.NewBatch()
	if err := x.build(db, batch); err != nil {
		unlock()
		c.settle(x, err)
		db.leave()
		return unavailable(err)
	}
	err = db.commit(context.Background(), c.store.disk, batch, false, func(err error) {
		unlock()
		c.settle(x, err)
	})
	if err != nil {
		return err
	}
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	c.phase = ended
	return nil
}

// change returns a change of the claimed delivery that changes nothing yet.
func (c *claim) change(at place) *change {
	x := &change{store: c.store, lane: c.lane, id: at.id, from: c.standing, touched: c.touched}
	x.from.due, x.from.order = at.due, at.order
	x.to = x.from
	if c.unsure {
		// This mark overwrites the attempt of the failed one, or a removal deletes it.
		x.touched = true
		x.from.written++
	}
	if m := c.delivery.Message; m != nil {
		x.endpoint = laneOf(m.Endpoint)
	}
	return x
}

// startMark begins a mark. proceed is false if there is nothing to write: the mark
// before was kept after all, or the delivery is gone.
func (c *claim) startMark() (was place, proceed bool, err error) {
	l := c.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := c.readyLocked(); err != nil {
		return was, false, err
	}
	if c.phase == marked {
		c.phase = ended
		return was, false, nil
	}
	if c.gone {
		l.endedLocked(c)
		c.phase = ended
		return was, false, nil
	}
	c.phase = marking
	return c.place, true, nil
}

// settle applies the outcome of a mark to memory. It runs on the goroutine of mark, or
// on that of outlast after mark has returned.
func (c *claim) settle(x *change, err error) {
	l := c.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		c.phase, c.unsure = holding, true
		if c.let {
			c.releaseLocked()
			c.phase = ended
		}
		return
	}
	c.phase = marked
	l.endedLocked(c)
	x.doneLocked()
	if x.to.stage == stageWaiting {
		l.insertLocked(entry{place: x.to.place(c.id)})
	}
}

// message reads a message's bytes.
func message(db *database, id queue.ID) ([]byte, error) {
	var b keyBuffer
	v, closer, err := db.Get(messageKey(&b, id))
	if err != nil {
		return nil, err
	}
	record := append(make([]byte, 0, len(v)), v...)
	return record, closer.Close()
}
