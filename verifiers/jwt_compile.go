package verifiers

import (
	"errors"
	"fmt"
	"hash"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// jwtAlgorithms are those that a scheme may allow. There is no "none".
var jwtAlgorithms = []jose.SignatureAlgorithm{
	jose.HS256, jose.HS384, jose.HS512,
	jose.RS256, jose.RS384, jose.RS512,
	jose.ES256, jose.ES384, jose.ES512,
	jose.EdDSA,
}

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

// claimHash is a compiled [ClaimHash].
type claimHash struct {
	ClaimHash
	hash     func() hash.Hash
	encoding encoding
}

// Verifier compiles the scheme with an endpoint's secrets. It fails on a public
// key where the secret is a shared one: everybody knows it and could sign with
// it.
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
		return nil, fmt.Errorf("keys: what %s signs with is shared and never published; give it as the secret", j.Algorithms[0])
	}
	if v.body, err = j.BodyHash.compile(); err != nil {
		return nil, fmt.Errorf("body hash: %w", err)
	}
	if v.url, err = j.URLHash.compile(); err != nil {
		return nil, fmt.Errorf("URL hash: %w", err)
	}
	return v, v.compileFacts(j)
}

// locate makes what finds the token in a request.
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

// compileFacts checks the facts and derives what the token covers.
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
	v.signsJSON = v.place.from == "json" || v.detached != nil && v.detached.reads(fromJSON)
	v.readsJSON = v.signsJSON || v.facts.reads(fromJSON) || anyReads(v.facts.required, fromJSON)
	return nil
}

// places are the templates of all facts.
func (f *facts) places() []place {
	all := slices.Concat(f.ids, f.types)
	if f.time != nil {
		all = append(all, *f.time)
	}
	return all
}

// compile returns nil where no claim is named.
func (c ClaimHash) compile() (*claimHash, error) {
	if c.Claim == "" {
		if c != (ClaimHash{}) {
			return nil, errors.New("it lacks the name of the claim")
		}
		return nil, nil
	}
	if _, err := jsonPath(c.Claim); err != nil {
		return nil, err
	}
	name := c.Hash
	if name == "" {
		name = "sha256"
	}
	compiled := &claimHash{ClaimHash: c, hash: hashes[name]}
	if compiled.hash == nil {
		return nil, fmt.Errorf("unknown hash %q", name)
	}
	var err error
	compiled.encoding, err = encodingOf(c.Encoding)
	return compiled, err
}
