package caddymodule

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// reasonBefore is the reason of a request that a handler before the gateway has
// answered with anything but 429.
const reasonBefore = "before"

// guarded runs what the endpoint has before it, such as a rate limit. Who does not
// get past that is counted as this endpoint's: as limited where the answer is 429.
// The answer is that handler's own, with the Retry-After it gives.
func (h *Handler) guarded(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, about *facts) error {
	passed := false
	watch := &statusWatch{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	err := h.Before.Compile(caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		passed = true
		return h.serve(w, r, next, about)
	})).ServeHTTP(watch, r)
	if passed {
		return err
	}
	var he caddyhttp.HandlerError
	if watch.status == http.StatusTooManyRequests || errors.As(err, &he) && he.StatusCode == http.StatusTooManyRequests {
		h.metrics.limited.Inc()
		about.tell("limited")
		return err
	}
	about.reason = reasonBefore
	h.metrics.turnedAway.Inc()
	about.tell("refused")
	return err
}

// statusWatch notes with which status a handler answers.
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
