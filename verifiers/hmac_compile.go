package verifiers

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// hashes are the hash functions that a scheme may name.
var hashes = map[string]func() hash.Hash{
	"sha256": sha256.New,
	"sha1":   sha1.New,
	"sha384": sha512.New384,
	"sha512": sha512.New,
	"md5":    md5.New,
}

// Verifier compiles the scheme with an endpoint's secrets.
func (h HMAC) Verifier(secrets ...string) (Verifier, error) {
	if len(h.Variants) == 0 {
		return h.compile(secrets)
	}
	var all variants
	for _, variant := range h.Variants {
		v, err := h.variant(variant).compile(secrets)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
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
	if v.signature, err = h.Signature.compile(names); err != nil {
		return nil, err
	}
	if v.facts, err = h.Facts.compile(); err != nil {
		return nil, err
	}
	if err = v.compileContent(h.Content); err != nil {
		return nil, fmt.Errorf("signed content: %w", err)
	}
	if err := h.Secret.check(); err != nil {
		return nil, err
	}
	if v.keys, err = keysOf(secrets, h.Secret.key); err != nil {
		return nil, err
	}
	v.listNeeds()
	v.pool.New = func() any {
		return &hmacState{macs: make([]hash.Hash, len(v.hashes)*len(v.keys)), sum: make([]byte, 0, 64)}
	}
	return v, nil
}

// hashNames checks the names of the hash functions.
func (h HMAC) hashNames() ([]string, error) {
	if h.Hash == "" {
		return []string{"sha256"}, nil
	}
	names := strings.Split(h.Hash, ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		if hashes[names[i]] == nil {
			return nil, fmt.Errorf("unknown hash %q: want sha256, sha1, sha384, sha512 or md5", names[i])
		}
	}
	return names, nil
}

// compileContent checks the signed content and derives what it covers.
func (v *hmacVerifier) compileContent(text string) error {
	content, err := ParseTemplate(text)
	if err != nil {
		return err
	}
	switch {
	case content.constant():
		return errors.New("it contains nothing of the request; the usual one is {body}")
	case v.digest && !content.has("secret"):
		return errors.New("a digest has no key, so the content has to contain {secret}")
	case content.has("timestamp") && v.facts.time == nil:
		return errors.New("it contains {timestamp} but the scheme does not say where the timestamp stands")
	case content.has("id") && len(v.facts.ids) == 0:
		return errors.New("it contains {id} but the scheme does not say where the event ID stands")
	}
	v.content = content
	covered := coverageOf(content, &v.facts)
	v.facts.cover(covered)
	v.covers = Fields{Body: covered.body, URL: covered.url}
	v.contentBody = covered.body
	v.usesID = content.has("id")
	if v.usesID {
		for i := range v.facts.ids {
			v.facts.ids[i].signed = true // whichever is found is what {id} inserts
		}
	}
	if v.facts.time != nil {
		covered = coverage{single: covered.single}
		v.usesTime = covered.covers(v.facts.time.Template) && !v.facts.time.constant()
	}
	return v.checkParams()
}

// checkParams makes out who reads what.
func (v *hmacVerifier) checkParams() error {
	params := v.content.has("param")
	v.signsJSON = v.signature.From == "json" || v.content.reads(fromJSON)
	places := slices.Concat(v.facts.ids, v.facts.types)
	if v.facts.time != nil {
		places = append(places, *v.facts.time)
	}
	for _, p := range places {
		params = params || p.has("param")
	}
	if params && !v.signature.list() {
		return errors.New("a template contains {param:…} but the signature is not a list; add a separator")
	}
	if v.usesTime && v.content.has("timestamp") && v.facts.time.reads(fromJSON) {
		v.signsJSON = true
	}
	if v.usesID && slices.ContainsFunc(v.facts.ids, func(p place) bool { return p.reads(fromJSON) }) {
		v.signsJSON = true
	}
	v.readsJSON = v.signsJSON || v.facts.reads(fromJSON)
	return nil
}
