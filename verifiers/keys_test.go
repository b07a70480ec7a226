package verifiers

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestKeySetForms(t *testing.T) {
	ed := edKey(t)
	raw := []byte(ed.Public().(ed25519.PublicKey))
	_, edPEM := pair(t, ed)
	_, rsaPEM := pair(t, rsaKey(t, 2048))
	_, tiny := pair(t, rsaKey(t, 1024))
	private, _ := pair(t, ed)
	der, _ := pem.Decode([]byte(edPEM))
	jwk := func(key any, more string) string {
		text, err := jose.JSONWebKey{Key: key, KeyID: "k1"}.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Replace(string(text), "{", "{"+more, 1)
	}
	public := jwk(ed.Public(), "")
	symmetric := jwk([]byte("secret"), "")
	secp256k1 := `{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`
	offCurve := `{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`
	for name, test := range map[string]struct {
		text string
		n    int
	}{
		"PEM":                     {edPEM, 1},
		"PEM without line breaks": {strings.ReplaceAll(edPEM, "\n", `\n`), 1},
		"two PEM":                 {edPEM + rsaPEM, 2},
		"a small RSA key":         {tiny, 1},
		"DER in base64":           {base64.StdEncoding.EncodeToString(der.Bytes), 1},
		"DER in base64url":        {b64.EncodeToString(der.Bytes), 1},
		"bare in hex":             {hex.EncodeToString(raw), 1},
		"bare in upper-case hex":  {strings.ToUpper(hex.EncodeToString(raw)), 1},
		"bare in base64":          {base64.StdEncoding.EncodeToString(raw), 1},
		"white space around":      {" " + edPEM + "\n\n", 1},
		"JWK":                     {public, 1},
		"JWK for signatures":      {jwk(ed.Public(), `"use":"sig",`), 1},
		"JWK for encryption":      {jwk(ed.Public(), `"use":"enc",`), 0},
		"private JWK":             {jwk(ed, ""), 0},
		"symmetric JWK":           {symmetric, 0},
		"JWKS":                    {`{"keys":[` + public + `]}`, 1},
		"JWKS with others": {`{"keys":[` + strings.Join([]string{symmetric, secp256k1, offCurve, jwk(ed, ""), jwk(ed.Public(), `"use":"enc",`),
			`null`, `1`, `{}`, `{"kty":"RSA","n":"AA","e":"AQAB"}`, `{"kty":"OKP","crv":"X25519","x":"AA"}`, public}, ",") + `]}`, 1},
		"JWKS of none":      {`{"keys":[]}`, 0},
		"JWKS of others":    {`{"keys":[` + symmetric + `]}`, 0},
		"JWKS of too many":  {`{"keys":[` + strings.Repeat(public+",", maxKeys) + public + `]}`, 0},
		"broken JWKS":       {`{"keys":[` + public, 0},
		"JWKS of a string":  {`{"keys":"x"}`, 0},
		"private PEM":       {private, 0},
		"garbage PEM":       {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", 0},
		"a PEM of nothing":  {"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", 0},
		"a broken PEM":      {edPEM[:60], 0},
		"nothing":           {"", 0},
		"a word":            {"hello", 0},
		"33 bytes":          {base64.StdEncoding.EncodeToString(append(raw, 0)), 0},
		"more than is fair": {strings.Repeat(" ", maxKeyDocument+1), 0},
	} {
		keys, err := parsePublicKeys(test.text)
		if len(keys) != test.n || (err == nil) != (test.n > 0) {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
	}
}

func TestKeyDocuments(t *testing.T) {
	ed := edKey(t)
	_, text := pair(t, ed)
	jwk, _ := jose.JSONWebKey{Key: ed.Public(), KeyID: "k1"}.MarshalJSON()
	for _, test := range []struct {
		format, path, document string
		ok                     bool
	}{
		{"jwks", "", `{"keys":[` + string(jwk) + `]}`, true},
		{"", "", string(jwk), true},
		{"", "", text, false},
		{"", "", "<html>", false},
		{"", "", "", false},
		{"pem", "", text, true},
		{"pem", "", string(jwk), false},
		{"json", "data.key", fmt.Sprintf(`{"data":{"key":%q}}`, text), true},
		{"json", "data.key", `{"data":{"key":` + string(jwk) + `}}`, true},
		{"json", "data.key", `{"data":{}}`, false},
		{"json", "data.key", `{"data":{"key":1}}`, false},
		{"json", "data.key", `{"data":`, false},
	} {
		if _, err := parseKeyDocument(test.format, test.path, []byte(test.document)); (err == nil) != test.ok {
			t.Errorf("%q %q %.40q: %v", test.format, test.path, test.document, err)
		}
	}
}
