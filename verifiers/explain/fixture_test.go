package explain_test

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/explain"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// now is when the requests are signed, and received.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	target  = "https://hooks.example.com/in?a=b+c&z=1"
	eventID = "evt_1a2b3c4d"
)

// fixture is a genuine request of a provider with the endpoint that accepts it.
type fixture struct {
	explain.Case
	t     testing.TB
	signs string              // the key to sign with
	other credential          // of the same form
	sends verifiers.Scheme    // of the sender, if it is not the endpoint's
	url   string              // that the sender calls
	body  func([]byte) []byte // of the sample
	at    time.Time           // of signing
}

// credential is a key to sign with, and the endpoint's secret for it.
type credential struct{ signs, secret string }

// credentials are two of each form that a scheme may want.
var credentials = sync.OnceValue(func() (all [][2]credential) {
	shared := func(a, b string) { all = append(all, [2]credential{{a, a}, {b, b}}) }
	shared("correct horse battery staple", "a wholly different staple of words")
	shared("whsec_QW5vdGhlciBzZWNyZXQgb2YgYnl0ZXM=", "whsec_T25lIG1vcmUgc2VjcmV0IG9mIGJ5dGVzLi4=")
	shared("QSB0aGlyZCBzZWNyZXQgdGhhdCBpcyBiYXNlNjQ=", "VGhlIGZvdXJ0aCBzZWNyZXQgdGhhdCBpcyBiYXNl")
	shared(strings.Repeat("0123456789abcdef", 4), strings.Repeat("fedcba9876543210", 4))
	shared("user:password of the user", "other:password of the other")
	shared("user:cGFzc3dvcmQgb2YgdGhlIHVzZXI=", "other:cGFzc3dvcmQgb2YgdGhlIG90aGVy")
	pair := func(make func() crypto.Signer) {
		var two [2]credential
		for i := range two {
			key := make()
			two[i] = credential{pemOf("PRIVATE KEY", key), pemOf("PUBLIC KEY", key)}
		}
		all = append(all, two)
	}
	pair(func() crypto.Signer { _, key, _ := ed25519.GenerateKey(rand.Reader); return key })
	pair(func() crypto.Signer { key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); return key })
	pair(func() crypto.Signer { key, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader); return key })
	pair(func() crypto.Signer { key, _ := rsa.GenerateKey(rand.Reader, 2048); return key })
	return all
})

func pemOf(kind string, key crypto.Signer) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if kind == "PUBLIC KEY" {
		der, err = x509.MarshalPKIXPublicKey(key.Public())
	}
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// blank rows say next to nothing, so that the endpoint has to.
var blank = map[string]string{
	"hmac":    `{"signature":{"names":["X-Signature"]},"signed":"{body}","event_id":["{json:id}"]}`,
	"token":   `{"names":["X-Token"],"event_id":["{json:id}"]}`,
	"jwt":     `{"names":["X-Token"],"algorithms":["HS256"],"event_id":["{json:id}"]}`,
	"ed25519": `{"signature":{"names":["X-Signature"]}}`,
	"ecdsa":   `{"signature":{"names":["X-Signature"],"encoding":"base64"}}`,
	"rsa":     `{"signature":{"names":["X-Signature"],"encoding":"base64"}}`,
}

// rowOf returns a row of the catalogue.
func rowOf(t testing.TB, name string) verifiers.Provider {
	t.Helper()
	for _, row := range providers.All() {
		if row.Name == name {
			return row
		}
	}
	t.Fatalf("there is no provider %s", name)
	return verifiers.Provider{}
}

