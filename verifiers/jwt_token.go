package verifiers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/tidwall/gjson"
)

// jsonToken is a parsed token that is not verified yet.
type jsonToken struct {
	algorithm jose.SignatureAlgorithm
	keyID     string
	payload   []byte
	signature []byte
	signed    []byte // what the signature covers
}

// The members of a token's header that count. The others are ignored.
const (
	headerAlg = iota
	headerKid
	headerNonce
	headerCrit
	headerB64
	headerJWK
	headerX5C
)

var tokenHeader = func() *jsonPaths {
	paths := &jsonPaths{}
	for _, name := range []string{"alg", "kid", "nonce", "crit", "b64", "jwk", "x5c"} {
		paths.addPath(name)
	}
	return paths
}()

// parse parses a token. It stores the claims in in, so that they can select the key.
func (v *jwtVerifier) parse(in *reading, text string) (t jsonToken, err error) {
	header, t, err := t.split(text, v.detached != nil)
	if err != nil {
		return t, err
	}
	if v.detached != nil {
		if t.payload, err = v.payload(in); err != nil {
			return t, err
		}
	}
	encoded, err := t.readHeader(stringOf(header), text, v)
	if err != nil {
		return t, err
	}
	if v.detached != nil {
		t.signed, err = t.detachedContent(in, text, encoded)
		return t, err
	}
	t.signed = bytesOf(text[:strings.LastIndexByte(text, '.')])
	if !uniqueJSON(stringOf(t.payload)) {
		return t, refuse(MalformedSignature, "the token's claims are not a JSON object, or one is there twice")
	}
	in.claims = stringOf(t.payload)
	return t, nil
}

// readHeader reads the token's header. It reports whether the payload is signed in
// base64, as it is unless the header has the extension b64 (RFC 7797).
func (t *jsonToken) readHeader(header, text string, v *jwtVerifier) (encoded bool, err error) {
	var found [headerX5C + 1]jsonFound
	if !uniqueJSON(header) || !tokenHeader.find(header, found[:]) {
		return false, refuse(MalformedSignature, "it is not a JSON web token")
	}
	for _, i := range []int{headerAlg, headerKid, headerNonce} {
		if raw := found[i].raw; raw != "" && raw != "null" && raw[0] != '"' {
			return false, refuse(MalformedSignature, "it is not a JSON web token")
		}
	}
	t.algorithm = jose.SignatureAlgorithm(headerText(found[headerAlg].raw))
	t.keyID = headerText(found[headerKid].raw)
	if !slices.Contains(v.algorithms, t.algorithm) {
		return false, refuse(MalformedSignature, "the token's algorithm is none of %s", v.algorithms)
	}
	if found[headerJWK].raw != "" || found[headerX5C].raw != "" {
		// Keys in the token are ignored, but have to be keys.
		first, _, _ := strings.Cut(text, ".")
		if _, err := jose.ParseSignedCompact(first+".."+first, v.algorithms); err != nil {
			return false, refuse(MalformedSignature, "it is not a JSON web token")
		}
	}
	// The one extension there is (RFC 7797) is for payloads that are detached.
	crit, b64 := found[headerCrit].raw, found[headerB64].raw
	if (crit != "") != (b64 != "") || b64 != "" && v.detached == nil {
		return false, refuse(MalformedSignature, "the token has a critical header that is not known here")
	}
	if crit != "" && !onlyB64(crit) {
		return false, refuse(WrongSignature, "the token has a critical header that is not known here")
	}
	return b64 != "false", nil
}

// headerText returns a string of the header, unescaped. It is empty if there is none.
func headerText(raw string) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if raw = raw[1 : len(raw)-1]; strings.IndexByte(raw, '\\') >= 0 {
		return stringOf(appendUnescaped(nil, raw))
	}
	return raw
}

// onlyB64 reports whether critical headers are a list with nothing but b64.
func onlyB64(crit string) bool {
	if crit[0] != '[' {
		return false
	}
	only := true
	Members(crit, func(_, item string) bool {
		only = headerText(item) == "b64"
		return only
	})
	return only
}

