package bench

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// BenchmarkVerify holds the verification of a request against the bare hash of
// what is signed, with a keyed state that is reused: the least that it can take.
func BenchmarkVerify(b *testing.B) {
	now := time.Now()
	body := strings.ReplaceAll(bodyOf("evt_{id}", bodySize, now), "{id}", "00000000002a")
	for _, p := range []struct{ slug, secret, before string }{
		{slug: "github", secret: secret},
		{slug: "generic", secret: secret},
		{slug: "stripe", secret: secret, before: "1772366400."},
		{slug: "slack", secret: secret, before: "v0:1772366400:"},
		{slug: "standard-webhooks", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", before: "evt_00000000002a.1772366400."},
	} {
		b.Run(p.slug, func(b *testing.B) {
			verify := verifying(b, p.slug, p.secret, body, now)
			mac, sum, signed := hmac.New(sha256.New, []byte(p.secret)), []byte(nil), []byte(p.before+body)
			hash := func() {
				mac.Reset()
				mac.Write(signed)
				sum = mac.Sum(sum[:0])
			}
			allocs := testing.AllocsPerRun(100, verify)
			alternate(b, timed{"hash", hash}, timed{"verify", verify}, func(f figures, x float64) {
				b.ReportMetric(x, "x_hash")
				b.ReportMetric(allocs, "allocs")
				addRow(row{
					group: b.Name(), label: fmt.Sprintf("verified: %s (allocations: %g)", p.slug, allocs), figures: f,
					compared: []compared{{ratio{to: "bare hash", atMost: 1.2}, x}},
				})
			})
		})
	}
}

// verifying returns a function that verifies one signed request of a provider.
func verifying(b *testing.B, slug, secret, body string, now time.Time) func() {
	b.Helper()
	row, ok := providers.Lookup(slug)
	if !ok {
		b.Skipf("no provider %s", slug)
	}
	r := &verifiers.Request{
		Method: http.MethodPost, URL: "https://hooks.example.com/webhook",
		Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body),
	}
	if err := row.Scheme.(verifiers.Signer).Sign(r, secret, now, "evt_00000000002a"); err != nil {
		b.Fatal(err)
	}
	v, err := row.Scheme.Verifier(secret)
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		if _, err := v.Verify(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}
