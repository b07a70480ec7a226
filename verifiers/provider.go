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

	Freshness Freshness
	Dedupe    Dedupe
	Answers   Answers
	Retries   Retries
	MaxBody   int64    // bytes; 0: the gateway's default
	Methods   []string // nil: POST
	AttemptID string   // a header that names the attempt: logged and passed on, never trusted

	Sample Sample
}

// Freshness says whose time a request carries, and how old it may be.
type Freshness struct {
	Origin    Origin
	Tolerance Tolerance // zero where the time is not enforced
	Optional  bool      // some genuine requests carry no time: they are let through
	Unsigned  bool      // enforce a time outside the signature too, though anybody could renew it
	Why       string
}

// Check holds the time that an event gives against the time of its receipt.
func (f Freshness) Check(e Event, received time.Time) error {
	switch {
	case f.Tolerance == Tolerance{}:
		return nil
	case e.Timestamp.IsZero() && f.Optional:
		return nil
	case e.Timestamp.IsZero():
		return MissingTimestamp
	case !e.Signed.Timestamp && !f.Unsigned:
		return nil
	}
	return f.Tolerance.Check(e.Timestamp, received)
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
// UUID, {time} the time in RFC 3339 and {unix} in seconds.
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
