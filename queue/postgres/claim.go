package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// claim is a delivery that a worker of this node holds. It is in the memory of the owner alone.
//
// The window's lock guards the window's claim and the phase. The rest belongs to the holder.
type claim struct {
	window.Claim
	store       *Store
	destination *destination
	tenure      atomic.Pointer[tenure] // a later one of this node follows the first
	context     context.Context        // of the first
	delivery    queue.Delivery
	row         row
	unsure      bool // a mark may have been written although it returned an error
	phase       phase
}

func newClaim(t *tenure) *claim {
	c := &claim{store: t.destination.store, destination: t.destination, context: t.context}
	c.tenure.Store(t)
	return c
}

// lock locks the tenure of the claim.
func (c *claim) lock() *tenure {
	for {
		t := c.tenure.Load()
		t.Lock()
		if c.tenure.Load() == t {
			return t
		}
		t.Unlock()
	}
}

// endedLocked ends the hold of a claim.
func (t *tenure) endedLocked(c *claim) {
	delete(t.claims, c.ID)
	t.EndedLocked(&c.Claim)
}

type phase uint8

const (
	holding phase = iota
	marked        // a mark is being written
	ended
	lost // another node has changed the delivery
)

var (
	errEnded   = errors.New("the claim has ended")
	errMarking = errors.New("an earlier mark is still being written")
)

// Delivery implements [queue.Claim].
func (c *claim) Delivery() *queue.Delivery { return &c.delivery }

// Context implements [queue.Claim]. A later tenure of this node does not bring it back: another
// node may have begun an attempt in between.
func (c *claim) Context() context.Context { return c.context }

// Done implements [queue.Claim].
func (c *claim) Done(a queue.Attempt) error {
	return c.mark("done", &a, func(r *row) (why int16) {
		r.state, r.ended = delivered, c.store.now()
		if c.store.retention(c.destination.name) <= 0 {
			r.state = gone
		}
		return goneDelivered
	})
}

// Retry implements [queue.Claim].
func (c *claim) Retry(at time.Time, a queue.Attempt) error {
	return c.mark("retry", &a, func(r *row) (why int16) { r.due = window.Nanos(at); return 0 })
}

// Bury implements [queue.Claim].
func (c *claim) Bury(a queue.Attempt) error {
	return c.mark("bury", &a, func(r *row) (why int16) { r.state, r.ended = dead, c.store.now(); return 0 })
}

// Release implements [queue.Claim].
func (c *claim) Release() error {
	t := c.lock()
	defer t.Unlock()
	switch c.phase {
	case lost:
		c.phase = ended
		return nil
	case ended:
		return errEnded
	case marked:
		return unavailable(errMarking)
	}
	c.phase = ended
	t.endedLocked(c)
	if c.unsure {
		t.ForgetLocked(c.Waiting) // to be read again: it may have another version
	} else {
		t.InsertLocked(window.Entry{Waiting: c.Waiting})
	}
	return nil
}

// lose ends a claim whose delivery is not as the window took it to be. now is what it is.
func (c *claim) lose(now *row) {
	t := c.lock()
	defer t.Unlock()
	c.phase = ended
	t.endedLocked(c)
	if now != nil && now.state == waits {
		t.InsertLocked(window.Entry{Waiting: now.waiting()})
	}
}

// encodeAttempt makes the record of an attempt. It is sealed whole if there is a key.
func encodeAttempt(a queue.Attempt, box seal.Box) []byte {
	b, _ := json.Marshal(a) // cannot fail: an attempt is plain data
	return box.Close(nil, b)
}

// decodeAttempt reads the record of an attempt; nil: there is none. The error wraps
// [seal.ErrNoKey] or [seal.ErrDamaged].
func decodeAttempt(b []byte, box seal.Box) (*queue.Attempt, error) {
	if len(b) == 0 {
		return nil, nil
	}
	b, err := box.Open(b)
	if err != nil {
		return nil, err
	}
	a := new(queue.Attempt)
	if err := json.Unmarshal(b, a); err != nil {
		return nil, fmt.Errorf("%w: an attempt does not decode", seal.ErrDamaged)
	}
	return a, nil
}

// marking is a change of a delivery on its way to the database.
type marking struct {
	destination *destination
	from, to    row
	attempt     []byte // its record; nil: none is counted
	why         int16  // of a removal
	sync        bool   // durable when it returns
	done        chan error
}

// errVersion: somebody else has changed the delivery.
var errVersion = fmt.Errorf("%w: another node has changed the delivery", queue.ErrLost)

