package caddymodule

import (
	fifo "container/list"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// When there is no room for a request, in memory or in the store, a sender that
// will try again is asked to. One that never does would lose its event by that,
// so it waits here for room for as long as it is likely to wait itself.
const (
	maxWaiting      = 1024                   // requests that wait in one line; others are answered at once
	waitingPoll     = 250 * time.Millisecond // for room that nobody tells of, as on a disk
	unknownDeadline = 5 * time.Second        // of a sender that never retries and whose row gives none
	longestPatience = 30 * time.Second
)

// patienceOf is for how long after its receipt a request may wait for room: four
// fifths of the time the sender waits for an answer, and not at all where it
// tries again by itself. The last fifth is for the disk and the way back.
func patienceOf(deadline time.Duration, attempts int) time.Duration {
	if attempts != 1 {
		return 0
	}
	if deadline <= 0 {
		deadline = unknownDeadline
	}
	return min(deadline*4/5, longestPatience)
}

// lacking tells whether an error means that there may be room later.
func lacking(err error) bool {
	return errors.Is(err, errNoRoom) || errors.Is(err, queue.ErrFull) || errors.Is(err, queue.ErrUnavailable)
}

// line is a queue of requests that wait for room. The first is told when some was
// freed; it tells the next. The zero line is empty.
type line struct {
	length atomic.Int64
	mu     sync.Mutex
	places fifo.List // of chan int
}

// hops is how many requests in a row may find too little room for themselves
// before the news of it is dropped.
const hops = 8

// wait calls try until there is room, the time is up, or it fails for another
// reason. It returns the last error.
func (l *line) wait(until time.Time, try func() error) error {
	err := try()
	if !lacking(err) {
		return err
	}
	left := time.Until(until)
	if left <= 0 {
		return err
	}
	place := l.join()
	if place == nil {
		return err
	}
	over := time.NewTimer(left)
	defer over.Stop()
	poll := time.NewTicker(waitingPoll)
	defer poll.Stop()
	for {
		told := 0
		select {
		case told = <-place.Value.(chan int):
		case <-poll.C:
		case <-over.C:
			l.leave(place)
			return err
		}
		if err = try(); !lacking(err) {
			l.leave(place)
			return err
		}
		if told > 1 {
			l.tell(place, told-1)
		}
	}
}

// join takes the last place, or returns nil if the line is too long.
func (l *line) join() *fifo.Element {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.places.Len() >= maxWaiting {
		return nil
	}
	l.length.Add(1)
	return l.places.PushBack(make(chan int, 1))
}

// leave gives up a place. Who leaves may have been told of room that others can
// use.
func (l *line) leave(place *fifo.Element) {
	l.mu.Lock()
	l.places.Remove(place)
	l.length.Add(-1)
	l.mu.Unlock()
	l.ring()
}

// ring tells the first in the line that there may be room.
func (l *line) ring() {
	if l.length.Load() > 0 {
		l.tell(nil, hops)
	}
}

// tell passes the news to whoever stands behind a place, or to the first.
func (l *line) tell(place *fifo.Element, hops int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.places.Front()
	if place != nil {
		next = place.Next()
	}
	if next == nil {
		return
	}
	select {
	case next.Value.(chan int) <- hops:
	default: // it has been told already
	}
}

// retryAfterFor is what a 503 asks the sender to wait, in seconds. Memory is free
// again sooner than a disk. The time is drawn from a range, so that senders who
// were refused together do not come back together.
func retryAfterFor(err error) string {
	least := retryAfter
	if errors.Is(err, errNoRoom) {
		least = retryAfterMemory
	}
	return strconv.Itoa(int((least + rand.N(least)) / time.Second))
}

// memory is where the endpoint's bodies are counted, by a request that may wait
// until a time.
func (h *Handler) memory(s *shared, until time.Time) memory {
	m := memory{total: &s.buffered, limit: h.app.MaxInFlight, line: &s.forRoom, patience: until}
	if h.MaxInFlight > 0 {
		own, _ := s.inFlight.LoadOrStore(h.Name, new(atomic.Int64))
		m.own, m.ownLimit = own.(*atomic.Int64), h.MaxInFlight
	}
	return m
}

// errBacklogHere: the endpoint has as much waiting as it may.
var errBacklogHere = fmt.Errorf("%w: max_backlog of this endpoint", queue.ErrFull)

// withinBacklog tells whether the endpoint may keep so many bytes more. Events
// that arrive at once may exceed the limit by as much as is in flight.
func (h *Handler) withinBacklog(s *shared, size int64) error {
	if h.MaxBacklog == 0 {
		return nil
	}
	if s.store.Backlog(h.lanes...)+size > h.MaxBacklog {
		return errBacklogHere
	}
	return nil
}

// useBy is use for a request that may wait until a time for the store to be
// opened, as when another process has not let go of it yet.
func (a *App) useBy(until time.Time) (s *shared, release func(), err error) {
	if s, release, err = a.use(); err == nil {
		return s, release, nil
	}
	err = a.forStore.wait(until, func() error {
		s, release, err = a.use()
		if err != nil {
			err = fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
		}
		return err
	})
	return s, release, err
}
