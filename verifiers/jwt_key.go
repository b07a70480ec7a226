package verifiers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// hashed tells whether an algorithm is one of those with a shared secret.
func hashed(a jose.SignatureAlgorithm) bool { return strings.HasPrefix(string(a), "HS") }

// secret makes one key of what the user pasted.
func (j JWT) secret(allowed []jose.SignatureAlgorithm, secret string) (jwtSecret, error) {
	shared := slices.ContainsFunc(allowed, hashed)
	public := slices.ContainsFunc(allowed, func(a jose.SignatureAlgorithm) bool { return !hashed(a) })
	keys, notPublic := parsePublicKeys(secret)
	if !shared || public && looksPublic(secret) {
		if notPublic != nil {
			return jwtSecret{}, notPublic
		}
		for _, k := range keys {
			if !slices.ContainsFunc(allowed, k.suits) {
				return jwtSecret{}, fmt.Errorf("a key that none of the algorithms %s can use", j.Algorithms)
			}
		}
		return jwtSecret{keys: keys}, nil
	}
	mac, err := j.Secret.pasted(secret)
	switch {
	case err != nil:
		return jwtSecret{}, err
	case looksPublic(secret) || looksPublic(string(mac)):
		return jwtSecret{}, errors.New("it is a public key, with which anybody could sign; " +
			"paste the secret that is shared with the provider")
	}
	return jwtSecret{mac: mac}, nil
}

// looksPublic tells whether a text is meant to be a public key. A bare Ed25519
// key is not: it looks like any 32 bytes.
func looksPublic(secret string) bool {
	if strings.Contains(secret, "-----BEGIN ") {
		return true
	}
	if keys, err := parsePublicKeys(secret); err == nil {
		return !keys[0].bare
	}
	_, err := parseDER(bytesOf(secret))
	return err == nil
}

// suits tells whether a key is for an algorithm.
func (k publicKey) suits(a jose.SignatureAlgorithm) bool {
	// Ed25519 is EdDSA's new name (RFC 9864).
	if k.alg != "" && k.alg != string(a) && (k.alg != "Ed25519" || a != jose.EdDSA) {
		return false
	}
	switch key := k.PublicKey.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(string(a), "RS")
	case *ecdsa.PublicKey:
		return a == jose.ES256 && key.Curve == elliptic.P256() ||
			a == jose.ES384 && key.Curve == elliptic.P384() ||
			a == jose.ES512 && key.Curve == elliptic.P521()
	case ed25519.PublicKey:
		return a == jose.EdDSA
	}
	return false
}

// sharedKey signs and verifies HS. The library insists on keys as long as the
// hash; how long a provider's are is not ours to choose.
type sharedKey []byte

var sharedHashes = map[jose.SignatureAlgorithm]crypto.Hash{
	jose.HS256: crypto.SHA256, jose.HS384: crypto.SHA384, jose.HS512: crypto.SHA512,
}

// SignPayload makes a signature.
func (k sharedKey) SignPayload(payload []byte, a jose.SignatureAlgorithm) ([]byte, error) {
	hash, ok := sharedHashes[a]
	if !ok {
		return nil, jose.ErrUnsupportedAlgorithm
	}
	mac := hmac.New(hash.New, k)
	mac.Write(payload)
	return mac.Sum(nil), nil
}

// VerifyPayload checks one, in constant time.
func (k sharedKey) VerifyPayload(payload, signature []byte, a jose.SignatureAlgorithm) error {
	want, err := k.SignPayload(payload, a)
	if err == nil && !hmac.Equal(signature, want) {
		err = jose.ErrCryptoFailure
	}
	return err
}

// Public and Algs make it a [jose.OpaqueSigner].
func (k sharedKey) Public() *jose.JSONWebKey        { return nil }
func (k sharedKey) Algs() []jose.SignatureAlgorithm { return jwtAlgorithms[:3] }
