package providers

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // for crypto.SHA1
	_ "crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/hookwicket/hookwicket/verifiers"
)

// rsaKeys reads an endpoint's secrets where they are RSA public keys.
func rsaKeys(secrets []string) ([]*rsa.PublicKey, error) {
	var keys []*rsa.PublicKey
	_, err := verifiers.SecretKeys(secrets, func(secret string) ([]byte, error) {
		parsed, err := verifiers.PublicKeys(secret)
		if err != nil {
			return nil, err
		}
		for _, key := range parsed {
			public, ok := key.(*rsa.PublicKey)
			if !ok {
				return nil, errors.New("it is not an RSA key")
			}
			keys = append(keys, public)
		}
		return nil, nil
	})
	return keys, err
}

// rsaSigned reports whether any of the keys signed the content (PKCS #1 v1.5).
func rsaSigned(keys []*rsa.PublicKey, hash crypto.Hash, content string, signature []byte) bool {
	sum := hash.New()
	sum.Write([]byte(content))
	digest := sum.Sum(nil)
	for _, key := range keys {
		if rsa.VerifyPKCS1v15(key, hash, digest, signature) == nil {
			return true
		}
	}
	return false
}

// rsaSign signs the content with a private key in PEM.
func rsaSign(secret string, hash crypto.Hash, content string) ([]byte, error) {
	block, _ := pem.Decode([]byte(secret))
	if block == nil {
		return nil, errors.New("signing takes the private key, in PEM")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, errors.New("signing takes the private key, in PEM")
		}
		var ok bool
		if key, ok = any.(*rsa.PrivateKey); !ok {
			return nil, errors.New("signing takes an RSA key")
		}
	}
	sum := hash.New()
	sum.Write([]byte(content))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, hash, sum.Sum(nil))
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return signature, nil
}
