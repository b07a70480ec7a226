package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/queue"
)

// attempt runs the forward routes once. Every attempt gets a new request, because Caddy
// notes in a request which routes have run. The worker recovers panics, by which
// reverse_proxy reports an answer that was cut off.
func (f *Forward) attempt(ctx context.Context, d *queue.Delivery) (queue.Answer, error) {
	return f.run(ctx, d, &recorder{header: make(http.Header)})
}

// answering records the answer of the forward routes.
type answering interface {
	http.ResponseWriter
	final() int // the status; 0: there is none
	answer() queue.Answer
	failure() error
}

func (f *Forward) run(ctx context.Context, d *queue.Delivery, w answering) (queue.Answer, error) {
	about := factsOf(d)
	r, err := f.endpoint.prepare(ctx, d.Message, about, w)
	if err != nil {
		return queue.Answer{}, err
	}
	if err := f.resigner.sign(r.Header, about.messageID, d.Message.Body, time.Now()); err != nil {
		return queue.Answer{}, err
	}
	if err := f.chain.ServeHTTP(w, r); err != nil {
		return w.answer(), plainly(err)
	}
	if success(w.final()) {
		return w.answer(), nil
	}
	return w.answer(), w.failure()
}

// plainly removes the ID and the source position that Caddy adds to an error. Where
// Caddy's error hides the cause, it adds the way in which the attempt failed.
func plainly(err error) error {
	var he caddyhttp.HandlerError
	switch {
	case !errors.As(err, &he):
		return err
	case he.Err == nil:
		return queue.StatusError{Status: he.StatusCode}
	}
	err = fmt.Errorf("%w (%w)", he.Err, queue.StatusError{Status: he.StatusCode})
	switch {
	case errors.As(he.Err, new(reverseproxy.DialError)) && strings.HasSuffix(he.Err.Error(), "i/o timeout"):
		return queue.Fail(queue.Timeout, err)
	case errors.As(he.Err, new(reverseproxy.DialError)), he.Err.Error() == "no upstreams available":
		return queue.Fail(queue.Refused, err)
	}
	return err
}

// nobodyAnswered stands at the end of the forward routes.
var nobodyAnswered = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
	return fmt.Errorf("no route in forward answered the request")
})

// errNoAnswer: the handlers returned without an answer or an error, as reverse_proxy
// does when an upstream wants to change the protocol (101).
var errNoAnswer = errors.New("the forward ended without an answer; an upstream that changes the protocol gives none")

// loggedExcerpt is how much of a failed answer stands in the log.
const loggedExcerpt = 256

// recorder records the upstream's answer. It never fails and reads to the end, because
// an error here would look like a fault of the upstream.
type recorder struct {
	header  http.Header
	status  int
	excerpt []byte
}

func (w *recorder) Header() http.Header { return w.header }

// WriteHeader notes the final status; informational ones come before it.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if room := queue.MaxExcerpt - len(w.excerpt); room > 0 {
		w.excerpt = append(w.excerpt, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

// ReadFrom keeps the excerpt and discards the rest without a buffer.
func (w *recorder) ReadFrom(r io.Reader) (int64, error) {
	w.WriteHeader(http.StatusOK)
	room := int64(queue.MaxExcerpt - len(w.excerpt))
	n, err := io.Copy(struct{ io.Writer }{w}, io.LimitReader(r, room))
	if err != nil || n < room {
		return n, err
	}
	m, err := io.Copy(io.Discard, r)
	return n + m, err
}

// answer returns the part of the answer that is kept.
func (w *recorder) answer() queue.Answer { return queue.Answer{Status: w.status, Excerpt: w.excerpt} }

func (w *recorder) final() int { return w.status }

// failure returns the error for an answer that is no success.
func (w *recorder) failure() error {
	var err error = queue.StatusError{Status: w.status}
	if w.status == 0 {
		err = errNoAnswer
	}
	if wait, ok := parseRetryAfter(w.header.Get("Retry-After"), time.Now()); ok {
		return queue.RetryAfter(err, wait)
	}
	return err
}

// parseRetryAfter reads seconds or an HTTP date.
func parseRetryAfter(v string, now time.Time) (time.Duration, bool) {
	if v == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

// attempted counts and logs an attempt. An answer may quote the request, so it is
// redacted in the log.
func (f *Forward) attempted(s *shared, a queue.Attempted) {
	f.metrics.attempt(a)
	f.tellAttempt(a)
	logger := f.endpoint.logger
	if a.Outcome == queue.Delivered {
		if line := logger.Check(zap.DebugLevel, "event delivered"); line != nil {
			line.Write(append(factsOf(a.Delivery).fields(), zap.Int("attempt", a.Delivery.Attempts+1),
				zap.Duration("duration", a.Attempt.Duration))...)
		}
		return
	}
	red := f.endpoint.redactor(context.Background(), s).quoting(a.Delivery.Message)
	fields := append(factsOf(a.Delivery).fields(), zap.Int("attempt", a.Delivery.Attempts+1),
		zap.Duration("duration", a.Attempt.Duration), zap.String("failure", string(a.Attempt.Failure)), zap.Error(red.failure(a.Err)))
	if excerpt := strings.TrimSpace(a.Attempt.Excerpt); excerpt != "" {
		excerpt = red.answer(excerpt)
		fields = append(fields, zap.String("answer", headerValue(excerpt[:min(len(excerpt), loggedExcerpt)])))
	}
	switch a.Outcome {
	case queue.Retrying:
		logger.Warn("attempt failed; it will be repeated", append(fields, zap.Time("next_attempt", a.Next))...)
	case queue.DeadLetter:
		logger.Error("event given up; it is kept as a dead letter", fields...)
	case queue.Released:
		logger.Info("attempt cut off; it will be repeated and does not count", fields...)
	}
}
