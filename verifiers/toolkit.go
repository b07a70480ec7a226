package verifiers

import (
	"context"
	"crypto"
	"fmt"
	"time"

	"github.com/tidwall/gjson"
)

// This file is for schemes that data cannot describe: a type of your own that
// implements [Scheme], here or in another module. It exports the parts of the schemes
// of this package. With them all schemes refuse the same requests for the same reasons.
// Such a scheme embeds [Facts], checks the signature itself, and reads the rest of the
// event with a [FactReader].

// The first interfaces are optional. A scheme that embeds [Facts] implements Timed,
// Identified and Unaddressed; it needs methods of its own only for facts that it reads
// by itself.

// Timed is a scheme that reports whether its requests carry a time. For any other
// scheme a tolerance is kept as it is configured.
type Timed interface {
	Timed() bool
}

// Identified is a scheme that reports whether its requests carry an event ID. For
// any other scheme it is assumed.
type Identified interface {
	Identified() bool
}

// Unaddressed is a scheme whose key also signs events for other endpoints. The
// method returns the options that would name this endpoint as the addressee and are
// not given. Without them the endpoint accepts events that were meant for others.
type Unaddressed interface {
	Unaddressed() (options []string)
}

// Credentials is a scheme that reports where its requests carry their signature or
// token. Without it the gateway cannot hide them when it shows a request. See
// [CredentialsOf].
type Credentials interface {
	Credentials() []Place
}

// Plausible is an optional interface of a [Verifier], for a gateway that is short of
// memory. It reports, from the headers and the URL alone, whether a request can carry a
// well-formed signature of the scheme. That proves nothing: anybody can send a
// well-formed signature.
type Plausible interface {
	Plausible(r *Request) bool
}

var _ interface {
	Timed
	Identified
	Unaddressed
} = Facts{}

// Refuse makes the error of a refused request. The detail is for logs. It may name the
// expected value, but never a secret or a signature.
func Refuse(reason Reason, detail string, args ...any) error {
	return refuse(reason, detail, args...)
}

// SecretKeys makes a key of each of an endpoint's secrets. It fails if there is no
// secret, if one is empty, and if key fails, and names that secret by its number. An
// error of key must not repeat the secret.
func SecretKeys(secrets []string, key func(secret string) ([]byte, error)) ([][]byte, error) {
	return keysOf(secrets, key)
}

// Key makes the key from a pasted secret, as [HMAC] would.
func (f SecretFormat) Key(secret string) ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return f.pasted(secret)
}

// PublicKeys reads a pasted public key: PEM, a certificate, DER in base64, a JWK, or
// the 32 bytes of an Ed25519 key. There may be several in one text. Weak keys are
// refused.
func PublicKeys(text string) ([]crypto.PublicKey, error) {
	parsed, err := parsePublicKeys(text)
	if err != nil {
		return nil, err
	}
	keys := make([]crypto.PublicKey, len(parsed))
	for i := range parsed {
		keys[i] = parsed[i].PublicKey
	}
	return keys, nil
}

// NamesMember reports whether a member's name, in its quotes as in [Members], is a
// name, ignoring case and escapes.
func NamesMember(quoted, name string) bool { return namesMember(quoted, name) }

// ValidJSON reports whether a body is one JSON value that every parser reads alike.
// Take no value from a body before.
func ValidJSON(body []byte) bool { return validJSON(stringOf(body)) }

// JSONText returns a JSON string unescaped. Different strings stay different: half a
// surrogate pair becomes three bytes, not U+FFFD.
func JSONText(r gjson.Result) string { return jsonString(r) }

// DecodeText decodes a signature as [Signature] does. The encoding is hex, base64,
// base64url or base64_hex.
func DecodeText(encoding, text string) ([]byte, bool) {
	e, err := encodingOf(encoding)
	if err != nil || text == "" || len(text) > maxSignatureValue {
		return nil, false
	}
	return e.decode(nil, text)
}

// Inflate unpacks a body in gzip within the limits of [Facts], and asks r.Grow for
// the memory. Its error wraps [MalformedBody] or [BodyTooLarge], or is that of ctx or
// of Grow.
func Inflate(ctx context.Context, r *Request) ([]byte, error) {
	return gunzip(ctx, r.Body, r.grow)
}