// mark writes a change of the delivery. a is the attempt that it counts; nil: none.
func (c *claim) mark(what string, a *queue.Attempt, to func(*row) int16) error {
	t := c.lock()
	switch c.phase {
	case ended, lost:
		t.Unlock()
		return errEnded
	case marked:
		t.Unlock()
		return unavailable(errMarking)
	}
	c.phase = marked
	t.Unlock()

	m := &marking{destination: c.destination, from: c.row, to: c.row}
	if a != nil {
		box := c.store.seal.For(c.ID)
		m.to.attempts, m.to.written = c.row.attempts+1, c.row.written+1
		a.Number = int(m.to.attempts)
		m.attempt = encodeAttempt(*a, box)
		last := *a
		last.Excerpt = ""
		m.to.last = encodeAttempt(last, box)
	}
	m.why = to(&m.to)
	err := c.store.change(m)
	if c.unsure && errors.Is(err, errVersion) && c.store.written(m) {
		err = nil // by the attempt to mark that returned an error
	}

	t = c.lock()
	defer t.Unlock()
	switch {
	case errors.Is(err, errVersion):
		c.store.lostMarks.Add(1)
		c.phase = lost
		t.endedLocked(c)
		t.ForgetLocked(c.Waiting)
		return fmt.Errorf("marking as %s: %w", what, err)
	case err != nil:
		c.phase, c.unsure = holding, true
		return fmt.Errorf("marking as %s: %w", what, err)
	}
	c.phase = ended
	t.endedLocked(c)
	t.countLocked(&m.from, -1)
	t.countLocked(&m.to, 1)
	if m.to.state == waits {
		t.InsertLocked(window.Entry{Waiting: m.to.waiting()})
	}
	return nil
}

// change writes one mark in the next batch and waits for the outcome.
func (s *Store) change(m *marking) error {
	if err := s.ready(); err != nil {
		return err
	}
	m.done = make(chan error, 1)
	select {
	case s.marks <- m:
	case <-s.running.Done():
		return unavailable(errClosed)
	}
	select {
	case err := <-m.done:
		return err
	case <-s.running.Done():
		return unavailable(errClosed)
	}
}

// written reports whether a mark of this node has made the delivery what it is.
func (s *Store) written(m *marking) bool {
	var state int16
	var version, number int32
	err := s.pool.QueryRow(s.running, s.sql("select state, version, written from {s}.delivery where message = $1 and destination = $2"),
		uuid.UUID(m.from.message), m.destination.id).Scan(&state, &version, &number)
	return err == nil && state == m.to.state && version == m.from.version+1 && number == m.to.written
}

// writeMarks writes a batch of marks. Those of one delivery are never in one batch: its claim
// writes one after another.
func (s *Store) writeMarks(batch []*marking) {
	n := len(batch)
	var (
		message, destination       = make([]uuid.UUID, n), make([]int32, n)
		version, attempts, written = make([]int32, n), make([]int32, n), make([]int32, n)
		state, why                 = make([]int16, n), make([]int16, n)
		due, endedAt, redelivered  = make([]int64, n), make([]int64, n), make([]int64, n)
		ord                        = make([]*int64, n)
		last, record               = make([][]byte, n), make([][]byte, n)
		durability                 = "off"
	)
	for i, m := range batch {
		message[i], destination[i], version[i] = uuid.UUID(m.from.message), m.destination.id, m.from.version
		state[i], due[i], endedAt[i], attempts[i], written[i] = m.to.state, m.to.due, m.to.ended, m.to.attempts, m.to.written
		last[i], ord[i], redelivered[i], record[i], why[i] = m.to.last, m.to.ord, m.to.redelivered, m.attempt, m.why
		if m.sync {
			durability = "on"
		}
	}
	var ok []bool
	err := s.durably(func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, s.sql("select {s}.mark_1($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)"),
			durability, s.now(), message, destination, version, state, due, endedAt, attempts, written, last, ord, redelivered, record, why).Scan(&ok)
	})
	s.note(err)
	for i, m := range batch {
		switch {
		case err != nil:
			m.done <- unavailable(err)
		case !ok[i]:
			m.done <- errVersion
		default:
			m.to.version = m.from.version + 1
			s.unflushed.remember(m)
			m.done <- nil
		}
	}
}

// The most acceptances or marks of one statement, and the bytes from which on it takes no more.
const (
	maxBatch      = 64
	maxBatchBytes = 1 << 20
)

func (m *marking) bytes() int { return len(m.attempt) }

// batches writes what has come in while the batch before was written. Nobody waits for a
// batch to fill.
func batches[T any](s *Store, in chan T, size func(T) int, write func([]T)) {
	for {
		var batch []T
		bytes := 0
		select {
		case x := <-in:
			batch, bytes = append(batch, x), size(x)
		case <-s.running.Done():
			return
		}
	gather:
		for len(batch) < maxBatch && bytes < maxBatchBytes {
			select {
			case x := <-in:
				batch, bytes = append(batch, x), bytes+size(x)
			default:
				break gather
			}
		}
		write(batch)
	}
}
