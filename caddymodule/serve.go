package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/hookwicket/hookwicket/dedupe"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

// ServeHTTP takes one webhook. The handlers of the block `before` run first and may
// answer instead.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.Header[helloHeader] != nil {
		w.Header().Set(helloHeader, "1")
	}
	removeSpoofed(r.Header)
	about := &facts{endpoint: h.Name, provider: h.row.Name, receivedAt: time.Now(), client: clientIP(r)}
	if h.row.AttemptID != "" {
		about.attemptID = r.Header.Get(h.row.AttemptID)
	}
	about.placeholders(r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer))
	h.exchanging(r, nil)
	var err error
	if len(h.Before) > 0 {
		err = h.guarded(w, r, next, about)
	} else {
		err = h.serve(w, r, next, about)
	}
	return h.failed(w, r, about, err)
}

// serve takes one webhook. It checks size, method, signature and freshness. Then it
// keeps the event and answers, or passes it on. Handshakes are answered before or
// after the signature is checked.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, about *facts) error {
	received := about.receivedAt
	about.network = network(about.client)
	shared, release, err := h.app.useBy(waiter{client: about.network}, received.Add(h.patience))
	if err != nil {
		return h.unjudged(w, r, next, about, err)
	}
	defer release()
	in := &inFlight{memory: h.memory(shared, h.waitsUntil(received)), end: received.Add(readLimit)}
	in.client = shared.room.clients.enter(about.network)
	defer in.release()
	var after time.Time // the read deadline once the body is there
	if h.server.ReadTimeout > 0 {
		after = received.Add(time.Duration(h.server.ReadTimeout))
		in.end = after
	}
	in.request = verifiers.Request{Method: r.Method, URL: h.calledURL(r), Header: r.Header}
	req := &in.request
	in.plausible = func() bool { return h.plausible(req) }
	req.Grow = in.take // it does not wait, because the request already holds memory
	if err := in.expect(r); err != nil {
		return h.crowded(w, r, about, err)
	}

	guest, err := h.current(r.Context(), shared)
	if err != nil {
		return h.unjudged(w, r, next, about, err)
	}
	if err := in.read(w, r, h.MaxBody); errors.Is(err, errNoRoom) {
		return h.crowded(w, r, about, err)
	} else if err != nil {
		return h.refused(w, r, about, len(in.body), err)
	}
	in.disarm(w, after)
	req.Body = in.body
	if h.observing() {
		if err := in.grow(h.copies(in.body)); err != nil {
			return h.crowded(w, r, about, err)
		}
		return h.observe(w, r, next, shared, about, guest, req)
	}
	if answered, err := h.greet(w, r, shared, about, guest, req, false); answered {
		return err
	}
	event, err := h.judge(r.Context(), guest.verifier, req, received)
	if err != nil {
		return h.refused(w, r, about, len(in.body), err)
	}
	if answered, err := h.greet(w, r, shared, about, guest, req, true); answered {
		return err
	}
	if !slices.Contains(h.methods, r.Method) {
		return h.refused(w, r, about, len(in.body), verifiers.MethodNotAllowed)
	}
	if err := fit(r); err != nil {
		return h.refused(w, r, about, len(in.body), err)
	}
	h.dropHopVerified(r.Context(), guest.verifier, req, event)
	in.genuine(received)
	if err := in.grow(h.copies(in.body)); err != nil {
		return h.crowded(w, r, about, err)
	}
	about.eventID, about.eventType, about.signed = event.ID, event.Type, signedWords(event.Signed)
	about.body = in.body
	id := h.identifyAt(event, received)
	if !h.asynchronous() {
		return h.pass(w, r, next, shared, id, about, in.body)
	}
	return h.accept(w, r, shared, id, about, event, in.body)
}

// judge checks a whole request as of the time of its receipt. Only a request that
// passes may change the store.
func (h *Handler) judge(ctx context.Context, v verifiers.Verifier, r *verifiers.Request, received time.Time) (verifiers.Event, error) {
	if int64(len(r.Body)) > h.MaxBody {
		return verifiers.Event{}, verifiers.BodyTooLarge
	}
	if !slices.Contains(h.methods, r.Method) && !h.guest.handshakes.Verified(r.Method) {
		return verifiers.Event{}, verifiers.MethodNotAllowed
	}
	event, err := v.Verify(ctx, r)
	if err != nil {
		return event, err
	}
	return event, h.freshness.Check(event, received)
}

// identify applies the rule of deduplication to an event.
func (h *Handler) identify(event verifiers.Event) queue.Identity {
	if h.window == 0 {
		return queue.Identity{}
	}
	key, digest := h.rule.Keys(dedupe.Evidence{
		Endpoint: h.Name, ID: event.ID, IDSigned: event.Signed.ID, Content: event.Content,
	})
	return queue.Identity{
		Key: queue.Key(key), Digest: queue.Key(digest),
		RefuseReplays: h.refuse, Window: h.window,
	}
}

