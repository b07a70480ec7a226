package providers

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/hookwicket/hookwicket/verifiers"
)

// This file has the common parts of the schemes of single providers that fetch keys.

// pinned reports whether the whole of a URL matches one of the expressions. Whoever
// may choose the URL of a key chooses the key, so that this comes before any fetch.
func pinned(url string, pins []string) bool {
	return slices.ContainsFunc(pins, func(pin string) bool { return compiledPin(pin).MatchString(url) })
}

var compiledPins sync.Map // by their text; they are the rows', so there are few

func compiledPin(pin string) *regexp.Regexp {
	if known, ok := compiledPins.Load(pin); ok {
		return known.(*regexp.Regexp)
	}
	compiled := regexp.MustCompile(`\A(?:` + pin + `)\z`)
	compiledPins.Store(pin, compiled)
	return compiled
}

// errForeignKey is the error of a request whose key is not the provider's to begin
// with.
func errForeignKey() error {
	return verifiers.Refuse(verifiers.WrongSignature, "the place of the key's name does not name one of the provider's keys")
}

// withoutArmour returns the base64 of a key whose PEM has no line breaks, or no
// header and footer.
func withoutArmour(key string) string {
	for _, line := range []string{"-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----", `\n`, "\n", "\r"} {
		key = strings.ReplaceAll(key, line, "")
	}
	return strings.TrimSpace(key)
}

// privateKey reads a private key in PEM, with which requests are signed for tests
// and for local development.
func privateKey(secret string) (any, error) {
	block, _ := pem.Decode([]byte(secret))
	if block == nil {
		return nil, errPrivateKey
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return nil, errPrivateKey
}

var errPrivateKey = errors.New("signing takes the provider's private key, in PEM; for tests make a pair of your own")

func ecdsaPrivateKey(secret string) (*ecdsa.PrivateKey, error) {
	key, err := privateKey(secret)
	if err != nil {
		return nil, err
	}
	if key, ok := key.(*ecdsa.PrivateKey); ok {
		return key, nil
	}
	return nil, errors.New("signing takes an ECDSA key")
}

// optionValues returns the values of an option that may have several.
func optionValues(f verifiers.Facts, name string) []string { return strings.Fields(f.Options[name]) }
