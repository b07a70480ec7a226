package verifiers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"sync"
	"testing"
	"time"
)

// keyPair is a private key and its public one, in the forms they are pasted in.
type keyPair struct {
	crypto.Signer
	private, public string // PEM
	der             string // the public one, in base64
}

func newPair(key crypto.Signer, err error) keyPair {
	if err != nil {
		panic(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	return keyPair{
		key,
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		base64.StdEncoding.EncodeToString(public),
	}
}

// pairs are made once: those of RSA take their time.
var pairs = sync.OnceValue(func() map[string]keyPair {
	ed := ed25519.NewKeyFromSeed([]byte(strings.Repeat("seed", 8)))
	p256, err256 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, err384 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p224, err224 := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	rsa1024, err1024 := rsa.GenerateKey(rand.Reader, 1024)
	return map[string]keyPair{
		"ed25519": newPair(ed, nil), "ecdsa": newPair(p256, err256), "p384": newPair(p384, err384),
		"p224": newPair(p224, err224), "rsa": newPair(rsa1024, err1024),
	}
})

// keyScheme signs a time and the body.
func keyScheme(algorithm string) PublicKey {
	return PublicKey{
		Algorithm: algorithm,
		Signature: Signature{Names: []string{"X-Sig"}, Encoding: "base64"},
		Content:   "{timestamp}.{body}",
		Facts: Facts{
			Timestamp: Timestamp{From: "{header:X-Ts}"}, EventID: []string{"{json:id}"}, EventType: []string{"{header:X-Type}"},
		},
	}
}

// TestPublicKeyPublished checks the third example of RFC 8032, section 7.1.
func TestPublicKeyPublished(t *testing.T) {
	p := PublicKey{Algorithm: "ed25519", Signature: Signature{Names: []string{"X-Sig"}}, Content: "{body}"}
	v := mustVerifier(t, p, "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
	r := received("\xaf\x82", "X-Sig", "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")
	if ev, err := v.Verify(t.Context(), r); outcome(ev, err) != "body" {
		t.Error(err)
	}
}

func TestPublicKey(t *testing.T) {
	at := time.Unix(1600000000, 0)
	other := newPair(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	change := func(f func(sig []byte) []byte) func(*Request) {
		return func(r *Request) {
			sig, _ := base64.StdEncoding.DecodeString(r.Header.Get("X-Sig"))
			r.Header.Set("X-Sig", base64.StdEncoding.EncodeToString(f(sig)))
		}
	}
	for _, test := range []struct {
		name    string
		pair    string
		scheme  PublicKey
		secrets []string // besides the right one, which is last
		spoil   func(*Request)
		want    string
	}{
		{"Ed25519", "ed25519", keyScheme("ed25519"), nil, nil, "id timestamp body"},
		{"ECDSA", "ecdsa", keyScheme("ecdsa"), nil, nil, "id timestamp body"},
		{"ECDSA, P-384", "p384", keyScheme("ecdsa"), nil, nil, "id timestamp body"},
		{"ECDSA, second key", "ecdsa", keyScheme("ecdsa"), []string{other.public}, nil, "id timestamp body"},
		{"RSA", "rsa", keyScheme("rsa"), nil, nil, "id timestamp body"},
		{"RSA, SHA-1", "rsa", func() PublicKey { p := keyScheme("rsa"); p.Hash = "sha1"; return p }(), nil, nil, "id timestamp body"},
		{"another body", "ecdsa", keyScheme("ecdsa"), nil, func(r *Request) { r.Body = []byte(`{"id":"8"}`) }, "wrong_signature"},
		{"another time", "rsa", keyScheme("rsa"), nil, func(r *Request) { r.Header.Set("X-Ts", "1600000001") }, "wrong_signature"},
		{"no time", "ed25519", keyScheme("ed25519"), nil, func(r *Request) { r.Header.Del("X-Ts") }, "missing_timestamp"},
		{"no signature", "ed25519", keyScheme("ed25519"), nil, func(r *Request) { r.Header.Del("X-Sig") }, "missing_signature"},
		{"hex for base64", "ed25519", keyScheme("ed25519"), nil, func(r *Request) { r.Header.Set("X-Sig", "****") }, "malformed_signature"},
		{"ECDSA, a byte after", "ecdsa", keyScheme("ecdsa"), nil, change(func(b []byte) []byte { return append(b, 0) }), "wrong_signature"},
		{"ECDSA, cut", "ecdsa", keyScheme("ecdsa"), nil, change(func(b []byte) []byte { return b[:len(b)-1] }), "wrong_signature"},
		{"ECDSA, all zero", "ecdsa", keyScheme("ecdsa"), nil, change(func([]byte) []byte { return []byte{0x30, 6, 2, 1, 0, 2, 1, 0} }), "wrong_signature"},
		{"RSA, a zero before", "rsa", keyScheme("rsa"), nil, change(func(b []byte) []byte { return append([]byte{0}, b...) }), "wrong_signature"},
		{"RSA, cut", "rsa", keyScheme("rsa"), nil, change(func(b []byte) []byte { return b[1:] }), "wrong_signature"},
		{"too many signatures", "ed25519", func() PublicKey { p := keyScheme("ed25519"); p.Signature.Separator = ","; return p }(), nil,
			func(r *Request) { r.Header.Set("X-Sig", strings.Repeat("AAAA,", maxKeySignatures+1)) }, "malformed_signature"},
		{"Ed25519, a byte after", "ed25519", keyScheme("ed25519"), nil, change(func(b []byte) []byte { return append(b, 0) }), "wrong_signature"},
	} {
		t.Run(test.name, func(t *testing.T) {
			pair := pairs()[test.pair]
			r := received(`{"id":"7"}`, "X-Type", "push")
			if err := test.scheme.Sign(r, pair.private, at, ""); err != nil {
				t.Fatal(err)
			}
			if test.spoil != nil {
				test.spoil(r)
			}
			ev, err := mustVerifier(t, test.scheme, append(test.secrets, pair.public)...).Verify(t.Context(), r)
			if got := outcome(ev, err); got != test.want {
				t.Errorf("got %q, want %q (%v)", got, test.want, err)
			}
			if err == nil && (ev.ID != "7" || ev.Type != "push" || !ev.Timestamp.Equal(at)) {
				t.Errorf("%+v", ev)
			}
		})
	}
}

// TestPublicKeyForms pastes keys in the forms that people have them in.
func TestPublicKeyForms(t *testing.T) {
	ed := pairs()["ed25519"]
	public := []byte(ed.Public().(ed25519.PublicKey))
	seed := ed.Signer.(ed25519.PrivateKey).Seed()
	pkcs1, _ := x509.MarshalPKIXPublicKey(pairs()["rsa"].Public())
	for _, test := range []struct{ name, algorithm, private, public string }{
		{"PEM", "ed25519", ed.private, ed.public},
		{"PEM on one line", "ed25519", ed.private, strings.ReplaceAll(ed.public, "\n", `\n`)},
		{"DER", "ed25519", hex.EncodeToString(seed), ed.der},
		{"hex", "ed25519", base64.StdEncoding.EncodeToString(seed), hex.EncodeToString(public)},
		{"base64", "ed25519", "whsk_" + base64.StdEncoding.EncodeToString(append(seed, public...)), "whpk_" + base64.StdEncoding.EncodeToString(public)},
		{"ECDSA, DER", "ecdsa", pairs()["ecdsa"].private, pairs()["ecdsa"].der},
		{"RSA, DER", "rsa", pairs()["rsa"].private, base64.RawStdEncoding.EncodeToString(pkcs1)},
	} {
		p := keyScheme(test.algorithm)
		p.Prefixes = []string{"whpk_"}
		r := received(`{}`)
		if err := p.Sign(r, test.private, time.Unix(1600000000, 0), ""); err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		v, err := p.Verifier(test.public)
		if err == nil {
			_, err = v.Verify(t.Context(), r)
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestPublicKeyErrors(t *testing.T) {
	ed, p256 := pairs()["ed25519"], pairs()["ecdsa"]
	for _, test := range []struct {
		name    string
		change  func(*PublicKey)
		secrets []string
		want    string
	}{
		{"good", func(*PublicKey) {}, []string{ed.public}, ""},
		{"static", func(p *PublicKey) { p.Static = []string{ed.public} }, nil, ""},
		{"fetched", func(p *PublicKey) { p.Keys.URL = "https://example.com/keys" }, nil, ""},
		{"no key", func(*PublicKey) {}, nil, "no secret"},
		{"empty key", func(*PublicKey) {}, []string{""}, "it is empty"},
		{"no algorithm", func(p *PublicKey) { p.Algorithm = "" }, []string{ed.public}, "want ed25519, ecdsa or rsa"},
		{"a hash for Ed25519", func(p *PublicKey) { p.Hash = "sha256" }, []string{ed.public}, "leave it out"},
		{"an unknown hash", func(p *PublicKey) { p.Algorithm, p.Hash = "ecdsa", "md5" }, []string{p256.public}, "unknown hash"},
		{"no content", func(p *PublicKey) { p.Content = "" }, []string{ed.public}, "nothing of the request"},
		{"a secret in the content", func(p *PublicKey) { p.Content = "{body}{secret}" }, []string{ed.public}, "no secret that it could contain"},
		{"another algorithm", func(*PublicKey) {}, []string{p256.public}, "a key for ECDSA, but the provider signs with Ed25519"},
		{"a private key", func(*PublicKey) {}, []string{ed.private}, "private key"},
		{"64 bytes", func(*PublicKey) {}, []string{hex.EncodeToString(ed.Signer.(ed25519.PrivateKey))}, "64 bytes"},
		{"whsk_", func(*PublicKey) {}, []string{"whsk_TOPSECRET"}, "whpk_"},
		{"whsec_", func(*PublicKey) {}, []string{"whsec_TOPSECRET"}, "shared secret"},
		{"anything", func(*PublicKey) {}, []string{"TOPSECRET"}, "not a public key"},
		{"a small curve", func(p *PublicKey) { p.Algorithm = "ecdsa" }, []string{pairs()["p224"].public}, "elliptic curve"},
		{"names of keys", func(p *PublicKey) {
			p.Keys.KeyID, p.Options = "{header:X-Key}", map[string]string{"key": "a b"}
		}, []string{ed.public}, "2 names of keys"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := keyScheme("ed25519")
			test.change(&p)
			_, err := p.Verifier(test.secrets...)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to contain %q", err, test.want)
			}
			for _, secret := range append(test.secrets, "TOPSECRET") {
				if err != nil && secret != "" && strings.Contains(err.Error(), secret) {
					t.Errorf("the error contains the key: %v", err)
				}
			}
		})
	}
	p := keyScheme("rsa")
	for _, private := range []string{"TOPSECRET", ed.private, ""} {
		if err := p.Sign(received("{}"), private, time.Unix(1600000000, 0), ""); err == nil {
			t.Error("signed with what is no key of the algorithm")
		}
	}
}

// TestPublicKeyUnavailable wants the fault to be ours where no key can be had.
func TestPublicKeyUnavailable(t *testing.T) {
	p := keyScheme("ecdsa")
	p.Keys.URL = "https://example.com/keys"
	r := received(`{}`)
	if err := p.Sign(r, pairs()["ecdsa"].private, time.Unix(1600000000, 0), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := mustVerifier(t, p).Verify(t.Context(), r); ReasonOf(err) != UnavailableKey {
		t.Errorf("got %v", err)
	}
	r.Header.Del("X-Sig")
	if _, err := mustVerifier(t, p).Verify(t.Context(), r); ReasonOf(err) != MissingSignature {
		t.Errorf("without a signature: %v", err)
	}
}
