package verifiers

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/tidwall/gjson"
)

// Limits on keys. The documents come from providers, but they are parsed in
// every gateway, and every key of one may have to be tried.
const (
	maxKeys        = 100
	maxKeyDocument = 1 << 20
	minRSA         = 1024 // bits; old providers never changed theirs
	maxRSA         = 8192
)

// publicKey is an *rsa.PublicKey, an *ecdsa.PublicKey or an ed25519.PublicKey, with the
// properties that its document gives.
type publicKey struct {
	crypto.PublicKey
	id   string // of a JWK; empty elsewhere
	alg  string // the only algorithm of JSON web signatures that it is for; empty: any
	bare bool   // 32 bytes without a form: other things look like that too
}

var errNotPublicKey = errors.New("it is not a public key; paste PEM, a certificate, DER in base64, a JWK, " +
	"or the 32 bytes of an Ed25519 key in hex or base64")

// parsePublicKeys reads a pasted public key: PEM, of which there may be several, DER in
// base64, a JWK or a JWK set, or a bare Ed25519 key. It returns at least one key or an
// error. Errors show nothing of the text.
func parsePublicKeys(text string) ([]publicKey, error) {
	if len(text) > maxKeyDocument {
		return nil, fmt.Errorf("a key of more than %d bytes", maxKeyDocument)
	}
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "{"):
		return parseJWKs(text)
	case strings.Contains(text, "-----BEGIN "):
		if !strings.Contains(text, "\n") { // as it comes out of many an .env file
			text = strings.ReplaceAll(text, `\n`, "\n")
		}
		return parsePEM([]byte(text))
	}
	if raw, err := hex.DecodeString(text); err == nil && len(raw) == ed25519.PublicKeySize {
		return checkKeys(publicKey{PublicKey: ed25519.PublicKey(raw), bare: true})
	}
	raw, err := decodePasted(text)
	switch {
	case err != nil:
		return nil, errNotPublicKey
	case len(raw) == ed25519.PublicKeySize:
		return checkKeys(publicKey{PublicKey: ed25519.PublicKey(raw), bare: true})
	}
	key, err := parseDER(raw)
	if err != nil {
		return nil, err
	}
	return checkKeys(publicKey{PublicKey: key})
}

func parsePEM(text []byte) ([]publicKey, error) {
	var keys []publicKey
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return nil, errors.New("it is a private key; paste the public one, which the provider shows")
		}
		key, err := parseDER(block.Bytes)
		if err != nil {
			return nil, err
		}
		if keys = append(keys, publicKey{PublicKey: key}); len(keys) > maxKeys {
			break
		}
	}
	return checkKeys(keys...)
}

// parseDER reads a PKIX key, a PKCS #1 RSA key or an X.509 certificate. Only the key of
// a certificate counts: the place where it was found vouches for it.
func parseDER(der []byte) (crypto.PublicKey, error) {
	if key, err := x509.ParsePKIXPublicKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return key, nil
	}
	if cert, err := x509.ParseCertificate(der); err == nil {
		return cert.PublicKey, nil
	}
	return nil, errNotPublicKey
}

// parseJWKs reads a JWK set or one JWK. It skips keys of a set that cannot verify
// signatures, since sets often contain others.
func parseJWKs(text string) ([]publicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if !validJSON(text) || json.Unmarshal([]byte(text), &set) != nil {
		return nil, errors.New("the JWK is not JSON")
	}
	if set.Keys == nil {
		key, err := parseJWK([]byte(text))
		if err != nil {
			return nil, err
		}
		return checkKeys(key)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("a set of more than %d keys", maxKeys)
	}
	var keys []publicKey
	for _, raw := range set.Keys {
		if key, err := parseJWK(raw); err == nil && checkKey(key.PublicKey) == nil {
			keys = append(keys, key)
		}
	}
	return checkKeys(keys...)
}

