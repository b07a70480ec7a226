package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/refused"
	"github.com/hookwicket/hookwicket/verifiers"
)

// Why a refused request cannot be judged again, or not be accepted.
var (
	errCutBody   = fmt.Errorf("its body is longer than %d KiB, or was not read to its end, so it is not kept whole", refused.MaxBody>>10)
	errCutHeader = fmt.Errorf("its URL and headers are longer than %d KiB, so they are not kept", refused.MaxHeader>>10)
	errHandshake = errors.New("it is a handshake and no event; let the provider send it again")
	errPassedOn  = errors.New("the endpoint has no forward: the next handler answers while the sender waits, so there is nobody to answer now; let the provider send it again")
	errObserved  = errors.New("the endpoint observed when the request came, so it was let through then")
)

// again makes the request of an entry once more, as its endpoint received it. The
// request is for the steps after reading, and its answer goes nowhere. It holds no
// memory of the room, so in.release is not due.
func (h *Handler) again(ctx context.Context, s *shared, e *refused.Entry) (*request, error) {
	m := &e.Message
	switch {
	case e.Cut&refused.CutBody != 0:
		return nil, errCutBody
	case e.Cut&refused.CutHeader != 0:
		return nil, errCutHeader
	case e.Reason == refused.ReasonHandshake:
		return nil, errHandshake
	}
	return h.anew(ctx, s, m, e.Original)
}

// anew makes a request of a message, as its endpoint received it. Original is the target
// before rewrites.
func (h *Handler) anew(ctx context.Context, s *shared, m *queue.Message, original string) (*request, error) {
	about := &facts{endpoint: h.Name, provider: h.row.Name, receivedAt: time.Now(), client: m.ClientIP, network: network(m.ClientIP), last: h.last}
	if h.row.AttemptID != "" {
		about.attemptID = m.Header.Get(h.row.AttemptID)
	}
	r, err := h.stored(ctx, m, about)
	if err != nil {
		return nil, err
	}
	r.Header = m.Header.Clone() // stored has changed it
	if original != m.URI {
		if r, err = rewritten(r, original); err != nil {
			return nil, err
		}
	}
	q := &request{endpoint: h, w: &recorder{header: make(http.Header)}, r: r, facts: about, shared: s, again: true}
	if q.checker, err = h.current(ctx, s); err != nil {
		return nil, err
	}
	q.in.body = m.Body
	q.received = verifiers.Request{Method: r.Method, URL: h.calledURL(r), Header: r.Header, Body: m.Body}
	return q, nil
}

// rewritten returns a request as it is after a rewrite of its target.
func rewritten(r *http.Request, before string) (*http.Request, error) {
	u, err := url.ParseRequestURI(before)
	if err != nil {
		return nil, fmt.Errorf("its URL: %w", err)
	}
	original := *r
	original.URL, original.RequestURI = u, before
	return r.WithContext(context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, original)), nil
}

// judgeAgain judges a request that was made by again, as of the time of its receipt. The
// fault is nil if it is an event that is accepted now. An error means that it cannot be
// judged.
func (q *request) judgeAgain(received time.Time) (fault, err error) {
	h, ctx := q.endpoint, q.r.Context()
	if _, is, err := q.checker.handshake(&q.received, false); is || err != nil {
		return nil, errors.Join(err, errHandshake)
	}
	if q.event, fault = h.judge(ctx, q.checker.verifier, &q.received, received); fault != nil {
		return fault, nil
	}
	if _, is, err := q.checker.handshake(&q.received, true); is || err != nil {
		return nil, errors.Join(err, errHandshake)
	}
	if !slices.Contains(h.methods, q.r.Method) {
		return verifiers.MethodNotAllowed, nil
	}
	return fit(q.r), nil
}

// acceptAgain takes a request that was judged by judgeAgain the way of every event: dedupe
// key, store and forwards. The header tells the app, and whoever looks at the event, where
// it is from.
func (q *request) acceptAgain(header, value string) error {
	h := q.endpoint
	q.in.memory = h.memory(q.shared, h.waitsUntil(q.facts.receivedAt))
	q.in.client = q.shared.room.clients.enter(q.facts.network)
	defer q.in.release()
	q.in.verified = true
	for _, n := range []int64{int64(len(q.in.body)), h.copies(q.in.body)} {
		if err := q.in.grow(n); err != nil {
			return err
		}
	}
	h.dropHopVerified(q.r.Context(), q.checker.verifier, &q.received, q.event)
	q.r.Header.Set(header, value)
	q.identify()
	return q.store()
}

// look waits until nobody else judges refused requests again, so that people cannot take
// the processors from the senders. The caller calls done.
func (s *shared) look(ctx context.Context) (done func(), err error) {
	select {
	case s.looking <- struct{}{}:
		return func() { <-s.looking }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
