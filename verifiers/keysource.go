package verifiers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Keys is the place where a provider publishes its keys.
type Keys struct {
	// URL is where the keys are: a template, and a constant for most.
	URL string `json:"url,omitempty"`

	// Pin has regular expressions, one of which the whole URL has to match. A URL that
	// is not constant needs one: without it the sender would choose the key.
	Pin []string `json:"pin,omitempty"`

	// Method, Header and Body are those of the request for the keys; default GET.
	// Header's values and Body are templates, as for {option:api_key}.
	Method string            `json:"method,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"`

	// Format is jwks (the default), pem (a key or certificate, or several), or
	// json (a document with a key at Path: PEM, DER in base64, or a JWK).
	Format string `json:"format,omitempty"`
	Path   string `json:"path,omitempty"`

	// KeyID is a template for the ID of the key among those of a key set. Without
	// one any of them may have signed.
	KeyID string `json:"key_id,omitempty"`
}

// A Fetching scheme needs keys from the network. WithKeySource returns a copy
// that has them from source; without one no request can be judged.
type Fetching interface {
	Scheme
	WithKeySource(source KeySource) Scheme
}

// A KeySource fetches the documents in which providers publish their keys. It fetches
// over https only, and only from places that the request pins. It remembers the
// documents, and serves the last good one while a provider cannot be reached. An error
// wraps [UnavailableKey]. It is safe for concurrent use.
type KeySource interface {
	Fetch(ctx context.Context, r KeyRequest) (KeyDocument, error)
}

// KeyRequest asks for a document.
type KeyRequest struct {
	Method string // "": GET
	URL    string
	Header http.Header
	Body   []byte
	Pin    []string      // regular expressions, one of which the whole of URL has to match; none: URL is the row's own
	TTL    time.Duration // how long to keep the answer; 0: as its Cache-Control says, within limits

	// After is the version of a document that does not have the key: only a later one
	// is of use. The source still decides how often it fetches, and returns its own
	// version if it fetched a moment ago. It fails if it should have fetched and could
	// not, since the key may be a new one.
	After uint64

	// Credential is sent as the Authorization header. Unlike Header it is not part
	// of the document's name, so that the document outlives a token that is renewed.
	Credential string

	// Fixed: the request contains nothing of a received request. All others share one
	// limit per source, since a stranger can name any number of documents.
	Fixed bool

	// Valid fails on a useless answer, such as an error page with status 200, which
	// must not replace a good one. Nil: every answer is valid.
	Valid func(document []byte) error
}

// KeyDocument is an answer. Version grows with every answer that was fetched.
type KeyDocument struct {
	Body    []byte
	Version uint64
}

// Fetched reads the documents in which a provider publishes its keys. It parses each
// version of a document once. It is safe for concurrent use.
type Fetched[K any] struct {
	source KeySource
	read   func(document []byte) (K, error)

	mu    sync.Mutex
	known map[string]fetched[K] // by everything that the document was asked for with
}

type fetched[K any] struct {
	version uint64
	keys    K
}

// maxDocuments bounds how many parsed documents a verifier remembers.
const maxDocuments = 64

// NewFetched returns keys that are fetched from source. read parses a document; one on
// which it fails does not take the place of a good one.
func NewFetched[K any](source KeySource, read func(document []byte) (K, error)) *Fetched[K] {
	return &Fetched[K]{source: source, read: read, known: map[string]fetched[K]{}}
}

