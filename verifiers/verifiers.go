// Package verifiers answers one question about a webhook request: is it from
// who it claims to be?
//
// Start with [HMAC], the scheme most providers use, and with [Scheme.Verifier],
// which joins a scheme with an endpoint's secrets:
//
//	v, err := verifiers.HMAC{
//		Signature: verifiers.Signature{Names: []string{"X-Signature"}},
//		Content:   "{body}",
//	}.Verifier("s3cret")
//	event, err := v.Verify(ctx, request)
//
// No verifier reads the clock. A verifier reports the time the sender gave, and
// [Tolerance.Check] compares it with a time of the caller's choosing, so that
// test vectors never expire and a stored request can be verified later, as of
// the moment it was received.
//
// The catalogue of ready-made providers is in package
// [github.com/hookwicket/hookwicket/verifiers/providers].
package verifiers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Request is a webhook request exactly as received: before any rewrite, with
// nothing decoded, trimmed or parsed.
type Request struct {
	Method string
	URL    string // the public URL the sender called, in its original spelling
	Header http.Header
	Body   []byte

	// Grow, if set, is called before a verifier makes n more bytes of memory out of the request,
	// such as an inflated body. An error ends the verification and is returned as it is.
	Grow func(n int64) error
}

// grow asks whether n more bytes may be made out of the request.
func (r *Request) grow(n int) error {
	if r.Grow == nil || n <= 0 {
		return nil
	}
	return r.Grow(int64(n))
}

// Event is what a verified request says about itself.
type Event struct {
	ID        string    // the provider's identity of the event; empty where it gives none
	Type      string    // empty where the provider gives none
	Timestamp time.Time // the time the sender gave; zero where it gives none
	Signed    Fields    // which of the above, and of the request, the signature covers

	// TimeFault says why a signed time could not be read. Whether that matters is
	// for [Freshness.Check] to say: where no time is enforced, a sender who writes
	// it in a new way still has sent the event.
	TimeFault error

	// Expires and NotBefore bound the life of the token that vouches for the
	// request; zero where there is no token or it does not say.
	Expires, NotBefore time.Time

	// Content is what identifies the event when its ID does not: the body if
	// the signature covers it or is a credential that covers nothing, else the
	// signed content. It may alias the request's body.
	Content []byte
}

// Fields tells which parts of a request stand under its signature. What is not
// covered may have been rewritten by anybody who saw the request once.
type Fields struct {
	ID        bool `json:"id"`
	Type      bool `json:"type"`
	Timestamp bool `json:"timestamp"`
	Body      bool `json:"body"`
	URL       bool `json:"url"`
}

// A Verifier is one provider's scheme with one endpoint's secrets, ready to
// check requests. It is safe for concurrent use and never reads the clock.
//
// The error of a refused request wraps a [Reason]. An error without one means
// that the request could not be judged and that the sender is not to blame.
type Verifier interface {
	Verify(ctx context.Context, r *Request) (Event, error)
}

// A Scheme is a way of signing. Verifier fails on a scheme that contradicts
// itself and on a secret that the scheme cannot use, an empty one above all.
// Any of several secrets may have signed.
type Scheme interface {
	Verifier(secrets ...string) (Verifier, error)
}

// A Signer is a [Scheme] that can also sign, as the provider would. Sign adds
// to r what the scheme wants to find there. The time and the event ID are
// written where the scheme carries them outside the body.
type Signer interface {
	Sign(r *Request, secret string, now time.Time, id string) error
}

// Reason says why a request was refused. The set is fixed; it is the same in
// logs, metrics, placeholders and commands.
type Reason string

// The reasons.
const (
	MissingSignature   Reason = "missing_signature"
	MalformedSignature Reason = "malformed_signature"
	WrongSignature     Reason = "wrong_signature"
	MissingTimestamp   Reason = "missing_timestamp"
	MalformedTimestamp Reason = "malformed_timestamp"
	StaleTimestamp     Reason = "stale_timestamp"
	FutureTimestamp    Reason = "future_timestamp"
	WrongAudience      Reason = "wrong_audience"
	ExpiredToken       Reason = "expired_token"
	UnavailableKey     Reason = "unavailable_key"
	BodyTooLarge       Reason = "body_too_large"
	MethodNotAllowed   Reason = "method_not_allowed"
	MalformedBody      Reason = "malformed_body"
)

// Reasons lists every reason, for documentation and metrics.
var Reasons = []Reason{
	MissingSignature, MalformedSignature, WrongSignature,
	MissingTimestamp, MalformedTimestamp, StaleTimestamp, FutureTimestamp,
	WrongAudience, ExpiredToken, UnavailableKey,
	BodyTooLarge, MethodNotAllowed, MalformedBody,
}

// Error makes a Reason an error, to be wrapped with what is particular.
func (r Reason) Error() string { return string(r) }

// ReasonOf returns the reason that err wraps, or "" if it wraps none.
func ReasonOf(err error) Reason {
	var r Reason
	errors.As(err, &r)
	return r
}

// Tolerance is how far a signed time may lie from the time of receipt. A zero
// limit is no limit, so that the zero Tolerance accepts any time.
type Tolerance struct {
	Past   time.Duration
	Future time.Duration
}

// Check judges the time that a sender gave against the time of receipt. Its
// error wraps [StaleTimestamp] or [FutureTimestamp].
func (t Tolerance) Check(sent, received time.Time) error {
	// Moments are compared, not durations: those end at 292 years, where the
	// negative of the longest is negative as well.
	switch {
	case t.Past > 0 && sent.Before(received.Add(-t.Past)):
		return fmt.Errorf("%w: %s old, and %s is allowed", StaleTimestamp, received.Sub(sent).Round(time.Second), t.Past)
	case t.Future > 0 && sent.After(received.Add(t.Future)):
		return fmt.Errorf("%w: %s ahead, and %s is allowed", FutureTimestamp, sent.Sub(received).Round(time.Second), t.Future)
	}
	return nil
}
