package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

// reasonUnavailable is the reason where an enforcing endpoint would have answered 503:
// the store or a key is not available.
const reasonUnavailable = "unavailable"

// observing reports whether the endpoint lets all requests through.
func (h *Handler) observing() bool { return h.Mode == "observe" }

// observe handles a request that has been read, for an observing endpoint. It does the
// same as an enforcing one, but refuses and drops nothing. Only a verified event takes
// a key, so that after a switch to enforce all keys belong to genuine events.
func (h *Handler) observe(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, shared *shared,
	about *facts, g *guest, req *verifiers.Request,
) error {
	if answered, err := h.meet(w, r, next, shared, about, g, req, false); answered {
		return err
	}
	event, err := h.judge(r.Context(), g.verifier, req, about.receivedAt)
	if err == nil {
		if answered, err := h.meet(w, r, next, shared, about, g, req, true); answered {
			return err
		}
		if !slices.Contains(h.methods, r.Method) {
			err = verifiers.MethodNotAllowed
		}
	}
	if h.asynchronous() {
		if err := fit(r); err != nil { // it could not be forwarded, so it is refused even here
			return h.refused(w, r, about, len(req.Body), err)
		}
	}
	var id queue.Identity
	if err == nil {
		about.signed = signedWords(event.Signed)
		id = h.identifyAt(event, about.receivedAt)
	} else {
		event = verifiers.Event{}
		event.ID, event.Type = verifiers.Claims(h.row.Scheme, req)
	}
	about.eventID, about.eventType, about.body = event.ID, event.Type, req.Body
	if err != nil {
		h.wouldRefuse(r, about, len(req.Body), err)
		h.dropHop(r.Header)
	} else {
		h.dropHopVerified(r.Context(), g.verifier, req, event)
	}
	if h.asynchronous() {
		return h.keepObserved(w, r, shared, id, about, event, req.Body)
	}
	return h.passObserved(w, r, next, shared, id, about, req.Body)
}

// meet handles a handshake. With a forward the gateway answers it. Without one the
// next handler does, because it is the live receiver. While the endpoint enrols, a
// secret that the provider sends is learnt in both cases.
func (h *Handler) meet(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, shared *shared,
	about *facts, g *guest, req *verifiers.Request, verified bool,
) (answered bool, err error) {
	if h.asynchronous() {
		return h.greet(w, r, shared, about, g, req, verified)
	}
	reply, ok, err := g.handshake(req, verified)
	if !ok || err != nil {
		return false, nil
	}
	if reply.Denied == "" && reply.Enrol != "" && h.Enrol {
		if reply.Denied, err = h.enrol(r.Context(), shared, reply.Enrol); err != nil {
			h.noteHandshake(zapcore.ErrorLevel, "a secret was handed over and could not be kept", r, about, reply, zap.Error(err))
		}
	}
	if reply.Denied != "" {
		h.metrics.denied.WithLabelValues(reply.Name).Inc()
		h.noteHandshake(zapcore.WarnLevel, "handshake would be refused; it is passed on", r, about, reply, zap.String("detail", reply.Denied))
	} else {
		h.noteHandshake(zapcore.InfoLevel, "handshake passed on", r, about, reply)
	}
	if err := h.passable(r, about, req.Body); err != nil {
		return true, h.unavailable(w, r, about, err)
	}
	return true, next.ServeHTTP(w, r)
}

// wouldRefuse counts and logs a request that an enforcing endpoint would refuse.
func (h *Handler) wouldRefuse(r *http.Request, about *facts, size int, err error) {
	if about.reason = string(verifiers.ReasonOf(err)); about.reason == "" {
		about.reason = reasonUnavailable
	}
	h.metrics.observed.WithLabelValues(about.reason).Inc()
	about.tell("observed")
	h.noteRefusal("request would be refused; it is let through", r, about, size, err)
}

// wouldDrop counts and logs an event that an enforcing endpoint would drop.
func (h *Handler) wouldDrop(verdict queue.Verdict, about *facts) {
	about.reason = verdict.String()
	h.metrics.observed.WithLabelValues(about.reason).Inc()
	about.tell("observed")
	h.logger.Warn("event would be dropped; it is let through", append(about.fields(), zap.String("reason", about.reason))...)
}

// keepObserved keeps every event. A known event, and one that is not verified, is kept
// without an identity.
func (h *Handler) keepObserved(w http.ResponseWriter, r *http.Request, shared *shared, id queue.Identity,
	about *facts, event verifiers.Event, body []byte,
) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.patience+acceptTimeout)
	defer cancel()
	routes := h.routeNow(r, about, body)
	accepted, err := h.keep(ctx, r, shared, id, about, event, body, routes)
	if err == nil && dropped(accepted.Verdict, id) {
		h.wouldDrop(accepted.Verdict, about)
		accepted, err = h.keep(ctx, r, shared, queue.Identity{}, about, event, body, routes)
	}
	if err != nil {
		return h.unavailable(w, r, about, err)
	}
	if about.reason == "" {
		h.took(accepted.Verdict, about)
	}
	return h.acknowledge(w, r, shared, about, accepted, routes)
}

// passObserved lets the next handler answer. Twins do not wait for each other, so more
// than one of them may count as the first.
func (h *Handler) passObserved(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, shared *shared,
	id queue.Identity, about *facts, body []byte,
) error {
	verdict := queue.New
	seen := func(ctx context.Context) {
		if id.Key == (queue.Key{}) {
			return
		}
		var err error
		if verdict, err = shared.store.Seen(ctx, id, about.receivedAt); err != nil {
			h.wouldRefuse(r, about, len(body), err)
			id = queue.Identity{}
		} else if dropped(verdict, id) {
			h.wouldDrop(verdict, about)
			id = queue.Identity{}
		}
	}
	seen(r.Context())
	if err := h.passable(r, about, body); err != nil {
		return h.unavailable(w, r, about, err)
	}
	taker := &taker{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	taker.take = func() {
		seen(context.WithoutCancel(r.Context())) // a twin may have taken the key meanwhile
		h.mark(shared, id, about)
	}
	answered := next.ServeHTTP(taker, r)
	taker.finish()
	outcome := taker.outcome(r.Context(), answered)
	if about.reason != "" && !errors.Is(outcome, errNobodyAnswered) {
		return answered // counted as observed
	}
	return h.passed(w, r, about, verdict, answered, outcome)
}

// unjudged handles a request that cannot be judged, because the store is not
// available. An observing endpoint without a forward passes it on: the site worked
// without the gateway and must go on working.
func (h *Handler) unjudged(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, about *facts, err error) error {
	if !h.observing() || h.asynchronous() {
		return h.unavailable(w, r, about, err)
	}
	h.wouldRefuse(r, about, int(max(0, r.ContentLength)), err)
	h.dropHop(r.Header)
	r.Trailer = nil
	about.messageID, about.attempt = queue.NewID(about.receivedAt).String(), 1
	about.headers(r.Header)
	return next.ServeHTTP(w, r)
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
