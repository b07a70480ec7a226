package caddymodule

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const ownSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// BenchmarkResign is what sign_with costs an attempt.
func BenchmarkResign(b *testing.B) {
	s, err := newResigner([]string{ownSecret})
	if err != nil {
		b.Fatal(err)
	}
	h, body, now := make(http.Header), []byte(strings.Repeat("x", 1500)), time.Unix(1772366400, 0)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.sign(h, "0190f0e0-0000-7000-8000-000000000000", body, now); err != nil {
			b.Fatal(err)
		}
	}
}
