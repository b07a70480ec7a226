package verifiers

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Provider is a row of the catalogue: a sender, how it signs, and how it
// behaves. Its fields are data; every one can be overridden at an endpoint.
type Provider struct {
	Name  string   // the slug, as in a Caddyfile
	Title string   // the usual name
	Docs  []string // where the facts come from
	Why   string   // the reasons for everything in the row that is not obvious

	Scheme    Scheme
	Confirmed bool // by the vendor's own source, documents or vector

	Secret  SecretInfo
	Options []Option // further values that the scheme needs

	// Handshakes are the requests with which the provider tests the endpoint. They are
	// answered here and are no events.
	Handshakes []Handshake

	// Synchronous is the reason why the app itself has to answer, as with a command
	// that a person waits for. Such an endpoint cannot forward after the answer.
	Synchronous string

	Freshness Freshness
	Dedupe    Dedupe
	Answers   Answers
	Retries   Retries
	MaxBody   int64    // bytes; 0: the gateway's default
	Largest   int64    // bytes of the largest body that the provider documents, as it is sent; 0: none is documented
	Methods   []string // nil: POST
	AttemptID string   // a header that names the attempt: logged and passed on, never trusted

	Sources Sources // of the facts about the sender's behaviour

	// Confidential are places with credentials besides those of [CredentialsOf]: of a
	// scheme in code, and of tokens that are not verified. Their values are hidden
	// wherever a request is shown.
	Confidential []Place

	Sample Sample
}

// SecretInfo describes the secret to a person.
type SecretInfo struct {
	Name  string // the provider's own word for it, such as "signing secret"
	Where string // where to copy it from, such as "Developers > Webhooks > the endpoint"

	// Optional: requests can be verified without a secret, with keys that the row has
	// or fetches. A secret, if given, replaces them.
	Optional bool

	// Learnt: the provider hands the secret over in a handshake that enrols. Until then
	// an endpoint without a secret refuses every event.
	Learnt bool

	// Prefix begins every secret of the provider; a secret without it is probably the
	// wrong value. Empty: there is none.
	Prefix string
}

// SecretName describes the secret in the provider's words, for a sentence.
func (p Provider) SecretName() string {
	s, title := p.Secret, p.Title
	if len(p.Docs) == 0 { // any sender
		title = "the sender"
	}
	switch {
	case s.Name == "" && s.Where == "":
		return "what " + title + " shows for this webhook"
	case s.Name == "":
		return "what " + title + " shows under " + s.Where
	case s.Where == "":
		return "the " + s.Name + " of " + title
	}
	return "the " + s.Name + " of " + title + " (" + s.Where + ")"
}

// Option is a further value that a scheme needs, as {option:NAME}. A subdirective of
// its name gives it.
type Option struct {
	Name string // such as "webhook_id"
	What string // its meaning and where the provider shows it: the text of the error if it is missing

	Required bool
	Fetching bool   // needed only to fetch keys: not where the endpoint has a secret
	Secret   bool   // never shown
	Many     bool   // several may be given, separated by space, of which any counts
	Paired   bool   // one for each secret, in their order
	Pattern  string // a regular expression that the whole of each value has to match
	Example  string // a value of this form
}

// Freshness describes whose time a request carries, and how old it may be.
type Freshness struct {
	Origin    Origin
	Tolerance Tolerance     // zero where the time is not enforced
	Leeway    time.Duration // how long a token is accepted after it expired and before it is valid; 0: [DefaultLeeway]; negative: for ever
	Optional  bool          // some genuine requests carry no time: they are let through
	Unsigned  bool          // enforce a time outside the signature too, although anybody could renew it
	Why       string
}

// DefaultLeeway is the leeway where a row gives none. Two clocks may differ by as much.
const DefaultLeeway = time.Minute

// Check compares the event's time with the time of its receipt. Before that it checks
// the life of the token: an expired one vouches for nothing, also not for the time. The
// life counts even if no time is enforced, unless Leeway is negative. The error wraps
// [ExpiredToken], [StaleTimestamp], [MissingTimestamp], [MalformedTimestamp] or, also
// for a token that is not valid yet, [FutureTimestamp].
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

// Life returns how long after its receipt the token of an event is accepted; 0: no end
// is enforced.
func (f Freshness) Life(e Event, received time.Time) time.Duration {
	leeway := cmp.Or(f.Leeway, DefaultLeeway)
	if e.Expires.IsZero() || leeway < 0 {
		return 0
	}
	return max(0, e.Expires.Add(leeway).Sub(received))
}

// checkToken judges the life of a token. At the very moment of its end it is
// over (RFC 7519, section 4.1.4).
func (f Freshness) checkToken(e Event, received time.Time) error {
	leeway := cmp.Or(f.Leeway, DefaultLeeway)
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

// Origin names the moment of a timestamp.
type Origin string

// The origins of a timestamp.
const (
	NoTime      Origin = ""        // the provider gives none
	AttemptTime Origin = "attempt" // renewed on every attempt: a few minutes are enough
	EventTime   Origin = "event"   // unchanged on a retry: must outlast the retry schedule
)

// Dedupe describes how two deliveries of one event are recognised.
type Dedupe struct {
	By     DedupeBy
	Window time.Duration // how long an event is remembered: the retry horizon at least

	// UniqueBodies: no two events of this provider have the same body (or, where
	// the body is not signed, the same signed content). Then a digest can stand
	// for a missing ID, and a known body under a fresh ID is a replay.
	UniqueBodies bool

	Why string
}

// DedupeBy names the key of an event.
type DedupeBy string

// The ways to recognise an event.
const (
	// ByID uses the event's ID. An ID outside the signature is bound to a digest of the
	// signed content. If the ID is missing, the digest alone serves if bodies are
	// unique.
	ByID DedupeBy = "id"
	// ByDigest uses a digest of the signed content alone.
	ByDigest DedupeBy = "digest"
	// ByNothing forwards everything: the row states why nothing can be trusted.
	ByNothing DedupeBy = "nothing"
)

// Answers are the answers that the provider expects. Zero fields mean the gateway's
// own: 200 for success, 401 for a refused signature, empty bodies.
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

// Sample is the request that `caddy webhook sign` and `send` make if no body is given.
// Body and the values of Header may contain:
//
//   - {id}: a fresh event ID
//   - {uuid}: a fresh UUID
//   - {time}, {unix}: the time in RFC 3339, and in seconds
//   - {formtime}: the time as in forms, 2006-01-02+15:04:05 in UTC
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

// Override returns a copy of scheme in which a JSON object sets some fields anew, under
// the names of the fields' tags. An unknown field is an error. The copy shares nothing
// with the given scheme.
func Override(scheme Scheme, fields json.RawMessage) (Scheme, error) {
	original, err := json.Marshal(scheme)
	if err != nil {
		return nil, fmt.Errorf("copying a scheme: %w", err)
	}
	copied := reflect.New(reflect.TypeOf(scheme))
	for _, object := range []json.RawMessage{original, fields} {
		decoder := json.NewDecoder(bytes.NewReader(object))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(copied.Interface()); err != nil {
			return nil, fmt.Errorf("setting a scheme's fields: %w", err)
		}
	}
	return copied.Elem().Interface().(Scheme), nil
}
