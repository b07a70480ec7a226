package verifiers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

// benchBody is an event of 1.5 KB with its ID, type and time in front, as they
// usually stand.
var benchBody = func() []byte {
	var items strings.Builder
	for i := 0; items.Len() < 1350; i++ {
		fmt.Fprintf(&items, `{"sku":"item-%04d","quantity":%d,"price":"19.90","gift":false},`, i, i)
	}
	body := `{"id":"evt_1NG8Du2eZvKYlo2CUI79vXWy","type":"order.created","created_at":"2026-03-01T12:00:00Z","data":{"items":[` +
		strings.TrimSuffix(items.String(), ",") + `]}}`
	return []byte(body)
}()

const benchSecret = "correct horse battery staple"

// BenchmarkBareHash is the measure of the other benchmarks: the
// HMAC of the body with a keyed state that is reused.
func BenchmarkBareHash(b *testing.B) {
	mac := hmac.New(sha256.New, []byte(benchSecret))
	sum := make([]byte, 0, 64)
	b.SetBytes(int64(len(benchBody)))
	b.ReportAllocs()
	for b.Loop() {
		mac.Reset()
		mac.Write(benchBody)
		sum = mac.Sum(sum[:0])
	}
}

func BenchmarkVerify(b *testing.B) {
	eventFacts := Facts{
		Timestamp: Timestamp{From: "{json:created_at}", Format: "rfc3339"},
		EventID:   []string{"{json:id}"},
		EventType: []string{"{json:type}"},
	}
	for _, bench := range []struct {
		name   string
		scheme Scheme
	}{
		{"body", HMAC{Signature: Signature{Names: []string{"X-Signature"}}, Content: "{body}"}},
		{"body+headers", HMAC{
			Signature: Signature{Names: []string{"X-Hub-Signature-256"}, Prefix: "sha256="}, Content: "{body}",
			Facts: Facts{EventID: []string{"{header:X-Delivery}"}, EventType: []string{"{header:X-Event}"}},
		}},
		{"body+json", HMAC{Signature: Signature{Names: []string{"X-Signature"}}, Content: "{body}", Facts: eventFacts}},
		{"list+json", HMAC{
			Signature: Signature{Names: []string{"X-Signature"}, Separator: ",", Assign: "=", Keys: []string{"v1"}},
			Content:   "{timestamp}.{body}",
			Facts: Facts{
				Timestamp: Timestamp{From: "{param:t}"}, EventID: []string{"{json:id}"}, EventType: []string{"{json:type}"},
			},
		}},
		{"token+json", Token{Names: []string{"X-Token"}, Facts: eventFacts}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r := &Request{Method: "POST", URL: "https://example.com/in", Header: http.Header{}, Body: benchBody}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-Event", "order.created")
			if err := bench.scheme.(Signer).Sign(r, benchSecret, time.Unix(1772366400, 0), "evt_1"); err != nil {
				b.Fatal(err)
			}
			v, err := bench.scheme.Verifier(benchSecret)
			if err != nil {
				b.Fatal(err)
			}
			bare := hmac.New(sha256.New, []byte(benchSecret))
			sum := make([]byte, 0, 64)
			var hashing time.Duration
			var last time.Time
			b.SetBytes(int64(len(benchBody)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				// Every so often the bare hash runs outside the clock, so that
				// both are measured on the same, perhaps busy, machine.
				if i%64 == 0 {
					b.StopTimer()
					last = time.Now()
					for range 64 {
						bare.Reset()
						bare.Write(benchBody)
						sum = bare.Sum(sum[:0])
					}
					hashing += time.Since(last)
					b.StartTimer()
				}
				if _, err := v.Verify(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
			rounds := (b.N + 63) / 64 * 64
			perHash := float64(hashing.Nanoseconds()) / float64(rounds)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/perHash, "x-bare")
		})
	}
}

func BenchmarkValidJSON(b *testing.B) {
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(int64(len(benchBody)))
		for b.Loop() {
			if !validJSON(stringOf(benchBody)) {
				b.Fatal("not valid")
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.SetBytes(int64(len(benchBody)))
		for b.Loop() {
			if !json.Valid(benchBody) {
				b.Fatal("not valid")
			}
		}
	})
	b.Run("gjson", func(b *testing.B) {
		b.SetBytes(int64(len(benchBody)))
		for b.Loop() {
			if !gjson.ValidBytes(benchBody) {
				b.Fatal("not valid")
			}
		}
	})
}

// BenchmarkPublicKey is the cost of a signature that anybody can check.
func BenchmarkPublicKey(b *testing.B) {
	for _, name := range []string{"ed25519", "ecdsa", "rsa"} {
		b.Run(name, func(b *testing.B) {
			p := keyScheme(name)
			r := &Request{Method: "POST", URL: "https://example.com/in", Body: benchBody}
			if err := p.Sign(r, pairs()[name].private, time.Unix(1772366400, 0), ""); err != nil {
				b.Fatal(err)
			}
			v, err := p.Verifier(pairs()[name].public)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(benchBody)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkJWT is the cost of a token with a hash of the body and the usual claims.
func BenchmarkJWT(b *testing.B) {
	for name, algorithm := range map[string]string{"": "HS256", "rsa": "RS256", "ecdsa": "ES256", "ed25519": "EdDSA"} {
		b.Run(algorithm, func(b *testing.B) {
			scheme := JWT{Names: []string{"Token"}, Algorithms: []string{algorithm}, BodyHash: ClaimHash{Claim: "body"}, Facts: Facts{
				EventID: []string{"{claim:jti}"}, Timestamp: Timestamp{From: "{claim:iat}"},
				Require: []Condition{{Of: "{claim:iss}", Is: []string{"us"}}},
			}}
			private, public := benchSecret, benchSecret
			if name != "" {
				private, public = pairs()[name].private, pairs()[name].public
			}
			r := &Request{Method: "POST", URL: "https://example.com/in", Header: http.Header{}, Body: benchBody}
			if err := scheme.Sign(r, private, time.Unix(1772366400, 0), "evt_1"); err != nil {
				b.Fatal(err)
			}
			v, err := scheme.Verifier(public)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
