package verifiers

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"
)

// hashes are the hash functions that a scheme may name.
var hashes = map[string]func() hash.Hash{
	"sha256": sha256.New,
	"sha1":   sha1.New,
	"sha384": sha512.New384,
	"sha512": sha512.New,
	"md5":    md5.New,
}

// hmacVerifier is a compiled [HMAC] with an endpoint's keys.
type hmacVerifier struct {
	digest    bool
	hashes    []func() hash.Hash
	keys      [][]byte
	signature *signature
	content   *Template
	facts     facts

	covers      Fields // Body and URL; the rest depends on what a request has
	usesID      bool   // the content has {id}
	usesTime    bool   // the content has the time, not just the body it stands in
	signsJSON   bool   // the signature or the content cannot be found without JSON
	readsJSON   bool
	contentBody bool     // the body is covered, so that it is the event's content
	needs       []string // headers without which there can be no signature

	pool sync.Pool // of *hmacState
}

// hmacState is what verifying one request needs besides the request. The keyed
// states of the hash are the costly part: Reset keeps the key.
type hmacState struct {
	in    reading
	macs  []hash.Hash // hash functions × keys, each made on first use
	found candidates
	sum   []byte
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

// variant puts the beginning of header names in its place.
func (h HMAC) variant(start string) HMAC {
	name := func(names []string) []string {
		names = slices.Clone(names)
		for i, n := range names {
			if rest, ok := strings.CutPrefix(n, "*"); ok {
				names[i] = start + rest
			}
		}
		return names
	}
	token := func(texts []string) []string {
		texts = slices.Clone(texts)
		for i, t := range texts {
			texts[i] = strings.ReplaceAll(t, "{header:*", "{header:"+start)
		}
		return texts
	}
	h.Variants = nil
	h.Signature.Names = name(h.Signature.Names)
	h.Content = token([]string{h.Content})[0]
	h.Timestamp.From = token([]string{h.Timestamp.From})[0]
	h.EventID, h.EventType = token(h.EventID), token(h.EventType)
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

// listNeeds makes out which headers have to be there.
func (v *hmacVerifier) listNeeds() {
	if v.signature.From == "header" && len(v.signature.Names) == 1 {
		v.needs = append(v.needs, v.signature.Names[0])
	}
	needed := []*Template{v.content}
	if v.usesTime {
		needed = append(needed, v.facts.time.Template)
	}
	if v.usesID && len(v.facts.ids) == 1 {
		needed = append(needed, v.facts.ids[0].Template)
	}
	for _, t := range needed {
		for _, p := range t.parts {
			if p.name == "header" {
				v.needs = append(v.needs, p.arg)
			}
		}
	}
}

// Verify checks a request.
func (v *hmacVerifier) Verify(_ context.Context, r *Request) (Event, error) {
	st := v.pool.Get().(*hmacState)
	st.in.start(r)
	ev, err := v.verify(st)
	st.in.stop()
	v.pool.Put(st)
	return ev, err
}

func (v *hmacVerifier) verify(st *hmacState) (Event, error) {
	in, ev := &st.in, Event{Signed: v.covers}
	if v.signsJSON && !in.validJSON() {
		return Event{}, refuse(MalformedBody, "it is not JSON")
	}
	if err := v.signature.find(in, &st.found); err != nil {
		return Event{}, err
	}
	if err := v.prepare(in, &ev); err != nil {
		return Event{}, err
	}
	if err := v.match(st); err != nil {
		return Event{}, err
	}
	if v.readsJSON && !v.signsJSON && !in.validJSON() {
		return Event{}, refuse(MalformedBody, "it is not JSON")
	}
	if !v.usesTime {
		if err := v.facts.readTime(in, &ev); err != nil {
			return Event{}, err
		}
	}
	if err := v.facts.readRest(in, &ev); err != nil {
		return Event{}, err
	}
	ev.Content = in.r.Body
	if !v.contentBody {
		var content contentBuffer
		in.secret = "" // identifies no event
		v.content.writeTo(&content, in)
		ev.Content = content
	}
	return ev, nil
}

// contentBuffer is the smallest buffer that is a writer.
type contentBuffer []byte

func (b *contentBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// prepare finds the time and the ID that the content needs, each in the
// sender's own spelling.
func (v *hmacVerifier) prepare(in *reading, ev *Event) error {
	if v.usesTime {
		if err := v.facts.readTime(in, ev); err != nil {
			return err
		}
		if ev.Timestamp.IsZero() {
			return refuse(MissingTimestamp, "no %s", v.facts.time)
		}
		in.timestamp, _ = v.facts.time.in(in)
	}
	if !v.usesID {
		return nil
	}
	in.repeated = false
	for i := range v.facts.ids {
		id, ok := v.facts.ids[i].in(in)
		switch {
		case in.repeated:
			return refuse(MalformedSignature, "the signed event ID %s is there more than once", v.facts.ids[i])
		case !ok || id == "":
			continue
		case len(id) > maxFact:
			return refuse(MalformedSignature, "the signed event ID is longer than %d bytes", maxFact)
		}
		in.id = id
		return nil
	}
	return refuse(MissingSignature, "no %s, which is part of the signed content", v.facts.ids[0])
}

// match compares every signature with that of every secret.
func (v *hmacVerifier) match(st *hmacState) error {
	for h := range v.hashes {
		if !slices.ContainsFunc(st.found.list, func(c candidate) bool { return c.hash == h }) {
			continue
		}
		for k := range v.keys {
			if err := v.compute(st, h, k); err != nil {
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
func (v *hmacVerifier) compute(st *hmacState, h, k int) error {
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
		if st.in.repeated {
			return refuse(MalformedSignature, "the signed {%s:%s} is there more than once", absent.name, absent.arg)
		}
		return refuse(MissingSignature, "no {%s:%s}, which is part of the signed content", absent.name, absent.arg)
	}
	st.sum = mac.Sum(st.sum[:0])
	return nil
}

// variants are the verifiers of a scheme with several sets of header names.
type variants []*hmacVerifier

// Verify checks a request under the first set of names of which it has all.
// Where none is whole, the one with the signature is judged.
func (all variants) Verify(ctx context.Context, r *Request) (Event, error) {
	best, most := all[0], 0
	for _, v := range all {
		n := v.countHeaders(r)
		if n == len(v.needs) {
			return v.Verify(ctx, r)
		}
		if n > most && v.signature.present(r) {
			best, most = v, n
		}
	}
	return best.Verify(ctx, r)
}

// countHeaders returns how many of the headers that v needs are there.
func (v *hmacVerifier) countHeaders(r *Request) (n int) {
	for _, name := range v.needs {
		if len(r.Header[name]) > 0 && r.Header[name][0] != "" {
			n++
		}
	}
	return n
}