// altered returns a scheme with other fields.
func altered(t testing.TB, scheme verifiers.Scheme, fields string) verifiers.Scheme {
	t.Helper()
	changed, err := verifiers.Override(scheme, json.RawMessage(fields))
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// newFixture returns a fixture of a row, or false if nobody but the provider can sign
// for it.
func newFixture(t testing.TB, row verifiers.Provider) (*fixture, bool) {
	t.Helper()
	if fields := blank[row.Name]; fields != "" {
		row.Scheme = altered(t, row.Scheme, fields)
	}
	given := map[string]string{}
	for _, o := range row.Options {
		if o.Required || o.Paired {
			given[o.Name], _, _ = strings.Cut(o.Example, " ")
		}
	}
	if len(given) > 0 {
		options, _ := json.Marshal(map[string]any{"options": given})
		row.Scheme = altered(t, row.Scheme, string(options))
	}
	if _, ok := row.Scheme.(verifiers.Signer); !ok {
		return nil, false
	}
	if s, ok := row.Scheme.(verifiers.Timed); ok && !s.Timed() { // as the gateway does
		row.Freshness.Tolerance = verifiers.Tolerance{}
	}
	for _, two := range credentials() {
		f := &fixture{t: t, signs: two[0].signs, other: two[1], url: target, at: now}
		f.Case = explain.Case{Row: row, Secrets: []string{two[0].secret}, Now: now, Catalogue: providers.All()}
		if f.trySign() != nil {
			continue
		}
		v, err := row.Scheme.Verifier(two[0].secret)
		if err != nil {
			continue
		}
		if _, err := v.Verify(t.Context(), f.Request); err == nil {
			return f, true
		}
	}
	return nil, false
}

// fixtureOf is newFixture of a provider that can be signed for.
func fixtureOf(t testing.TB, name string) *fixture {
	t.Helper()
	f, ok := newFixture(t, rowOf(t, name))
	if !ok {
		t.Fatalf("%s cannot be signed for", name)
	}
	return f
}

// trySign makes the request of the sender.
func (f *fixture) trySign() error {
	scheme := f.sends
	if scheme == nil {
		scheme = f.Row.Scheme
	}
	r := f.Row.Sample.Request(f.url, f.at, eventID)
	if len(f.Row.Methods) > 0 && !slices.Contains(f.Row.Methods, "POST") {
		r.Method = f.Row.Methods[0]
	}
	if f.body != nil {
		r.Body = f.body(r.Body)
	}
	if err := scheme.(verifiers.Signer).Sign(r, f.signs, f.at, eventID); err != nil {
		return err
	}
	f.Request = r
	return nil
}

// sign is trySign where it has to succeed.
func (f *fixture) sign() {
	f.t.Helper()
	if err := f.trySign(); err != nil {
		f.t.Fatal(err)
	}
}

// text replaces in the sample's body.
func (f *fixture) text(old, other string) {
	f.t.Helper()
	f.body = func(b []byte) []byte {
		if !bytes.Contains(b, []byte(old)) {
			f.t.Fatalf("the sample of %s has no %q", f.Row.Name, old)
		}
		return bytes.Replace(b, []byte(old), []byte(other), 1)
	}
	f.sign()
}

// received replaces in the body that has arrived.
func (f *fixture) received(change func(string) string) {
	f.Request.Body = []byte(change(string(f.Request.Body)))
}

// credentialHeaders are the headers with the signature or the token.
func (f *fixture) credentialHeaders() (names []string) {
	for _, p := range verifiers.CredentialsOf(f.Row.Scheme) {
		if name := canonical(p.Name); p.From == "header" && f.Request.Header.Get(name) != "" {
			names = append(names, name)
		}
	}
	return names
}

func canonical(name string) string {
	h := map[string][]string{}
	r := (&verifiers.Request{Header: h}).Header
	r.Set(name, "")
	return slices.Collect(maps.Keys(r))[0]
}

// signatures are the texts in a signed request that may be a signature: the long words
// in the places of its credentials.
func (f *fixture) signatures(r *verifiers.Request) (words []string) {
	add := func(text string) {
		for _, word := range strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(`,;:"' .&?{}`, c) }) {
			if i := strings.IndexByte(strings.TrimRight(word, "="), '='); i >= 0 {
				word = word[i+1:]
			}
			if len(word) >= 16 && word != eventID {
				words = append(words, word)
			}
		}
	}
	for _, p := range verifiers.CredentialsOf(f.Row.Scheme) {
		switch p.From {
		case "header":
			add(r.Header.Get(p.Name))
		case "query":
			_, query, _ := strings.Cut(r.URL, "?")
			for pair := range strings.SplitSeq(query, "&") {
				if name, value, _ := strings.Cut(pair, "="); name == p.Name {
					add(value)
				}
			}
		}
	}
	return words
}

func packed(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(body)
	w.Close()
	return b.Bytes()
}
