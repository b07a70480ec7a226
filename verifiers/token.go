package verifiers

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Token is the scheme of providers that do not sign but send the secret itself. Anybody
// who has seen one request can make any other, so a token is only as safe as the TLS in
// front of it. It vouches for the whole request that carries it.
type Token struct {
	// From is header (the default), bearer (the Authorization header's token),
	// basic (the secret is "user:password"), query, form or json.
	From string `json:"from,omitempty"`

	// Names are the header's names, or the query's, the form's, or JSON paths.
	// The first that is present counts. Bearer and basic have none.
	Names []string `json:"names,omitempty"`

	// Query is a parameter of the URL in which a bearer's token may stand instead
	// (RFC 6750, section 2.3). One that is sent in both places is malformed.
	Query string `json:"query,omitempty"`

	// Prefix stands before the secret.
	Prefix string `json:"prefix,omitempty"`

	// Hash is the hash of the secret that is sent instead of it, such as sha256,
	// in lower-case hex.
	Hash string `json:"hash,omitempty"`

	Facts
}

var (
	_ Scheme      = Token{}
	_ Credentials = Token{}
	_ Described   = Token{}
	_ Signer      = Token{}
)

// tokenVerifier is a compiled [Token] with an endpoint's secrets.
type tokenVerifier struct {
	from, prefix string
	query        string     // of a bearer
	place        *signature // finds the value; nil for bearer and basic
	sums         [][sha256.Size]byte
	facts        facts
	signsJSON    bool // the token, or a required condition, cannot be found without JSON
	readsJSON    bool
	pool         sync.Pool // of *reading
}

// Verifier compiles the scheme with an endpoint's secrets.
func (t Token) Verifier(secrets ...string) (Verifier, error) {
	v := &tokenVerifier{from: t.From, prefix: t.Prefix, query: t.Query}
	if t.Query != "" && t.From != "bearer" {
		return nil, errors.New("token: only a bearer's token may stand in the query instead")
	}
	v.pool.New = func() any { return new(reading) }
	switch t.From {
	case "bearer", "basic":
		if len(t.Names) > 0 || t.Prefix != "" {
			return nil, fmt.Errorf("token: %s stands in the Authorization header; it takes no names and no prefix", t.From)
		}
	default:
		var err error
		if v.place, err = (Signature{From: t.From, Names: t.Names}).compile(nil); err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
		v.from = v.place.From
	}
	if t.Hash != "" && hashes[t.Hash] == nil {
		return nil, fmt.Errorf("token: unknown hash %q", t.Hash)
	}
	var err error
	if v.facts, err = t.Facts.compile(); err != nil {
		return nil, err
	}
	if v.place != nil {
		v.place.addPaths(v.facts.paths)
	}
	v.facts.cover(coverage{everything: true})
	v.signsJSON = v.from == "json" || anyReads(v.facts.required, fromJSON)
	v.readsJSON = v.facts.reads(fromJSON)
	keys, err := keysOf(secrets, func(secret string) ([]byte, error) {
		if t.From == "basic" {
			user, password, colon := strings.Cut(secret, ":")
			switch {
			case !colon:
				return nil, errors.New("it has no colon; write it as user:password")
			case strings.TrimSpace(user+password) == "":
				return nil, errors.New("it has neither a user nor a password beside its colon; write it as user:password")
			}
		}
		return []byte(t.sent(secret)), nil
	})
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		v.sums = append(v.sums, sha256.Sum256(key))
	}
	return v, nil
}

// sent returns the form in which a secret is sent.
func (t Token) sent(secret string) string {
	if t.Hash == "" {
		return secret
	}
	h := hashes[t.Hash]()
	h.Write([]byte(secret))
	return hex.EncodeToString(h.Sum(nil))
}

// Verify checks a request.
func (v *tokenVerifier) Verify(ctx context.Context, r *Request) (Event, error) {
	in := v.pool.Get().(*reading)
	in.start(r)
	ev, err := v.verify(ctx, in)
	if in.fault != nil {
		ev, err = Event{}, in.fault
	}
	in.stop()
	v.pool.Put(in)
	return ev, err
}

// verify compares a token outside the body before it inflates or parses the body.
func (v *tokenVerifier) verify(ctx context.Context, in *reading) (Event, error) {
	v.facts.begin(in)
	if v.outside() {
		if err := v.check(in); err != nil {
			return Event{}, err
		}
	}
	if err := v.facts.open(ctx, in); err != nil {
		return Event{}, err
	}
	if v.signsJSON && !in.validJSON() {
		return Event{}, refuse(MalformedBody, "it is not JSON")
	}
	if !v.outside() {
		if err := v.check(in); err != nil {
			return Event{}, err
		}
	}
	if err := v.facts.require(in); err != nil {
		return Event{}, err
	}
	in.strict = v.readsJSON && !v.signsJSON
	if err := v.facts.address(in); err != nil {
		return Event{}, err
	}
	ev := Event{Content: in.r.Body}
	v.facts.readTime(in, &ev)
	if err := v.facts.readRest(in, &ev); err != nil {
		return Event{}, err
	}
	ev.Signed.Body, ev.Signed.URL = true, true
	return ev, nil
}

