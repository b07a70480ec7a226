package verifiers

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
	"time"
)

// PublicKey is the scheme of providers that sign with a private key: Ed25519, ECDSA or
// RSA over parts of the request. Like [HMAC] it is data throughout. The secret of an
// endpoint is then the provider's public key: PEM (a public key or a certificate), DER
// in base64, or, for Ed25519, the 32 bytes in hex or base64.
type PublicKey struct {
	// Algorithm is ed25519, ecdsa (with the signature in ASN.1 DER) or rsa
	// (PKCS #1 v1.5).
	Algorithm string `json:"algorithm,omitempty"`

	// Hash is the hash that ECDSA and RSA sign: sha256 (the default), sha1 (for
	// providers that have nothing else), sha384 or sha512.
	Hash string `json:"hash,omitempty"`

	Signature Signature `json:"signature,omitzero"`

	// Prefixes are cut off a secret where present, such as "whpk_".
	Prefixes []string `json:"prefixes,omitempty"`

	// Content is the signed content, a template over the request. See [Template].
	Content string `json:"signed,omitempty"`

	// Static are keys that the provider publishes and never changes, used where
	// the endpoint has no secret.
	Static []string `json:"static,omitempty"`

	// Keys is the place from which keys are fetched if the endpoint has no secret.
	Keys Keys `json:"keys,omitzero"`

	Facts

	// Variants are beginnings of header names; see [HMAC].
	Variants []string `json:"variants,omitempty"`

	source KeySource
}

var (
	_ Fetching    = PublicKey{}
	_ Credentials = PublicKey{}
	_ Described   = PublicKey{}
	_ Signer      = PublicKey{}
)

// keyVerifier is a compiled [PublicKey] with the provider's keys.
type keyVerifier struct {
	signed
	algorithm string
	hash      crypto.Hash // 0 for Ed25519, which signs the content itself
	keys      []publicKey // empty: they are fetched
	names     keyNames
	fetched   *fetchedKeys
	pool      sync.Pool // of *keyState
}

// keyState is the memory for verifying one request.
type keyState struct {
	signedState
	v       *keyVerifier
	sum     hash.Hash // nil for Ed25519
	content contentBuffer
}

var keyHashes = map[string]crypto.Hash{
	"sha256": crypto.SHA256, "sha1": crypto.SHA1, "sha384": crypto.SHA384, "sha512": crypto.SHA512,
}

// Verifier compiles the scheme with the provider's public keys, which are an endpoint's
// secrets here. Without any it uses the row's own keys or fetches them.
func (p PublicKey) Verifier(secrets ...string) (Verifier, error) {
	return compileVariants(p.Variants, func(start string) (variant, error) {
		v, err := p.variant(start).compile(secrets)
		if err != nil {
			return nil, err
		}
		return v, nil
	})
}

// WithKeySource returns a copy of the scheme that fetches keys from source.
func (p PublicKey) WithKeySource(source KeySource) Scheme {
	p.source = source
	return p
}

func (p PublicKey) compile(secrets []string) (*keyVerifier, error) {
	v, err := p.compileScheme()
	if err != nil {
		return nil, err
	}
	if p.Keys.given(p.Options) {
		if v.fetched, err = p.Keys.compile(p.source); err != nil {
			return nil, err
		}
	}
	if v.fetched != nil && len(secrets) == 0 && len(p.Static) == 0 {
		return v, v.compileContentOf(p, nil)
	}
	if len(secrets) == 0 {
		secrets = p.Static
	}
	v.fetched = nil
	var given []string
	if _, err = keysOf(secrets, func(secret string) ([]byte, error) {
		keys, err := p.parseKeys(secret)
		v.keys = append(v.keys, keys...)
		given = append(given, make([]string, len(keys))...)
		return nil, err
	}); err != nil {
		return nil, err
	}
	return v, v.compileContentOf(p, given)
}

// compileScheme compiles all but keys and content.
func (p PublicKey) compileScheme() (*keyVerifier, error) {
	v := &keyVerifier{algorithm: p.Algorithm}
	switch p.Algorithm {
	case "ed25519":
		if p.Hash != "" {
			return nil, errors.New("ed25519 has a hash of its own; leave it out")
		}
	case "ecdsa", "rsa":
		if v.hash = keyHashes[cmp.Or(p.Hash, defaultHash)]; v.hash == 0 {
			return nil, fmt.Errorf("unknown hash %q: want sha256, sha384, sha512 or, where the provider has nothing else, sha1", p.Hash)
		}
	default:
		return nil, fmt.Errorf("unknown algorithm %q: want ed25519, ecdsa or rsa", p.Algorithm)
	}
	v.pool.New = func() any {
		st := &keyState{v: v}
		if v.hash != 0 {
			st.sum = v.hash.New()
		}
		return st
	}
	return v, nil
}

