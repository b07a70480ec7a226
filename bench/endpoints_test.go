package bench

import (
	"testing"
	"time"
)

// extraEndpoints is how many endpoints the backlog of [BenchmarkEndpoints] is
// spread over.
const extraEndpoints = 1000

// BenchmarkEndpoints measures what one endpoint has left while a million events
// wait for a thousand others, none of whose upstreams answers: accepting, and
// delivering to an upstream that is well. At rest the gateway has nothing to do.
func BenchmarkEndpoints(b *testing.B) {
	if backlog == 0 {
		b.Skip("HOOKWICKET_BENCH_BACKLOG is 0")
	}
	// A folder each: what waits for an upstream that is silent in one would come to
	// the other's.
	among := run{site: "github", folder: prefilled(b, extraEndpoints), extra: extraEndpoints}
	silent := run{site: "github", folder: prefilled(b, extraEndpoints+1), extra: extraEndpoints + 1, silent: true}
	what := number(float64(backlog), 0) + " events wait for " + number(extraEndpoints, 0) + " endpoints"
	compare(b,
		contender{name: "empty", measure: run{site: "github", silent: true}.measure},
		contender{
			name: "accepting", label: "accepted, " + what, starts: true,
			measure: silent.measure, ratios: []ratio{{to: "empty", atLeast: 0.7}},
		},
		contender{name: "alone", measure: run{site: "github"}.measureDelivered},
		contender{
			name: "beside", label: "accepted and delivered, " + what + " that are dead", starts: true,
			measure: among.measureDelivered, ratios: []ratio{{to: "alone"}},
		},
	)
	b.Run("idle", func(b *testing.B) {
		s := silent.begin(b)
		defer s.end()
		const rest = 5 * time.Second
		before := s.process.cpu()
		time.Sleep(rest)
		b.ReportMetric(float64(s.process.cpu()-before)/float64(rest)*100, "cpu-%")
		b.ReportMetric(s.process.peakMemory(), memory)
		b.ReportMetric(0, "ns/op")
	})
}
