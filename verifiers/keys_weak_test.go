package verifiers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
)

// TestWeakKeys has keys of every kind under which anybody could sign.
func TestWeakKeys(t *testing.T) {
	header := Signature{Names: []string{"X-Sig"}}
	mac := func(f SecretFormat) Scheme { return HMAC{Signature: header, Content: "{body}", Secret: f} }
	whsec := mac(SecretFormat{Prefixes: []string{"whsec_"}, Encoding: "base64"})
	shared := JWT{Names: []string{"Token"}, Algorithms: []string{"HS256"}}
	public := JWT{Names: []string{"Token"}, Algorithms: []string{"EdDSA", "RS256", "ES256"}}
	ed := PublicKey{Algorithm: "ed25519", Signature: header, Content: "{body}"}
	for _, test := range []struct {
		name   string
		scheme Scheme
		secret string
		want   string
	}{
		{"HMAC, space", mac(SecretFormat{}), "  ", "white space"},
		{"HMAC, line break", mac(SecretFormat{}), "\r\n", "white space"},
		{"HMAC, zeros", mac(SecretFormat{Encoding: "hex"}), strings.Repeat("00", 32), "zeros"},
		{"HMAC, zeros in base64", mac(SecretFormat{Encoding: "base64"}), "AAAAAAAAAAAAAAAAAAAAAA==", "zeros"},
		{"HMAC, space in hex", mac(SecretFormat{Encoding: "hex"}), "2020200a", "white space"},
		{"HMAC, padding", mac(SecretFormat{Encoding: "base64"}), "==", "nothing is left"},
		{"HMAC, a prefix", whsec, "whsec_", "nothing is left"},
		{"HMAC, a prefix and padding", whsec, "whsec_====", "nothing is left"},
		{"HMAC, zeros after a prefix", whsec, "whsec_AAAA", "zeros"},
		{"HMAC, hashed zeros", mac(SecretFormat{Encoding: "hex", Hash: "sha1"}), "0000", "zeros"},
		{"HMAC, zeros with a suffix", mac(SecretFormat{Encoding: "hex", Suffix: "&"}), "0000", "zeros"},
		{"HMAC, a name alone", mac(SecretFormat{Named: true}), "name:", "NAME:SECRET"},
		{"HMAC, a name and space", mac(SecretFormat{Named: true}), "name:  ", "white space"},
		{"basic, a colon", Token{From: "basic"}, ":", "neither a user nor a password"},
		{"basic, space", Token{From: "basic"}, " : ", "neither a user nor a password"},
		{"bearer, space", Token{From: "bearer"}, "\t", "white space"},
		{"token, zero bytes", Token{Names: []string{"X-Token"}}, "\x00\x00", "zeros"},
		{"JWT, space", shared, " ", "white space"},
		{"JWT, zeros", JWT{Names: []string{"Token"}, Algorithms: []string{"HS256"}, Secret: SecretFormat{Encoding: "hex"}}, "0000", "zeros"},
		{"JWT, Ed25519 zeros", public, strings.Repeat("00", 32), "small order"},
		{"JWK, exponent 1", public, `{"kty":"RSA","e":"AQ","n":"` + strings.Repeat("_", 342) + `"}`, "key"},
		{"JWK, not on the curve", public, `{"kty":"EC","crv":"P-256","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}`, "key"},
		{"JWK, set of a zero key", public, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"` + strings.Repeat("A", 43) + `"}]}`, "not a public key"},
		{"Ed25519, zeros", ed, strings.Repeat("00", 32), "small order"},
		{"Ed25519, zeros in base64", ed, strings.Repeat("A", 43), "small order"},
		{"Ed25519, order 1", ed, "01" + strings.Repeat("00", 31), "small order"},
		{"Ed25519, order 2", ed, "ec" + strings.Repeat("ff", 30) + "7f", "small order"},
		{"Ed25519, order 4, negative", ed, strings.Repeat("00", 31) + "80", "small order"},
		{"Ed25519, order 8", ed, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "small order"},
		{"Ed25519, order 8, negative", ed, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", "small order"},
		{"Ed25519, order 8, another", ed, "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "small order"},
		{"Ed25519, not reduced", ed, "ee" + strings.Repeat("ff", 30) + "7f", "not a point"},
		{"Ed25519, no point", ed, "02" + strings.Repeat("00", 31), "not a point"},
	} {
		_, err := test.scheme.Verifier(test.secret)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want it to contain %q", test.name, err, test.want)
		}
	}
	huge := new(big.Int).Lsh(big.NewInt(1), 2047)
	for name, key := range map[string]crypto.PublicKey{
		"RSA, 512 bits": &rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).Lsh(big.NewInt(1), 511), 0, 1), E: 65537},
		"RSA, E=1":      &rsa.PublicKey{N: new(big.Int).SetBit(huge, 0, 1), E: 1}, "RSA, E=2": &rsa.PublicKey{N: huge, E: 2},
		"RSA, even": &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 3}, "RSA, E<0": &rsa.PublicKey{N: huge, E: -3},
		//lint:ignore SA1019 only the coordinates themselves make a key that is no point
		"ECDSA, infinity": &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int), Y: new(big.Int)},
		//lint:ignore SA1019 only the coordinates themselves make a key that is no point
		"ECDSA, no point": &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)},
		"Ed25519, short":  ed25519.PublicKey(make([]byte, 31)), "unknown": "key",
	} {
		if checkKey(key) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for name, pair := range pairs() {
		if err := checkKey(pair.Public()); (err == nil) != (name != "p224") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for seed := range 100 {
		key := ed25519.NewKeyFromSeed([]byte(strings.Repeat(hex.EncodeToString([]byte{byte(seed)}), 16)))
		if err := checkKey(key.Public()); err != nil {
			t.Error(err)
		}
	}
}
