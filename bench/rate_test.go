package bench

import (
	"fmt"
	"testing"
)

// BenchmarkRate measures how long senders wait for their answer while events come at a
// steady rate that all can sustain.
func BenchmarkRate(b *testing.B) {
	for _, rate := range []float64{200, 2000} {
		steady := load{connections: connections, rate: rate}
		at := fmt.Sprintf(", %s/s offered", number(rate, 0))
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			compare(b,
				contender{name: "reverse_proxy", label: "Caddy `reverse_proxy`" + at, measure: run{site: "reverse_proxy", load: steady}.measure},
				contender{
					name: "delivered", label: "accepted and delivered" + at,
					measure: run{site: "github", load: steady}.measureDelivered,
					ratios:  []ratio{{to: "reverse_proxy", of: p99, atMost: 1.3}},
				},
				contender{
					name: "passthrough", label: "passed through" + at,
					measure: run{site: "passthrough", load: steady}.measure,
					ratios:  []ratio{{to: "reverse_proxy", of: p99}},
				},
			)
		})
	}
}
