package providers

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/hookwicket/hookwicket/verifiers"
)

// This file has what the schemes of their own share that fetch keys.

// maxFetched bounds how many documents a verifier remembers in their parsed form.
const maxFetched = 64

// fetchedKeys makes something of the documents in which a provider publishes its
// keys, once for each version of a document.
type fetchedKeys[K any] struct {
	source verifiers.KeySource
	read   func(document []byte) (K, error)

	mu    sync.Mutex
	known map[string]fetchedKey[K]
}

type fetchedKey[K any] struct {
	version uint64
	key     K
}

func newFetchedKeys[K any](source verifiers.KeySource, read func(document []byte) (K, error)) *fetchedKeys[K] {
	return &fetchedKeys[K]{source: source, read: read, known: map[string]fetchedKey[K]{}}
}

// get fetches a document. Every error wraps [verifiers.UnavailableKey]: the sender
// may well be right.
func (f *fetchedKeys[K]) get(ctx context.Context, ask verifiers.KeyRequest) (key K, version uint64, err error) {
	if f.source == nil {
		return key, 0, verifiers.Refuse(verifiers.UnavailableKey, "the provider's keys have to be fetched, and nothing was given to fetch them with")
	}
	ask.Valid = func(document []byte) error {
		_, err := f.read(document)
		return err
	}
	document, err := f.source.Fetch(ctx, ask)
	switch {
	case err != nil && verifiers.ReasonOf(err) == "":
		return key, 0, fmt.Errorf("%w: %w", verifiers.UnavailableKey, err)
	case err != nil:
		return key, 0, err
	}
	name := ask.URL + "\n" + string(ask.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	if known, ok := f.known[name]; ok && known.version == document.Version {
		return known.key, known.version, nil
	}
	if key, err = f.read(document.Body); err != nil {
		return key, 0, verifiers.Refuse(verifiers.UnavailableKey, "the provider's key document: %s", err)
	}
	if len(f.known) >= maxFetched {
		clear(f.known)
	}
	f.known[name] = fetchedKey[K]{document.Version, key}
	return key, document.Version, nil
}

// pinned tells whether the whole of a URL matches one of the expressions. Whoever
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
	return verifiers.Refuse(verifiers.WrongSignature, "what names the key does not name one of the provider's")
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
