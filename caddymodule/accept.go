package caddymodule

import (
	"context"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/dedupe"
	"github.com/hookwicket/hookwicket/queue"
)

// accept keeps the event and answers the sender.
func (q *request) accept() error {
	if err := q.store(); err != nil {
		return q.unavailable(err)
	}
	return q.acknowledge()
}

// store makes the event durable, unless it is known, and counts it.
func (q *request) store() error {
	ctx := q.committing()
	err := q.once(ctx, func(*dedupe.Turn) (known bool, err error) {
		q.route()
		err = q.keep(ctx)
		return q.dropped(), err
	})
	if err != nil {
		return err
	}
	q.settleVerdict(ctx)
	q.took()
	q.countUnrouted()
	return nil
}

// committing returns the context of a commit. The commit goes on when the sender hangs
// up, because the event was sent all the same.
func (q *request) committing() context.Context {
	h := q.endpoint
	return h.accepts.after(time.Now(), h.patience+acceptTimeout)
}

// route decides to which forwards the event goes. The store returns the delivery of
// the forward that may answer the sender as a claim.
func (q *request) route() {
	h := q.endpoint
	q.routes = h.route(q.r, q.facts, q.oneRoute[:0])
	if f := h.waiting(); f != nil && !q.again {
		for i := range q.routes {
			q.routes[i].Hold = q.routes[i].Destination == f.destination
		}
	}
}

// keep makes the event durable. If there is no room and the sender never retries, it
// waits for room.
func (q *request) keep(ctx context.Context) error {
	f := q.facts
	if f.reason != "" { // of an observing endpoint: the request would be refused
		q.r.Header.Set(headerPrefix+"Reason", f.reason)
	}
	q.verdict, q.held, q.elsewhere = queue.New, nil, nil
	who := waiter{f.network, f.reason == ""} // only an observing endpoint keeps forged requests
	err := q.shared.forDisk.wait(who, f.receivedAt.Add(q.endpoint.patience), func() error { return q.commit(ctx) })
	if err != nil || q.dropped() {
		f.messageID = "" // there is no such message
	}
	return err
}

// commit tries once to write event, key and deliveries. Each try is a message of its
// own, because a failed commit may still have been written.
func (q *request) commit(ctx context.Context) (err error) {
	h := q.endpoint
	if h.patience > 0 {
		ctx = h.commits.after(time.Now(), acceptTimeout)
	}
	if err := h.withinBacklog(q.shared, int64(len(q.in.body))); err != nil {
		q.verdict, _ = q.shared.store.Seen(ctx, q.id, q.facts.receivedAt)
		if q.dropped() { // a known event needs no room
			return nil
		}
		return err
	}
	m := q.message()
	q.facts.messageID = m.ID.String()
	accepted, err := q.shared.store.Accept(ctx, m, q.id, q.routes...)
	q.verdict, q.held, q.elsewhere = accepted.Verdict, accepted.Held, accepted.Answer
	return err
}

// countUnrouted counts and logs an event that is kept and matches no forward.
func (q *request) countUnrouted() {
	if q.facts.messageID != "" && len(q.routes) == 0 && !q.endpoint.Keep {
		q.endpoint.metrics.unrouted.WithLabelValues().Inc()
		q.noteUnrouted()
	}
}

// acknowledge answers the sender of an event that is durable or known. A forward with
// `wait` may give the upstream's answer; otherwise it is the provider's success.
func (q *request) acknowledge() error {
	switch {
	case q.held != nil && q.relay(), q.elsewhere != nil && q.relayFrom(q.elsewhere):
		return nil
	}
	return q.succeeded()
}

// took counts and logs an event that gets the provider's success.
func (q *request) took() {
	h, verdict := q.endpoint, q.verdict
	replay := verdict == queue.Replayed
	if replay && !h.refuse {
		verdict = queue.New
	}
	h.metrics.taken(verdict)
	q.facts.describe(q.r.Context())
	if verdict == queue.New {
		handedOut.accepted(q.facts.messageID, q.facts.endpoint, q.facts.eventType)
	}
	var more adminapi.Event
	if verdict == queue.New && outcomes.wanted() {
		more.Held = q.heldBack()
	}
	q.facts.tellWith(verdict.String(), more)
	if !q.again {
		d := time.Since(q.facts.receivedAt)
		h.metrics.accepting.Observe(d.Seconds())
		h.last.recentRequest.took(d, uptime())
	}
	level, text := zapcore.DebugLevel, "event accepted"
	switch {
	case verdict == queue.Duplicate:
		level, text = zapcore.InfoLevel, "duplicate dropped"
	case verdict == queue.Replayed:
		level, text = zapcore.WarnLevel, "replay dropped: known content under a fresh event ID"
	case replay:
		level, text = zapcore.InfoLevel, "known content under a fresh event ID accepted"
	}
	if line := h.logger.Check(level, text); line != nil {
		line.Write(q.facts.fields()...)
	}
}