// outside reports whether the token is found without the body.
func (v *tokenVerifier) outside() bool { return v.place == nil || v.place.outside() }

// check finds the token and compares it with the secrets.
func (v *tokenVerifier) check(in *reading) error {
	value, err := v.find(in)
	switch {
	case err != nil:
		return err
	case len(value) > maxSignatureValue:
		return refuse(MalformedSignature, "longer than %d bytes", maxSignatureValue)
	case !v.match(value):
		return refuse(WrongSignature, "it is none of the secrets")
	}
	return nil
}

// match compares digests, so that the time it takes shows neither the content nor the
// length of a secret.
func (v *tokenVerifier) match(value string) bool {
	sum, equal := sha256.Sum256(bytesOf(value)), 0
	for i := range v.sums {
		equal |= subtle.ConstantTimeCompare(sum[:], v.sums[i][:])
	}
	return equal == 1
}

// find returns the text in the place of the secret.
func (v *tokenVerifier) find(in *reading) (string, error) {
	if v.place == nil {
		return v.authorization(in)
	}
	for _, name := range v.place.Names {
		in.repeated = false
		var value string
		var ok bool
		if v.from == "header" {
			value, ok = in.header(name)
		} else {
			value, ok = v.place.elsewhere(in, name)
		}
		switch {
		case in.repeated:
			return "", refuse(MalformedSignature, "the %s %s is there more than once", v.from, name)
		case !ok:
			continue
		}
		if value, ok = strings.CutPrefix(value, v.prefix); !ok {
			return "", refuse(MalformedSignature, "it does not start with %s", v.prefix)
		}
		return value, nil
	}
	return "", refuse(MissingSignature, "no %s %s", v.from, strings.Join(v.place.Names, " or "))
}

// authorization reads the Authorization header.
func (v *tokenVerifier) authorization(in *reading) (string, error) {
	if v.query != "" {
		in.repeated = false
		value, ok := in.query(v.query)
		switch {
		case in.repeated || ok && len(in.r.Header["Authorization"]) > 0:
			return "", refuse(MalformedSignature, "the token is there more than once")
		case ok:
			return value, nil
		}
	}
	value, ok := in.header("Authorization")
	if !ok && in.repeated {
		return "", refuse(MalformedSignature, "the header Authorization is there more than once")
	}
	if !ok {
		return "", refuse(MissingSignature, "no header Authorization")
	}
	kind, credentials, _ := strings.Cut(value, " ")
	if !strings.EqualFold(kind, v.from) || len(credentials) > maxSignatureValue {
		return "", refuse(MalformedSignature, "the header Authorization is not of the kind %s", v.from)
	}
	credentials = strings.TrimLeft(credentials, " ")
	if v.from == "bearer" {
		return credentials, nil
	}
	plain, ok := decodeBase64(nil, base64.StdEncoding, credentials)
	if !ok {
		return "", refuse(MalformedSignature, "the credentials are not base64")
	}
	return string(plain), nil
}

// Sign adds the secret, and the event ID where a header or the query holds it.
func (t Token) Sign(r *Request, secret string, now time.Time, id string) error {
	if _, err := t.Verifier(secret); err != nil {
		return err
	}
	secret = t.sent(secret)
	w := writing{r: r, now: now, id: id}
	if err := w.facts(t.Facts); err != nil {
		return err
	}
	switch t.From {
	case "bearer":
		return w.put("header", "Authorization", "Bearer "+secret)
	case "basic":
		return w.put("header", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(secret)))
	}
	return w.put(t.From, t.Names[0], t.Prefix+secret)
}

// Credentials implements [Credentials].
func (t Token) Credentials() []Place {
	all := placesOf(t.From, t.Names, nil)
	if t.Query != "" {
		all = append(all, Place{"query", t.Query})
	}
	return all
}

// Plausible reports whether there is a token.
func (v *tokenVerifier) Plausible(r *Request) bool {
	_, known := v.early(r)
	return known
}

// early finds the token, unless it stands in the body. It also reports whether the
// request is plausible so far.
func (v *tokenVerifier) early(r *Request) (token string, plausible bool) {
	if v.place != nil && !outsideBody(v.from) {
		return "", true
	}
	var in reading
	in.start(withoutBody(r))
	token, err := v.find(&in)
	return token, err == nil && len(token) <= maxSignatureValue
}

// Description implements [Described].
func (t Token) Description() Description {
	return Description{
		Kind: "token", Shared: true, SendsSecret: true, Body: true,
		Headers: headersOf(t.Credentials(), t.Facts, nil),
	}
}
