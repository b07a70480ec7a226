package caddymodule

import (
	fifo "container/list"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

// If there is no room for a request, in memory or in the store, a sender that retries
// gets 503. A sender that never retries would lose its event. Its request waits here
// for room, as long as the sender is likely to wait.
const (
	maxWaiting      = 1024                   // requests that wait in one line; others are answered at once
	maxWaitingOf    = maxWaiting / 8         // of one client
	maxUnknown      = maxWaiting * 3 / 4     // of all clients without a genuine request
	waitingPoll     = 250 * time.Millisecond // for room that is not notified, as on a disk
	unknownDeadline = 5 * time.Second        // of a sender that never retries and whose row gives none
	longestPatience = 30 * time.Second
)

// patienceOf returns how long after its receipt a request may wait for room. It is
// four fifths of the time the sender waits for an answer; the last fifth is for the
// disk and the way back. It is 0 if the sender retries.
func patienceOf(deadline time.Duration, attempts int) time.Duration {
	if attempts != 1 {
		return 0
	}
	if deadline <= 0 {
		deadline = unknownDeadline
	}
	return min(deadline*4/5, longestPatience)
}

// lacking reports whether an error means that there may be room later.
func lacking(err error) bool {
	return errors.Is(err, errNoRoom) || errors.Is(err, queue.ErrFull) || errors.Is(err, queue.ErrUnavailable)
}

// line is a queue of requests that wait for room. The first is notified when room was
// freed, and notifies the next. The zero line is empty.
type line struct {
	length  atomic.Int64
	mu      sync.Mutex
	places  fifo.List // of *place
	of      map[netip.Addr]int
	unknown int // places of waiters that are not known
}

// waiter is the client of a waiting request. One client gets an eighth of the places
// of a line. All clients without a genuine request get three quarters together, so
// that forged requests cannot fill the line. An invalid address is no client.
type waiter struct {
	client netip.Addr
	known  bool
}

type place struct {
	waiter
	told chan int
}

// hops is how many waiting requests in a row are notified of the same room while none
// of them fits into it.
const hops = 8

// wait calls try until there is room, the time is up, or it fails for another
// reason. It returns the last error.
func (l *line) wait(who waiter, until time.Time, try func() error) error {
	err := try()
	if !lacking(err) {
		return err
	}
	left := time.Until(until)
	if left <= 0 {
		return err
	}
	at := l.join(who)
	if at == nil {
		return err
	}
	over := time.NewTimer(left)
	defer over.Stop()
	poll := time.NewTicker(waitingPoll)
	defer poll.Stop()
	for {
		told := 0
		select {
		case told = <-at.Value.(*place).told:
		case <-poll.C:
		case <-over.C:
			l.leave(at)
			return err
		}
		if err = try(); !lacking(err) {
			l.leave(at)
			return err
		}
		if told > 1 {
			l.tell(at, told-1)
		}
	}
}

// join takes the last place, or returns nil if there are too many before it.
func (l *line) join(who waiter) *fifo.Element {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.places.Len() >= maxWaiting,
		!who.known && l.unknown >= maxUnknown,
		who.client.IsValid() && l.of[who.client] >= maxWaitingOf:
		return nil
	}
	l.countLocked(who, 1)
	return l.places.PushBack(&place{who, make(chan int, 1)})
}

// leave gives up a place. It notifies the first in the line, because the leaving
// request may have been notified of room that others can use.
func (l *line) leave(at *fifo.Element) {
	l.mu.Lock()
	l.places.Remove(at)
	l.countLocked(at.Value.(*place).waiter, -1)
	l.mu.Unlock()
	l.ring()
}

// countLocked counts n more places of a client.
func (l *line) countLocked(who waiter, n int) {
	l.length.Add(int64(n))
	if !who.known {
		l.unknown += n
	}
	if !who.client.IsValid() {
		return
	}
	if l.of == nil {
		l.of = make(map[netip.Addr]int)
	}
	if l.of[who.client] += n; l.of[who.client] == 0 {
		delete(l.of, who.client)
	}
}

// ring notifies the first in the line that there may be room.
func (l *line) ring() {
	if l.length.Load() > 0 {
		l.tell(nil, hops)
	}
}

// tell notifies the request behind a place, or the first one if at is nil.
func (l *line) tell(at *fifo.Element, hops int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.places.Front()
	if at != nil {
		next = at.Next()
	}
	if next == nil {
		return
	}
	select {
	case next.Value.(*place).told <- hops:
	default: // it has been notified already
	}
}

// retryAfterFor returns the Retry-After of a 503, in seconds. Memory is free again
// sooner than a disk. The time is drawn from a range, so that senders that were
// refused together do not come back together.
func retryAfterFor(err error) string {
	least := retryAfter
	if errors.Is(err, errNoRoom) {
		least = retryAfterMemory
	}
	return strconv.Itoa(int((least + rand.N(least)) / time.Second))
}

// memory returns the count of one request's memory. The request may wait until a time.
func (h *Handler) memory(s *shared, until time.Time) memory {
	t := h.tenant.Load()
	if t == nil || t.room != &s.room { // another store is open
		t = s.room.endpoint(h.Name)
		h.tenant.Store(t)
	}
	return memory{room: &s.room, limit: h.app.MaxInFlight, patience: until, tenant: t, ownLimit: h.MaxInFlight}
}

// waitsUntil returns when a request stops waiting for memory. Zero: it does not wait.
func (h *Handler) waitsUntil(received time.Time) time.Time {
	if h.patience == 0 {
		return time.Time{}
	}
	return received.Add(h.patience)
}

// plausible reports whether headers and URL of the request have a well-formed signature.
// If the verifier cannot say, the request is plausible.
func (q *request) plausible() bool {
	p, ok := q.endpoint.checker.verifier.(verifiers.Plausible)
	return !ok || p.Plausible(&q.received)
}

// copies returns the bytes of memory that a verified event takes besides its body: the
// record, the store's batch and, with encryption, the sealed record.
func (h *Handler) copies(body []byte) int64 {
	n := int64(len(body))
	switch {
	case !h.asynchronous():
		return 0
	case len(h.app.Encrypt) > 0:
		return 3 * n
	}
	return 2 * n
}

// errBacklogHere: the backlog of the endpoint has reached its limit.
var errBacklogHere = fmt.Errorf("%w: max_backlog of this endpoint", queue.ErrFull)

// withinBacklog checks whether the endpoint may keep so many bytes more. Events that
// arrive at the same moment can exceed the limit by their own size.
func (h *Handler) withinBacklog(s *shared, size int64) error {
	if h.MaxBacklog == 0 {
		return nil
	}
	if s.store.Backlog(h.backlog...)+size > h.MaxBacklog {
		return errBacklogHere
	}
	return nil
}
