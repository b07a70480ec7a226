package verifiers

import (
	"cmp"
	"context"
	"crypto/hmac"
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
	"sync"
	"time"

	"golang.org/x/crypto/sha3"
)

// HMAC is the scheme of most providers: a keyed hash over parts of the request, in a
// header or elsewhere. It is data throughout: a provider is a literal of this type, and
// an endpoint can override any field of it.
//
// The zero value of each field is the commonest case. Content and Signature.Names have
// no default.
type HMAC struct {
	// Hash is the hash function: sha256 (the default), sha1, sha384, sha512, md5 or,
	// for a digest, keccak256. Of several names, separated by commas, the sender
	// chooses one, either in the signature's prefix as "{hash}=" or at the place
	// HashFrom.
	Hash string `json:"hash,omitempty"`

	// HashFrom is the place where a sender names the hash that it chose, and the
	// meaning of each name.
	HashFrom HashChoice `json:"hash_from,omitzero"`

	// Digest makes it a plain hash without a key: Content then has to contain
	// {secret}. Some old schemes are made so.
	Digest bool `json:"digest,omitempty"`

	Signature Signature    `json:"signature,omitzero"`
	Secret    SecretFormat `json:"secret,omitzero"`

	// KeyID is a template for the name of the key that the sender used, such as
	// "{header:X-Key}". Where the endpoint names its keys (the option key, one for
	// each secret), only the secret of that name counts.
	KeyID string `json:"key_id,omitempty"`

	// Content is the signed content, a template over the request. See [Template].
	Content string `json:"signed,omitempty"`

	Facts

	// Variants are beginnings of header names, such as "svix-" and "webhook-".
	// The "*" that starts a header's name in any of the fields above stands for
	// one and the same of them throughout: for the first for which the request
	// has every header that the signature needs.
	Variants []string `json:"variants,omitempty"`
}

// HashChoice is the place of the name of the hash, and the hash for each name.
type HashChoice struct {
	From  string            `json:"from,omitempty"`  // a template
	Names map[string]string `json:"names,omitempty"` // the sender's word: sha1, sha256, …
}

var (
	_ Scheme      = HMAC{}
	_ Credentials = HMAC{}
	_ Described   = HMAC{}
	_ Signer      = HMAC{}
)

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

