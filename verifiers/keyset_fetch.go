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
)

// maxDocuments bounds how many parsed documents a verifier remembers.
const maxDocuments = 64

// fetchedKeys are compiled [Keys] with a source.
type fetchedKeys struct {
	source       KeySource
	url, body    *Template
	header       map[string]*Template
	keyID        *Template // nil: any key may have signed
	pins         []*regexp.Regexp
	format, path string
	request      KeyRequest // what is the same for every request

	mu     sync.Mutex
	parsed map[string]parsedKeys // by all that the document was asked for with
}

type parsedKeys struct {
	version uint64
	keys    []publicKey
}

// compile checks where keys are fetched from. It returns nil where the scheme
// fetches none.
func (k Keys) compile(source KeySource) (*fetchedKeys, error) {
	if k.URL == "" {
		return nil, nil
	}
	f := &fetchedKeys{source: source, format: k.Format, path: k.Path, header: map[string]*Template{}, parsed: map[string]parsedKeys{}}
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
	f.request = KeyRequest{Method: k.Method, Fixed: fixed, Pin: slices.Clone(k.Pin), Valid: func(document []byte) error {
		_, err := parseKeyDocument(k.Format, k.Path, document)
		return err
	}}
	return f, nil
}

// beginsSafely tells whether an expression names the beginning of the URLs that
// it matches, so that it does not leave the host to the sender.
func beginsSafely(expression string) bool {
	re, err := regexp.Compile("(?:" + expression + ")")
	if err != nil {
		return false
	}
	begin, _ := re.LiteralPrefix()
	rest := strings.TrimPrefix(expression, "https://")
	return strings.HasPrefix(begin, "https://") && !strings.HasPrefix(rest, ".*") && !strings.HasPrefix(rest, ".+")
}

// beginsWith tells whether a template can begin so: by its own text, or by what
// its first token stands for.
func (t *Template) beginsWith(text string) bool {
	first := t.parts[0]
	return first.name != "" || strings.HasPrefix(first.literal, text)
}

// ours tells whether the URL is the row's and the endpoint's alone, with
// nothing of a request in it.
func (k Keys) ours() bool {
	t, err := ParseTemplate(k.URL)
	return err == nil && t.constant()
}

// given tells whether the endpoint gives all of the options that the URL needs.
// A row may leave it to the endpoint to say where the keys are, or to give one.
func (k Keys) given(options map[string]string) bool {
	t, err := ParseTemplate(k.URL)
	return err != nil || !slices.ContainsFunc(t.parts, func(p part) bool { return p.name == "option" && options[p.arg] == "" })
}

// verify runs check on the keys that may have signed a request, until one did.
// id is that of the key where no template says; if it is empty, any may have.
// Where none did and the key may be a new one, the source is asked for a newer
// document. The error wraps [WrongSignature], or [UnavailableKey] where the
// sender may well be right.
func (f *fetchedKeys) verify(ctx context.Context, in *reading, id string, check func(publicKey) bool) error {
	if f.source == nil {
		return refuse(UnavailableKey, "the provider's keys have to be fetched, and nothing was given to fetch them with")
	}
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
	keys, version, err := f.fetch(ctx, ask)
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
	switch newer, v, err := f.fetch(ctx, ask); {
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

// try runs check on the keys of an ID. A key that has none, as in PEM, may be
// any.
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

// ask makes the request for the keys. A URL that nobody pinned is not asked for:
// whoever chooses it would choose the key.
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

// fetch returns the keys of a document, which is parsed once for each version.
func (f *fetchedKeys) fetch(ctx context.Context, ask KeyRequest) ([]publicKey, uint64, error) {
	document, err := f.source.Fetch(ctx, ask)
	switch {
	case err != nil && ReasonOf(err) == "":
		return nil, 0, fmt.Errorf("%w: %w", UnavailableKey, err)
	case err != nil:
		return nil, 0, err
	}
	name := ask.name()
	f.mu.Lock()
	parsed, ok := f.parsed[name]
	f.mu.Unlock()
	if ok && parsed.version == document.Version {
		return parsed.keys, parsed.version, nil
	}
	keys, err := parseKeyDocument(f.format, f.path, document.Body)
	if err != nil {
		return nil, 0, refuse(UnavailableKey, "the provider's key document: %s", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.parsed) >= maxDocuments {
		clear(f.parsed)
	}
	f.parsed[name] = parsedKeys{document.Version, keys}
	return keys, document.Version, nil
}

// name tells documents apart.
func (r KeyRequest) name() string {
	name := r.URL + "\x00" + string(r.Body)
	for _, key := range slices.Sorted(maps.Keys(r.Header)) {
		name += "\x00" + key + "\x00" + r.Header.Get(key)
	}
	return name
}
