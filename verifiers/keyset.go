package verifiers

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
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

// publicKey is an *rsa.PublicKey, an *ecdsa.PublicKey or an ed25519.PublicKey,
// and what the document it stands in says about it.
type publicKey struct {
	crypto.PublicKey
	id   string // of a JWK; empty elsewhere
	alg  string // the only algorithm of JSON web signatures that it is for; empty: any
	bare bool   // 32 bytes without a form: other things look like that too
}

var errNotPublicKey = errors.New("it is not a public key; paste PEM, a certificate, DER in base64, a JWK, " +
	"or the 32 bytes of an Ed25519 key in hex or base64")

// parsePublicKeys reads what a user pastes for a public key: PEM, of which there
// may be several, DER in base64, a JWK or a JWK set, or a bare Ed25519 key. There
// is at least one key if there is no error. Errors show nothing of the text.
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
	raw, err := decodeAnyBase64(text)
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

// decodeAnyBase64 takes either alphabet, padded or not, on one line or several.
func decodeAnyBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/", "\n", "", "\r", "").Replace(text)
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
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

// parseDER reads a PKIX key, a PKCS #1 RSA key or an X.509 certificate, of which
// only the key counts: who may vouch for it is known from where it was found.
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

// parseJWKs reads a JWK set or one JWK. Keys of a set that cannot verify
// anything are passed over: sets often have others beside.
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

// forVerifying tells whether a JWK's key_ops, if it has any, allow that.
func forVerifying(raw []byte) bool {
	ops := gjson.GetBytes(raw, "key_ops")
	return !ops.Exists() || slices.ContainsFunc(ops.Array(), func(op gjson.Result) bool { return op.Str == "verify" })
}

// checkKeys fails where there are no keys, too many, or one that nobody should
// rely on.
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
