package oracles

import (
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// BenchmarkSDK verifies one request by the provider's SDK and by the gateway: the
// row's sample, signed by the gateway. The SDK is called as the judges call it,
// which is as its documents show it, with what it sets up for each call.
func BenchmarkSDK(b *testing.B) {
	for _, j := range judges {
		if j.verify != nil {
			b.Run(j.provider+"/"+j.sdk, j.bench)
		}
	}
}

func (j *judge) bench(b *testing.B) {
	row, scheme := j.scheme(b)
	now, id := time.Now(), row.Sample.NewID()
	r := j.request(row, now, id)
	secret := j.secret
	if j.private != "" {
		secret = j.private
	}
	if err := scheme.(verifiers.Signer).Sign(r, secret, now, id); err != nil {
		b.Fatal(err)
	}
	v, err := scheme.Verifier(j.secret)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("gateway", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(b.Context(), r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("sdk", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := j.verify(r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
