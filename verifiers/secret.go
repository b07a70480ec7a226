package verifiers

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// SecretFormat describes how the key is made from the pasted secret.
type SecretFormat struct {
	// Prefixes are cut off where present, in order, such as "whsec_".
	Prefixes []string `json:"prefixes,omitempty"`
	// Encoding is utf8 (the default), base64 (any alphabet, padded or not) or hex.
	Encoding string `json:"encoding,omitempty"`
	// Unprefixed is the encoding of a secret that bears none of the prefixes.
	// Default: as Encoding.
	Unprefixed string `json:"unprefixed,omitempty"`
	// Normalise is "nfkd" where the text is brought into Unicode's normal form
	// KD first.
	Normalise string `json:"normalise,omitempty"`
	// Hash makes the key a hash of all this, such as sha1.
	Hash string `json:"hash,omitempty"`
	// Named: the secret is written as NAME:SECRET and the part before the colon
	// is the name of the key, for KeyID.
	Named bool `json:"named,omitempty"`
	// Suffix is added to the key.
	Suffix string `json:"suffix,omitempty"`
}

// errNoSecret is the error of a scheme without a secret.
var errNoSecret = errors.New("no secret: give at least one; an endpoint without a secret would have to refuse every request")

// keysOf makes a key of each secret. Its error names the secret that failed by its
// number, and never contains a part of one.
func keysOf(secrets []string, key func(secret string) ([]byte, error)) ([][]byte, error) {
	if len(secrets) == 0 {
		return nil, errNoSecret
	}
	keys := make([][]byte, len(secrets))
	for i, secret := range secrets {
		var err error
		switch {
		case secret == "":
			err = errors.New("it is empty; is the variable or file it comes from set?")
		case strings.TrimSpace(secret) == "":
			err = errors.New("it is white space only; is the variable or file it comes from set?")
		default:
			if keys[i], err = key(secret); err == nil && keys[i] != nil {
				err = weakKey(keys[i])
			}
		}
		if err != nil {
			return nil, fmt.Errorf("secret %d of %d: %w", i+1, len(secrets), err)
		}
	}
	return keys, nil
}

// weakKey fails on a key that anybody can guess: one of zeros or white space.
func weakKey(key []byte) error {
	switch {
	case len(bytes.Trim(key, "\x00")) == 0:
		return errors.New("its key has no bytes but zeros, so anybody could sign; paste the secret that the provider shows")
	case len(bytes.TrimSpace(key)) == 0:
		return errors.New("its key is white space only, so anybody could sign; paste the secret that the provider shows")
	}
	return nil
}

// check fails on a format that does not exist.
func (f SecretFormat) check() error {
	for _, name := range []string{f.Encoding, f.Unprefixed} {
		switch name {
		case "", "utf8", "base64", "hex":
		default:
			return fmt.Errorf("secret: unknown encoding %q: want utf8, base64 or hex", name)
		}
	}
	switch f.Normalise {
	case "", "nfkd":
	default:
		return fmt.Errorf("secret: unknown normal form %q: want nfkd", f.Normalise)
	}
	if f.Hash != "" && hashes[f.Hash] == nil {
		return fmt.Errorf("secret: unknown hash %q", f.Hash)
	}
	if f.Unprefixed != "" && len(f.Prefixes) == 0 {
		return errors.New("secret: an encoding for secrets without the prefix needs a prefix")
	}
	return nil
}

// pasted makes the key from a pasted secret, without its name if it has one.
func (f SecretFormat) pasted(secret string) ([]byte, error) {
	name, rest := f.splitName(secret)
	if f.Named && (name == "" || rest == "") {
		return nil, errors.New("it is not of the form NAME:SECRET; paste the whole key as the provider shows it")
	}
	return f.key(rest)
}

// splitName takes the name off a secret, if it bears one.
func (f SecretFormat) splitName(secret string) (name, rest string) {
	if !f.Named {
		return "", secret
	}
	name, rest, _ = strings.Cut(secret, ":")
	return name, rest
}

// key makes the key from a secret without its name.
func (f SecretFormat) key(secret string) ([]byte, error) {
	prefixed := false
	for _, prefix := range f.Prefixes {
		if rest, ok := strings.CutPrefix(secret, prefix); ok {
			secret, prefixed = rest, true
		}
	}
	encoding := f.Encoding
	if !prefixed && f.Unprefixed != "" {
		encoding = f.Unprefixed
	}
	if f.Normalise == "nfkd" {
		secret = norm.NFKD.String(secret)
	}
	key := []byte(secret)
	var err error
	switch encoding {
	case "base64":
		if key, err = decodePasted(secret); err != nil {
			return nil, errors.New("it is not base64; paste it as the provider shows it, without white space around it")
		}
	case "hex":
		if key, err = hex.DecodeString(secret); err != nil {
			return nil, errors.New("it is not hex; paste it as the provider shows it, without white space around it")
		}
	}
	if len(key) == 0 {
		return nil, errors.New("nothing is left of it after its prefix")
	}
	if err := weakKey(key); err != nil {
		return nil, err
	}
	if f.Hash != "" {
		h := hashes[f.Hash]()
		h.Write(key)
		key = h.Sum(nil)
	}
	return append(key, f.Suffix...), nil
}
