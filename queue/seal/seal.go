// Package seal encrypts records of a store and binds each of them to its place.
//
// Start with [Seal], which [New] makes of keys. A store seals a message with
// [Seal.Message], other records of a message with the [Box] of [Seal.For], and learnt
// secrets with [Seal.Secret].
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/hookwicket/hookwicket/queue"
)

// Seal encrypts messages, the texts of attempts and learnt secrets. The zero seal and a
// nil one leave them plain, but recognise sealed values.
//
// Sealed are the messages (headers, body, URI and all that is known of them), the
// texts of attempts and the learnt secrets. Not sealed are the fields by which a
// store finds them: names of endpoints, event IDs and types, sizes, times, digests.
//
// The cipher is XAES-256-GCM (c2sp.org/XAES-256-GCM): AES-256-GCM under a key
// that is derived anew for each record from half of a random nonce of 24 bytes.
// With GCM's own nonce of 12 bytes, drawn at random, a key would have to be
// changed after some billions of records; this is safe for 2^80 of them and needs
// no counter, which a restored backup could set back. A record is bound to its
// message: put in the place of another one it does not open.
//
// A sealed value is a mark, the key's short name, the nonce and the ciphertext
// with its tag.
type Seal struct{ keys atomic.Pointer[Ring] }

const (
	// sealMark begins a sealed value. A plain message begins with its version, 1;
	// plain texts begin with the length of the first, which is no more than
	// queue.MaxError and would have to be 16383 or more to look like this.
	sealMark  = "\xff\xff"
	sealNonce = 24
	sealTag   = 16
	sealHead  = len(sealMark) + len(KeyName{}) + sealNonce
	KeySize   = 32
)

// The kinds of sealed values. The kind is authenticated with the value, which therefore
// does not open in the place of another kind.
const (
	sealsMessage = 'm'
	sealsTexts   = 't'
	sealsSecret  = 's'
	sealsCanary  = 'c'
)

// The errors of opening a value.
var (
	// ErrNoKey: the key of a record is missing. The record is probably not damaged.
	ErrNoKey = errors.New("it is encrypted with a key that is not given")
	// ErrDamaged: the record is not what was sealed, or not in its place.
	ErrDamaged = errors.New("damaged record")
)

// KeyName names the key that sealed a value, so that a missing key is not taken for
// damage. It gives nothing of the key away.
type KeyName [4]byte

// Key is one key, ready for use.
type Key struct {
	name  KeyName
	block cipher.Block
	sub   [aes.BlockSize]byte // K1 of CMAC
}

// New makes a seal that seals with the first key and opens with all.
func New(keys [][]byte) (*Seal, error) {
	ring, err := NewRing(keys)
	s := new(Seal)
	s.Set(ring)
	return s, err
}

// Set exchanges the keys.
func (s *Seal) Set(r Ring) { s.keys.Store(&r) }

// Ring is a list of keys. The first seals, all open.
type Ring []Key

func NewRing(keys [][]byte) (Ring, error) {
	ring := make(Ring, 0, len(keys))
	for i, key := range keys {
		if len(key) != KeySize {
			return nil, fmt.Errorf("encryption key %d has %d bytes instead of %d", i+1, len(key), KeySize)
		}
		ring = append(ring, newSealKey(key))
	}
	return ring, nil
}

// Still is the seal as it is now, whatever keys it is given later.
func (s *Seal) Still() *Seal {
	x := new(Seal)
	if s != nil {
		x.keys.Store(s.keys.Load())
	}
	return x
}

func (s *Seal) Ring() Ring {
	if s == nil {
		return nil
	}
	if ring := s.keys.Load(); ring != nil {
		return *ring
	}
	return nil
}

// Name returns the key's short name.
func (k Key) Name() KeyName { return k.name }

// Equal compares two keys by the block that each encrypts.
func (k Key) Equal(other Key) bool { return k.name == other.name && k.sub == other.sub }

func newSealKey(key []byte) (k Key) {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("hookwicket queue: name of a key"))
	copy(k.name[:], mac.Sum(nil))
	k.block, _ = aes.NewCipher(key) // the length is right
	k.block.Encrypt(k.sub[:], k.sub[:])
	carry := k.sub[0] >> 7
	for i := range k.sub {
		k.sub[i] <<= 1
		if i+1 < len(k.sub) {
			k.sub[i] |= k.sub[i+1] >> 7
		}
	}
	k.sub[len(k.sub)-1] ^= carry * 0x87
	return k
}

// gcm derives the cipher of one record from the first half of its nonce.
func (k *Key) gcm(nonce []byte) cipher.AEAD {
	var derived [KeySize]byte
	for i := range byte(2) {
		half := derived[aes.BlockSize*int(i):][:aes.BlockSize]
		copy(half, []byte{0, i + 1, 'X', 0})
		copy(half[4:], nonce[:sealNonce/2])
		for j := range half {
			half[j] ^= k.sub[j]
		}
		k.block.Encrypt(half, half)
	}
	block, _ := aes.NewCipher(derived[:]) // the length is right
	aead, _ := cipher.NewGCM(block)       // and so is the block's
	return aead
}

// Overhead returns the bytes that sealing adds to a value.
func (s *Seal) Overhead() int {
	if len(s.Ring()) == 0 {
		return 0
	}
	return sealHead + sealTag
}