func parseJWK(raw []byte) (publicKey, error) {
	var key jose.JSONWebKey
	switch err := key.UnmarshalJSON(raw); {
	case err != nil:
		return publicKey{}, errNotPublicKey
	case !key.IsPublic():
		return publicKey{}, errors.New("the JWK is a private or a symmetric key; paste the public one")
	case key.Use == "enc", !forVerifying(raw):
		return publicKey{}, errors.New("the JWK is for other things than verifying signatures")
	}
	return publicKey{PublicKey: key.Key, id: key.KeyID, alg: key.Algorithm}, nil
}

// forVerifying reports whether a JWK's key_ops, if it has any, allow verifying.
func forVerifying(raw []byte) bool {
	ops := gjson.GetBytes(raw, "key_ops")
	return !ops.Exists() || slices.ContainsFunc(ops.Array(), func(op gjson.Result) bool { return op.Str == "verify" })
}

// checkKeys fails if there are no keys, too many, or a weak one.
func checkKeys(keys ...publicKey) ([]publicKey, error) {
	if len(keys) == 0 {
		return nil, errNotPublicKey
	}
	if len(keys) > maxKeys {
		return nil, fmt.Errorf("more than %d keys", maxKeys)
	}
	for _, k := range keys {
		if err := checkKey(k.PublicKey); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// parseKeyDocument reads a document in which a provider publishes its keys.
func parseKeyDocument(format, path string, document []byte) ([]publicKey, error) {
	switch format {
	case "pem":
		return parsePEM(document)
	case "json":
		if !validJSON(stringOf(document)) {
			return nil, errors.New("it is not JSON")
		}
		found := gjson.GetBytes(document, path)
		if found.Type == gjson.String {
			return parsePublicKeys(found.Str)
		}
		return parseJWKs(found.Raw)
	}
	document = bytes.TrimSpace(document)
	if len(document) == 0 || document[0] != '{' {
		return nil, errors.New("it is not a JWK set")
	}
	return parseJWKs(string(document))
}

// checkKey fails on a public key under which a signature proves nothing.
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

// checkEd25519 fails on a key that is no point of the curve, and on one of small order.
// Under such a key anybody can make a signature that holds for many messages.
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

// parsePrivateKey reads a private key, with which requests are signed for tests
// and for local development.
func parsePrivateKey(text string) (crypto.Signer, error) {
	errNot := errors.New("to sign, the provider's private key is needed, in PEM; " +
		"for tests make a pair of your own and give the endpoint its public key")
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errNot
	}
	var key any
	var err error
	if key, err = x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		if key, err = x509.ParseECPrivateKey(block.Bytes); err != nil {
			if key, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
				return nil, errNot
			}
		}
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, nil
	case *ecdsa.PrivateKey:
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, errNot
}

// looksPublic reports whether a text is meant as a public key. A bare Ed25519 key does
// not count, because it looks like any 32 bytes.
func looksPublic(secret string) bool {
	if strings.Contains(secret, "-----BEGIN ") {
		return true
	}
	if keys, err := parsePublicKeys(secret); err == nil {
		return !keys[0].bare
	}
	_, err := parseDER(bytesOf(secret))
	return err == nil
}

// suits reports whether a key is for an algorithm.
func (k publicKey) suits(a jose.SignatureAlgorithm) bool {
	// Ed25519 is EdDSA's new name (RFC 9864).
	if k.alg != "" && k.alg != string(a) && (k.alg != "Ed25519" || a != jose.EdDSA) {
		return false
	}
	switch key := k.PublicKey.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(string(a), "RS")
	case *ecdsa.PublicKey:
		return a == jose.ES256 && key.Curve == elliptic.P256() ||
			a == jose.ES384 && key.Curve == elliptic.P384() ||
			a == jose.ES512 && key.Curve == elliptic.P521()
	case ed25519.PublicKey:
		return a == jose.EdDSA
	}
	return false
}

var algorithmNames = map[string]string{"ed25519": "Ed25519", "ecdsa": "ECDSA", "rsa": "RSA"}

func algorithmOf(key crypto.PublicKey) string {
	switch key.(type) {
	case ed25519.PublicKey:
		return "ed25519"
	case *ecdsa.PublicKey:
		return "ecdsa"
	}
	return "rsa"
}