// accept keeps the event and answers the sender. The commit goes on when the sender
// hangs up, because the event was sent all the same.
func (h *Handler) accept(w http.ResponseWriter, r *http.Request, shared *shared, id queue.Identity,
	about *facts, event verifiers.Event, body []byte,
) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.patience+acceptTimeout)
	defer cancel()
	accepted := queue.Accepted{Verdict: unasked}
	var routes []queue.Route
	_, err := shared.window.Do(ctx, twinKey(id), about.receivedAt, id.Window, func() (bool, error) {
		var err error
		routes = h.routeNow(r, about, body)
		accepted, err = h.keep(ctx, r, shared, id, about, event, body, routes)
		return dropped(accepted.Verdict, id), err
	})
	if err != nil {
		return h.unavailable(w, r, about, err)
	}
	if accepted.Verdict == unasked {
		accepted.Verdict = known(ctx, shared, id, about.receivedAt)
	}
	h.took(accepted.Verdict, about)
	return h.acknowledge(w, r, shared, about, accepted, routes)
}

// acknowledge answers the sender of an event that is durable or known. A forward with
// `wait` may give the upstream's answer; otherwise it is the provider's success.
func (h *Handler) acknowledge(w http.ResponseWriter, r *http.Request, shared *shared,
	about *facts, accepted queue.Accepted, routes []queue.Route,
) error {
	if about.messageID != "" && len(routes) == 0 {
		h.metrics.unrouted.Inc()
		h.unroutedNoted(about)
	}
	if accepted.Held != nil && h.relay(w, r, shared, accepted.Held) {
		return nil
	}
	return h.answer(w, h.row.Answers.Success, http.StatusOK)
}

// routeNow routes an event whose sender waits for the answer. The store returns the
// delivery of the forward that may answer as a claim.
func (h *Handler) routeNow(r *http.Request, about *facts, body []byte) []queue.Route {
	routes := h.route(r, about, body)
	if f := h.waiting(); f != nil {
		for i := range routes {
			routes[i].Hold = routes[i].Destination == f.destination
		}
	}
	return routes
}

// keep makes an event durable. If there is no room and the sender never retries, it
// waits for room. Each try is a message of its own, because a failed commit may still
// have been written.
func (h *Handler) keep(ctx context.Context, r *http.Request, shared *shared, id queue.Identity,
	about *facts, event verifiers.Event, body []byte, routes []queue.Route,
) (accepted queue.Accepted, err error) {
	if about.reason != "" { // of an observing endpoint: the request would be refused
		r.Header.Set(headerPrefix+"Reason", about.reason)
	}
	try := func() error {
		ctx, cancel := ctx, func() {}
		if h.patience > 0 {
			ctx, cancel = context.WithTimeout(ctx, acceptTimeout)
		}
		defer cancel()
		if err := h.withinBacklog(shared, int64(len(body))); err != nil {
			accepted.Verdict, _ = shared.store.Seen(ctx, id, about.receivedAt)
			if dropped(accepted.Verdict, id) { // a known event needs no room
				return nil
			}
			return err
		}
		m := h.message(r, about, event, body)
		about.messageID = m.ID.String()
		accepted, err = shared.store.Accept(ctx, m, id, routes...)
		return err
	}
	who := waiter{about.network, about.reason == ""} // only an observing endpoint keeps forged requests
	err = shared.forDisk.wait(who, about.receivedAt.Add(h.patience), try)
	if err != nil || dropped(accepted.Verdict, id) {
		about.messageID = "" // there is no such message
	}
	return accepted, err
}

// twinKey is the key by which simultaneous requests are twins. It is the digest of
// the content if known content is refused under any ID.
func twinKey(id queue.Identity) dedupe.Key {
	if id.RefuseReplays && id.Digest != (queue.Key{}) {
		return dedupe.Key(id.Digest)
	}
	return dedupe.Key(id.Key)
}

// unasked: the window had the event, so the store was not asked.
const unasked = queue.Verdict(-1)

// known distinguishes a replay from a duplicate. The window cannot, because it
// compares the content alone.
func known(ctx context.Context, shared *shared, id queue.Identity, now time.Time) queue.Verdict {
	if twinKey(id) == dedupe.Key(id.Key) {
		return queue.Duplicate
	}
	if verdict, err := shared.store.Seen(ctx, id, now); err == nil && verdict == queue.Replayed {
		return verdict
	}
	return queue.Duplicate
}

// dropped tells whether an event goes no further.
func dropped(v queue.Verdict, id queue.Identity) bool {
	return v == queue.Duplicate || v == queue.Replayed && id.RefuseReplays
}

