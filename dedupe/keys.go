package dedupe

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// Key identifies an event at one endpoint: half of a SHA-256 digest, enough
// that no two events will ever share one. The zero Key means that there is
// nothing to recognise the event by.
type Key [16]byte

// half is the part of the key that the cache is searched by.
func (k Key) half() uint64 { return binary.LittleEndian.Uint64(k[:8]) }

// Rule says what makes two requests the same event.
type Rule struct {
	// DigestOnly ignores IDs: equal content is the same event.
	DigestOnly bool
	// UniqueContent: no two events have equal content. Then content can stand for
	// a missing ID, and known content under a fresh unsigned ID is a replay.
	UniqueContent bool
	// SignedToo keeps the digest of content beside a signed ID as well. A token is
	// no signature: whoever captured a request can put another ID on it.
	SignedToo bool
}

// Evidence is what a verified request offers to be recognised by.
type Evidence struct {
	Endpoint string
	ID       string // empty: none
	IDSigned bool   // the ID is under the signature
	Content  []byte // what is under the signature
}

// Keys returns the key of the event and, where the ID cannot be trusted alone,
// the digest of its content, to be remembered beside it. Either may be zero.
//
//   - A signed ID is the key; the digest stands beside it if the rule is SignedToo.
//   - An unsigned one is bound to the content, since anybody could put a fresh
//     one on a captured request; the digest then tells such a replay.
//   - Without an ID the content is the key, if no two events share it.
//
// Two endpoints never share a key.
func (r Rule) Keys(e Evidence) (key, digest Key) {
	switch {
	case r.DigestOnly, e.ID == "" && r.UniqueContent:
		return sum('c', e.Endpoint, "", e.Content), Key{}
	case e.ID == "":
		return Key{}, Key{}
	case e.IDSigned && !r.SignedToo:
		return sum('i', e.Endpoint, e.ID, nil), Key{}
	}
	digest = sum('c', e.Endpoint, "", e.Content)
	if e.IDSigned {
		return sum('i', e.Endpoint, e.ID, nil), digest
	}
	return sum('b', e.Endpoint, e.ID, digest[:]), digest
}

var hashes = sync.Pool{New: func() any { return &hasher{Hash: sha256.New()} }}

type hasher struct {
	hash.Hash
	buf []byte // scratch for what stands before the content, then for the sum
}

// sum hashes its arguments so that different ones never run together.
func sum(kind byte, endpoint, id string, content []byte) (k Key) {
	h := hashes.Get().(*hasher)
	defer hashes.Put(h)
	h.Reset()
	b := append(h.buf[:0], kind)
	b = binary.AppendUvarint(b, uint64(len(endpoint)))
	b = append(b, endpoint...)
	b = binary.AppendUvarint(b, uint64(len(id)))
	b = append(b, id...)
	h.Write(b)
	h.Write(content)
	h.buf = h.Sum(b[:0])
	copy(k[:], h.buf)
	return k
}