// close appends the sealed form of the bytes that plain appends. bound is authenticated
// with them: the kind and the message.
func (s *Seal) close(dst []byte, bound []byte, plain func([]byte) []byte) []byte {
	ring := s.Ring()
	if len(ring) == 0 {
		return plain(dst)
	}
	key := &ring[0]
	dst = append(append(dst, sealMark...), key.name[:]...)
	at := len(dst)
	dst = append(dst, make([]byte, sealNonce)...)
	rand.Read(dst[at:]) // never fails
	nonce := [sealNonce]byte(dst[at:])
	at = len(dst)
	dst = plain(dst)
	return key.gcm(nonce[:]).Seal(dst[:at], nonce[sealNonce/2:], dst[at:], bound)
}

// open returns the plain form of a value, which need not be sealed. The error wraps
// ErrNoKey or ErrDamaged. The value is not changed.
func (s *Seal) open(sealed, bound []byte) ([]byte, error) {
	if !IsSealed(sealed) {
		return sealed, nil
	}
	if len(sealed) < sealHead+sealTag {
		return nil, ErrDamaged
	}
	ring := s.Ring()
	name := KeyName(sealed[len(sealMark):])
	known := false
	for i := range ring {
		if ring[i].name != name {
			continue
		}
		known = true // two keys may share a name, if seldom
		nonce := sealed[sealHead-sealNonce : sealHead]
		if plain, err := ring[i].gcm(nonce).Open(nil, nonce[sealNonce/2:], sealed[sealHead:], bound); err == nil {
			return plain, nil
		}
	}
	switch {
	case known:
		return nil, fmt.Errorf("%w: it does not decrypt", ErrDamaged)
	case len(ring) == 0:
		return nil, fmt.Errorf("%w: there is none", ErrNoKey)
	}
	return nil, ErrNoKey
}

// IsSealed reports whether a value is sealed.
func IsSealed(b []byte) bool {
	return len(b) >= len(sealMark) && string(b[:len(sealMark)]) == sealMark
}

func bound(what byte, id queue.ID) []byte { return append([]byte{what}, id[:]...) }

// Message appends a message as it is stored. plain appends its encoding.
func (s *Seal) Message(dst []byte, id queue.ID, plain func([]byte) []byte) []byte {
	return s.close(dst, bound(sealsMessage, id), plain)
}

// OpenMessage reads a stored message. The message may use b, which is not changed. The error wraps [queue.ErrDamaged], ErrDamaged or ErrNoKey.
func (s *Seal) OpenMessage(id queue.ID, b []byte) (*queue.Message, error) {
	plain := b
	if IsSealed(b) { // seldom, so that the rest need not pay for it
		var err error
		if plain, err = s.open(b, bound(sealsMessage, id)); err != nil {
			return nil, err
		}
	}
	m, err := queue.DecodeMessage(plain)
	if err == nil && m.ID != id {
		return nil, fmt.Errorf("%w: it is another message", ErrDamaged)
	}
	return m, err
}

// For returns the box of a message's texts.
func (s *Seal) For(id queue.ID) Box { return Box{s, id} }

// Box seals what belongs to one message besides its record: the texts of its attempts.
type Box struct {
	seal *Seal
	id   queue.ID
}

// Close appends a value as it is stored. plain does not leave the caller's stack.
func (x Box) Close(dst, plain []byte) []byte {
	if len(x.seal.Ring()) == 0 {
		return append(dst, plain...)
	}
	return x.sealed(dst, slices.Clone(plain))
}

func (x Box) sealed(dst, plain []byte) []byte {
	return x.seal.close(dst, bound(sealsTexts, x.id), func(b []byte) []byte { return append(b, plain...) })
}

// Open reads a stored value. The result may use it, and it is not changed. The error wraps
// ErrDamaged or ErrNoKey.
func (x Box) Open(stored []byte) ([]byte, error) {
	if !IsSealed(stored) {
		return stored, nil
	}
	return x.seal.open(stored, bound(sealsTexts, x.id))
}

// Secret appends a learnt secret as it is stored. It opens only under the same place, which
// names it in the store.
func (s *Seal) Secret(dst, place []byte, secret string) []byte {
	return s.close(dst, append([]byte{sealsSecret}, place...), func(b []byte) []byte { return append(b, secret...) })
}

// OpenSecret reads a sealed secret. A plain one may look like a sealed one, as senders choose
// it: the store has to keep which it is.
func (s *Seal) OpenSecret(place, sealed []byte) (string, error) {
	if !IsSealed(sealed) {
		return "", ErrDamaged
	}
	plain, err := s.open(sealed, append([]byte{sealsSecret}, place...))
	return string(plain), err
}

// Seals reports whether a sealed value has the first key of the ring.
func (r Ring) Seals(sealed []byte) bool {
	return len(r) > 0 && len(sealed) >= sealHead && IsSealed(sealed) && KeyName(sealed[len(sealMark):]) == r[0].name
}

// canaryText is the plain text of every canary.
const canaryText = "hookwicket"

// Canary returns a value that only the first key of the ring opens, and the key's name. A
// store keeps it under that name to recognise its keys.
func (r Ring) Canary() (name KeyName, value []byte) {
	var only Seal
	only.Set(r[:1])
	value = only.close(nil, bound(sealsCanary, queue.ID{}), func(b []byte) []byte { return append(b, canaryText...) })
	return r[0].name, value
}

// OpensCanary reports whether the canary is one of a key in the ring.
func (r Ring) OpensCanary(name KeyName, value []byte) bool {
	for i := range r {
		var only Seal
		only.Set(r[i : i+1])
		plain, err := only.open(value, bound(sealsCanary, queue.ID{}))
		if err == nil && IsSealed(value) && string(plain) == canaryText && name == r[i].name {
			return true
		}
	}
	return false
}
