package providers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"hash"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/hookwicket/hookwicket/verifiers"
)

var rawURL = base64.RawURLEncoding

// TestAttackJWT forges tokens for every row that takes one, with the claims of a
// genuine one, so that nothing but the signature can give them away.
func TestAttackJWT(t *testing.T) {
	tried := 0
	attack(t, false, func(t *testing.T, v *vector, _ verifiers.Event) {
		scheme, ok := v.scheme.(verifiers.JWT)
		if !ok || len(v.signatureHeaders()) != 1 {
			return
		}
		tried++
		name := v.signatureHeaders()[0]
		value := v.request.Header.Get(name)
		start := strings.LastIndexAny(value, " =") + 1
		parts := strings.Split(value[start:], ".")
		for what, token := range forgeries(t, v, scheme, parts) {
			if _, ok := v.tries(t, set(name, value[:start]+token)); ok {
				t.Errorf("accepted: %s", what)
			}
		}
	})
	if tried < 5 {
		t.Errorf("only %d rows with tokens", tried)
	}
}

// forgeries are tokens that nobody signed who has the key.
func forgeries(t *testing.T, v *vector, scheme verifiers.JWT, parts []string) map[string]string {
	genuine, err := rawURL.DecodeString(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	var header map[string]any
	if err := json.Unmarshal(genuine, &header); err != nil {
		t.Fatal(err)
	}
	payload := parts[1]
	if scheme.Detached != "" {
		payload = rawURL.EncodeToString(v.request.Body)
	}
	made := map[string]string{}
	mac := func(what, alg string, key []byte, header string) {
		signed := rawURL.EncodeToString([]byte(header)) + "." + payload
		made[what] = rawURL.EncodeToString([]byte(header)) + "." + parts[1] + "." + rawURL.EncodeToString(macOf(alg, key, signed))
	}
	with := func(fields map[string]any) string {
		all := map[string]any{}
		for name, value := range header {
			all[name] = value
		}
		for name, value := range fields {
			all[name] = value
		}
		text, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, none := range []any{"none", "None", "NONE", "nOnE", " none", "none\x00", "", nil, "HS", "HS0", "hs256", "HS256 ", "RSA", "dir", 256, true, []string{"HS256"}, map[string]string{}} {
		head := rawURL.EncodeToString([]byte(with(map[string]any{"alg": none})))
		what, _ := json.Marshal(none)
		made["the algorithm "+string(what)+" without a signature"] = head + "." + parts[1] + "."
		made["the algorithm "+string(what)+" with the signature"] = head + "." + parts[1] + "." + parts[2]
		mac("the algorithm "+string(what)+" with an empty key", "HS256", nil, with(map[string]any{"alg": none}))
	}
	made["no algorithm"] = rawURL.EncodeToString([]byte("{}")) + "." + parts[1] + "." + parts[2]
	made["an algorithm twice"] = rawURL.EncodeToString([]byte(`{"alg":"none",`+string(genuine[1:]))) + "." + parts[1] + "." + parts[2]
	// Public texts as a shared key.
	for what, key := range publicSpellings(t, v) {
		for _, alg := range []string{"HS256", "HS384", "HS512"} {
			mac(alg+" with "+what, alg, key, with(map[string]any{"alg": alg}))
		}
	}
	// The right secret under an algorithm that the row does not allow.
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		for _, secret := range v.secrets {
			if !slices.Contains(scheme.Algorithms, alg) {
				mac(alg+", which is not allowed", alg, []byte(secret), with(map[string]any{"alg": alg}))
			}
		}
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for what, fields := range ownKey(t, own) {
		fields["alg"] = "ES256"
		made["a key of one's own in "+what] = signES256(t, own, with(fields), payload, parts[1])
	}
	// A key ID that leads somewhere else.
	for _, kid := range []any{"", "/dev/null", "../../../../dev/null", "' OR '1'='1", "\n", "\x00", strings.Repeat("k", 12_000), 1, nil, []string{}, "https://attacker.example/key", "__proto__", "constructor"} {
		what, _ := json.Marshal(kid)
		for _, key := range [][]byte{nil, []byte("\x00"), []byte("AA=="), []byte("secret")} {
			mac("the key ID "+string(what[:min(len(what), 40)])+" and the key "+string(key), "HS256", key, with(map[string]any{"alg": "HS256", "kid": kid}))
		}
	}
	// The same token in another form.
	made["the JSON form"] = `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`
	made["the general JSON form"] = `{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`
	made["five parts"] = strings.Join(append(slices.Clone(parts), "AA", "AA"), ".")
	made["two tokens"] = strings.Join(parts, ".") + "," + strings.Join(parts, ".")
	made["critical headers"] = rawURL.EncodeToString([]byte(with(map[string]any{"crit": []string{"exp"}, "exp": 1}))) + "." + parts[1] + "." + parts[2]
	made["a payload that is not encoded"] = rawURL.EncodeToString([]byte(with(map[string]any{"crit": []string{"b64"}, "b64": false}))) + "." + parts[1] + "." + parts[2]
	made["compressed"] = rawURL.EncodeToString([]byte(with(map[string]any{"zip": "DEF"}))) + "." + parts[1] + "." + parts[2]
	return made
}

func macOf(alg string, key []byte, signed string) []byte {
	mac := hmac.New(map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New}[alg], key)
	mac.Write([]byte(signed))
	return mac.Sum(nil)
}

// publicSpellings are the ways to write the public keys of a vector's endpoint.
func publicSpellings(t *testing.T, v *vector) map[string][]byte {
	all := map[string][]byte{"an empty key": nil, "a null byte": {0}}
	public := slices.Clone(v.secrets)
	for url, document := range v.documents(t) {
		public = append(public, string(document))
		all["the document at "+url] = document
	}
	for _, text := range public {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			continue
		}
		all["the public key"] = []byte(text)
		all["the public key without its last newline"] = []byte(strings.TrimSpace(text))
		all["the public key's DER"] = block.Bytes
		all["the public key's DER in base64"] = []byte(base64.StdEncoding.EncodeToString(block.Bytes))
		all["the public key in PEM anew"] = pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})
	}
	return all
}

// documents are the key documents of a vector, by their URLs.
func (v *vector) documents(t *testing.T) map[string][]byte {
	t.Helper()
	archive, err := txtar.ParseFile("../testdata/" + v.provider.Name + "/" + v.name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, f := range archive.Files {
		if f.Name != "request" {
			all[f.Name] = f.Data
		}
	}
	return all
}

// ownKey names a key of one's own in every header that has room for one.
func ownKey(t *testing.T, key *ecdsa.PrivateKey) map[string]map[string]any {
	t.Helper()
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	jwk := map[string]any{"kty": "EC", "crv": "P-256", "x": rawURL.EncodeToString(point[1:33]), "y": rawURL.EncodeToString(point[33:])}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	const elsewhere = "https://attacker.example/keys.json"
	return map[string]map[string]any{
		"jwk":  {"jwk": jwk},
		"jku":  {"jku": elsewhere, "kid": "own"},
		"x5u":  {"x5u": elsewhere},
		"x5c":  {"x5c": []string{base64.StdEncoding.EncodeToString(der)}},
		"kid":  {"kid": elsewhere},
		"none": {},
	}
}

func signES256(t *testing.T, key *ecdsa.PrivateKey, header, payload, written string) string {
	t.Helper()
	head := rawURL.EncodeToString([]byte(header))
	sum := sha256.Sum256([]byte(head + "." + payload))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return head + "." + written + "." + rawURL.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}