// detachedContent returns what the signature of a detached token covers.
func (t *jsonToken) detachedContent(in *reading, text string, encoded bool) ([]byte, error) {
	header, _, _ := strings.Cut(text, ".")
	size := len(header) + 1 + len(t.payload)
	if encoded {
		size = len(header) + 1 + base64.RawURLEncoding.EncodedLen(len(t.payload))
	}
	if !in.grow(size) {
		return nil, in.fault
	}
	b := append(append(make([]byte, 0, size), header...), '.')
	if encoded {
		return base64.RawURLEncoding.AppendEncode(b, t.payload), nil
	}
	return append(b, t.payload...), nil
}

// split splits the compact form strictly, so that a token has one spelling.
func (jsonToken) split(text string, detached bool) (header []byte, t jsonToken, err error) {
	first, rest, _ := strings.Cut(text, ".")
	second, third, whole := strings.Cut(rest, ".")
	if !whole || strings.IndexByte(third, '.') >= 0 || first == "" || third == "" || (second == "") != detached {
		return nil, t, refuse(MalformedSignature, "it is not a JSON web token in its compact form")
	}
	// One buffer holds the three parts. It is as large as they are encoded, and never grows.
	all := make([]byte, 0, len(text))
	var decoded [3][]byte
	for i, part := range [...]string{first, second, third} {
		start := len(all)
		var ok bool
		if all, ok = decodeBase64(all, strictURL, part); !ok {
			return nil, t, refuse(MalformedSignature, "it is not a JSON web token: a part is not base64url")
		}
		decoded[i] = all[start:len(all):len(all)]
	}
	t.payload, t.signature = decoded[1], decoded[2]
	return decoded[0], t, nil
}

// payload makes the payload of a detached token.
func (v *jwtVerifier) payload(in *reading) ([]byte, error) {
	if v.facts.time != nil {
		in.timestamp, _ = v.facts.time.in(in)
	}
	for _, p := range v.facts.ids {
		if id, ok := p.in(in); ok {
			in.id = id
			break
		}
	}
	in.repeated = false
	payload := contentBuffer{in, []byte{}} // which is not no payload
	if absent := v.detached.writeTo(&payload, in); absent != nil {
		return nil, absence(in, absent)
	}
	return payload.b, in.fault
}

// madeBy reports whether the owner of a public key made the token.
func (t jsonToken) madeBy(k publicKey) bool {
	if !k.suits(t.algorithm) {
		return false
	}
	hash := tokenHashes[t.algorithm]
	switch key := k.PublicKey.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(key, t.signed, t.signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, hash, digestOf(hash, t.signed), t.signature) == nil
	case *ecdsa.PublicKey:
		half := (key.Curve.Params().BitSize + 7) / 8 // RFC 7518: two numbers of fixed length
		if len(t.signature) != 2*half {
			return false
		}
		r, s := new(big.Int).SetBytes(t.signature[:half]), new(big.Int).SetBytes(t.signature[half:])
		return ecdsa.Verify(key, digestOf(hash, t.signed), r, s)
	}
	return false
}

// madeWith reports whether the token was made with a shared secret.
func (t jsonToken) madeWith(mac []byte) bool {
	return hashed(t.algorithm) && sharedKey(mac).VerifyPayload(t.signed, t.signature, t.algorithm) == nil
}

func digestOf(hash crypto.Hash, b []byte) []byte {
	h := hash.New()
	h.Write(b)
	return h.Sum(nil)
}

var tokenHashes = map[jose.SignatureAlgorithm]crypto.Hash{
	jose.HS256: crypto.SHA256, jose.HS384: crypto.SHA384, jose.HS512: crypto.SHA512,
	jose.RS256: crypto.SHA256, jose.RS384: crypto.SHA384, jose.RS512: crypto.SHA512,
	jose.ES256: crypto.SHA256, jose.ES384: crypto.SHA384, jose.ES512: crypto.SHA512,
}

// numericDate returns a claim that is a time in seconds, or the zero time where
// there is none.
func (in *reading) numericDate(claim string) (time.Time, error) {
	found := gjson.Get(in.claims, claim)
	if !found.Exists() {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseFloat(found.Raw, 64)
	if found.Type != gjson.Number || err != nil || seconds < 1 || seconds > lastSecond {
		return time.Time{}, refuse(MalformedSignature, "the token's claim %s is not a time in seconds", claim)
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*float64(time.Second))), nil
}

// claimHash is a compiled [ClaimHash].
type claimHash struct {
	ClaimHash
	hash     func() hash.Hash
	encoding encoding
}

