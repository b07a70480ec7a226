package caddymodule

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/hookwicket/hookwicket/dedupe"
	"github.com/hookwicket/hookwicket/queue"
)

// heldLimit is how many bytes of an answer are held back until its event is marked.
// net/http holds back the same number before it chooses how to send an answer.
const heldLimit = 2048

// taker watches the next handler's answer to a sender. It calls take when the answer is
// a success, before the sender gets any of it.
//
// A short answer is held back until it is complete. An answer that is cut off then does
// not count. And take, which waits for the disk, does not keep the connection to the
// upstream busy.
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
