package verifiers_test

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
)

// wycheproof is a reduced file of Project Wycheproof's; see
// testdata/wycheproof/README.md.
type wycheproof struct {
	Groups []struct {
		TagSize int             // bits of a MAC
		SHA     string          // where the file has several hashes
		PEM     string          // the public key
		Comment string          // of web signatures
		JWK     json.RawMessage // their key or keys
		Tests   []wycheproofTest
	}
}

type wycheproofTest struct {
	TcID                        int
	Comment, Key, Msg, Sig, JWS string
	Flags                       []string
	Result                      string
}

func readWycheproof(t *testing.T, name string) (w wycheproof) {
	t.Helper()
	f, err := os.Open("testdata/wycheproof/" + name + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(text).Decode(&w); err != nil {
		t.Fatal(err)
	}
	return w
}

// acceptable has our decision for each flag of a vector whose result Wycheproof
// leaves open.
var acceptable = map[string]bool{
	// PKCS #1 wants the NULL, and no provider is known to leave it out.
	"MissingNull": false,
	// SHA-1: a row has to ask for it, and does so where the provider has nothing else.
	"WeakHash": true,
	// The exponent 3 is weak only where padding is checked loosely.
	"SmallPublicKey": true,
}

// wants reports whether a vector has to be accepted.
func (w wycheproofTest) wants(t *testing.T) bool {
	if w.Result != "acceptable" {
		return w.Result == "valid"
	}
	for _, flag := range w.Flags {
		accept, decided := acceptable[flag]
		if !decided {
			t.Errorf("test %d: nobody decided on %s", w.TcID, flag)
		}
		if !accept {
			return false
		}
	}
	return true
}

// check sends a vector as a webhook request.
func (w wycheproofTest) check(t *testing.T, v verifiers.Verifier, sig, body string, want bool) {
	t.Helper()
	r := &verifiers.Request{Method: "POST", URL: "https://hooks.example.com/in", Header: http.Header{"X-Sig": {sig}}, Body: []byte(body)}
	_, err := v.Verify(t.Context(), r)
	switch reason := verifiers.ReasonOf(err); {
	case (err == nil) != want:
		t.Errorf("test %d (%s, %s): %v", w.TcID, w.Comment, w.Result, err)
	case err != nil && reason != verifiers.WrongSignature && reason != verifiers.MalformedSignature && reason != verifiers.MissingSignature:
		t.Errorf("test %d (%s): the reason is %v", w.TcID, w.Comment, err)
	}
}

func TestWycheproofHMAC(t *testing.T) {
	sizes := map[string]int{"sha1": 160, "sha256": 256, "sha384": 384, "sha512": 512}
	for hash, size := range sizes {
		for _, g := range readWycheproof(t, "hmac_"+hash).Groups {
			for _, test := range g.Tests {
				v, err := verifiers.HMAC{
					Hash:      hash,
					Signature: verifiers.Signature{Names: []string{"X-Sig"}},
					Secret:    verifiers.SecretFormat{Encoding: "hex"},
					Content:   "{body}",
				}.Verifier(test.Key)
				if err != nil {
					t.Errorf("test %d: %v", test.TcID, err)
					continue
				}
				// A tag cut to half is easier to guess, and no provider sends one.
				test.check(t, v, test.Sig, unhex(t, test.Msg), test.wants(t) && g.TagSize == size)
			}
		}
	}
}

func TestWycheproofPublicKey(t *testing.T) {
	for file, scheme := range map[string]verifiers.PublicKey{
		"ed25519":                   {Algorithm: "ed25519"},
		"ecdsa_secp256r1_sha256":    {Algorithm: "ecdsa"},
		"ecdsa_secp256r1_sha512":    {Algorithm: "ecdsa", Hash: "sha512"},
		"ecdsa_secp384r1_sha256":    {Algorithm: "ecdsa", Hash: "sha256"},
		"ecdsa_secp384r1_sha384":    {Algorithm: "ecdsa", Hash: "sha384"},
		"ecdsa_secp384r1_sha512":    {Algorithm: "ecdsa", Hash: "sha512"},
		"ecdsa_secp521r1_sha512":    {Algorithm: "ecdsa", Hash: "sha512"},
		"rsa_signature_2048_sha256": {Algorithm: "rsa"},
		"rsa_signature_2048_sha384": {Algorithm: "rsa", Hash: "sha384"},
		"rsa_signature_2048_sha512": {Algorithm: "rsa", Hash: "sha512"},
		"rsa_signature_3072_sha256": {Algorithm: "rsa"},
		"rsa_signature_4096_sha512": {Algorithm: "rsa", Hash: "sha512"},
		"rsa_pkcs1_2048_sig_gen":    {Algorithm: "rsa"},
	} {
		t.Run(file, func(t *testing.T) {
			for _, g := range readWycheproof(t, file).Groups {
				if g.SHA != "" {
					scheme.Hash = strings.ToLower(strings.ReplaceAll(g.SHA, "-", ""))
				}
				for _, encoding := range []string{"hex", "base64"} {
					scheme.Signature = verifiers.Signature{Names: []string{"X-Sig"}, Encoding: encoding}
					scheme.Content = "{body}"
					v, err := scheme.Verifier(g.PEM)
					if err != nil {
						t.Errorf("%v: %s", err, g.PEM)
						continue
					}
					for _, test := range g.Tests {
						sig := test.Sig
						if encoding == "base64" {
							sig = base64.StdEncoding.EncodeToString([]byte(unhex(t, sig)))
						}
						test.check(t, v, sig, unhex(t, test.Msg), test.wants(t))
					}
				}
			}
		})
	}
}

// zeroKey is a shared key of zeros, which is refused: anybody could sign with it.
var zeroKey = regexp.MustCompile(`"k":\s*"A+=*"`)

// The vectors' payloads are hardly ever claims, so each web signature is checked
// twice: as it is, where nothing but claims is accepted, and with its payload
// moved to the body.
func TestWycheproofJSONWebSignature(t *testing.T) {
	for _, g := range readWycheproof(t, "json_web_signature").Groups {
		for _, test := range g.Tests {
			attached, detached := webSignatures(t, g.JWK)
			if attached == nil {
				if test.Result == "valid" && !strings.Contains(string(g.JWK), `"alg":"PS`) && !strings.Contains(string(g.JWK), `"ES521"`) &&
					!zeroKey.Match(g.JWK) {
					t.Errorf("test %d (%s %s): its key is refused", test.TcID, g.Comment, test.Comment)
				}
				continue
			}
			test.check(t, attached, test.JWS, "", false)
			parts := strings.Split(test.JWS, ".")
			if len(parts) != 3 {
				continue
			}
			payload, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
			if err != nil {
				continue
			}
			want := test.wants(t)
			switch test.TcID {
			case 367, 370: // the same token as 357, which is valid: https://github.com/C2SP/wycheproof/issues/236
				want = true
			case 372, 373: // a question mark among base64url; RFC 7515 has no room for it
				want = false
			}
			test.check(t, detached, parts[0]+".."+parts[2], string(payload), want)
		}
	}
}

// webSignatures makes verifiers for a key of a group, if the scheme takes it: for
// tokens with their payload, and for those without.
func webSignatures(t *testing.T, jwk json.RawMessage) (attached, detached verifiers.Verifier) {
	t.Helper()
	var key struct{ Kty, K, Alg string }
	if err := json.Unmarshal(jwk, &key); err != nil {
		t.Fatal(err)
	}
	scheme := verifiers.JWT{Names: []string{"X-Sig"}, Algorithms: []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"}}
	secret := string(jwk)
	if key.Kty == "oct" {
		scheme.Algorithms = []string{"HS256", "HS384", "HS512"}
		if slices.Contains(scheme.Algorithms, key.Alg) {
			scheme.Algorithms = []string{key.Alg} // which the row has to say: a secret does not
		}
		scheme.Secret.Encoding, secret = "base64", key.K
	}
	attached, err := scheme.Verifier(secret)
	if err != nil {
		return nil, nil
	}
	scheme.Detached = "{body}"
	if detached, err = scheme.Verifier(secret); err != nil {
		t.Fatal(err)
	}
	return attached, detached
}

// jsonWebKeys lists the verdicts that differ from Wycheproof's. How good its keys are
// is the provider's to decide; a gateway that refused them would refuse events.
var jsonWebKeys = map[int]string{
	4:  "secrets have no key ID unless the endpoint names them, and any of several may have signed",
	7:  "a key of a flawed generator is the provider's to replace",
	8:  "1024 bits, which old providers never changed",
	10: "short shared keys are the provider's choice", 11: "the same", 12: "the same",
	25: "a shared secret is pasted as it is, without saying what it is for", 26: "the same",
}

// A set of public keys is one secret. Shared keys are a secret each.
func TestWycheproofJSONWebKey(t *testing.T) {
	for _, g := range readWycheproof(t, "json_web_key").Groups {
		var set struct {
			Keys []struct{ Kty, K, Alg string }
		}
		if err := json.Unmarshal(g.JWK, &set); err != nil {
			t.Fatal(err)
		}
		scheme := verifiers.JWT{Names: []string{"X-Sig"}, Detached: "{body}", Algorithms: []string{
			"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA",
		}}
		secrets := []string{string(g.JWK)}
		if !strings.Contains(string(g.JWK), `"kty":"EC"`) && !strings.Contains(string(g.JWK), `"kty":"RSA"`) {
			secrets = nil
			for _, key := range set.Keys {
				secrets = append(secrets, key.K)
			}
			scheme.Algorithms, scheme.Secret.Encoding = scheme.Algorithms[:3], "base64"
		}
		v, err := scheme.Verifier(secrets...)
		for _, test := range g.Tests {
			if _, differs := jsonWebKeys[test.TcID]; differs {
				test.Result = map[string]string{"valid": "invalid", "invalid": "valid"}[test.Result]
			}
			if err != nil {
				if test.wants(t) {
					t.Errorf("test %d (%s): %v", test.TcID, test.Comment, err)
				}
				continue
			}
			parts := strings.Split(test.JWS, ".")
			payload, err := base64.RawURLEncoding.DecodeString(parts[1])
			if err != nil {
				t.Fatal(err)
			}
			test.check(t, v, parts[0]+".."+parts[2], string(payload), test.wants(t))
		}
	}
}

func unhex(t *testing.T, text string) string {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