// Get fetches a document and returns its keys and its version. Every error wraps
// [UnavailableKey], unless the source gives another reason: the sender may well be right.
func (f *Fetched[K]) Get(ctx context.Context, ask KeyRequest) (keys K, version uint64, err error) {
	if f.source == nil {
		return keys, 0, refuse(UnavailableKey, "the provider's keys have to be fetched, and nothing was given to fetch them with")
	}
	ask.Valid = func(document []byte) error {
		_, err := f.read(document)
		return err
	}
	document, err := f.source.Fetch(ctx, ask)
	switch {
	case err != nil && ReasonOf(err) == "":
		return keys, 0, fmt.Errorf("%w: %w", UnavailableKey, err)
	case err != nil:
		return keys, 0, err
	}
	name := ask.name()
	f.mu.Lock()
	known, ok := f.known[name]
	f.mu.Unlock()
	if ok && known.version == document.Version {
		return known.keys, known.version, nil
	}
	if keys, err = f.read(document.Body); err != nil {
		return keys, 0, refuse(UnavailableKey, "the provider's key document: %s", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.known) >= maxDocuments {
		clear(f.known)
	}
	f.known[name] = fetched[K]{document.Version, keys}
	return keys, document.Version, nil
}

// name identifies a document.
func (r KeyRequest) name() string {
	name := r.URL + "\x00" + string(r.Body)
	for _, key := range slices.Sorted(maps.Keys(r.Header)) {
		name += "\x00" + key + "\x00" + r.Header.Get(key)
	}
	return name
}

// fetchedKeys are compiled [Keys] with a source.
type fetchedKeys struct {
	documents *Fetched[[]publicKey]
	url, body *Template
	header    map[string]*Template
	keyID     *Template // nil: any key may have signed
	pins      []*regexp.Regexp
	request   KeyRequest // the part that is the same for every request
}

// compile checks where keys are fetched from. It returns nil where the scheme
// fetches none.
func (k Keys) compile(source KeySource) (*fetchedKeys, error) {
	if k.URL == "" {
		return nil, nil
	}
	f := &fetchedKeys{header: map[string]*Template{}, documents: NewFetched(source, func(document []byte) ([]publicKey, error) {
		return parseKeyDocument(k.Format, k.Path, document)
	})}
	var err error
	parse := func(text string) (t *Template) {
		if err == nil {
			t, err = ParseTemplate(text)
		}
		return t
	}
	f.url, f.body = parse(k.URL), parse(k.Body)
	for name, text := range k.Header {
		f.header[name] = parse(text)
	}
	if k.KeyID != "" {
		f.keyID = parse(k.KeyID)
	}
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	for _, text := range k.Pin {
		pin, err := regexp.Compile(`\A(?:` + text + `)\z`)
		if err != nil {
			return nil, fmt.Errorf("keys: pin: %w", err)
		}
		if !beginsSafely(text) {
			return nil, errors.New("keys: pin: it has to begin with https:// and the host")
		}
		f.pins = append(f.pins, pin)
	}
	switch {
	case !k.ours() && len(k.Pin) == 0:
		return nil, errors.New("keys: the URL depends on the request and has to be pinned")
	case !f.url.beginsWith("https://"):
		return nil, errors.New("keys: the URL has to begin with https://")
	case !slices.Contains([]string{"", "jwks", "pem", "json"}, k.Format):
		return nil, fmt.Errorf("keys: unknown format %q: want jwks, pem or json", k.Format)
	case (k.Format == "json") != (k.Path != ""):
		return nil, errors.New("keys: the format json, and only that, needs a path")
	}
	if k.Path != "" {
		if _, err := jsonPath(k.Path); err != nil {
			return nil, fmt.Errorf("keys: path: %w", err)
		}
	}
	fixed := !slices.ContainsFunc(append(slices.Collect(maps.Values(f.header)), f.url, f.body), func(t *Template) bool { return !t.constant() })
	f.request = KeyRequest{Method: k.Method, Fixed: fixed, Pin: slices.Clone(k.Pin)}
	return f, nil
}

// beginsSafely reports whether an expression fixes the beginning of the URLs that it
// matches, so that the sender cannot choose the host.
func beginsSafely(expression string) bool {
	re, err := regexp.Compile("(?:" + expression + ")")
	if err != nil {
		return false
	}
	begin, _ := re.LiteralPrefix()
	rest := strings.TrimPrefix(expression, "https://")
	return strings.HasPrefix(begin, "https://") && !strings.HasPrefix(rest, ".*") && !strings.HasPrefix(rest, ".+")
}

// beginsWith reports whether the text of a template can begin so: with its own text, or
// with that of its first token.
func (t *Template) beginsWith(text string) bool {
	first := t.parts[0]
	return first.name != "" || strings.HasPrefix(first.literal, text)
}

// ours reports whether the URL contains nothing of a request, only text of the row and
// the endpoint.
func (k Keys) ours() bool {
	t, err := ParseTemplate(k.URL)
	return err == nil && t.constant()
}

// given reports whether the endpoint gives all options that the URL needs. A row may
// leave it to the endpoint to give a URL or a key.
func (k Keys) given(options map[string]string) bool {
	t, err := ParseTemplate(k.URL)
	return err != nil || !slices.ContainsFunc(t.parts, func(p part) bool { return p.name == "option" && options[p.arg] == "" })
}

// verify runs check on the keys that may have signed a request, until one did. id is
// that of the key unless a template gives it; an empty one allows every key. If no key
// signed and the key may be a new one, it asks the source for a newer document. The
// error wraps [WrongSignature], or [UnavailableKey] if the sender may well be right.
func (f *fetchedKeys) verify(ctx context.Context, in *reading, id string, check func(publicKey) bool) error {
	if f.keyID != nil {
		var ok bool
		if id, ok = f.keyID.in(in); !ok {
			return refuse(MissingSignature, "no %s, which names the key", f.keyID)
		}
	}
	ask, err := f.ask(in)
	if err != nil {
		return err
	}
	keys, version, err := f.documents.Get(ctx, ask)
	if err != nil {
		return err
	}
	known, matched := try(keys, id, check)
	if matched {
		return nil
	}
	if known && id != "" {
		return refuse(WrongSignature, "the key of that ID did not make the signature")
	}
	ask.After = version
	switch newer, v, err := f.documents.Get(ctx, ask); {
	case err != nil:
		return err
	case v <= version:
	default:
		if known, matched = try(newer, id, check); matched {
			return nil
		}
	}
	if !known {
		return refuse(WrongSignature, "unknown key ID")
	}
	return refuse(WrongSignature, "none of the provider's keys made the signature")
}

// try runs check on the keys of an ID. A key without an ID, as in PEM, always counts.
func try(keys []publicKey, id string, check func(publicKey) bool) (known, matched bool) {
	for _, k := range keys {
		if id != "" && k.id != "" && k.id != id {
			continue
		}
		if known = true; check(k) {
			return true, true
		}
	}
	return known, false
}

// ask makes the request for the keys. It refuses a URL that no pin matches, since
// whoever chooses the URL chooses the key.
func (f *fetchedKeys) ask(in *reading) (KeyRequest, error) {
	ask := f.request
	url, ok := f.url.in(in)
	if !ok {
		return ask, refuse(MissingSignature, "no %s, which tells where the key is", f.url)
	}
	if len(f.pins) > 0 && !slices.ContainsFunc(f.pins, func(p *regexp.Regexp) bool { return p.MatchString(url) }) {
		return ask, refuse(WrongSignature, "the URL of the key is none of the provider's")
	}
	ask.URL = strings.Clone(url) // the source may keep it
	for name, t := range f.header {
		value, ok := t.in(in)
		if !ok {
			return ask, refuse(UnavailableKey, "no %s, without which the key cannot be asked for", t)
		}
		if ask.Header == nil {
			ask.Header = http.Header{}
		}
		ask.Header.Set(name, strings.Clone(value))
	}
	body, ok := f.body.in(in)
	if !ok {
		return ask, refuse(UnavailableKey, "no %s, without which the key cannot be asked for", f.body)
	}
	if body != "" {
		ask.Body = []byte(body)
	}
	return ask, nil
}

// templates are the templates that are read before a key can be fetched.
func (f *fetchedKeys) templates() []*Template {
	all := append(slices.Collect(maps.Values(f.header)), f.url, f.body)
	if f.keyID != nil {
		all = append(all, f.keyID)
	}
	return all
}
