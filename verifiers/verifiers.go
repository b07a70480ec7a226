// Package verifiers answers one question about a webhook request: is it from its
// claimed sender?
//
// Start with [HMAC], the scheme of most providers, and with [Scheme.Verifier], which
// joins a scheme with an endpoint's secrets:
//
//	v, err := verifiers.HMAC{
//		Signature: verifiers.Signature{Names: []string{"X-Signature"}},
//		Content:   "{body}",
//	}.Verifier("s3cret")
//	event, err := v.Verify(ctx, request)
//
// A verifier works in this order, and stops at the first [Reason] to refuse:
//
//  1. It finds the signature in a header or the query, and a signed time there. A
//     request without them costs neither inflating nor parsing its body.
//  2. It inflates the body where the scheme says so, and checks JSON that it needs to
//     find the signature, the time or the signed content.
//  3. It checks the conditions without which the signature would mean something else.
//  4. It computes the signature over the sender's own bytes with each secret.
//  5. It checks that the event is addressed to this endpoint.
//  6. It reads the event's time, type and ID, and marks the parts that are signed.
//
// No verifier reads the clock. It returns the sender's time, and the caller compares it
// with [Freshness.Check]. Therefore vectors never expire, and a stored request can be
// verified as of its receipt. The signature comes before the age: a request that is
// both wrong and stale is wrong. Judging the age first would save nothing under attack,
// because a forger can write any time.
//
// The catalogue of ready-made providers is in package
// [github.com/hookwicket/hookwicket/verifiers/providers].
//
// # A new scheme
//
// A new scheme is a type in a file of its own. It embeds [Facts] and implements
// [Scheme], [Signer], [Credentials] and [Described]. The gateway, its commands and
// package explain ask for nothing else. To be named in a configuration it needs:
//
//   - a row in verifiers/providers/blank.go, and vectors in testdata
//   - its words for docs/providers.md, in table_text_test.go there
//   - for a field that no other scheme has, a line in the table of
//     caddymodule/provider_options.go
//   - if it has formats worth trying on a refused request, those in explain/format.go
package verifiers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// A Verifier checks requests by one provider's scheme and one endpoint's secrets. It is
// safe for concurrent use and never reads the clock.
//
// The error of a refused request wraps a [Reason]. An error without one means that the
// request could not be judged and that the sender is not to blame.
type Verifier interface {
	Verify(ctx context.Context, r *Request) (Event, error)
}

// A Scheme is a way of signing. Verifier fails on a scheme that contradicts
// itself and on a secret that the scheme cannot use, an empty one above all.
// Any of several secrets may have signed.
type Scheme interface {
	Verifier(secrets ...string) (Verifier, error)
}

// A Signer is a [Scheme] that can also sign as the provider would. Sign adds to r
// everything that the scheme looks for. It writes the time and the event ID where the
// scheme carries them outside the body.
type Signer interface {
	Sign(r *Request, secret string, now time.Time, id string) error
}

// Request is a webhook request exactly as received: before any rewrite, with
// nothing decoded, trimmed or parsed.
type Request struct {
	Method string
	URL    string // the public URL the sender called, in its original spelling
	Header http.Header
	Body   []byte

	// Grow, if set, is called before a verifier allocates n more bytes for the request,
	// such as an inflated body. An error ends the verification and is returned
	// unchanged.
	Grow func(n int64) error
}

// grow asks for n bytes of memory.
func (r *Request) grow(n int) error {
	if r.Grow == nil || n <= 0 {
		return nil
	}
	return r.Grow(int64(n))
}

// Event is the content of a verified request that the gateway acts on.
type Event struct {
	ID        string    // the provider's identity of the event; empty: it gives none
	Type      string    // empty: the provider gives none
	Timestamp time.Time // the sender's time; zero: it gives none
	Signed    Fields    // which of the above, and of the request, the signature covers

	// TimeFault is the error of a signed time that could not be read. It matters only
	// if [Freshness.Check] enforces a time: otherwise an event with a time in a new
	// format is accepted.
	TimeFault error

	// Expires and NotBefore limit the life of the token in the request. They are zero
	// if there is no token or it sets no limit.
	Expires, NotBefore time.Time

	// Content identifies the event if its ID does not. It is the body if the signature
	// covers it or is a credential that covers nothing, else the signed content. It may
	// alias the request's body.
	Content []byte
}

// Fields marks the parts of a request that its signature covers. Anybody who has seen
// the request once can rewrite the other parts.
type Fields struct {
	ID        bool `json:"id"`
	Type      bool `json:"type"`
	Timestamp bool `json:"timestamp"`
	Body      bool `json:"body"`
	URL       bool `json:"url"`
}

// Reason is the cause of a refusal. The set is fixed and the same in logs, metrics,
// placeholders and commands.
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

// Error makes a Reason an error, to be wrapped with the details.
func (r Reason) Error() string { return string(r) }

// ReasonOf returns the reason that err wraps, or "" if it wraps none.
func ReasonOf(err error) Reason {
	var r Reason
	errors.As(err, &r)
	return r
}

// Tolerance is the allowed distance of a signed time from the time of receipt. A zero
// limit is no limit, so the zero Tolerance accepts any time.
type Tolerance struct {
	Past   time.Duration
	Future time.Duration
}

// Check compares the sender's time with the time of receipt. Its error wraps
// [StaleTimestamp] or [FutureTimestamp].
func (t Tolerance) Check(sent, received time.Time) error {
	// Moments are compared, not durations, which end at 292 years.
	switch {
	case t.Past > 0 && sent.Before(received.Add(-t.Past)):
		return fmt.Errorf("%w: %s old, and %s is allowed", StaleTimestamp, received.Sub(sent).Round(time.Second), t.Past)
	case t.Future > 0 && sent.After(received.Add(t.Future)):
		return fmt.Errorf("%w: %s ahead, and %s is allowed", FutureTimestamp, sent.Sub(received).Round(time.Second), t.Future)
	}
	return nil
}
