package dedupe

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"

	"github.com/hookwicket/hookwicket/queue"
)

// half is the part of a key by which the cache finds it.
func half(k queue.Key) uint64 { return binary.LittleEndian.Uint64(k[:8]) }

// Rule decides whether two requests are the same event.
type Rule struct {
	// DigestOnly ignores IDs: equal content is the same event.
	DigestOnly bool
	// UniqueContent: no two events have equal content. Then content can stand for
	// a missing ID, and known content under a fresh unsigned ID is a replay.
	UniqueContent bool
	// SignedToo keeps the digest of the content beside a signed ID as well. It is for
	// tokens, which sign nothing: a captured request can be sent with another ID.
	SignedToo bool
}

// Evidence is the part of a verified request by which its event is recognised.
type Evidence struct {
	Endpoint string
	ID       string // empty: none
	IDSigned bool   // the ID is under the signature
	Content  []byte // the signed content
}

// Keys returns the key of the event and, if the ID alone cannot be trusted, the digest of
// its content, which is recorded beside the key. Either may be zero.
//
//   - A signed ID is the key. With SignedToo the digest is recorded as well.
//   - An unsigned ID is combined with the content, because a captured request can be
//     sent with a fresh one. The digest reveals such a replay.
//   - Without an ID the content is the key, if no two events share their content.
//
// Two endpoints never share a key.
func (r Rule) Keys(e Evidence) (key, digest queue.Key) {
	h := hashes.Get().(*hasher)
	defer hashes.Put(h)
	switch {
	case r.DigestOnly, e.ID == "" && r.UniqueContent:
		return h.key('c', e.Endpoint, "", e.Content), queue.Key{}
	case e.ID == "":
		return queue.Key{}, queue.Key{}
	case e.IDSigned && !r.SignedToo:
		return h.key('i', e.Endpoint, e.ID, nil), queue.Key{}
	}
	digest = h.key('c', e.Endpoint, "", e.Content)
	if e.IDSigned {
		return h.key('i', e.Endpoint, e.ID, nil), digest
	}
	h.digest = digest
	return h.key('b', e.Endpoint, e.ID, h.digest[:]), digest
}

var hashes = sync.Pool{New: func() any { return &hasher{Hash: sha256.New()} }}

type hasher struct {
	hash.Hash
	buf    []byte    // scratch for the fields before the content, then for the sum
	digest queue.Key // as content; a variable of the caller's would be allocated
}

// key hashes its arguments. The lengths before them keep their boundaries apart.
func (h *hasher) key(kind byte, endpoint, id string, content []byte) (k queue.Key) {
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
