package pebble

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// claim is a delivery in the hands of a worker.
type claim struct {
	store    *Store
	lane     *lane
	delivery queue.Delivery
	standing standing
	touched  bool    // there is a record of where it stands
	flight   *flight // the message, until the claim ends
	unsure   bool    // an attempt may have been written, though its mark has failed

	// The rest is guarded by the lane. The first two may change when the database
	// is replaced.
	place
	gone  bool // no longer on disk: a mark was kept that had failed, so it seemed
	let   bool // it was released while a mark is being written
	phase phase
}

// phase is how far a claim is.
type phase int

const (
	holding phase = iota
	marking       // the outcome of a mark is not known yet
	marked        // the mark is kept, though the worker was told of an error
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
			l.stirLocked() // who was woken just now passes that on
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

// tryClaim takes what is due, or returns the channel to wait for, or neither
// when it had better be called again.
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

// scan reads a window's worth of waiting deliveries from the index.
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

// lookAhead is how many deliveries a search reads of a line: the head, whether
// there are others, and some that are being accepted.
const lookAhead = 8

// inLine reads the first deliveries of a line from where the search begins.
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

// fill completes a claim with its message. A claim whose records are damaged
// cannot be delivered and must not block those behind it.
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
	if err != nil { // nobody else has the claim who could end it
		err = errors.Join(err, c.Release())
	}
	return nil, err
}

// locate finds out where a delivery stands and joins the flight of its message.
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

// postpone parks the delivery. Nothing counts as an attempt.
func (c *claim) postpone() error {
	return c.mark(nil, func(x *change) { x.to.due = parkedAt(c.store.dueAt(c.store.now().Add(keyPause))) })
}

// Release implements [queue.Claim]. Nothing is written: on disk a claimed
// delivery looks like any that waits. While a mark is being written that nobody
// waits for any more, as on a full disk, the claim ends when that has come to an
// end.
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

// releaseLocked puts the delivery back. The lane is locked.
func (c *claim) releaseLocked() {
	c.lane.endedLocked(c)
	if !c.gone {
		c.lane.insertLocked(entry{place: c.place})
	}
}

// readyLocked tells whether a method may go on. The lane is locked.
func (c *claim) readyLocked() error {
	switch {
	case c.phase == ended || c.let:
		return errEnded
	case c.phase == marking:
		return unavailable(errMarking)
	}
	return nil
}

// end counts an attempt and commits what becomes of the delivery. After an error
// the claim is still held and may be ended again.
func (c *claim) end(what string, a queue.Attempt, to func(*change)) error {
	if err := c.mark(&a, to); err != nil {
		return fmt.Errorf("marking as %s: %w", what, err)
	}
	return nil
}

func (c *claim) mark(a *queue.Attempt, to func(*change)) error {
	if c.store.space.scarce.Load() {
		return unavailable(errDiskFull) // what is left is for the removal of others
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

// change is one that leaves the delivery where it is.
func (c *claim) change(at place) *change {
	x := &change{store: c.store, lane: c.lane, id: at.id, from: c.standing, touched: c.touched}
	x.from.due, x.from.order = at.due, at.order
	x.to = x.from
	if c.unsure {
		// It is overwritten, or else removed with the others.
		x.touched = true
		x.from.written++
	}
	if m := c.delivery.Message; m != nil {
		x.endpoint = laneOf(m.Endpoint)
	}
	return x
}

// startMark tells where the delivery stands, and whether there is anything to do.
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

// settle brings memory up to what is on disk.
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