// took counts and logs an event that gets the provider's success.
func (h *Handler) took(verdict queue.Verdict, about *facts) {
	replay := verdict == queue.Replayed
	if replay && !h.refuse {
		verdict = queue.New
	}
	h.metrics.outcome(verdict).Inc()
	about.tell(verdict.String())
	h.metrics.accepting.Observe(time.Since(about.receivedAt).Seconds())
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
		line.Write(about.fields()...)
	}
}

// pass lets the next handler answer. The key is taken only by a success, just before
// the sender sees it. Twins wait and get the same success or failure.
func (h *Handler) pass(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, shared *shared,
	id queue.Identity, about *facts, body []byte,
) error {
	if err := h.passable(r, about, body); err != nil {
		return h.unavailable(w, r, about, err)
	}
	var leading bool
	var answered error
	verdict := unasked
	_, err := shared.window.Do(r.Context(), twinKey(id), about.receivedAt, id.Window, func() (bool, error) {
		var err error
		verdict, err = shared.store.Seen(r.Context(), id, about.receivedAt)
		if dropped(verdict, id) || err != nil {
			return true, err
		}
		leading = true
		taker := &taker{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
		taker.take = func() { h.mark(shared, id, about) }
		answered = next.ServeHTTP(taker, r)
		taker.finish()
		return false, taker.outcome(r.Context(), answered)
	})
	if leading {
		return h.passed(w, r, about, verdict, answered, err)
	}
	about.messageID = "" // there is no such message
	switch {
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		return err // the sender is gone
	case err != nil:
		return h.twin(w, r, about, err)
	case verdict == unasked:
		verdict = known(r.Context(), shared, id, about.receivedAt)
	}
	h.took(verdict, about)
	return h.answer(w, h.row.Answers.Success, http.StatusOK)
}

// passable makes the request that was read ready for the next handler.
func (h *Handler) passable(r *http.Request, about *facts, body []byte) error {
	h.dropHop(r.Header)
	about.messageID, about.attempt = queue.NewID(about.receivedAt).String(), 1
	about.headers(r.Header)
	h.exchanging(r, body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.TransferEncoding = nil
	r.Trailer = nil // it is not signed, and it may contain the gateway's own names
	return h.resigner.sign(r.Header, about.messageID, body, time.Now())
}

// mark takes the key of an event that the upstream has accepted. The answer cannot be
// changed any more, so an error of the store is only logged.
func (h *Handler) mark(shared *shared, id queue.Identity, about *facts) {
	if id.Key == (queue.Key{}) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), acceptTimeout)
	defer cancel()
	if err := shared.store.Mark(ctx, id, about.receivedAt); err != nil {
		h.logger.Error("the event was passed on but cannot be remembered; a duplicate would be passed on too",
			append(about.fields(), zap.Error(err))...)
	}
}

// passed counts and logs the outcome of an event that this request passed on.
func (h *Handler) passed(w http.ResponseWriter, r *http.Request, about *facts,
	verdict queue.Verdict, answered, outcome error,
) error {
	var status queue.StatusError
	switch {
	case outcome == nil:
		h.took(verdict, about)
	case errors.Is(outcome, errNobodyAnswered):
		return h.unavailable(w, r, about, outcome)
	case errors.As(outcome, &status), answered != nil:
		h.metrics.failed.Inc()
		about.tell("failed")
	}
	return answered
}

// twin answers a request whose twin was passed on and did not succeed.
func (h *Handler) twin(w http.ResponseWriter, r *http.Request, about *facts, err error) error {
	var status queue.StatusError
	if errors.As(err, &status) && status.Status >= 400 { // others, such as redirects, need their headers
		h.metrics.failed.Inc()
		about.tell("failed")
		w.WriteHeader(status.Status)
		return nil
	}
	return h.unavailable(w, r, about, err)
}

// calledURL is the URL that the sender called, for providers that sign it.
func (h *Handler) calledURL(r *http.Request) string {
	original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok {
		original = *r
	}
	uri := original.RequestURI
	if !strings.HasPrefix(uri, "/") && original.URL != nil { // as in a request to a proxy: with scheme and host
		uri = original.URL.RequestURI()
	}
	if h.publicURL != nil {
		if h.publicURL.Path == "" && h.publicURL.RawQuery == "" {
			return h.PublicURL + uri
		}
		if _, query, ok := strings.Cut(uri, "?"); ok && h.publicURL.RawQuery == "" {
			return h.PublicURL + "?" + query
		}
		return h.PublicURL
	}
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); trusted {
		if v := strings.ToLower(firstOf(r.Header, "X-Forwarded-Proto")); v == "http" || v == "https" {
			scheme = v
		}
		if v := firstOf(r.Header, "X-Forwarded-Host"); v != "" {
			host = v
		}
	}
	return scheme + "://" + host + uri
}

// firstOf is the first item of a header that is a list. Each proxy appends its own, so
// the first one is nearest to the sender.
func firstOf(h http.Header, name string) string {
	first, _, _ := strings.Cut(h.Get(name), ",")
	return strings.TrimSpace(first)
}
