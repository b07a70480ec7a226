package record

import (
	"bytes"
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

// Secret is a secret, whose it is, and when it was learnt.
type Secret struct {
	At       uint64
	Endpoint string
	Secret   string
}

// secretSealed is set in the time of a sealed secret, which has no such bit itself.
const secretSealed = 1 << 63

// secretHead is the length of the time.
const secretHead = 8

// Append appends the value of a secret under its key. The endpoint's name is in it, since
// the key has a digest alone.
func (l Secret) Append(b, key []byte, s *seal.Seal) []byte {
	kept := s.Secret(nil, key, l.Secret)
	if len(kept) != len(l.Secret) {
		l.At |= secretSealed
	}
	b = binary.BigEndian.AppendUint64(b, l.At)
	return append(appendText(b, l.Endpoint, len(l.Endpoint)), kept...)
}

// SealsSecret reports whether a secret's value is sealed with the first key of the ring.
func SealsSecret(v []byte, r seal.Ring) bool {
	l, kept, err := splitSecret(v)
	return err == nil && l.At&secretSealed != 0 && r.Seals(kept)
}

// splitSecret takes a value apart: the time as it is stored, the endpoint, and the secret
// as it is stored.
func splitSecret(v []byte) (l Secret, kept []byte, err error) {
	if len(v) < secretHead {
		return l, nil, ErrDamaged
	}
	r := fields{rest: v[secretHead:]}
	l = Secret{At: binary.BigEndian.Uint64(v), Endpoint: r.text()}
	return l, r.rest, r.err()
}

// DecodeSecret reads the value of a secret.
func DecodeSecret(key, v []byte, s *seal.Seal) (Secret, error) {
	l, kept, err := splitSecret(v)
	if err != nil {
		return l, err
	}
	if !bytes.HasPrefix(key, SecretPrefix(l.Endpoint)) {
		return l, ErrDamaged
	}
	if l.At&secretSealed == 0 {
		l.Secret = string(kept)
		return l, nil
	}
	l.At &^= secretSealed
	l.Secret, err = s.OpenSecret(key, kept)
	return l, err
}
