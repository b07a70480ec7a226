package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/dedupe"
	"github.com/hookwicket/hookwicket/queue"
)

// pass lets the next handler answer. The key is taken only by a success. The sender does
// not wait until the key is durable. Twins do, and get the same success or failure.
func (q *request) pass() error {
	if err := q.passable(); err != nil {
		return q.unavailable(err)
	}
	err := q.once(q.r.Context(), q.lead)
	if q.led {
		return q.passed(err)
	}
	q.facts.messageID = "" // there is no such message
	switch {
	case errors.Is(err, context.Canceled) && q.r.Context().Err() != nil:
		return err // the sender is gone
	case err != nil:
		return q.twin(err)
	}
	q.settleVerdict(q.r.Context())
	q.took()
	return q.succeeded()
}

// lead passes the event on unless the store knows it. Of twins, one leads: those of this
// process wait for the turn, and those of other gateways for the reservation.
func (q *request) lead(turn *dedupe.Turn) (known bool, err error) {
	ctx := q.r.Context()
	q.verdict, q.reserved, err = q.shared.store.Reserve(ctx, q.id, q.facts.receivedAt)
	switch {
	case err != nil && ctx.Err() != nil: // the sender is gone: a twin takes its place
		return true, errors.Join(dedupe.ErrAborted, err)
	case err != nil || q.dropped():
		return true, err
	}
	q.led, q.turn = true, turn
	defer func() {
		if q.reserved != nil { // it was not taken
			q.reserved.Drop()
		}
	}()
	return false, q.handOn(q.mark)
}

// passable makes the request that was read ready for the next handler.
func (q *request) passable() error {
	h, r, body := q.endpoint, q.r, q.in.body
	q.describe()
	h.exchanging(r, q.facts, body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.TransferEncoding = nil
	return h.resigner.sign(r.Header, q.facts.messageID, body, time.Now())
}

// describe replaces the headers of the sender's connection by those with the facts. The
// trailers go: they are not signed, and may contain the gateway's own names.
func (q *request) describe() {
	f := q.facts
	q.endpoint.dropHop(q.r.Header)
	q.r.Trailer = nil
	f.messageID, f.attempt = queue.NewID(f.receivedAt).String(), 1
	f.headers(q.r.Header)
}

// handOn lets the next handler answer. It calls take if the answer is a success, before
// the sender gets any of it.
func (q *request) handOn(take func()) (outcome error) {
	t := &taker{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: q.w}, take: take}
	q.answered = q.next.ServeHTTP(t, q.r)
	t.finish()
	return t.outcome(q.r.Context(), q.answered)
}

// maxMarks is how many keys may be on their way to the disk while their senders have the
// answer. Beyond it a sender waits for its own key, so a slow disk bounds the memory.
const maxMarks = 1024

// mark takes the key of an event that the upstream has accepted. The sender need not wait
// for the disk: if the process dies before, a repetition is passed on once more.
func (q *request) mark() {
	if q.reserved == nil {
		return
	}
	m := marking{endpoint: q.endpoint, shared: q.shared, reserved: q.reserved, facts: *q.facts}
	q.reserved = nil
	m.facts.body, m.facts.exchange = nil, exchange{} // their memory is given back with the request
	select {
	case q.shared.marks <- struct{}{}:
	default:
		m.run()
		return
	}
	end := q.turn.Extend()
	q.shared.marksUnderWay.Go(func() {
		defer end()
		defer func() { <-m.shared.marks }()
		m.run()
	})
}

// marking is a key on its way to the disk.
type marking struct {
	endpoint *Handler
	shared   *shared
	reserved queue.Reservation
	facts    facts
}

// run makes the key durable. The answer is on its way, so an error is only logged.
func (m *marking) run() {
	ctx := m.endpoint.commits.after(time.Now(), acceptTimeout)
	if err := m.reserved.Take(ctx); err != nil {
		m.endpoint.logger.Error("the event was passed on but cannot be remembered; a duplicate would be passed on too",
			append(m.facts.fields(), zap.Error(err))...)
	}
}

// passed counts and logs the outcome of an event that this request passed on.
func (q *request) passed(outcome error) error {
	var status queue.StatusError
	switch {
	case outcome == nil:
		q.took()
	case errors.Is(outcome, errNobodyAnswered):
		return q.unavailable(outcome)
	case errors.As(outcome, &status), q.answered != nil:
		q.countFailed()
	}
	return q.answered
}