// compile returns nil where no claim is named.
func (c ClaimHash) compile() (*claimHash, error) {
	if c.Claim == "" {
		if c != (ClaimHash{}) {
			return nil, errors.New("it lacks the name of the claim")
		}
		return nil, nil
	}
	if _, err := jsonPath(c.Claim); err != nil {
		return nil, err
	}
	compiled := &claimHash{ClaimHash: c}
	var err error
	if compiled.hash, err = hashOf(c.Hash); err != nil {
		return nil, err
	}
	compiled.encoding, err = encodingOf(c.Encoding)
	return compiled, err
}

// check compares the claim with the hash of its part of the request.
func (c *claimHash) check(in *reading, part, what string) error {
	if c == nil {
		return nil
	}
	claim := gjson.Get(in.claims, c.Claim)
	if !claim.Exists() {
		if part == "" && c.Optional {
			return nil
		}
		return refuse(WrongSignature, "the token has no claim %s, so it vouches for no %s", c.Claim, what)
	}
	sum, ok := c.encoding.decode(nil, claim.Str)
	if !ok || !hmac.Equal(sum, c.sum(part)) {
		return refuse(WrongSignature, "the token's claim %s is the hash of another %s", c.Claim, what)
	}
	return nil
}

func (c *claimHash) sum(part string) []byte {
	h := c.hash()
	h.Write(bytesOf(part))
	return h.Sum(nil)
}

// set adds the hash of a part of the request.
func (c *claimHash) set(claims map[string]any, part string) {
	if c != nil && (part != "" || !c.Optional) {
		setClaim(claims, c.Claim, c.encoding.encode(c.sum(part)))
	}
}

// jwtAlgorithms are those that a scheme may allow. There is no "none".
var jwtAlgorithms = []jose.SignatureAlgorithm{
	jose.HS256, jose.HS384, jose.HS512,
	jose.RS256, jose.RS384, jose.RS512,
	jose.ES256, jose.ES384, jose.ES512,
	jose.EdDSA,
}

// hashed reports whether an algorithm uses a shared secret.
func hashed(a jose.SignatureAlgorithm) bool { return strings.HasPrefix(string(a), "HS") }

// secret makes a key from a pasted secret.
func (j JWT) secret(allowed []jose.SignatureAlgorithm, secret string) (jwtSecret, error) {
	shared := slices.ContainsFunc(allowed, hashed)
	public := slices.ContainsFunc(allowed, func(a jose.SignatureAlgorithm) bool { return !hashed(a) })
	keys, notPublic := parsePublicKeys(secret)
	if !shared || public && looksPublic(secret) {
		if notPublic != nil {
			return jwtSecret{}, notPublic
		}
		for _, k := range keys {
			if !slices.ContainsFunc(allowed, k.suits) {
				return jwtSecret{}, fmt.Errorf("a key that none of the algorithms %s can use", j.Algorithms)
			}
		}
		return jwtSecret{keys: keys}, nil
	}
	mac, err := j.Secret.pasted(secret)
	switch {
	case err != nil:
		return jwtSecret{}, err
	case looksPublic(secret) || looksPublic(string(mac)):
		return jwtSecret{}, errors.New("it is a public key, with which anybody could sign; " +
			"paste the secret that is shared with the provider")
	}
	return jwtSecret{mac: mac}, nil
}

// sharedKey signs and verifies HS. The library insists on keys as long as the hash, but
// providers choose the length of theirs.
type sharedKey []byte

// SignPayload makes a signature.
func (k sharedKey) SignPayload(payload []byte, a jose.SignatureAlgorithm) ([]byte, error) {
	hash := tokenHashes[a]
	if !hashed(a) || hash == 0 {
		return nil, jose.ErrUnsupportedAlgorithm
	}
	mac := hmac.New(hash.New, k)
	mac.Write(payload)
	return mac.Sum(nil), nil
}

// VerifyPayload checks one, in constant time.
func (k sharedKey) VerifyPayload(payload, signature []byte, a jose.SignatureAlgorithm) error {
	want, err := k.SignPayload(payload, a)
	if err == nil && !hmac.Equal(signature, want) {
		err = jose.ErrCryptoFailure
	}
	return err
}

// Public and Algs make it a [jose.OpaqueSigner].
func (k sharedKey) Public() *jose.JSONWebKey { return nil }

func (k sharedKey) Algs() []jose.SignatureAlgorithm { return jwtAlgorithms[:3] }
