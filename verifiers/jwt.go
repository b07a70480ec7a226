package verifiers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// JWT is the scheme of providers that send a JSON web token, signed with a shared
// secret or a private key. By itself a token does not cover the request that carries
// it; BodyHash and URLHash bind it. Without them anybody who has seen one request can
// send another body with its token until the token expires, which [Freshness.Check]
// enforces.
//
// A token does not choose its own key: alg counts only if it is one of Algorithms, and
// jku, jwk, x5c and x5u are ignored. A token with critical headers is refused, and so
// is one with a repeated claim.
type JWT struct {
	// From is header (the default), bearer (the Authorization header's token),
	// query, form or json.
	From string `json:"from,omitempty"`

	// Names are the header's names, or the query's, the form's, or JSON paths.
	Names []string `json:"names,omitempty"`

	// Prefix stands before the token. OptionalPrefix accepts it without as well.
	Prefix         string `json:"prefix,omitempty"`
	OptionalPrefix bool   `json:"optional_prefix,omitempty"`

	// Algorithms are those that a token may be signed with: HS256, HS384, HS512,
	// RS256, RS384, RS512, ES256, ES384, ES512, EdDSA. There is no default. Where
	// both kinds are allowed, a secret that is a public key verifies no HS.
	Algorithms []string `json:"algorithms,omitempty"`

	// Detached is the payload of a token that leaves it out, as a template over
	// the request. It is then signed content, and there are no claims.
	Detached string `json:"detached,omitempty"`

	// Secret describes how a key of the HS algorithms is made from a secret. For all
	// other algorithms a secret is a public key, as in [PublicKey].
	Secret SecretFormat `json:"secret,omitzero"`

	// Keys is the place from which public keys are fetched if the endpoint has no
	// secret. Its KeyID is by default that of the token's header.
	Keys Keys `json:"keys,omitzero"`

	// KeyID is a template for the name of the key, such as "{claim:iss}". Where
	// the endpoint names its keys (the option key, one for each secret), only the
	// secret of that name counts.
	KeyID string `json:"key_id,omitempty"`

	// BodyHash and URLHash are claims with a hash of the body and of the URL.
	BodyHash ClaimHash `json:"body_hash,omitzero"`
	URLHash  ClaimHash `json:"url_hash,omitzero"`

	// Facts may use {claim:NAME}. Issuer, audience and the like are conditions of
	// Require and Addressee. A claim that is a list meets a condition if any of its
	// items does.
	Facts

	source KeySource
}

// ClaimHash is a claim with a hash that binds a token to a part of the request.
type ClaimHash struct {
	Claim    string `json:"claim,omitempty"`
	Hash     string `json:"hash,omitempty"`     // sha256 is the default
	Encoding string `json:"encoding,omitempty"` // hex (the default), base64 or base64url
	// Optional accepts a token without the claim where the part is empty.
	Optional bool `json:"optional,omitempty"`
}

var (
	_ Fetching    = JWT{}
	_ Credentials = JWT{}
	_ Described   = JWT{}
	_ Signer      = JWT{}
)

// WithKeySource returns a copy of the scheme that fetches keys from source.
func (j JWT) WithKeySource(source KeySource) Scheme {
	j.source = source
	return j
}

// Credentials implements [Credentials].
func (j JWT) Credentials() []Place { return placesOf(j.From, j.Names, nil) }

// jwtVerifier is a compiled [JWT] with an endpoint's secrets.
type jwtVerifier struct {
	place      *tokenVerifier // finds the token
	prefix     string         // that may stand before it
	algorithms []jose.SignatureAlgorithm
	detached   *Template // nil: the token has its payload
	secrets    []jwtSecret
	fetched    *fetchedKeys // nil: there are secrets
	names      keyNames
	body, url  *claimHash
	facts      facts
	covers     Fields // Body and URL
	readsJSON  bool   // for the facts
	signsJSON  bool   // to find the token or the payload
}

// jwtSecret is one of an endpoint's secrets: for HS, or for all others.
type jwtSecret struct {
	mac  []byte
	keys []publicKey
}

// Verifier compiles the scheme with an endpoint's secrets. It refuses a public key
// where a shared secret is due, since everybody could sign with it.
func (j JWT) Verifier(secrets ...string) (Verifier, error) {
	v, err := j.compile()
	if err != nil {
		return nil, err
	}
	if v.fetched != nil && len(secrets) == 0 {
		return v, nil
	}
	v.fetched = nil
	given := make([]string, len(secrets)) // names that stand in the secrets
	if _, err := keysOf(secrets, func(secret string) ([]byte, error) {
		given[len(v.secrets)], _ = j.Secret.splitName(secret)
		s, err := j.secret(v.algorithms, secret)
		v.secrets = append(v.secrets, s)
		return nil, err
	}); err != nil {
		return nil, err
	}
	v.names, err = compileKeyNames(j.KeyID, given, j.Options["key"])
	return v, err
}

