package caddymodule

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/hookwicket/hookwicket/dedupe"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

// request is one webhook on its way through an endpoint. Its methods are the steps of
// that way, and serve contains their order. A step leaves its result in a field for
// the steps after it. One goroutine uses a request, until serve returns.
type request struct {
	endpoint *Handler
	w        http.ResponseWriter
	r        *http.Request
	next     caddyhttp.Handler // it answers if the endpoint has no forward
	facts    *facts            // for handlers, log lines and the live stream
	own      facts             // the memory of facts; a copy of the request shares it

	// Set by enter.
	shared  *shared
	release func()   // gives the reference to shared back
	in      inFlight // the memory that the request holds, and its body

	// Set by head and read.
	received verifiers.Request // the same request for the verifier
	checker  *checker          // the verifier with the current secrets

	// Set by judge and identify. They are zero if the request is not genuine. An
	// observing endpoint then fills the event with unverified claims.
	event verifiers.Event
	id    queue.Identity

	// Set while the event is kept or passed on.
	routes    []queue.Route                // its deliveries
	oneRoute  [1]queue.Route               // the memory of routes, unless there are several
	verdict   queue.Verdict                // new, duplicate or replayed; or unasked
	reserved  queue.Reservation            // of an event that was handed on; nil: none
	held      queue.Claim                  // the delivery whose answer the sender may get; nil: none
	elsewhere func(context.Context) []byte // that of the gateway which attempts it instead; nil: none
	turn      *dedupe.Turn                 // while the twins wait; nil: the event has no key
	led       bool                         // this request was passed on, not one of its twins
	answered  error                        // the next handler's error

	again bool // a person accepts a request that was refused: nobody waits for the answer
}

// enter takes a reference to the shared state and opens the account of the request's
// memory. If it succeeds, leave gives both back. A sender that never retries waits
// until the store is open, as when another process still uses it.
func (q *request) enter() error {
	h := q.endpoint
	q.facts.network = network(q.facts.client)
	until := q.facts.receivedAt.Add(h.patience)
	if err := h.app.forStore.wait(waiter{client: q.facts.network}, until, q.use); err != nil {
		return err
	}
	q.in = inFlight{memory: h.memory(q.shared, h.waitsUntil(q.facts.receivedAt))}
	q.in.client = q.shared.room.clients.enter(q.facts.network)
	return nil
}

// use takes a reference to the shared state.
func (q *request) use() (err error) {
	if q.shared, q.release, err = q.endpoint.app.enter(); err != nil {
		return fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
	}
	return nil
}

// leave gives back all that the request holds. The memory belongs to the shared
// state, so it goes first.
func (q *request) leave() {
	defer q.release()
	q.in.release()
}

// head takes memory for the parts of the request that have arrived before its body.
func (q *request) head() error {
	h := q.endpoint
	q.received = verifiers.Request{Method: q.r.Method, URL: h.calledURL(q.r), Header: q.r.Header}
	q.received.Grow = q.in.take // it does not wait, because the request already holds memory
	q.in.asker = q
	return q.in.expect(q.r)
}

// read takes in the body. An observing endpoint keeps every request, so it takes the
// memory for that as well. An enforcing one takes it for genuine requests alone.
func (q *request) read() error {
	h := q.endpoint
	var after time.Time // the read deadline once the body is there
	q.in.end = q.facts.receivedAt.Add(readLimit)
	if timeout := time.Duration(h.server.ReadTimeout); timeout > 0 {
		after = q.facts.receivedAt.Add(timeout)
		q.in.end = after
	}
	if err := q.in.read(q.w, q.r, h.MaxBody); err != nil {
		return err
	}
	q.in.disarm(q.w, after)
	q.received.Body = q.in.body
	if h.observing() {
		return q.in.grow(h.copies(q.in.body))
	}
	return nil
}
