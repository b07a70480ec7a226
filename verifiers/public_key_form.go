package verifiers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// parseKeys reads what a user pasted for the provider's public key. Its errors
// say what was pasted instead, as far as that can be told.
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

var algorithmNames = map[string]string{"ed25519": "Ed25519", "ecdsa": "ECDSA", "rsa": "RSA"}

func algorithmOf(key crypto.PublicKey) string {
	switch key.(type) {
	case ed25519.PublicKey:
		return "ed25519"
	case *ecdsa.PublicKey:
		return "ecdsa"
	}
	return "rsa"
}

// notPublic recognises what is no public key though it may look like one.
func (p PublicKey) notPublic(secret string) error {
	switch {
	case strings.HasPrefix(secret, "whsec_"):
		return errors.New("it is a shared secret (whsec_…); paste the provider's public key, such as one that starts with whpk_")
	case strings.HasPrefix(secret, "whsk_"):
		return errors.New("it is a private key (whsk_…); paste the public key that belongs to it, which starts with whpk_")
	}
	raw, err := hex.DecodeString(secret)
	if err != nil {
		raw, err = decodeAnyBase64(secret)
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
			raw, wrong = decodeAnyBase64(text)
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
