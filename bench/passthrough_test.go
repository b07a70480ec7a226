package bench

import "testing"

// BenchmarkPassthrough measures the synchronous mode: verified and
// deduplicated, and answered by the upstream behind it.
func BenchmarkPassthrough(b *testing.B) {
	compare(b,
		contender{name: "reverse_proxy", measure: run{site: "reverse_proxy"}.measure},
		contender{
			name: "passthrough", label: "passed through to the net/http server",
			measure: run{site: "passthrough"}.measure,
			ratios:  []ratio{{to: "reverse_proxy", atLeast: 0.9}},
		},
	)
}
