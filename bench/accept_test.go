package bench

import "testing"

// BenchmarkAccept measures how fast events are taken: verified, deduplicated
// and fsynced. Their upstream never answers, so that nothing is delivered
// meanwhile. It is held against what Caddy and net/http do with the same bytes.
func BenchmarkAccept(b *testing.B) {
	against := []ratio{{to: "ceiling", atLeast: 0.8}, {to: "reverse_proxy", atLeast: 1.5}}
	compare(b,
		contender{name: "nethttp", label: "plain net/http server", measure: run{}.measure},
		contender{name: "respond", label: "Caddy `respond`", measure: run{site: "respond"}.measure},
		contender{name: "reverse_proxy", label: "Caddy `reverse_proxy` to the net/http server", measure: run{site: "reverse_proxy"}.measure},
		contender{
			name: "ceiling", label: "the ceiling: HMAC and one log with group commit", measure: run{site: "ceiling"}.measure,
			ratios: []ratio{{to: "reverse_proxy"}},
		},
		contender{
			name: "github", label: "accepted: GitHub", ratios: against,
			measure: run{site: "github", silent: true}.measure,
		},
		contender{
			name: "generic", label: "accepted: generic (ID and time in the JSON)", ratios: against,
			measure: run{site: "generic", provider: "generic", silent: true}.measure,
		},
		contender{
			name: "stripe", label: "accepted: Stripe", ratios: against,
			measure: run{site: "stripe", provider: "stripe", silent: true}.measure,
		},
	)
}
