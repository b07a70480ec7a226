package verifiers

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"

	"golang.org/x/crypto/sha3"
)

// hashes are the hash functions that a scheme may name.
var hashes = map[string]func() hash.Hash{
	"sha256":    sha256.New,
	"sha1":      sha1.New,
	"sha384":    sha512.New384,
	"sha512":    sha512.New,
	"md5":       md5.New,
	"keccak256": sha3.NewLegacyKeccak256,
}

// Verifier compiles the scheme with an endpoint's secrets.
func (h HMAC) Verifier(secrets ...string) (Verifier, error) {
	return compileVariants(h.Variants, func(start string) (variant, error) {
		v, err := h.variant(start).compile(secrets)
		if err != nil {
			return nil, err
		}
		return v, nil
	})
}

func (h HMAC) compile(secrets []string) (*hmacVerifier, error) {
	v := &hmacVerifier{digest: h.Digest}
	names, err := h.hashNames()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		v.hashes = append(v.hashes, hashes[name])
	}
	if v.choice, err = h.HashFrom.compile(names); err != nil {
		return nil, err
	}
	if err := h.Secret.check(); err != nil {
		return nil, err
	}
	if v.keys, err = keysOf(secrets, h.Secret.pasted); err != nil {
		return nil, err
	}
	given := make([]string, len(secrets))
	for i, secret := range secrets {
		given[i], _ = h.Secret.splitName(secret)
	}
	if v.names, err = compileKeyNames(h.KeyID, given, h.Options["key"]); err != nil {
		return nil, err
	}
	besides := v.names.templates()
	if v.choice != nil {
		names, besides = names[:1], append(besides, v.choice.place)
	}
	if err := v.signed.compile(h.Signature, names, h.Content, h.Facts, besides...); err != nil {
		return nil, err
	}
	if h.Digest && !v.content.has("secret") {
		return nil, errors.New("signed content: a digest has no key, so the content has to contain {secret}")
	}
	v.pool.New = func() any {
		return &hmacState{v: v, macs: make([]hash.Hash, len(v.hashes)*len(v.keys)), sum: make([]byte, 0, 64)}
	}
	return v, nil
}

// hashNames checks the names of the hash functions.
func (h HMAC) hashNames() ([]string, error) {
	names := strings.Split(h.Hash, ",")
	switch {
	case h.Hash == "" && len(h.HashFrom.Names) > 0:
		names = slices.Compact(slices.Sorted(maps.Values(h.HashFrom.Names)))
	case h.Hash == "":
		return []string{"sha256"}, nil
	}
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		switch {
		case hashes[names[i]] == nil:
			return nil, fmt.Errorf("unknown hash %q: want sha256, sha1, sha384, sha512, md5 or, for a digest, keccak256", names[i])
		case names[i] == "keccak256" && !h.Digest:
			return nil, errors.New("the hash keccak256 is for digests")
		}
	}
	return names, nil
}

// hashChoice is a compiled [HashChoice].
type hashChoice struct {
	place *Template
	names map[string]int // the sender's word: the index of the hash
}

// compile returns nil where the sender has no choice, or tells in the prefix.
func (c HashChoice) compile(allowed []string) (*hashChoice, error) {
	if c.From == "" && len(c.Names) == 0 {
		return nil, nil
	}
	if c.From == "" || len(c.Names) == 0 {
		return nil, errors.New("hash: both the place of its name and the names are needed")
	}
	t, err := factTemplate(c.From, "")
	if err != nil {
		return nil, fmt.Errorf("hash: %w", err)
	}
	compiled := &hashChoice{t, map[string]int{}}
	for word, name := range c.Names {
		i := slices.Index(allowed, name)
		if i < 0 {
			return nil, fmt.Errorf("hash: %q stands for %q, which is not among those allowed", word, name)
		}
		compiled.names[word] = i
	}
	return compiled, nil
}

// choose gives the signatures the hash that the sender names.
func (c *hashChoice) choose(st *signedState) error {
	if c == nil {
		return nil
	}
	word, ok := c.place.in(&st.in)
	if !ok {
		return refuse(MalformedSignature, "no %s, which names the hash", c.place)
	}
	hash, ok := c.names[word]
	if !ok {
		return refuse(MalformedSignature, "%s names a hash that is not allowed", c.place)
	}
	for i := range st.found.list {
		st.found.list[i].hash = hash
	}
	return nil
}

// write names the hash in a request that does not name one, and returns which
// one it names.
func (c *hashChoice) write(w *writing) (hash int, err error) {
	if c == nil {
		return 0, nil
	}
	for _, word := range slices.Sorted(maps.Keys(c.names)) {
		if c.names[word] == 0 {
			err = w.fillOnce(c.place, word)
			break
		}
	}
	in := reading{}
	in.start(w.r)
	in.params = w.params
	word, _ := c.place.in(&in)
	return c.names[word], err
}
