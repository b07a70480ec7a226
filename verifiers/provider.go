package verifiers

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Provider is a row of the catalogue: a sender, how it signs, and how it
// behaves. Its fields are data; every one can be overridden at an endpoint.
type Provider struct {
	Name  string   // the slug: what stands in a Caddyfile
	Title string   // the name people know
	Docs  []string // where the facts come from
	Why   string   // the reasons for what is not obvious in the row

	Scheme    Scheme
	Confirmed bool // by the vendor's own source, documents or vector

	Secret  SecretInfo // what to paste
	Options []Option   // what the scheme needs besides

	// Handshakes are the requests by which the provider makes sure of the
	// endpoint. They are answered here and are no events.
	Handshakes []Handshake

	// Synchronous says why the answer has to be the app's own, as with a command
	// that a person waits for: such an endpoint cannot forward after the answer.
	Synchronous string

	Freshness Freshness
	Dedupe    Dedupe
	Answers   Answers
	Retries   Retries
	MaxBody   int64    // bytes; 0: the gateway's default
	Largest   int64    // bytes of the largest body that the provider documents, as it is sent; 0: none is documented
	Methods   []string // nil: POST
	AttemptID string   // a header that names the attempt: logged and passed on, never trusted

	Sample Sample
}

// SecretInfo tells a person what the secret is.
type SecretInfo struct {
	Name  string // the provider's own word for it, such as "signing secret"
	Where string // where to copy it from, such as "Developers > Webhooks > the endpoint"

	// Optional: requests can be verified without one, with keys that the row has
	// or fetches. A secret given all the same takes their place.
	Optional bool

	// Learnt: the provider hands it over in a handshake that enrols. Until then
	// an endpoint without a secret refuses every event.
	Learnt bool

	// Prefix is what every secret of the provider begins with; another one is
	// probably the wrong value. Empty: there is none.
	Prefix string
}

// Option is a value that a scheme needs besides secrets, as {option:NAME}. It is
// given by a subdirective of its name.
type Option struct {
	Name string // such as "webhook_id"
	What string // what it is and where the provider shows it: the text of the error when it is missing

	Required bool
	Fetching bool   // needed only to fetch keys: not where the endpoint has a secret
	Secret   bool   // never shown
	Many     bool   // several may be given, separated by space, of which any counts
	Paired   bool   // one for each secret, in their order
	Pattern  string // a regular expression that the whole of each value has to match
	Example  string // a value of this form
}

// Freshness says whose time a request carries, and how old it may be.
type Freshness struct {
	Origin    Origin
	Tolerance Tolerance     // zero where the time is not enforced
	Leeway    time.Duration // for how long a token is taken after it expired, and before it is valid; 0: a minute; negative: for ever
	Optional  bool          // some genuine requests carry no time: they are let through
	Unsigned  bool          // enforce a time outside the signature too, though anybody could renew it
	Why       string
}

// tokenLeeway is the leeway where a row gives none: as much as two clocks may
// differ.
const tokenLeeway = time.Minute

// Check holds the time that an event gives against the time of its receipt, and
// so it does with the life of the token that vouches for it. The token comes
// first: an expired one vouches for nothing, not for the time either. Its life
// is judged whether or not a time is enforced, unless Leeway is negative. The
// error wraps [ExpiredToken], [StaleTimestamp], [MissingTimestamp],
// [MalformedTimestamp] or, also for a token that is not valid yet, [FutureTimestamp].
func (f Freshness) Check(e Event, received time.Time) error {
	if err := f.checkToken(e, received); err != nil {
		return err
	}
	switch {
	case f.Tolerance == Tolerance{}:
		return nil
	case e.TimeFault != nil:
		return e.TimeFault
	case e.Timestamp.IsZero() && f.Optional:
		return nil
	case e.Timestamp.IsZero():
		return MissingTimestamp
	case !e.Signed.Timestamp && !f.Unsigned:
		return nil
	}
	return f.Tolerance.Check(e.Timestamp, received)
}

// Life returns for how long after its receipt the token of an event is accepted;
// 0: it has no end that is enforced.
func (f Freshness) Life(e Event, received time.Time) time.Duration {
	leeway := cmp.Or(f.Leeway, tokenLeeway)
	if e.Expires.IsZero() || leeway < 0 {
		return 0
	}
	return max(0, e.Expires.Add(leeway).Sub(received))
}

