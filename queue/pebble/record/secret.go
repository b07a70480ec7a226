package record

import (
	"crypto/sha256"
	"encoding/binary"
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

// Secret appends the value of a secret: when it was learnt, and the secret.
func (s *Seal) Secret(b, key []byte, at uint64, secret string) []byte {
	kept := s.close(nil, append([]byte{sealsSecret}, key...), func(b []byte) []byte { return append(b, secret...) })
	if len(kept) != len(secret) {
		at |= secretSealed
	}
	return append(binary.BigEndian.AppendUint64(b, at), kept...)
}

// SealsSecret reports whether a secret's value is sealed with the first key.
func (r Ring) SealsSecret(v []byte) bool {
	return len(v) >= 8+sealHead && v[0]&0x80 != 0 && IsSealed(v[8:]) && keyName(v[8+len(sealMark):][:len(keyName{})]) == r[0].name
}

func (s *Seal) OpenSecret(key, v []byte) (l Secret, err error) {
	if len(v) < 8 {
		return l, ErrDamaged
	}
	l.At = binary.BigEndian.Uint64(v)
	if v = v[8:]; l.At&secretSealed == 0 {
		l.Secret = string(v)
		return l, nil
	}
	l.At &^= secretSealed
	if !IsSealed(v) {
		return l, ErrDamaged
	}
	plain, err := s.open(v, append([]byte{sealsSecret}, key...))
	l.Secret = string(plain)
	return l, err
}
