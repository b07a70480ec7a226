package verifiers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

var b64 = base64.RawURLEncoding

// hs256 makes a token by hand, with any header and payload.
func hs256(header, payload, key string) string {
	signed := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload))
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(signed))
	return signed + "." + b64.EncodeToString(mac.Sum(nil))
}

const (
	jwtSecretText = "s3cret"
	jwtHeader     = `{"alg":"HS256","typ":"JWT"}`
)

// pair makes a key pair for tests: the private key and the public one, in PEM.
func pair(t testing.TB, key crypto.Signer) (private, public string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}))
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// ask sends a token in the header Token.
func ask(t testing.TB, v Verifier, token, body string) (Event, string) {
	t.Helper()
	r := &Request{Method: "POST", URL: "https://hooks.example.com/in?a=b", Body: []byte(body), Header: http.Header{"Token": {token}}}
	ev, err := v.Verify(t.Context(), r)
	if err == nil {
		return ev, "accepted"
	}
	reason := ReasonOf(err)
	if reason == "" {
		t.Errorf("an error without a reason: %v", err)
	}
	return ev, string(reason)
}

func TestJWTForms(t *testing.T) {
	v := mustVerifier(t, JWT{Names: []string{"Token"}, Algorithms: []string{"HS256"}}, jwtSecretText)
	good := hs256(jwtHeader, `{"a":1}`, jwtSecretText)
	parts := strings.Split(good, ".")
	none := func(alg string) string {
		return b64.EncodeToString([]byte(`{"alg":"`+alg+`"}`)) + "." + parts[1] + "."
	}
	for _, test := range []struct{ name, token, want string }{
		{"good", good, "accepted"},
		{"other claims", parts[0] + "." + b64.EncodeToString([]byte(`{"a":2}`)) + "." + parts[2], "wrong_signature"},
		{"other secret", hs256(jwtHeader, `{"a":1}`, "s3cret2"), "wrong_signature"},
		{"other algorithm", hs256(`{"alg":"HS384"}`, `{"a":1}`, jwtSecretText), "malformed_signature"},
		{"none", none("none"), "malformed_signature"},
		{"None", none("None"), "malformed_signature"},
		{"nOnE", none("nOnE"), "malformed_signature"},
		{"NONE", none("NONE"), "malformed_signature"},
		{"none with a signature", hs256(`{"alg":"none"}`, `{"a":1}`, jwtSecretText), "malformed_signature"},
		{"none, signed with nothing", hs256(`{"alg":"HS256"}`, `{"a":1}`, ""), "wrong_signature"},
		{"empty algorithm", hs256(`{"alg":""}`, `{"a":1}`, jwtSecretText), "malformed_signature"},
		{"no algorithm", hs256(`{}`, `{"a":1}`, jwtSecretText), "malformed_signature"},
		{"lower-case algorithm", hs256(`{"alg":"hs256"}`, `{"a":1}`, jwtSecretText), "malformed_signature"},
		{"two algorithms", hs256(`{"alg":"HS256","alg":"none"}`, `{"a":1}`, jwtSecretText), "malformed_signature"},
		{"algorithm of another kind", hs256(`{"alg":["HS256"]}`, `{"a":1}`, jwtSecretText), "malformed_signature"},
		{"nothing", "", "missing_signature"},
		{"no dots", "abc", "malformed_signature"},
		{"only dots", "..", "malformed_signature"},
		{"two parts", parts[0] + "." + parts[1], "malformed_signature"},
		{"four parts", good + ".", "malformed_signature"},
		{"five parts, as if encrypted", good + ".a.b", "malformed_signature"},
		{"no header", "." + parts[1] + "." + parts[2], "malformed_signature"},
		{"no claims", parts[0] + ".." + parts[2], "malformed_signature"},
		{"no signature", parts[0] + "." + parts[1] + ".", "malformed_signature"},
		{"half a signature", good[:len(good)-20], "wrong_signature"},
		{"a padded part", parts[0] + "." + parts[1] + "." + parts[2] + "=", "malformed_signature"},
		{"the other alphabet", good + "+", "malformed_signature"},
		{"white space in front", " " + good, "malformed_signature"},
		{"white space behind", good + " ", "malformed_signature"},
		{"a line break inside", parts[0] + ".\n" + parts[1] + "." + parts[2], "malformed_signature"},
		{"spare bits that are set", spareBits(good), "malformed_signature"},
		{"JSON serialisation", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, "malformed_signature"},
		{"too long", good + strings.Repeat("A", maxSignatureValue), "malformed_signature"},
		{"claims that are a list", hs256(jwtHeader, `[1]`, jwtSecretText), "malformed_signature"},
		{"claims that are null", hs256(jwtHeader, `null`, jwtSecretText), "malformed_signature"},
		{"claims that are no JSON", hs256(jwtHeader, `{"a":1,}`, jwtSecretText), "malformed_signature"},
		{"a claim that is there twice", hs256(jwtHeader, `{"a":1,"a":2}`, jwtSecretText), "malformed_signature"},
		{"a claim that is there twice, escaped", hs256(jwtHeader, `{"a":1,"\u0061":2}`, jwtSecretText), "malformed_signature"},
		{"deep claims", hs256(jwtHeader, strings.Repeat("[", 4000)+strings.Repeat("]", 4000), jwtSecretText), "malformed_signature"},
		{"critical header", hs256(`{"alg":"HS256","crit":["x"],"x":1}`, `{"a":1}`, jwtSecretText), "malformed_signature"},
		{"critical header of the standard", hs256(`{"alg":"HS256","crit":["b64"],"b64":false}`, `{"a":1}`, jwtSecretText), "malformed_signature"},
		{"b64 that is not critical", hs256(`{"alg":"HS256","b64":false}`, `{"a":1}`, jwtSecretText), "malformed_signature"},
		{"a key ID that is a path", hs256(`{"alg":"HS256","kid":"../../../dev/null"}`, `{"a":1}`, jwtSecretText), "accepted"},
		{"a key ID that is a path, signed with nothing", hs256(`{"alg":"HS256","kid":"/dev/null"}`, `{"a":1}`, ""), "wrong_signature"},
		{"a key ID that injects", hs256(`{"alg":"HS256","kid":"x' UNION SELECT 'AAAA"}`, `{"a":1}`, "AAAA"), "wrong_signature"},
		{"a URL of keys", hs256(`{"alg":"HS256","jku":"https://evil.example/"}`, `{"a":1}`, jwtSecretText), "accepted"},
		{"a key of its own", hs256(`{"alg":"HS256","jwk":{"kty":"oct","k":"QUFBQQ"}}`, `{"a":1}`, "AAAA"), "wrong_signature"},
		{"a public key of its own", hs256(`{"alg":"HS256","jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}`, `{"a":1}`, jwtSecretText), "accepted"},
		{"a private key of its own", hs256(`{"alg":"HS256","jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}}`, `{"a":1}`, jwtSecretText), "malformed_signature"},
		{"certificates that are none", hs256(`{"alg":"HS256","x5c":["AAAA"]}`, `{"a":1}`, jwtSecretText), "malformed_signature"},
		{"a key ID that is a number", hs256(`{"alg":"HS256","kid":1}`, `{"a":1}`, jwtSecretText), "malformed_signature"},
		{"a key ID that is null", hs256(`{"alg":"HS256","kid":null}`, `{"a":1}`, jwtSecretText), "accepted"},
		{"an escaped algorithm", hs256(`{"alg":"\u0048S256"}`, `{"a":1}`, jwtSecretText), "accepted"},
		{"a header that is there twice, deep down", hs256(`{"alg":"HS256","x":[{"a":1,"a":1}]}`, `{"a":1}`, jwtSecretText), "malformed_signature"},
		{"a header that is a list", hs256(`[{"alg":"HS256"}]`, `{"a":1}`, jwtSecretText), "malformed_signature"},
		{"a claim that is there twice, deep down", hs256(jwtHeader, `{"a":[{"b":1,"b":2}]}`, jwtSecretText), "malformed_signature"},
		{"a number that is too large", hs256(jwtHeader, `{"a":1e400}`, jwtSecretText), "malformed_signature"},
		{"two names that are no text", hs256(jwtHeader, `{"\ud800":1,"\ud801":2}`, jwtSecretText), "malformed_signature"},
		{"another type", hs256(`{"alg":"HS256","typ":"anything"}`, `{"a":1}`, jwtSecretText), "accepted"},
	} {
		if _, got := ask(t, v, test.token, `{}`); got != test.want && !(got == "malformed_signature" && test.want == "wrong_signature") {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// spareBits changes bits at the end that stand for nothing.
func spareBits(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + alphabet[last|1:last|1+1]
}

// Who has only the public key cannot sign with it.
func TestJWTAlgorithmConfusion(t *testing.T) {
	private, public := pair(t, rsaKey(t, 2048))
	block, _ := pem.Decode([]byte(public))
	for _, secret := range []string{public, base64.StdEncoding.EncodeToString(block.Bytes), base64.StdEncoding.EncodeToString([]byte(public)), string(block.Bytes)} {
		for _, format := range []SecretFormat{{}, {Encoding: "base64"}} {
			scheme := JWT{Names: []string{"Token"}, Algorithms: []string{"HS256"}, Secret: format}
			if _, err := scheme.Verifier(secret); err == nil && (format.Encoding != "" || secret != base64.StdEncoding.EncodeToString([]byte(public))) {
				t.Errorf("a public key as a shared secret: %.30q, %+v", secret, format)
			}
		}
	}
	mixed := JWT{Names: []string{"Token"}, Algorithms: []string{"HS256", "RS256"}}
	v := mustVerifier(t, mixed, public, jwtSecretText)
	for _, key := range []string{public, strings.TrimSpace(public), string(block.Bytes), ""} {
		if _, got := ask(t, v, hs256(jwtHeader, `{}`, key), ""); got != "wrong_signature" {
			t.Errorf("signed with the public key: %s", got)
		}
	}
	if _, got := ask(t, v, hs256(jwtHeader, `{}`, jwtSecretText), ""); got != "accepted" {
		t.Errorf("signed with the secret: %s", got)
	}
	r := received("")
	if err := (JWT{Names: []string{"Token"}, Algorithms: []string{"RS256"}}).Sign(r, private, time.Now(), ""); err != nil {
		t.Fatal(err)
	}
	if _, got := ask(t, v, r.Header.Get("Token"), ""); got != "accepted" {
		t.Errorf("signed with the private key: %s", got)
	}
}

func TestJWTSecrets(t *testing.T) {
	_, weak := pair(t, rsaKey(t, 1024))
	private, p256 := pair(t, ecKey(t, elliptic.P256()))
	_, p224 := pair(t, ecKey(t, elliptic.P224()))
	for _, test := range []struct {
		algorithms, secret string
		ok                 bool
	}{
		{"HS256", "short", true},
		{"HS256", "", false},
		{"", "short", false},
		{"none", "short", false},
		{"HS256 none", "short", false},
		{"hs256", "short", false},
		{"RS256", "short", false},
		{"RS256", weak, true},
		{"RS256", p256, false},
		{"ES256", p256, true},
		{"ES384", p256, false},
		{"ES256", p224, false},
		{"ES256", private, false},
		{"HS256", private, false},
		{"HS256 ES256", private, false},
		{"HS256 ES256", p256, true},
		{"HS256 ES256", "short", true},
	} {
		_, err := JWT{Names: []string{"Token"}, Algorithms: strings.Fields(test.algorithms)}.Verifier(test.secret)
		if (err == nil) != test.ok {
			t.Errorf("%s with %.30q: %v", test.algorithms, test.secret, err)
		}
		if err != nil && len(test.secret) > 5 && strings.Contains(err.Error(), test.secret) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

func TestJWTSignsAndVerifies(t *testing.T) {
	rs, ed := rsaKey(t, 2048), edKey(t)
	now := time.Unix(1_700_000_000, 0)
	for algorithm, key := range map[string]crypto.Signer{
		"HS256": nil, "HS384": nil, "HS512": nil, "RS256": rs, "RS384": rs, "RS512": rs, "EdDSA": ed,
		"ES256": ecKey(t, elliptic.P256()), "ES384": ecKey(t, elliptic.P384()), "ES512": ecKey(t, elliptic.P521()),
	} {
		for _, detached := range []string{"", "{method}.{body}"} {
			scheme := JWT{Names: []string{"Token"}, Algorithms: []string{algorithm}, Detached: detached}
			private, public := jwtSecretText, jwtSecretText
			if key != nil {
				private, public = pair(t, key)
			}
			if detached == "" {
				scheme.BodyHash = ClaimHash{Claim: "sha", Encoding: "base64"}
				scheme.URLHash = ClaimHash{Claim: "data.url", Hash: "sha512"}
				scheme.Facts = Facts{
					EventID:   []string{"{claim:jti}"},
					EventType: []string{"{json:type}"},
					Timestamp: Timestamp{From: "{claim:iat}"},
					Require:   []Condition{{Of: "{claim:iss}", Is: []string{"us"}}},
					Addressee: []Condition{{Of: "{claim:aud}", Is: []string{"{option:me}"}}},
					Options:   map[string]string{"me": "you"},
				}
			}
			r := received(`{"type":"a"}`)
			if err := scheme.Sign(r, private, now, "id-1"); err != nil {
				t.Fatalf("%s: %v", algorithm, err)
			}
			v := mustVerifier(t, scheme, public)
			ev, err := v.Verify(t.Context(), r)
			if err != nil {
				t.Errorf("%s: %v", algorithm, err)
			}
			if detached == "" && (ev.ID != "id-1" || ev.Type != "a" || !ev.Timestamp.Equal(now) || ev.Signed != Fields{true, true, true, true, true} ||
				!ev.Expires.Equal(now.Add(tokenLife))) {
				t.Errorf("%s: %+v", algorithm, ev)
			}
			r.Body = []byte(`{"type":"b"}`)
			if _, err := v.Verify(t.Context(), r); ReasonOf(err) != WrongSignature {
				t.Errorf("%s: another body: %v", algorithm, err)
			}
		}
	}
}

// FuzzJWT sends anything for a token. An accepted one bears the signature that
// another implementation makes of it.
func FuzzJWT(f *testing.F) {
	_, public := pair(f, edKey(f))
	facts := Facts{EventID: []string{"{claim:jti}"}, EventType: []string{"{json:type}"}, Timestamp: Timestamp{From: "{claim:iat}"}}
	schemes := map[string]JWT{
		"attached": {Names: []string{"Token"}, Algorithms: []string{"HS256", "EdDSA"}, BodyHash: ClaimHash{Claim: "h", Optional: true}, Facts: facts},
		"detached": {Names: []string{"Token"}, Algorithms: []string{"HS256"}, Detached: "{body}"},
	}
	var all []Verifier
	for _, name := range slices.Sorted(maps.Keys(schemes)) {
		secrets := []string{jwtSecretText}
		if name == "attached" {
			secrets = append(secrets, public)
		}
		all = append(all, mustVerifier(f, schemes[name], secrets...))
	}
	f.Add(jwtHeader, `{"jti":"1","iat":1700000000,"exp":1}`, "", true)
	f.Add(`{"alg":"none"}`, `{}`, "AA", false)
	f.Add(`{"alg":"EdDSA","jwk":{}}`, `{"h":"00"}`, "AA", false)
	f.Add(`{"alg":"HS256","b64":false,"crit":["b64"]}`, ``, "AA", true)
	f.Fuzz(func(t *testing.T, header, payload, signature string, sign bool) {
		token := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload)) + "." + signature
		if sign {
			token = hs256(header, payload, jwtSecretText)
		}
		for i, v := range all {
			for _, text := range []string{token, signature, header + "." + payload + "." + signature} {
				ev, got := ask(t, v, text, payload)
				if got == "accepted" && (!sign || text != token || !strings.Contains(header, "HS256")) {
					t.Errorf("verifier %d: a guessed token was accepted: %q, %+v", i, text, ev)
				}
			}
		}
	})
}