// compile compiles all but the secrets.
func (j JWT) compile() (v *jwtVerifier, err error) {
	v = &jwtVerifier{}
	if j.OptionalPrefix {
		v.prefix, j.Prefix = j.Prefix, ""
	}
	if v.place, err = j.locate(); err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	if len(j.Algorithms) == 0 {
		return nil, errors.New("no algorithms: name those that the provider signs with")
	}
	for _, name := range j.Algorithms {
		if !slices.Contains(jwtAlgorithms, jose.SignatureAlgorithm(name)) {
			return nil, fmt.Errorf("unknown algorithm %q: want any of %s", name, jwtAlgorithms)
		}
		v.algorithms = append(v.algorithms, jose.SignatureAlgorithm(name))
	}
	if err := j.Secret.check(); err != nil {
		return nil, err
	}
	if j.Keys.given(j.Options) {
		if v.fetched, err = j.Keys.compile(j.source); err != nil {
			return nil, err
		}
	}
	if v.fetched != nil && !slices.ContainsFunc(v.algorithms, func(a jose.SignatureAlgorithm) bool { return !hashed(a) }) {
		return nil, fmt.Errorf("keys: the key of %s is shared and never published; give it as the secret", j.Algorithms[0])
	}
	if v.body, err = j.BodyHash.compile(); err != nil {
		return nil, fmt.Errorf("body hash: %w", err)
	}
	if v.url, err = j.URLHash.compile(); err != nil {
		return nil, fmt.Errorf("URL hash: %w", err)
	}
	return v, v.compileFacts(j)
}

// locate makes the finder of the token in a request.
func (j JWT) locate() (*tokenVerifier, error) {
	if j.From == "bearer" {
		if len(j.Names) > 0 || j.Prefix != "" {
			return nil, errors.New("bearer stands in the Authorization header; it takes no names and no prefix")
		}
		return &tokenVerifier{from: j.From}, nil
	}
	place, err := (Signature{From: j.From, Names: j.Names}).compile(nil)
	if err != nil {
		return nil, err
	}
	return &tokenVerifier{from: place.From, prefix: j.Prefix, place: place}, nil
}

// compileFacts checks the facts and derives the token's coverage.
func (v *jwtVerifier) compileFacts(j JWT) (err error) {
	if v.facts, err = j.Facts.compile(); err != nil {
		return err
	}
	covered := coverage{single: map[[2]string]bool{}}
	if j.Detached != "" {
		if v.body != nil || v.url != nil {
			return errors.New("a detached token has no claims with hashes")
		}
		if v.detached, err = ParseTemplate(j.Detached); err != nil {
			return fmt.Errorf("detached payload: %w", err)
		}
		if v.detached.constant() {
			return errors.New("the detached payload contains nothing of the request; the usual one is {body}")
		}
		covered = coverageOf(v.detached, &v.facts)
	}
	covered.body = covered.body || v.body != nil
	if v.url != nil {
		covered.url, covered.query, covered.path = true, true, true
	}
	claims := false
	v.facts.each(func(t *Template) {
		for _, p := range t.parts {
			if p.name == "claim" {
				claims = true
				covered.single[[2]string{p.name, p.arg}] = true
			}
		}
	})
	if claims && v.detached != nil {
		return errors.New("a detached token has no claims")
	}
	v.facts.cover(covered)
	if err := v.facts.vouch(covered); err != nil {
		return err
	}
	v.covers = Fields{Body: covered.body, URL: covered.url}
	if v.place.place != nil {
		v.place.place.addPaths(v.facts.paths)
	}
	v.facts.paths.add(v.detached)
	v.signsJSON = v.place.from == "json" || v.detached != nil && v.detached.reads(fromJSON)
	v.readsJSON = v.signsJSON || v.facts.reads(fromJSON) || anyReads(v.facts.required, fromJSON)
	return nil
}

// Verify checks a request.
func (v *jwtVerifier) Verify(ctx context.Context, r *Request) (Event, error) {
	in := new(reading)
	in.start(r)
	ev, err := v.verify(ctx, in)
	if in.fault != nil {
		return Event{}, in.fault
	}
	return ev, err
}

