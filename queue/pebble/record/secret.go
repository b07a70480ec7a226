package record

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/hookwicket/hookwicket/queue/seal"
)

// SecretPrefix begins the keys of an endpoint's secrets.
func SecretPrefix(endpoint string) []byte {
	sum := sha256.Sum256([]byte(endpoint))
	return append([]byte{KindSecret}, sum[:16]...)
}

// SecretKey is the key of one secret, which is its own digest so that it is kept
// once.
func SecretKey(endpoint, secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return append(SecretPrefix(endpoint), sum[:16]...)
}

// Secret is a secret and when it was learnt.
type Secret struct {
	At     uint64
	Secret string
}

// secretSealed is set in the time of a sealed secret, which has no such bit itself.
const secretSealed = 1 << 63

// AppendSecret appends the value of a secret: when it was learnt, and the secret.
func AppendSecret(b, key []byte, at uint64, secret string, s *seal.Seal) []byte {
	kept := s.Secret(nil, key, secret)
	if len(kept) != len(secret) {
		at |= secretSealed
	}
	return append(binary.BigEndian.AppendUint64(b, at), kept...)
}

// SealsSecret reports whether a secret's value is sealed with the first key of the ring.
func SealsSecret(v []byte, r seal.Ring) bool {
	return len(v) >= 8 && v[0]&0x80 != 0 && r.Seals(v[8:])
}

// DecodeSecret reads the value of a secret.
func DecodeSecret(key, v []byte, s *seal.Seal) (l Secret, err error) {
	if len(v) < 8 {
		return l, ErrDamaged
	}
	l.At = binary.BigEndian.Uint64(v)
	if v = v[8:]; l.At&secretSealed == 0 {
		l.Secret = string(v)
		return l, nil
	}
	l.At &^= secretSealed
	l.Secret, err = s.OpenSecret(key, v)
	return l, err
}