// HeaderOf returns the only value of a header with a signature or signed content. A
// header that is absent or empty is a [MissingSignature]; one that is repeated or too
// long is a [MalformedSignature].
func HeaderOf(r *Request, name string) (string, error) {
	values := r.Header[canonical(name)]
	switch {
	case len(values) > 1:
		return "", refuse(MalformedSignature, "the header %s is there more than once", name)
	case len(values) == 0 || values[0] == "":
		return "", refuse(MissingSignature, "no header %s", name)
	case len(values[0]) > maxSignatureValue:
		return "", refuse(MalformedSignature, "the header %s is longer than %d bytes", name, maxSignatureValue)
	}
	return values[0], nil
}

// PathOf returns the path of a URL in its original spelling.
func PathOf(rawURL string) string { return pathOf(rawURL) }

// HostOf returns the host of a URL, and its port if it names one.
func HostOf(rawURL string) string { return hostOf(rawURL) }

// Covered describes the parts under a signature, from which a [FactReader] derives the
// facts that are signed.
type Covered struct {
	Body  bool // all of the body
	URL   bool // all of the URL
	Query bool // every parameter of the query
	Form  bool // every field of the form, though not its spelling
	JSON  bool // every member of a JSON document, though not its spelling

	// Places are templates of which every token is covered, such as "{json:id}".
	Places []string
}

// FactReader reads the event from a request that was verified. It is safe for
// concurrent use.
type FactReader struct {
	facts facts
	body  bool
	url   bool
	json  bool
}

// Reader compiles the facts for a scheme with this coverage.
func (f Facts) Reader(covered Covered) (*FactReader, error) {
	c, err := f.compile()
	if err != nil {
		return nil, err
	}
	cover := coverage{
		body: covered.Body,
		url:  covered.URL, query: covered.URL || covered.Query, path: covered.URL,
		single: map[[2]string]bool{},
	}
	for _, text := range covered.Places {
		t, err := ParseTemplate(text)
		if err != nil {
			return nil, fmt.Errorf("covered: %w", err)
		}
		cover.add(t, &c)
	}
	c.each(func(t *Template) {
		for _, p := range t.parts {
			if covered.Form && p.name == "form" || covered.JSON && p.name == "json" {
				cover.single[[2]string{p.name, p.arg}] = true
			}
		}
	})
	c.cover(cover)
	if err := c.vouch(cover); err != nil {
		return nil, err
	}
	return &FactReader{
		facts: c,
		body:  covered.Body,
		url:   covered.URL,
		json:  c.reads(fromJSON),
	}, nil
}

// each visits the templates of all facts.
func (f *facts) each(visit func(*Template)) {
	if f.time != nil {
		visit(f.time.Template)
	}
	for _, places := range [][]place{f.ids, f.types} {
		for _, p := range places {
			visit(p.Template)
		}
	}
	for _, c := range f.addressee {
		visit(c.of)
	}
}

// Read sets the event's time, ID and type, and marks the signed ones. It fails if the
// scheme's conditions do not hold.
func (f *FactReader) Read(r *Request, ev *Event) error {
	var in reading
	in.start(r)
	err := f.read(&in, ev)
	if in.fault != nil {
		return in.fault
	}
	return err
}

func (f *FactReader) read(in *reading, ev *Event) error {
	if err := f.facts.open(context.Background(), in); err != nil {
		return err
	}
	if err := f.facts.require(in); err != nil {
		return err
	}
	in.strict = f.json
	if err := f.facts.address(in); err != nil {
		return err
	}
	ev.Signed.Body, ev.Signed.URL = f.body, f.url
	f.facts.readTime(in, ev)
	return f.facts.readRest(in, ev)
}

// Write writes the time, and the event ID unless it is there already, to the places
// outside the body where requests carry them. Sign calls it before it signs.
func (f Facts) Write(r *Request, now time.Time, id string) error {
	w := writing{r: r, now: now, id: id}
	return w.facts(f)
}

// Put writes a value to where a scheme looks for it: from is header, query, form
// or json, and name the place there. In JSON there has to be a value already.
func Put(r *Request, from, name, value string) error {
	w := writing{r: r}
	return w.put(from, name, value)
}

// ParseTime reads a time in one of the formats of [Timestamp]. A text that is not
// one is a [MalformedTimestamp].
func ParseTime(format, text string) (time.Time, error) {
	c, err := clockOf(format)
	if err != nil {
		return time.Time{}, err
	}
	t, ok := c.parse(text)
	if !ok {
		return time.Time{}, refuse(MalformedTimestamp, "it is not a time in the format %s", c)
	}
	return t, nil
}