// compileContentOf compiles the signed content and the names of the keys.
func (v *keyVerifier) compileContentOf(p PublicKey, given []string) (err error) {
	var besides []*Template
	if v.fetched != nil {
		besides = v.fetched.templates()
	} else if v.names, err = compileKeyNames(p.Keys.KeyID, given, p.Options["key"]); err != nil {
		return err
	}
	sig, err := p.Signature.compile(nil)
	if err != nil {
		return err
	}
	if err := v.signed.compile(sig, p.Content, p.Facts, append(besides, v.names.templates()...)); err != nil {
		return err
	}
	v.signature.most = maxKeySignatures
	if v.content.has("secret") {
		return errors.New("signed content: there is no secret that it could contain, only the public key")
	}
	return nil
}

// Verify checks a request.
func (v *keyVerifier) Verify(ctx context.Context, r *Request) (Event, error) {
	st := v.pool.Get().(*keyState)
	st.in.start(r)
	ev, err := v.verify(ctx, &st.signedState, st)
	st.in.stop()
	if cap(st.content.b) > maxPooled {
		st.content.b = nil
	}
	v.pool.Put(st)
	return ev, err
}

// maxPooled limits the bytes of memory that are kept for the next request.
const maxPooled = 64 << 10

// match looks for a key that made one of the signatures.
func (st *keyState) match(ctx context.Context) error {
	message, err := st.message()
	if err != nil {
		return err
	}
	check := func(key publicKey) bool {
		if ctx.Err() != nil {
			return false
		}
		for _, c := range st.found.list {
			if st.v.made(key, message, st.found.bytes[c.start:c.end]) {
				return true
			}
		}
		return false
	}
	if st.v.fetched != nil {
		if err := st.v.fetched.verify(ctx, &st.in, "", check); err == nil || ctx.Err() == nil {
			return err
		}
		return ctx.Err()
	}
	name, err := st.v.names.used(&st.in)
	if err != nil {
		return err
	}
	for i, key := range st.v.keys {
		if st.v.names.allow(i, name) && check(key) {
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return refuse(WrongSignature, "no key made the signature")
}

// message returns the input of the algorithm: the content, or its hash.
func (st *keyState) message() ([]byte, error) {
	v := st.v
	st.in.repeated = false
	st.content = contentBuffer{&st.in, st.content.b[:0]}
	if st.sum == nil {
		if v.content.is("body") {
			return st.in.r.Body, nil
		}
		if absent := v.content.writeTo(&st.content, &st.in); absent != nil {
			return nil, absence(&st.in, absent)
		}
		return st.content.b, st.in.fault
	}
	st.sum.Reset()
	if absent := v.content.writeTo(st.sum, &st.in); absent != nil {
		return nil, absence(&st.in, absent)
	}
	st.content.b = st.sum.Sum(st.content.b)
	return st.content.b, nil
}

// made reports whether the owner of the key made the signature. A key of another kind,
// as a set may have, made none.
func (v *keyVerifier) made(key publicKey, message, signature []byte) bool {
	switch k := key.PublicKey.(type) {
	case ed25519.PublicKey:
		return v.algorithm == "ed25519" && ed25519.Verify(k, message, signature)
	case *ecdsa.PublicKey:
		return v.algorithm == "ecdsa" && ecdsa.VerifyASN1(k, message, signature)
	case *rsa.PublicKey:
		return v.algorithm == "rsa" && rsa.VerifyPKCS1v15(k, v.hash, message, signature) == nil
	}
	return false
}

// variant puts the beginning of header names in its place.
func (p PublicKey) variant(start string) PublicKey {
	if len(p.Variants) == 0 {
		return p
	}
	p.Variants = nil
	p.Signature.Names = startNames(start, p.Signature.Names)
	p.Content = startTokens(start, p.Content)
	p.Keys.KeyID, p.Keys.URL = startTokens(start, p.Keys.KeyID), startTokens(start, p.Keys.URL)
	p.Facts = p.Facts.variant(start)
	return p
}

// parseKeys reads a pasted public key of the provider. Its errors name the kind of text
// that was pasted instead, as far as it can be recognised.
func (p PublicKey) parseKeys(secret string) ([]publicKey, error) {
	for _, prefix := range p.Prefixes {
		secret = strings.TrimPrefix(secret, prefix)
	}
	if err := p.notPublic(secret); err != nil {
		return nil, err
	}
	keys, err := parsePublicKeys(secret)
	if err != nil {
		return nil, fmt.Errorf("%w; the provider signs with %s", err, algorithmNames[p.Algorithm])
	}
	for _, key := range keys {
		if kind := algorithmOf(key.PublicKey); kind != p.Algorithm {
			return nil, fmt.Errorf("it is a key for %s, but the provider signs with %s", algorithmNames[kind], algorithmNames[p.Algorithm])
		}
	}
	return keys, nil
}

// notPublic recognises texts that look like a public key and are not.
func (p PublicKey) notPublic(secret string) error {
	switch {
	case strings.HasPrefix(secret, "whsec_"):
		return errors.New("it is a shared secret (whsec_…); paste the provider's public key, such as one that starts with whpk_")
	case strings.HasPrefix(secret, "whsk_"):
		return errors.New("it is a private key (whsk_…); paste the public key that belongs to it, which starts with whpk_")
	}
	raw, err := hex.DecodeString(secret)
	if err != nil {
		raw, err = decodePasted(strings.TrimSpace(secret))
	}
	if err == nil && len(raw) == ed25519.PrivateKeySize && p.Algorithm == "ed25519" {
		return errors.New("it has 64 bytes, as a private key of Ed25519 has; paste the public one, which has 32")
	}
	if _, err := parsePrivateKey(secret); err == nil {
		return errors.New("it is a private key; paste the public one, which the provider shows")
	}
	return nil
}

// parseSigningKey reads a private key: PEM, or for Ed25519 also its seed or the
// seed with the public key, in hex, in base64 or behind whsk_.
func (p PublicKey) parseSigningKey(secret string) (crypto.Signer, error) {
	key, err := parsePrivateKey(secret)
	if err != nil && p.Algorithm == "ed25519" {
		text := strings.TrimPrefix(secret, "whsk_")
		raw, wrong := hex.DecodeString(text)
		if wrong != nil {
			raw, wrong = decodePasted(strings.TrimSpace(text))
		}
		switch {
		case wrong != nil:
		case len(raw) == ed25519.SeedSize:
			key, err = ed25519.NewKeyFromSeed(raw), nil
		case len(raw) == ed25519.PrivateKeySize:
			key, err = ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize]), nil
		}
	}
	switch {
	case err != nil:
		return nil, err
	case algorithmOf(key.Public()) != p.Algorithm:
		return nil, fmt.Errorf("a private key for %s, where the provider signs with %s",
			algorithmNames[algorithmOf(key.Public())], algorithmNames[p.Algorithm])
	}
	if r, ok := key.(*rsa.PrivateKey); ok {
		if err := checkKey(&r.PublicKey); err != nil {
			return nil, err
		}
	}
	return key, nil
}