// twin answers a request whose twin was passed on and did not succeed.
func (q *request) twin(err error) error {
	var status queue.StatusError
	if errors.As(err, &status) && status.Status >= 400 { // others, such as redirects, need their headers
		q.countFailed()
		q.w.WriteHeader(status.Status)
		return nil
	}
	return q.unavailable(err)
}

// countFailed counts an event for which the next handler gave no success.
func (q *request) countFailed() {
	q.endpoint.metrics.count("failed", "")
	q.facts.tell("failed")
}

// heldLimit is how many bytes of an answer are held back until its event is marked.
// net/http holds back the same number before it chooses how to send an answer.
const heldLimit = 2048

// taker watches the next handler's answer to a sender. It calls take when the answer is
// a success, before the sender gets any of it.
//
// A short answer is held back until it is complete. An answer that is cut off then does
// not count.
type taker struct {
	*caddyhttp.ResponseWriterWrapper
	take   func()
	status int    // 0: there is no answer yet
	held   []byte // the beginning of its body
	open   bool   // the answer is being sent
}

// WriteHeader notes the final status and sends informational ones on. An answer with
// trailers is not held back: they would become headers.
func (t *taker) WriteHeader(status int) {
	switch {
	case status < 200 && status != http.StatusSwitchingProtocols:
		t.ResponseWriterWrapper.WriteHeader(status)
	case t.status == 0:
		t.status = status
		if status < 200 || len(t.Header()["Trailer"]) > 0 {
			t.release()
		}
	}
}

// release sends the held part of the answer, after take if the answer is a success.
// From then on everything is sent at once.
func (t *taker) release() {
	if t.status == 0 {
		t.status = http.StatusOK
	}
	if t.open {
		return
	}
	t.open = true
	if success(t.status) {
		t.take()
	}
	t.ResponseWriterWrapper.WriteHeader(t.status)
	if len(t.held) > 0 {
		// If the sender is gone, the request's context says so.
		_, _ = t.ResponseWriterWrapper.Write(t.held)
	}
}

// finish ends an answer, if there is one.
func (t *taker) finish() {
	if t.status != 0 {
		t.release()
	}
}

// Write begins the answer with 200 if there is no status yet.
func (t *taker) Write(b []byte) (int, error) {
	if t.status == 0 {
		t.WriteHeader(http.StatusOK)
	}
	if !t.open && len(t.held)+len(b) <= heldLimit {
		t.held = append(t.held, b...)
		return len(b), nil
	}
	t.release()
	return t.ResponseWriterWrapper.Write(b)
}

// ReadFrom copies an answer from r. Its beginning is held back.
func (t *taker) ReadFrom(r io.Reader) (n int64, err error) {
	if t.status == 0 {
		t.WriteHeader(http.StatusOK)
	}
	if room := int64(heldLimit - len(t.held)); !t.open {
		n, err = io.Copy(struct{ io.Writer }{t}, io.LimitReader(r, room))
		if err != nil || n < room {
			return n, err
		}
		t.release()
	}
	m, err := t.ResponseWriterWrapper.ReadFrom(r)
	return n + m, err
}

// FlushError releases the answer and flushes it.
func (t *taker) FlushError() error {
	t.release()
	return http.NewResponseController(t.ResponseWriter).Flush()
}

// outcome is nil if the event was taken. It is dedupe.ErrAborted if twins cannot share
// the outcome, as when the sender hung up meanwhile.
func (t *taker) outcome(ctx context.Context, err error) error {
	switch {
	case success(t.status):
		return nil
	case ctx.Err() != nil:
		return errors.Join(dedupe.ErrAborted, context.Cause(ctx))
	case t.status != 0:
		return queue.StatusError{Status: t.status}
	case err != nil:
		if he := new(caddyhttp.HandlerError); errors.As(err, he) && he.StatusCode != 0 {
			return queue.StatusError{Status: he.StatusCode}
		}
		return queue.StatusError{Status: http.StatusInternalServerError}
	}
	return errNobodyAnswered
}

// errNobodyAnswered: the handlers returned without an answer or an error. Caddy would
// send an empty 200, which would acknowledge an event that no handler has taken.
var errNobodyAnswered = errors.New("no handler answered the event: add `forward`, or a handler after webhook_gateway")

func success(status int) bool { return status >= 200 && status < 300 }
