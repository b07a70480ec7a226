package refused

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
)

// box seals records with AES-256-GCM under a key that is derived from one of `encrypt`.
// The nonces are random, and a key seals far fewer than 2^32 records.
type box struct{ cipher.AEAD }

// newBox panics for a key that is empty, which the configuration refuses.
func newBox(key []byte) box {
	derived, err := hkdf.Key(sha256.New, key, nil, "hookwicket refused requests", 32)
	if err != nil {
		panic(err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return box{aead}
}

func (b box) seal(text []byte) []byte { return b.Seal(nil, nil, text, nil) }

func (b box) open(sealed []byte) ([]byte, error) { return b.Open(nil, nil, sealed, nil) }
