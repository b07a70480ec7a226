package bench

import "testing"

// BenchmarkBacklog measures whether accepting slows down, starting takes longer
// or memory grows while very much waits already.
func BenchmarkBacklog(b *testing.B) {
	if backlog == 0 {
		b.Skip("HOOKWICKET_BENCH_BACKLOG is 0")
	}
	folder := prefilled(b, 0)
	compare(b,
		contender{
			name: "empty", label: "accepted, nothing waits", starts: true,
			measure: run{site: "github", silent: true}.measure,
		},
		contender{
			name: "full", label: "accepted, " + number(float64(backlog), 0) + " events wait", starts: true,
			measure: run{site: "github", silent: true, folder: folder}.measure,
			ratios:  []ratio{{to: "empty"}},
		},
	)
}
