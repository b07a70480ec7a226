package bench

import (
	"slices"
	"testing"
)

// contender is one of the things that a benchmark compares.
type contender struct {
	name    string
	measure func(*testing.B) figures
	ratios  []ratio
	label   string // of its row in the table; empty: none
	starts  bool   // the row also says how long the process takes to start
}

// ratio says what a figure is held against, and what the target is.
type ratio struct {
	to              string  // a contender's name
	of              string  // the unit; default: perSecond
	atLeast, atMost float64 // 0: no target
}

// compare measures the contenders by turns, so that what else the machine does
// falls on all of them, and reports medians.
//
// The last turn of each is taken within a benchmark of its own: package testing
// repeats what lasts less than a second.
func compare(b *testing.B, contenders ...contender) {
	b.Helper()
	turns := make(map[string][]figures)
	for range rounds - 1 {
		for _, c := range contenders {
			turns[c.name] = append(turns[c.name], c.measure(b))
		}
	}
	for _, c := range contenders {
		b.Run(c.name, func(b *testing.B) {
			if len(turns[c.name]) < rounds {
				turns[c.name] = append(turns[c.name], c.measure(b))
			}
			f := medians(turns[c.name])
			for unit, v := range f {
				b.ReportMetric(v, unit)
			}
			b.ReportMetric(0, "ns/op") // of no meaning here: not to be printed
			line := row{group: b.Name(), label: c.label, figures: f, starts: c.starts}
			for _, r := range c.ratios {
				name := "x_" + r.to
				if r.of == "" {
					r.of = perSecond
				} else {
					name += "_" + r.of
				}
				base := medians(turns[r.to])
				if base[r.of] == 0 {
					continue // filtered out on the command line
				}
				x := f[r.of] / base[r.of]
				b.ReportMetric(x, name)
				line.compared = append(line.compared, compared{r, x})
			}
			addRow(line)
		})
	}
}

// medians takes the median of each unit by itself.
func medians(turns []figures) figures {
	m := make(figures)
	for _, turn := range turns {
		for unit := range turn {
			if _, done := m[unit]; !done {
				var all []float64
				for _, t := range turns {
					all = append(all, t[unit])
				}
				m[unit] = median(all)
			}
		}
	}
	return m
}

func median(all []float64) float64 {
	slices.Sort(all)
	n := len(all)
	if n == 0 {
		return 0
	}
	return (all[(n-1)/2] + all[n/2]) / 2
}
