package verifiers

import (
	"context"
	"crypto/hmac"
	"hash"
	"slices"
	"sync"
)

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
