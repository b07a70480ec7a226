package providers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

// This file has the common parts of the schemes of single providers, which data
// cannot describe.

// verifierFunc is the verifier of a scheme of its own.
type verifierFunc func(r *verifiers.Request) (verifiers.Event, error)

// Verify calls the function.
func (f verifierFunc) Verify(_ context.Context, r *verifiers.Request) (verifiers.Event, error) {
	return f(r)
}

// told completes an event that was found genuine, and returns none where its
// facts are not as they have to be.
func told(facts *verifiers.FactReader, r *verifiers.Request, ev verifiers.Event) (verifiers.Event, error) {
	if err := facts.Read(r, &ev); err != nil {
		return verifiers.Event{}, err
	}
	return ev, nil
}

// grow asks whether n more bytes may be made out of a request.
func grow(r *verifiers.Request, n int) error {
	if r.Grow == nil {
		return nil
	}
	return r.Grow(int64(n))
}

// asText makes the bytes of a secret its key.
func asText(secret string) ([]byte, error) { return []byte(secret), nil }

// wrongSignature is the error of a signature that nobody made whose secret the
// endpoint has.
func wrongSignature() error {
	return verifiers.Refuse(verifiers.WrongSignature, "no secret made the signature")
}

// sumOf returns the keyed hash of a content, which is given in one part or several.
func sumOf(new func() hash.Hash, key []byte, content ...string) []byte {
	mac := hmac.New(new, key)
	for _, part := range content {
		io.WriteString(mac, part)
	}
	return mac.Sum(nil)
}

// signedBy reports whether any of the keys made the signature of the content.
func signedBy(new func() hash.Hash, keys [][]byte, signature []byte, content ...string) bool {
	for _, key := range keys {
		if hmac.Equal(signature, sumOf(new, key, content...)) {
			return true
		}
	}
	return false
}

// decoded decodes a signature.
func decoded(encoding, text string) ([]byte, error) {
	signature, ok := verifiers.DecodeText(encoding, text)
	if !ok {
		return nil, verifiers.Refuse(verifiers.MalformedSignature, "it is not %s", encoding)
	}
	return signature, nil
}

// inBody is the verifier of a scheme whose signature, an HMAC with SHA-256, stands
// beside the fields that it covers. parts returns it, and the spellings of the content that it
// may have been made of: the first identifies the event.
func inBody(keys [][]byte, facts *verifiers.FactReader, encoding string,
	parts func(r *verifiers.Request) (signature string, contents []string, err error),
) verifiers.Verifier {
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		text, contents, err := parts(r)
		if err != nil {
			return verifiers.Event{}, err
		}
		signature, err := decoded(encoding, text)
		if err != nil {
			return verifiers.Event{}, err
		}
		for _, content := range contents {
			if signedBy(sha256.New, keys, signature, content) {
				return told(facts, r, verifiers.Event{Content: []byte(contents[0])})
			}
		}
		return verifiers.Event{}, wrongSignature()
	})
}

// inHeader returns the signature that a header holds.
func inHeader(r *verifiers.Request, name, encoding string) ([]byte, error) {
	text, err := verifiers.HeaderOf(r, name)
	if err != nil {
		return nil, err
	}
	return decoded(encoding, text)
}

func toHex(b []byte) string    { return hex.EncodeToString(b) }
func toBase64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// only returns the value of a name that has to be there exactly once. PHP reads an
// underscore for a dot in a name, so that there a second one could take its place.
func only(pairs []verifiers.Pair, name string) (string, error) {
	value, n := "", 0
	for _, p := range pairs {
		if p.Name == name {
			value = p.Value
		}
		if strings.ReplaceAll(p.Name, ".", "_") == strings.ReplaceAll(name, ".", "_") {
			n++
		}
	}
	switch {
	case n > 1:
		return "", verifiers.Refuse(verifiers.MalformedSignature, "%s is there more than once", name)
	case value == "":
		return "", verifiers.Refuse(verifiers.MissingSignature, "no %s", name)
	}
	return value, nil
}

// members returns some of a JSON object's members. Where only these are signed,
// anybody who saw a request could add a second one of the same name for another reader
// to take instead: parsers differ on which of two counts, and on the case of names.
func members(object gjson.Result, names ...string) (map[string]gjson.Result, error) {
	if !object.IsObject() {
		return nil, verifiers.Refuse(verifiers.MalformedBody, "there is no object where one has to be")
	}
	found, ambiguous := map[string]gjson.Result{}, ""
	verifiers.Members(object.Raw, func(quoted, value string) bool {
		for _, name := range names {
			if !verifiers.NamesMember(quoted, name) {
				continue
			}
			if _, twice := found[name]; twice || gjson.Parse(quoted).Str != name {
				ambiguous = name
				return false
			}
			found[name] = gjson.Parse(value)
		}
		return true
	})
	if ambiguous != "" {
		return nil, verifiers.Refuse(verifiers.MalformedBody, "%s is there more than once, or in another case", ambiguous)
	}
	return found, nil
}