// checkToken judges the life of a token. At the very moment of its end it is
// over (RFC 7519, section 4.1.4).
func (f Freshness) checkToken(e Event, received time.Time) error {
	leeway := cmp.Or(f.Leeway, tokenLeeway)
	switch {
	case leeway < 0:
		return nil
	case !e.Expires.IsZero() && !received.Before(e.Expires.Add(leeway)):
		return refuse(ExpiredToken, "the token expired %s ago, and %s is allowed", received.Sub(e.Expires).Round(time.Second), leeway)
	case !e.NotBefore.IsZero() && received.Before(e.NotBefore.Add(-leeway)):
		return refuse(FutureTimestamp, "the token is valid in %s, and %s is allowed", e.NotBefore.Sub(received).Round(time.Second), leeway)
	}
	return nil
}

// Origin tells what moment a timestamp names.
type Origin string

// The origins of a timestamp.
const (
	NoTime      Origin = ""        // the provider gives none
	AttemptTime Origin = "attempt" // renewed on every attempt: a few minutes are enough
	EventTime   Origin = "event"   // unchanged on a retry: must outlast the retry schedule
)

// Dedupe says how two deliveries of one event are recognised.
type Dedupe struct {
	By     DedupeBy
	Window time.Duration // how long an event is remembered: the retry horizon at least

	// UniqueBodies: no two events of this provider have the same body (or, where
	// the body is not signed, the same signed content). Then a digest can stand
	// for a missing ID, and a known body under a fresh ID is a replay.
	UniqueBodies bool

	Why string
}

// DedupeBy names what an event is recognised by.
type DedupeBy string

// The ways to recognise an event.
const (
	// ByID uses the event's ID. Where the ID is outside the signature it is
	// bound to a digest of what is inside; where it is missing, the digest
	// alone serves if bodies are unique.
	ByID DedupeBy = "id"
	// ByDigest uses a digest of the signed content alone.
	ByDigest DedupeBy = "digest"
	// ByNothing forwards everything: the row says why nothing can be trusted.
	ByNothing DedupeBy = "nothing"
)

// Answers are what the provider wants to hear. Zero fields mean the gateway's
// own answers: 200 for success, 401 for a refused signature, empty bodies.
type Answers struct {
	Success Answer // accepted, and also a duplicate
	Refused Answer // any fault of the signature, malformed ones included, and a stale time
}

// Answer is a status with a body. Type is the body's media type.
type Answer struct {
	Status int
	Type   string
	Body   string
}

// Retries describes the sender's patience, for documentation and for defaults
// that must outlast it.
type Retries struct {
	Deadline time.Duration // how long the sender waits for an answer; 0: unknown
	Attempts int           // in all; 0: unknown; 1: it never tries again
	Horizon  time.Duration // from the first attempt to the last; 0: unknown
}

// Sample is what `caddy webhook sign` and `send` send when no body is given. In
// Body and in the values of Header, {id} is a fresh event ID, {uuid} a fresh
// UUID, {time} the time in RFC 3339, {unix} in seconds and {formtime} as forms
// spell it: 2006-01-02+15:04:05 in UTC.
type Sample struct {
	IDPrefix string // of a fresh event ID, such as "evt_"; "": the ID is a UUID
	Type     string // the body's media type; "": application/json
	Header   map[string]string
	Body     string
}

// NewID makes a fresh event ID.
func (s Sample) NewID() string {
	if s.IDPrefix == "" {
		return newUUID()
	}
	return s.IDPrefix + rand.Text()
}

// Request makes the sample's request to target, as of now. It still has to be
// signed, with the same time and ID.
func (s Sample) Request(target string, now time.Time, id string) *Request {
	fill := strings.NewReplacer(
		"{id}", id,
		"{uuid}", newUUID(),
		"{time}", now.UTC().Format(time.RFC3339),
		"{formtime}", now.UTC().Format("2006-01-02+15:04:05"),
		"{unix}", strconv.FormatInt(now.Unix(), 10),
	)
	r := &Request{Method: http.MethodPost, URL: target, Header: http.Header{}, Body: []byte(fill.Replace(s.Body))}
	r.Header.Set("Content-Type", cmp.Or(s.Type, "application/json"))
	for name, value := range s.Header {
		r.Header.Set(name, fill.Replace(value))
	}
	return r
}

// newUUID makes a random UUID (version 4).
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
