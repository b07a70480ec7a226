package verifiers

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unsafe"

	"github.com/tidwall/gjson"
)

// This file is for schemes that data cannot describe: a type of one's own that
// implements [Scheme], here or in somebody else's module. What it exports is what
// the schemes of this package are made of, so that all of them refuse the same
// things for the same reasons. A scheme of one's own embeds [Facts], checks the
// signature itself, and then has a [FactReader] tell the rest of the event.

// Refuse makes the error of a refused request. The detail is for logs: it may
// name what was expected, but never what a secret or a signature is.
func Refuse(reason Reason, detail string, args ...any) error {
	return refuse(reason, detail, args...)
}

// SecretKeys turns each of an endpoint's secrets into a key. It fails, naming the one
// by its number, where there is none, where one is empty, and where key fails.
// An error of key must not repeat the secret.
func SecretKeys(secrets []string, key func(secret string) ([]byte, error)) ([][]byte, error) {
	return keysOf(secrets, key)
}

// Key makes the key from what the user pasted, as [HMAC] would.
func (f SecretFormat) Key(secret string) ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return f.pasted(secret)
}

// PublicKeys reads what a user pastes for a public key: PEM, a certificate, DER in
// base64, a JWK, or the 32 bytes of an Ed25519 key. There may be several in one
// text. Keys that nobody should rely on are refused.
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

// NamesMember tells whether a member's name, in its quotes as [Members] has it, is a
// name, also where letters are in another case or written as escapes.
func NamesMember(quoted, name string) bool { return namesMember(quoted, name) }

// ValidJSON tells whether a body is one JSON value that every parser reads alike:
// no value may be taken from a body before.
func ValidJSON(body []byte) bool { return validJSON(stringOf(body)) }

// JSONText returns a JSON string unescaped, so that different strings stay
// different: half a surrogate pair becomes three bytes, not U+FFFD.
func JSONText(r gjson.Result) string { return jsonText(r) }

// DecodeText decodes a signature: encoding is hex, base64, base64url or
// base64_hex, and what is accepted of them is what [Signature] accepts.
func DecodeText(encoding, text string) ([]byte, bool) {
	e, err := encodingOf(encoding)
	if err != nil || text == "" || len(text) > maxSignatureValue {
		return nil, false
	}
	return e.decode(nil, text)
}

// HeaderOf returns the only value of a header that holds a signature or a part of
// what is signed. A header that is absent or empty is a [MissingSignature]; one
// that is there more than once, or is too long, a [MalformedSignature].
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

// Pair is a name and a value, decoded.
type Pair struct{ Name, Value string }

// FormOf returns the fields of an urlencoded body, in their order. It does not ask
// for the Content-Type, which is hardly ever signed. A body that another reader
// might take for something else is a [MalformedBody], and so is one with more than
// [MaxFields] fields.
func FormOf(r *Request) ([]Pair, error) {
	if i := skipSpace(r.Body, 0); i < len(r.Body) && (r.Body[i] == '{' || r.Body[i] == '[') || strings.HasPrefix(stringOf(r.Body), "--") {
		return nil, refuse(MalformedBody, "it is not an urlencoded form")
	}
	pairs, err := pairsOf(stringOf(r.Body), r.grow)
	if err == errPairs {
		err = refuse(MalformedBody, "it is not an urlencoded form")
	}
	return pairs, err
}

// QueryOf returns the parameters of a URL, in their order. One that cannot be
// decoded is a [MalformedSignature], since who asks does so for what is signed.
// There may be [MaxFields] of them.
func QueryOf(rawURL string) ([]Pair, error) {
	pairs, err := pairsOf(queryOf(rawURL), func(int) error { return nil })
	if err != nil {
		return nil, refuse(MalformedSignature, "the URL's query cannot be decoded, or has more than %d parameters", MaxFields)
	}
	return pairs, nil
}

// PathOf returns the path of a URL in its original spelling.
func PathOf(rawURL string) string { return pathOf(rawURL) }

// HostOf returns the host of a URL, and its port if it names one.
func HostOf(rawURL string) string { return hostOf(rawURL) }

// errPairs is the error of a text that not every reader decodes alike.
var errPairs = errors.New("not every reader decodes it alike")

// pairsOf decodes an urlencoded text. A semicolon that is not escaped, which some
// readers take for a separator, makes it fail, and so does an escape of nothing, and
// a name that starts with space or has a null byte, which PHP takes for another.
// It asks grow for the memory of names and values with escapes.
func pairsOf(encoded string, grow func(n int) error) ([]Pair, error) {
	if strings.IndexByte(encoded, ';') >= 0 {
		return nil, errPairs
	}
	most := min(strings.Count(encoded, "&")+1, MaxFields)
	if err := grow(most*int(unsafe.Sizeof(Pair{})) + escapedSize(encoded)); err != nil {
		return nil, err
	}
	pairs := make([]Pair, 0, most)
	for pair := range strings.SplitSeq(encoded, "&") {
		if pair == "" {
			continue
		}
		if len(pairs) == MaxFields {
			return nil, refuse(MalformedBody, "it has more than %d fields", MaxFields)
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, errPairs
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, errPairs
		}
		if strings.HasPrefix(name, " ") || strings.IndexByte(name, 0) >= 0 {
			return nil, errPairs
		}
		pairs = append(pairs, Pair{name, value})
	}
	return pairs, nil
}

// escapedSize bounds the memory that a text takes when it is decoded.
func escapedSize(text string) int {
	if !hasEscapes(text) {
		return 0
	}
	return len(text)
}

// Covered tells a [FactReader] what stands under a signature, so that it can tell
// which of the facts do.
type Covered struct {
	Body  bool // all of the body
	URL   bool // all of the URL
	Query bool // every parameter of the query
	Form  bool // every field of the form, though not its spelling
	JSON  bool // every member of a JSON document, though not its spelling

	// Places are templates of which every token is covered, such as "{json:id}".
	Places []string
}

// FactReader reads an event off a request that was found genuine. It is safe for
// concurrent use.
type FactReader struct {
	facts facts
	body  bool
	url   bool
	json  bool
}

// Reader compiles the facts for a scheme whose signature covers so much.
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

// Read fills in the event's time, ID and type, and what of it is signed. It fails
// where the scheme's conditions do not hold.
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

// Write puts the time, and the event ID unless it is there already, to where
// requests carry them outside the body. Sign calls it before it signs.
func (f Facts) Write(r *Request, now time.Time, id string) error {
	w := writing{r: r}
	return w.facts(f, now, id)
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
