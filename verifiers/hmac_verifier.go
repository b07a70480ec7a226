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
	signed
	digest bool
	hashes []func() hash.Hash
	choice *hashChoice // nil: the signature's prefix tells, or there is one hash
	keys   [][]byte
	names  keyNames
	pool   sync.Pool // of *hmacState
}

// hmacState is what verifying one request needs. The keyed states of the hash
// are the costly part: Reset keeps the key.
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
