package pebble

import (
	"context"
	"encoding/binary"
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
	state    state

	// The rest is guarded by the lane. The first two may change when the database
	// is replaced.
	position
	gone  bool // no longer on disk: a mark was kept that had failed, so it seemed
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
			l.unwait(wait)
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
	c, e, ok := l.next(nanos(s.now()))
	switch {
	case ok:
		l.mu.Unlock()
		c.store = s
		c, err = s.fill(db, c, e)
		return c, nil, err
	case l.starved():
		l.scanning = true
		from := l.bound
		l.mu.Unlock()
		found, rest, err := scan(db, l.id, from)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.scanned(found, rest, err)
		if err != nil {
			return nil, nil, unavailable(err)
		}
		return nil, nil, nil
	default:
		defer l.mu.Unlock()
		return nil, l.wait(), nil
	}
}

// scan reads a window's worth of waiting deliveries from the index.
func scan(db *database, lane laneID, from position) (found []position, rest position, err error) {
	var lower, upper keyBuffer
	iter, err := db.NewIter(&pebble.IterOptions{
		LowerBound: waitingKey(&lower, lane, from),
		UpperBound: waitingKey(&upper, lane, end),
	})
	if err != nil {
		return nil, from, err
	}
	rest = end
	for ok := iter.First(); ok; ok = iter.Next() {
		_, p, keyErr := splitWaiting(iter.Key())
		if keyErr != nil {
			err = keyErr
			break
		}
		if len(found) == windowSize {
			rest = p
			break
		}
		found = append(found, p)
	}
	return found, rest, errors.Join(err, iter.Close())
}

// fill completes a claim with its message. A claim whose records are damaged
// cannot be delivered and must not block those behind it.
func (s *Store) fill(db *database, c *claim, e entry) (*claim, error) {
	record, err := s.read(db, c, e)
	var m *queue.Message
	if err == nil {
		m, err = s.seal.openMessage(c.id, record)
	}
	switch {
	case err == nil:
		c.delivery = queue.Delivery{Message: m, Destination: c.lane.name, Attempts: c.state.attempts}
		if c.state.lastAttempt != 0 {
			c.delivery.Last = &queue.Attempt{Number: c.state.attempts, At: time.Unix(0, c.state.lastAttempt), Error: c.state.lastError}
		}
		return c, nil
	case errors.Is(err, queue.ErrDamaged), errors.Is(err, errDamaged), errors.Is(err, pebble.ErrNotFound):
		s.options.Logger.Error("a delivery cannot be read and is set aside", "message", c.id, "destination", c.lane.name, "error", err)
		return nil, c.Bury(queue.Attempt{At: s.now(), Error: "unreadable: " + err.Error()})
	default:
		return nil, errors.Join(unavailable(err), c.Release())
	}
}

// read returns the message's bytes and sets the claim's state.
func (s *Store) read(db *database, c *claim, e entry) ([]byte, error) {
	if e.fresh != nil {
		s.fresh.give(len(e.fresh.record))
		c.state = e.fresh.state
		return e.fresh.record, nil
	}
	var b keyBuffer
	v, closer, err := db.Get(waitingKey(&b, c.lane.id, e.position))
	if err != nil {
		return nil, err
	}
	c.state, err = decodeState(v)
	if err := errors.Join(err, closer.Close()); err != nil {
		return nil, err
	}
	return message(db, e.id)
}

// Delivery implements [queue.Claim].
func (c *claim) Delivery() *queue.Delivery { return &c.delivery }

// Done implements [queue.Claim].
func (c *claim) Done(queue.Attempt) error {
	return c.end("done", func(b *pebble.Batch, at position) (*state, *position, error) {
		return nil, nil, nil
	})
}

// Retry implements [queue.Claim].
func (c *claim) Retry(at time.Time, a queue.Attempt) error {
	return c.end("retry", func(b *pebble.Batch, was position) (*state, *position, error) {
		next := c.counted(a)
		p := position{nanos(at), was.id}
		var k keyBuffer
		return &next, &p, b.Set(waitingKey(&k, c.lane.id, p), next.append(nil), nil)
	})
}

// Bury implements [queue.Claim].
func (c *claim) Bury(a queue.Attempt) error {
	return c.end("bury", func(b *pebble.Batch, was position) (*state, *position, error) {
		next := c.counted(a)
		var k keyBuffer
		return &next, nil, b.Set(deadKey(&k, c.lane.id, was.id), next.append(nil), nil)
	})
}

