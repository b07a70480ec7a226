package caddymodule

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// reasonBefore is the reason of a request that a handler of `before` has answered with
// a status other than 429.
const reasonBefore = "before"

// guarded runs the handlers of `before`, such as a rate limit. A request that does not
// get past them counts as this endpoint's: as limited if the answer is 429. The answer
// is that handler's own, with its Retry-After.
func (q *request) guarded() error {
	h := q.endpoint
	watch := &statusWatch{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: q.w}}
	gate := &gate{outer: q}
	err := h.Before.Compile(gate).ServeHTTP(watch, q.r)
	if gate.passed {
		return err
	}
	var he caddyhttp.HandlerError
	if watch.status == http.StatusTooManyRequests || errors.As(err, &he) && he.StatusCode == http.StatusTooManyRequests {
		h.metrics.count("limited", "")
		q.facts.tell("limited")
		return err
	}
	q.facts.reason = reasonBefore
	h.metrics.count("refused", reasonBefore)
	q.tellRefused("refused", nil)
	return err
}

// gate stands behind the handlers of `before` and lets a request into the gateway.
// Those handlers may have replaced the request and its writer, so it serves a copy.
type gate struct {
	outer  *request
	passed bool
}

// ServeHTTP serves the request as it arrives here.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	g.passed = true
	q := *g.outer
	q.w, q.r = w, r
	return q.serve()
}

// statusWatch notes the status of a handler's answer.
type statusWatch struct {
	*caddyhttp.ResponseWriterWrapper
	status int
}

// WriteHeader notes the first final status.
func (w *statusWatch) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriterWrapper.WriteHeader(status)
}

// parseBefore reads a block of handlers.
func parseBefore(h httpcaddyfile.Helper) (caddyhttp.RouteList, error) {
	d := h.NewFromNextSegment()
	d.Next() // before
	if d.NextArg() || !d.NextBlock(d.Nesting()) {
		return nil, h.Err("what runs before? Write `before { <handlers> }`, such as a rate_limit")
	}
	d.Reset()
	handler, err := httpcaddyfile.ParseSegmentAsSubroute(h.WithDispenser(d))
	if err != nil {
		return nil, err
	}
	subroute, ok := handler.(*caddyhttp.Subroute)
	if !ok {
		return nil, fmt.Errorf("unexpected handler %T for the before block", handler)
	}
	return subroute.Routes, nil
}
