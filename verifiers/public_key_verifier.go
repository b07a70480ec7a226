package verifiers

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"sync"
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

// keyState is what verifying one request needs.
type keyState struct {
	signedState
	v       *keyVerifier
	sum     hash.Hash // nil for Ed25519
	content contentBuffer
}

var keyHashes = map[string]crypto.Hash{
	"": crypto.SHA256, "sha256": crypto.SHA256, "sha1": crypto.SHA1, "sha384": crypto.SHA384, "sha512": crypto.SHA512,
}

// Verifier compiles the scheme with the provider's public keys, which are what
// an endpoint's secrets are here. Without any, the row's own are used, or those
// that are fetched.
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
		if v.hash = keyHashes[p.Hash]; v.hash == 0 {
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

// templates are what has to be read before a key can be fetched.
func (f *fetchedKeys) templates() []*Template {
	all := append(slices.Collect(maps.Values(f.header)), f.url, f.body)
	if f.keyID != nil {
		all = append(all, f.keyID)
	}
	return all
}

// compileContentOf compiles what is signed, and names the keys.
func (v *keyVerifier) compileContentOf(p PublicKey, given []string) (err error) {
	var besides []*Template
	if v.fetched != nil {
		besides = v.fetched.templates()
	} else if v.names, err = compileKeyNames(p.Keys.KeyID, given, p.Options["key"]); err != nil {
		return err
	}
	if err := v.signed.compile(p.Signature, nil, p.Content, p.Facts, append(besides, v.names.templates()...)...); err != nil {
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

// maxPooled bounds the memory that is kept for the next request, in bytes.
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

// message returns what is put to the algorithm: the content, or its hash.
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

// made tells whether the key's owner made the signature. A key of another kind,
// as there may be in a set, made none.
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