func (c *claim) counted(a queue.Attempt) state {
	s := c.state
	s.attempts++
	s.lastAttempt, s.lastError = nanos(a.At), a.Error
	return s
}

// Release implements [queue.Claim]. Nothing is written: on disk a claimed
// delivery looks like any that waits.
func (c *claim) Release() error {
	l := c.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := c.ready(); err != nil {
		return err
	}
	if c.phase == holding {
		l.ended(c)
		if !c.gone {
			l.insert(entry{position: c.position})
		}
	}
	c.phase = ended
	return nil
}

// ready tells whether a method may go on. The lane is locked.
func (c *claim) ready() error {
	switch c.phase {
	case marking:
		return unavailable(errMarking)
	case ended:
		return errEnded
	}
	return nil
}

// end commits what a mark adds and, in the same batch, takes the delivery out of
// the index. After an error the claim is still held and may be ended again.
func (c *claim) end(what string, add func(*pebble.Batch, position) (*state, *position, error)) error {
	if err := c.mark(add); err != nil {
		return fmt.Errorf("marking as %s: %w", what, err)
	}
	return nil
}

func (c *claim) mark(add func(*pebble.Batch, position) (*state, *position, error)) error {
	db, err := c.store.enter()
	if err != nil {
		return err
	}
	was, proceed, err := c.startMark()
	if !proceed {
		db.leave()
		return err
	}
	batch := db.NewBatch()
	var k keyBuffer
	err = batch.SingleDelete(waitingKey(&k, c.lane.id, was), nil)
	next, at, addErr := add(batch, was)
	unlock := func() {}
	if err = errors.Join(err, addErr); err == nil && next == nil {
		unlock, err = c.store.dropMessage(db, batch, c.lane, c.id, c.state.parts)
	}
	if err != nil {
		c.settle(nil, nil, err)
		db.leave()
		return unavailable(err)
	}
	err = db.commit(context.Background(), c.store.disk, batch, false, func(err error) {
		unlock()
		c.settle(next, at, err)
	})
	if err != nil {
		return err
	}
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	c.phase = ended
	return nil
}

// startMark tells where the delivery stands, and whether there is anything to do.
func (c *claim) startMark() (was position, proceed bool, err error) {
	l := c.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := c.ready(); err != nil {
		return was, false, err
	}
	if c.phase == marked {
		c.phase = ended
		return was, false, nil
	}
	if c.gone {
		l.ended(c)
		c.phase = ended
		return was, false, nil
	}
	c.phase = marking
	return c.position, true, nil
}

// settle brings memory up to what is on disk.
func (c *claim) settle(next *state, at *position, err error) {
	l := c.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		c.phase = holding
		return
	}
	c.phase = marked
	l.ended(c)
	switch {
	case at != nil:
		l.insert(entry{position: *at})
		return
	case next != nil:
		l.dead++
	default:
		l.bytes -= c.state.size
		c.store.bytes.Add(-c.state.size)
	}
	l.waiting--
	l.ages.remove(c.id)
}

// dropMessage adds the removal of a message to the batch if the lane's delivery
// is its last. Until the returned function is called no other delivery of the
// same message can be asked the same, for both would find the other still there.
func (s *Store) dropMessage(db *database, batch *pebble.Batch, l *lane, id queue.ID, parts int) (unlock func(), err error) {
	var k keyBuffer
	if parts <= 1 {
		return func() {}, batch.SingleDelete(messageKey(&k, id), nil)
	}
	mu := &s.parts[binary.BigEndian.Uint16(id[14:])%uint16(len(s.parts))]
	mu.Lock()
	others, err := otherParts(db, l.id, id)
	if err == nil {
		err = batch.SingleDelete(partKey(&k, id, l.id), nil)
	}
	if err == nil && !others {
		err = batch.SingleDelete(messageKey(&k, id), nil)
	}
	if err != nil {
		mu.Unlock()
		return func() {}, err
	}
	return mu.Unlock, nil
}

// otherParts tells whether deliveries of the message to other destinations are
// not done.
func otherParts(db *database, lane laneID, id queue.ID) (bool, error) {
	var lower, upper keyBuffer
	iter, err := db.NewIter(&pebble.IterOptions{
		LowerBound: partKey(&lower, id, laneID{}),
		UpperBound: append(partKey(&upper, id, laneID{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), 0),
	})
	if err != nil {
		return false, err
	}
	others := false
	for ok := iter.First(); ok && !others; ok = iter.Next() {
		others = laneID(iter.Key()[17:]) != lane
	}
	return others, errors.Join(iter.Error(), iter.Close())
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