// Sign signs a request as the provider would, for tests and for local development. The
// secret is the private key of a pair of your own, and the endpoint has its public key
// as its secret. See [HMAC.Sign] for everything else that it writes.
func (p PublicKey) Sign(r *Request, secret string, now time.Time, id string) error {
	if len(p.Variants) > 0 {
		p = p.variant(p.Variants[0])
	}
	key, err := p.parseSigningKey(secret)
	if err != nil {
		return fmt.Errorf("the key to sign with: %w", err)
	}
	v, err := p.compileScheme()
	if err != nil {
		return err
	}
	p.Options = firstKey(p.Options)
	if err := v.compileContentOf(p, []string{""}); err != nil {
		return err
	}
	st := v.pool.Get().(*keyState)
	w := writing{r: r, now: now, id: id}
	if err := w.fillOnce(v.names.place, v.names.first()); err != nil {
		return fmt.Errorf("writing the key ID: %w", err)
	}
	return v.sign(&w, p.Facts, &st.in, func() ([]byte, error) {
		message, err := st.message()
		if err != nil {
			return nil, err
		}
		return key.Sign(rand.Reader, message, v.hash)
	})
}

// Credentials implements [Credentials].
func (p PublicKey) Credentials() []Place {
	return placesOf(p.Signature.From, p.Signature.Names, p.Variants)
}

// Description implements [Described].
func (p PublicKey) Description() Description {
	d := Description{Kind: p.Algorithm, Content: p.Content, HasKeys: p.Keys.URL != "" || len(p.Static) > 0}
	d.Headers = headersOf(p.Credentials(), p.Facts, p.Variants, p.Content, p.Keys.KeyID, p.Keys.URL)
	d.Body, d.URL = coversWhole(p.Content, p.Facts)
	return d
}

func (p PublicKey) claims(r *Request) (id, eventType string) { return p.claimsUnder(p.Variants, r) }
