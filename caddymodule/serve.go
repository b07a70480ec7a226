package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/hookwicket/hookwicket/verifiers"
)

// ServeHTTP takes one webhook. The handlers of the block `before` run first and may
// answer instead.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.Header[helloHeader] != nil {
		w.Header().Set(helloHeader, "1")
	}
	if caddy.Exiting() { // the client goes elsewhere, or to the process that comes
		w.Header().Set("Connection", "close")
	}
	removeSpoofed(r.Header)
	q := &request{endpoint: h, w: w, r: r, next: next}
	about := &q.own
	*about = facts{endpoint: h.Name, provider: h.row.Name, receivedAt: time.Now(), client: clientIP(r), last: h.last}
	q.facts = about
	if h.row.AttemptID != "" {
		about.attemptID = r.Header.Get(h.row.AttemptID)
	}
	about.placeholders(r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer))
	h.exchanging(r, about, nil)
	if len(h.Before) > 0 {
		return q.failed(q.guarded())
	}
	return q.failed(q.serve())
}

// serve goes through the steps. Size, method, signature and freshness are checked in
// this order, and a handshake is answered as soon as it can be. The mode decides how
// the request ends once its faults are known.
func (q *request) serve() error {
	h := q.endpoint
	if err := q.enter(); err != nil {
		return q.unjudged(err)
	}
	defer q.leave()
	if err := q.head(); err != nil {
		return q.crowded(err)
	}
	var err error
	if q.checker, err = h.current(q.r.Context(), q.shared); err != nil {
		return q.unjudged(err)
	}
	if err := q.read(); errors.Is(err, errNoRoom) {
		return q.crowded(err)
	} else if err != nil {
		return q.refused(err)
	}
	if answered, err := q.greet(false); answered {
		return err
	}
	fault := q.judge()
	if fault == nil {
		if answered, err := q.greet(true); answered {
			return err
		}
		if !slices.Contains(h.methods, q.r.Method) { // it is a handshake's alone
			fault = verifiers.MethodNotAllowed
		}
	}
	if h.observing() {
		return q.observe(fault)
	}
	return q.enforce(fault)
}

// enforce refuses a request with a fault. It keeps the event of another one, or passes
// it on.
func (q *request) enforce(fault error) error {
	h := q.endpoint
	if fault == nil {
		fault = fit(q.r)
	}
	if fault != nil {
		return q.refused(fault)
	}
	h.dropHopVerified(q.r.Context(), q.checker.verifier, &q.received, q.event)
	q.in.genuine(q.facts.receivedAt)
	if err := q.in.grow(h.copies(q.in.body)); err != nil {
		return q.crowded(err)
	}
	q.identify()
	if !h.asynchronous() {
		return q.pass()
	}
	return q.accept()
}

// judge checks the request as of the time of its receipt. It returns the fault; nil:
// the request is genuine.
func (q *request) judge() (fault error) {
	q.event, fault = q.endpoint.judge(q.r.Context(), q.checker.verifier, &q.received, q.facts.receivedAt)
	return fault
}

// judge checks a whole request as of the time of its receipt. Only a request that
// passes may change the store.
func (h *Handler) judge(ctx context.Context, v verifiers.Verifier, r *verifiers.Request, received time.Time) (verifiers.Event, error) {
	if int64(len(r.Body)) > h.MaxBody {
		return verifiers.Event{}, verifiers.BodyTooLarge
	}
	if !slices.Contains(h.methods, r.Method) && !h.checker.handshakes.Verified(r.Method) {
		return verifiers.Event{}, verifiers.MethodNotAllowed
	}
	event, err := v.Verify(ctx, r)
	if err != nil {
		return event, err
	}
	return event, h.freshness.Check(event, received)
}
