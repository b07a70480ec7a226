package bench

import "testing"

// BenchmarkDuplicates sends one event again and again, on all connections at
// once. The upstream has to get it once.
func BenchmarkDuplicates(b *testing.B) {
	compare(b,
		contender{name: "reverse_proxy", measure: run{site: "reverse_proxy"}.measure},
		contender{
			name: "duplicates", label: "a flood of duplicates",
			measure: measureDuplicates,
			ratios:  []ratio{{to: "reverse_proxy"}},
		},
	)
}

func measureDuplicates(b *testing.B) figures {
	s := run{site: "github", again: true}.begin(b)
	defer s.end()
	f := s.measure(b)
	if r := arrivals(b); r.Distinct != 1 || r.Again+r.Strange > 0 {
		b.Fatalf("of one event the upstream has got %d, %d again, and %d others", r.Distinct, r.Again, r.Strange)
	}
	return f
}
