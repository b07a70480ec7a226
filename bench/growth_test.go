package bench

import (
	"fmt"
	"testing"
)

// The benchmarks of this file say what accepting costs with more of one thing, beside a
// baseline that has as much of it.

// BenchmarkConnections varies the number of senders' connections.
func BenchmarkConnections(b *testing.B) {
	for _, n := range []int{1, 1024} {
		beside(b, fmt.Sprintf("%s connections", number(float64(n), 0)), run{load: load{connections: n}})
	}
}

// BenchmarkBodies varies the size of the bodies.
func BenchmarkBodies(b *testing.B) {
	for _, n := range []int{100 << 10, 1 << 20} {
		beside(b, fmt.Sprintf("bodies of %d KiB", n>>10), run{body: n})
	}
}

// beside compares accepting with reverse_proxy.
func beside(b *testing.B, label string, r run) {
	b.Run(label, func(b *testing.B) {
		base, accept := r, r
		base.site, accept.site, accept.silent = "reverse_proxy", "github", true
		compare(b,
			contender{name: "reverse_proxy", label: "Caddy `reverse_proxy`, " + label, measure: base.measure},
			contender{name: "github", label: "accepted, " + label, measure: accept.measure, ratios: []ratio{{to: "reverse_proxy"}}},
		)
	})
}

// BenchmarkConfigured varies the number of endpoints in the configuration. The events go
// to one of them.
func BenchmarkConfigured(b *testing.B) {
	accept := func(endpoints int) contender {
		c := contender{
			name: fmt.Sprint(endpoints), label: fmt.Sprintf("accepted, %s endpoints configured", number(float64(endpoints), 0)), starts: true,
			measure: run{site: "github", silent: true, extra: endpoints - 1}.measure,
		}
		if endpoints > 1 {
			c.ratios = []ratio{{to: "1"}}
		}
		return c
	}
	compare(b, accept(1), accept(100), accept(1000))
}