// verify parses a token outside the body before it inflates or parses the body.
func (v *jwtVerifier) verify(ctx context.Context, in *reading) (Event, error) {
	v.facts.begin(in)
	var text string
	var err error
	if v.place.outside() {
		if text, err = v.token(in); err != nil {
			return Event{}, err
		}
	}
	if err := v.facts.open(ctx, in); err != nil {
		return Event{}, err
	}
	if v.signsJSON && !in.validJSON() {
		return Event{}, refuse(MalformedBody, "it is not JSON")
	}
	if !v.place.outside() {
		if text, err = v.token(in); err != nil {
			return Event{}, err
		}
	}
	token, err := v.parse(in, text)
	if err != nil {
		return Event{}, err
	}
	if err := ctx.Err(); err != nil {
		return Event{}, err
	}
	if err := v.judge(ctx, in, token); err != nil {
		return Event{}, err
	}
	return v.event(in)
}

// token finds the token, and checks its form as far as that takes no payload.
func (v *jwtVerifier) token(in *reading) (string, error) {
	text, err := v.place.find(in)
	if err != nil {
		return "", err
	}
	text = strings.TrimPrefix(text, v.prefix)
	if len(text) > maxSignatureValue {
		return "", refuse(MalformedSignature, "longer than %d bytes", maxSignatureValue)
	}
	_, _, err = jsonToken{}.split(text, v.detached != nil)
	return text, err
}

// judge verifies the token's signature, then its claims about the request.
func (v *jwtVerifier) judge(ctx context.Context, in *reading, t jsonToken) error {
	if err := v.match(ctx, in, t); err != nil {
		return err
	}
	if err := v.body.check(in, in.body, "body"); err != nil {
		return err
	}
	if err := v.url.check(in, in.r.URL, "URL"); err != nil {
		return err
	}
	in.strict = v.readsJSON && !v.signsJSON
	for _, c := range v.facts.required {
		if !c.ungiven && !c.holdsFor(in) {
			return in.sound(refuse(MalformedSignature, "%s is not the one of the provider's tokens", c.of))
		}
	}
	for _, c := range v.facts.addressee {
		if !c.ungiven && !c.holdsFor(in) {
			return in.sound(refuse(WrongAudience, "%s is not this endpoint's", c.of))
		}
	}
	return nil
}

// match looks for the key that made the signature.
func (v *jwtVerifier) match(ctx context.Context, in *reading, t jsonToken) error {
	if v.fetched != nil {
		return v.fetched.verify(ctx, in, t.keyID, t.madeBy)
	}
	name, err := v.names.used(in)
	if err != nil {
		return err
	}
	for i, s := range v.secrets {
		if !v.names.allow(i, name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.mac != nil && t.madeWith(s.mac) {
			return nil
		}
		for _, k := range s.keys {
			if t.madeBy(k) {
				return nil
			}
		}
	}
	return refuse(WrongSignature, "no secret made the token")
}

// event reads the event from the token and the request. Its content is the body even if
// the token does not cover it, since the event's identity is there, if anywhere. An
// empty body identifies nothing.
func (v *jwtVerifier) event(in *reading) (ev Event, err error) {
	ev = Event{Signed: v.covers, Content: in.r.Body}
	if len(in.r.Body) == 0 && v.covers.URL {
		ev.Content = []byte(in.r.URL) // all that is signed of the request
	}
	if v.detached != nil && !v.covers.Body {
		content := contentBuffer{in: in}
		v.detached.writeTo(&content, in)
		ev.Content = content.b
	}
	for name, at := range map[string]*time.Time{"exp": &ev.Expires, "nbf": &ev.NotBefore} {
		if *at, err = in.numericDate(name); err != nil {
			return Event{}, err
		}
	}
	v.facts.readTime(in, &ev)
	return ev, v.facts.readRest(in, &ev)
}

// Plausible reports whether there is a token of three parts.
func (v *jwtVerifier) Plausible(r *Request) bool {
	token, plausible := v.place.early(r)
	return plausible && (token == "" || strings.Count(token, ".") == 2)
}

// Description implements [Described].
func (j JWT) Description() Description {
	d := Description{Kind: "jwt", Content: j.Detached, HasKeys: j.Keys.URL != ""}
	d.Headers = headersOf(j.Credentials(), j.Facts, nil, j.Detached, j.KeyID, j.Keys.KeyID, j.Keys.URL)
	d.Body, d.URL = coversWhole(j.Detached, j.Facts)
	d.Body, d.URL = d.Body || j.BodyHash.Claim != "", d.URL || j.URLHash.Claim != ""
	return d
}