// variant puts the beginning of header names in its place.
func (h HMAC) variant(start string) HMAC {
	if len(h.Variants) == 0 {
		return h
	}
	h.Variants = nil
	h.Signature.Names = startNames(start, h.Signature.Names)
	h.Content = startTokens(start, h.Content)
	h.KeyID = startTokens(start, h.KeyID)
	h.HashFrom.From = startTokens(start, h.HashFrom.From)
	h.Facts = h.Facts.variant(start)
	return h
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
	sig, err := h.Signature.compile(names)
	if err != nil {
		return nil, err
	}
	if err := v.signed.compile(sig, h.Content, h.Facts, besides); err != nil {
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
		return []string{defaultHash}, nil
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

// hashes are the hash functions that a scheme may name.
var hashes = map[string]func() hash.Hash{
	"sha256":    sha256.New,
	"sha1":      sha1.New,
	"sha384":    sha512.New384,
	"sha512":    sha512.New,
	"md5":       md5.New,
	"keccak256": sha3.NewLegacyKeccak256,
}

// defaultHash is the hash of a signature, a claim or a proof that names none.
const defaultHash = "sha256"

// hashOf returns the hash function of a name.
func hashOf(name string) (func() hash.Hash, error) {
	h := hashes[cmp.Or(name, defaultHash)]
	if h == nil {
		return nil, fmt.Errorf("unknown hash %q", name)
	}
	return h, nil
}

// hmacVerifier is a compiled [HMAC] with an endpoint's keys.
type hmacVerifier struct {
	signed
	digest bool
	hashes []func() hash.Hash
	choice *hashChoice // nil: the signature's prefix names the hash, or there is one
	keys   [][]byte
	names  keyNames
	pool   sync.Pool // of *hmacState
}

// hmacState is the memory for verifying one request. The keyed states of the hash are
// the costly part: Reset keeps the key.
type hmacState struct {
	signedState
	v    *hmacVerifier
	macs []hash.Hash // hash functions × keys, each made on first use
	sum  []byte
}

// Verify checks a request.
func (v *hmacVerifier) Verify(ctx context.Context, r *Request) (Event, error) {
	st := v.pool.Get().(*hmacState)
	st.in.start(r)
	ev, err := v.verify(ctx, &st.signedState, st)
	st.in.stop()
	v.pool.Put(st)
	return ev, err
}

// match compares every signature with that of every secret.
func (st *hmacState) match(ctx context.Context) error {
	v := st.v
	if err := v.choice.choose(&st.signedState); err != nil {
		return err
	}
	name, err := v.names.used(&st.in)
	if err != nil {
		return err
	}
	for h := range v.hashes {
		if !slices.ContainsFunc(st.found.list, func(c candidate) bool { return c.hash == h }) {
			continue
		}
		for k := range v.keys {
			if !v.names.allow(k, name) {
				continue
			}
			if err := ctx.Err(); err != nil { // hashing a large body takes a while
				return err
			}
			if err := st.compute(h, k); err != nil {
				return err
			}
			for _, c := range st.found.list {
				if c.hash == h && hmac.Equal(st.found.bytes[c.start:c.end], st.sum) {
					return nil
				}
			}
		}
	}
	return refuse(WrongSignature, "no secret made the signature")
}

// compute leaves in st.sum the signature of the request.
func (st *hmacState) compute(h, k int) error {
	v := st.v
	mac := st.macs[h*len(v.keys)+k]
	if mac == nil {
		if v.digest {
			mac = v.hashes[h]()
		} else {
			mac = hmac.New(v.hashes[h], v.keys[k])
		}
		st.macs[h*len(v.keys)+k] = mac
	}
	mac.Reset()
	st.in.secret = stringOf(v.keys[k])
	st.in.repeated = false
	if absent := v.content.writeTo(mac, &st.in); absent != nil {
		return absence(&st.in, absent)
	}
	st.sum = mac.Sum(st.sum[:0])
	return nil
}

// Sign signs a request as the provider would. It writes the time and the ID where
// headers, the query or the signature's list hold them, and then the signature. It
// keeps an event ID that the request already has. A time or an ID in the body has to be
// there before.
func (h HMAC) Sign(r *Request, secret string, now time.Time, id string) error {
	if len(h.Variants) > 0 {
		h = h.variant(h.Variants[0])
	}
	h.Options = firstKey(h.Options)
	v, err := h.compile([]string{secret})
	if err != nil {
		return err
	}
	st := v.pool.Get().(*hmacState)
	w := writing{r: r, now: now, id: id}
	if err := w.fillOnce(v.names.place, v.names.first()); err != nil {
		return fmt.Errorf("writing the key ID: %w", err)
	}
	hash, err := v.choice.write(&w)
	if err != nil {
		return err
	}
	return v.sign(&w, h.Facts, &st.in, func() ([]byte, error) {
		err := st.compute(hash, 0)
		return st.sum, err
	})
}

// hashChoice is a compiled [HashChoice].
type hashChoice struct {
	place *Template
	names map[string]int // the sender's word: the index of the hash
}

// compile returns nil if the sender has no choice, or names the hash in the prefix.
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

// choose sets the hash of the signatures to the one that the sender names.
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

// write names the hash in a request that does not name one, and returns the hash that
// the request names.
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

// Credentials implements [Credentials].
func (h HMAC) Credentials() []Place {
	return placesOf(h.Signature.From, h.Signature.Names, h.Variants)
}

// Description implements [Described].
func (h HMAC) Description() Description {
	d := Description{Kind: "hmac", Content: h.Content, Shared: true}
	if h.Digest {
		d.Kind = "digest"
	}
	d.Headers = headersOf(h.Credentials(), h.Facts, h.Variants, h.Content, h.KeyID, h.HashFrom.From)
	d.Body, d.URL = coversWhole(h.Content, h.Facts)
	return d
}

func (h HMAC) claims(r *Request) (id, eventType string) { return h.claimsUnder(h.Variants, r) }
