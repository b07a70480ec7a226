package verifiers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// checkKey fails on a public key with which signatures prove nothing.
func checkKey(key crypto.PublicKey) error {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return checkRSA(key)
	case *ecdsa.PublicKey:
		if !slices.Contains([]elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}, key.Curve) {
			return errors.New("an elliptic curve other than P-256, P-384 and P-521")
		}
		if _, err := key.ECDH(); err != nil { // also the point at infinity
			return errors.New("an ECDSA key that is not a point of its curve; paste the key again, as the provider shows it")
		}
		return nil
	case ed25519.PublicKey:
		return checkEd25519(key)
	}
	return errors.New("a key of an unknown kind; known are RSA, ECDSA and Ed25519")
}

// checkRSA allows 1024 bits, since some providers never changed their keys.
func checkRSA(key *rsa.PublicKey) error {
	switch n := key.N.BitLen(); {
	case n < minRSA || n > maxRSA:
		return fmt.Errorf("an RSA key of %d bits; it has to have %d to %d", n, minRSA, maxRSA)
	case key.E < 3 || key.E%2 == 0: // with 1 the signature is the padded hash itself
		return fmt.Errorf("an RSA key with the exponent %d; it has to be odd and at least 3", key.E)
	case key.N.Bit(0) == 0:
		return errors.New("an RSA key whose modulus is even")
	}
	return nil
}

// The field and the constant of Ed25519's curve (RFC 8032, section 5.1).
var (
	edPrime, _ = new(big.Int).SetString("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed", 16)
	edD, _     = new(big.Int).SetString("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3", 16)
)

// checkEd25519 fails on a key that is no point of the curve, and on one of small
// order: a signature that anybody can make holds under it for many messages.
func checkEd25519(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("an Ed25519 key of %d bytes; it has to have %d", len(key), ed25519.PublicKeySize)
	}
	bytes := slices.Clone(key)
	slices.Reverse(bytes)
	bytes[0] &= 0x7F // the sign of x
	y := new(big.Int).SetBytes(bytes)
	mod := func(n *big.Int) *big.Int { return n.Mod(n, edPrime) }
	mul := func(a, b *big.Int) *big.Int { return mod(new(big.Int).Mul(a, b)) }
	over := func(a, b *big.Int) *big.Int { return mul(a, new(big.Int).ModInverse(b, edPrime)) }
	one := big.NewInt(1)
	yy := mul(y, y)
	xx := over(new(big.Int).Sub(yy, one), mod(new(big.Int).Add(mul(edD, yy), one)))
	x := new(big.Int).ModSqrt(mod(xx), edPrime)
	if y.Cmp(edPrime) >= 0 || x == nil {
		return errors.New("an Ed25519 key that is not a point of the curve; paste the key again, as the provider shows it")
	}
	for range 3 { // eight times a point of small order is zero
		xy := mul(x, y)
		t := mul(edD, mul(xy, xy))
		sum := mod(new(big.Int).Add(mul(x, x), mul(y, y)))
		x = over(mod(new(big.Int).Lsh(xy, 1)), mod(new(big.Int).Add(one, t)))
		y = over(sum, mod(new(big.Int).Sub(one, t)))
	}
	if x.Sign() == 0 && y.Cmp(one) == 0 {
		return errors.New("an Ed25519 key of small order, under which anybody could sign; paste the key that the provider shows")
	}
	return nil
}
