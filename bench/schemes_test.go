package bench

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
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// A family is a way of signing, with one of its rows.
type family struct {
	name, slug, fields string // fields: JSON laid over the row's scheme
	key                any    // nil: the secret of the benchmarks
	form               bool   // of the body; otherwise JSON
	sample             bool   // the row's own body
}

// BenchmarkScheme holds each way of signing against its bare primitive over as
// many bytes: what no library could do without.
func BenchmarkScheme(b *testing.B) {
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	const (
		facts  = `"event_id":["{json:id}"],"event_type":["{json:type}"]`
		header = `"signature":{"names":["X-Signature"],"encoding":"base64"}`
		claim  = `"names":["X-Token"],"body_hash":{"claim":"body"}`
	)
	for _, f := range []family{
		{name: "HMAC, body", slug: "hmac", fields: `{` + header + `}`},
		{name: "HMAC, body; ID and type in JSON", slug: "hmac", fields: `{` + header + `,` + facts + `}`},
		{name: "digest with the secret inside", slug: "hubspot-v1"},
		{name: "token; ID and type in JSON", slug: "token", fields: `{"names":["X-Token"],` + facts + `}`},
		{name: "Ed25519", slug: "ed25519", fields: `{` + header + `}`, key: edKey},
		{name: "ECDSA P-256", slug: "ecdsa", fields: `{` + header + `}`, key: ecKey},
		{name: "RSA 2048", slug: "rsa", fields: `{` + header + `}`, key: rsaKey},
		{name: "JWT HS256 with the body's hash", slug: "jwt", fields: `{"algorithms":["HS256"],` + claim + `}`},
		{name: "JWT RS256 with the body's hash", slug: "jwt", fields: `{"algorithms":["RS256"],` + claim + `}`, key: rsaKey},
		{name: "own code: Twilio's form", slug: "twilio", form: true},
		{name: "own code: Adyen's items", slug: "adyen", sample: true},
	} {
		b.Run(strings.ReplaceAll(f.name, " ", "_"), f.run)
	}
}

func (f family) run(b *testing.B) {
	now := time.Now()
	r, v := f.signed(b, now)
	verify := func() {
		if _, err := v.Verify(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	verify()
	name, bare := f.bare(b, r.Body)
	allocs := testing.AllocsPerRun(100, verify)
	alternate(b, timed{"bare", bare}, timed{"verify", verify}, func(figures figures, x float64) {
		b.ReportMetric(x, "x_bare")
		b.ReportMetric(allocs, "allocs")
		addRow(row{
			group: b.Name(), label: fmt.Sprintf("%s (allocations: %g)", f.name, allocs), figures: figures,
			compared: []compared{{ratio{to: name}, x}},
		})
	})
}

// signed returns a signed request and what verifies it.
func (f family) signed(b *testing.B, now time.Time) (*verifiers.Request, verifiers.Verifier) {
	b.Helper()
	row, ok := providers.Lookup(f.slug)
	if !ok {
		b.Skipf("no provider %s", f.slug)
	}
	if f.fields != "" {
		var err error
		if row.Scheme, err = verifiers.Override(row.Scheme, json.RawMessage(f.fields)); err != nil {
			b.Fatal(err)
		}
	}
	r := row.Sample.Request("https://hooks.example.com/webhook", now, "evt_00000000002a")
	switch body := strings.ReplaceAll(bodyOf("evt_{id}", bodySize, now), "{id}", "00000000002a"); {
	case f.form:
		r.Body = []byte("MessageSid=SM1&Body=" + strings.Repeat("word+", bodySize/5-10))
	case !f.sample:
		r.Body = []byte(body)
	}
	private, public := secret, secret
	switch {
	case f.key != nil:
		private, public = pemPair(b, f.key.(crypto.Signer))
	case f.slug == "adyen":
		private = fmt.Sprintf("%x", secret)
		public = private
	}
	if err := row.Scheme.(verifiers.Signer).Sign(r, private, now, "evt_00000000002a"); err != nil {
		b.Fatal(err)
	}
	v, err := row.Scheme.Verifier(public)
	if err != nil {
		b.Fatal(err)
	}
	return r, v
}

// bare is the primitive of the family, and its name.
func (f family) bare(b *testing.B, content []byte) (string, func()) {
	b.Helper()
	sum := sha256.Sum256(content)
	var check func() bool
	name := "bare verification"
	switch key := f.key.(type) {
	case ed25519.PrivateKey:
		signature, public := ed25519.Sign(key, content), key.Public().(ed25519.PublicKey)
		check = func() bool { return ed25519.Verify(public, content, signature) }
	case *ecdsa.PrivateKey:
		signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
		if err != nil {
			b.Fatal(err)
		}
		check = func() bool {
			sum := sha256.Sum256(content)
			return ecdsa.VerifyASN1(&key.PublicKey, sum[:], signature)
		}
	case *rsa.PrivateKey:
		signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
		if err != nil {
			b.Fatal(err)
		}
		check = func() bool {
			sum := sha256.Sum256(content)
			return rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature) == nil
		}
	default:
		mac, sum := hmac.New(sha256.New, []byte(secret)), []byte(nil)
		return "HMAC of the body", func() {
			mac.Reset()
			mac.Write(content)
			sum = mac.Sum(sum[:0])
		}
	}
	return name, func() {
		if !check() {
			b.Fatal("the primitive refuses its own signature")
		}
	}
}

// pemPair writes a key and its public part as people paste them.
func pemPair(b *testing.B, key crypto.Signer) (private, public string) {
	b.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.Fatal(err)
	}
	private = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if der, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		b.Fatal(err)
	}
	return private, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
