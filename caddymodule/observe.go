package caddymodule

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/dedupe"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

// reasonUnavailable is the reason where an enforcing endpoint would have answered 503:
// the store or a key is not available.
const reasonUnavailable = "unavailable"

// observing reports whether the endpoint lets all requests through.
func (h *Handler) observing() bool { return h.Mode == "observe" }

// observe keeps the event or passes it on, whatever the fault. Only a genuine event
// takes a key, so that after a switch to enforce all keys belong to genuine events.
//
// One kind of request is refused even here: one that a forward could never deliver.
func (q *request) observe(fault error) error {
	h := q.endpoint
	if h.asynchronous() {
		if err := fit(q.r); err != nil {
			return q.refused(err)
		}
	}
	if fault == nil {
		q.identify()
		h.dropHopVerified(q.r.Context(), q.checker.verifier, &q.received, q.event)
	} else {
		q.identifyClaims()
		q.wouldRefuse(len(q.in.body), fault)
		h.dropHop(q.r.Header)
	}
	if h.asynchronous() {
		return q.keepObserved()
	}
	return q.passObserved()
}

// identifyClaims notes the facts that a faulty request claims. It gets no dedupe key.
func (q *request) identifyClaims() {
	q.event = verifiers.Event{}
	q.event.ID, q.event.Type = verifiers.Claims(q.endpoint.row.Scheme, &q.received)
	q.facts.eventID, q.facts.eventType, q.facts.body = q.event.ID, q.event.Type, q.in.body
}

// wouldRefuse counts and logs a request that an enforcing endpoint would refuse. Size
// is the size of its body.
func (q *request) wouldRefuse(size int, fault error) {
	f := q.facts
	if f.reason = string(verifiers.ReasonOf(fault)); f.reason == "" {
		f.reason = reasonUnavailable
	}
	if f.reason != reasonUnavailable && f.reason != string(verifiers.UnavailableKey) { // for these the sender would get 503
		q.capture(refusal{reason: f.reason, detail: detail(fault)})
	}
	q.countObserved(fault)
	q.noteRefusal("request would be refused; it is let through", size, fault)
}

// wouldDrop counts and logs an event that an enforcing endpoint would drop.
func (q *request) wouldDrop() {
	q.facts.reason = q.verdict.String()
	q.countObserved(nil)
	q.endpoint.logger.Warn("event would be dropped; it is let through", append(q.facts.fields(), zap.String("reason", q.facts.reason))...)
}

// countObserved counts a request with a reason that was let through. The fault is nil if
// it is genuine.
func (q *request) countObserved(fault error) {
	q.endpoint.metrics.count("observed", q.facts.reason)
	q.tellRefused("observed", fault)
}

// keepObserved keeps every event. A known event, and one that is not verified, is kept
// without an identity.
func (q *request) keepObserved() error {
	ctx := q.committing()
	q.route()
	err := q.keep(ctx)
	if err == nil && q.dropped() {
		q.wouldDrop()
		q.id = queue.Identity{}
		err = q.keep(ctx)
	}
	if err != nil {
		return q.unavailable(err)
	}
	if q.facts.reason == "" {
		q.took()
	}
	q.countUnrouted()
	return q.acknowledge()
}

// passObserved lets the next handler answer. Twins do not wait for each other's answers,
// and the first of them whose answer is a success takes the key. As in [request.pass], the
// sender does not wait until the key is durable, and a repetition does.
func (q *request) passObserved() error {
	q.look(q.r.Context(), nil)
	if err := q.passable(); err != nil {
		return q.unavailable(err)
	}
	outcome := q.handOn(func() {
		q.look(q.committing(), func(turn *dedupe.Turn) {
			q.turn = turn
			q.mark()
		})
	})
	if q.facts.reason != "" && !errors.Is(outcome, errNobodyAnswered) {
		return q.answered // counted as observed
	}
	return q.passed(outcome)
}

// look notes whether the event is known, and waits if a twin is taking its key. If it is
// known, or if the store cannot say, the event loses its key. Otherwise look calls take,
// unless that is nil.
func (q *request) look(ctx context.Context, take func(*dedupe.Turn)) {
	if q.id.Key == (queue.Key{}) {
		return
	}
	err := q.once(ctx, func(turn *dedupe.Turn) (known bool, err error) {
		if take == nil {
			q.verdict, err = q.shared.store.Seen(ctx, q.id, q.facts.receivedAt)
		} else {
			q.verdict, q.reserved, err = q.shared.store.Reserve(ctx, q.id, q.facts.receivedAt)
		}
		switch {
		case err != nil || q.dropped():
			return true, err
		case take == nil:
			return false, dedupe.ErrAborted // nothing is taken, which no twin can share
		}
		take(turn)
		return false, nil
	})
	q.settleVerdict(ctx)
	switch {
	case errors.Is(err, dedupe.ErrAborted):
		return
	case err != nil:
		q.wouldRefuse(len(q.in.body), err)
	case q.dropped():
		q.wouldDrop()
	default:
		return
	}
	q.id = queue.Identity{}
}

// unjudged ends a request that cannot be judged, because the store is not available. An
// observing endpoint without a forward passes it on: the site worked without the
// gateway and must go on working.
func (q *request) unjudged(err error) error {
	h := q.endpoint
	if !h.observing() || h.asynchronous() {
		return q.unavailable(err)
	}
	q.wouldRefuse(int(max(0, q.r.ContentLength)), err) // the body has not been read
	q.describe()
	return q.next.ServeHTTP(q.w, q.r)
}

// warnOfObserving warns that an observing endpoint refuses nothing.
func (h *Handler) warnOfObserving() {
	if !h.observing() {
		return
	}
	text := "the endpoint observes: forged, stale and repeated requests are let through; `mode enforce` refuses them"
	if h.asynchronous() {
		text += ". Meanwhile anybody who reaches it can fill the backlog; `max_backlog` bounds it"
	}
	h.logger.Warn(text, zap.String("endpoint", h.Name))
}
