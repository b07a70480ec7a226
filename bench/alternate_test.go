package bench

import (
	"testing"
	"time"
)

// timed is a function that takes microseconds.
type timed struct {
	name string
	do   func()
}

// alternate times two functions in short blocks by turns, b.N calls of each,
// and hands on the second's figures and how many times the first's its time is.
// Medians of blocks leave out what else the machine did.
func alternate(b *testing.B, base, other timed, report func(f figures, x float64)) {
	const block = 50
	var times [2][]float64
	for n := 0; n < b.N; n += block {
		for i, do := range []func(){base.do, other.do} {
			began := time.Now()
			for range block {
				do()
			}
			times[i] = append(times[i], float64(time.Since(began).Nanoseconds())/block)
		}
	}
	first, second := median(times[0]), median(times[1])
	b.ReportMetric(first, base.name+"-ns/op")
	b.ReportMetric(second, "ns/op")
	report(inProcess(second), second/first)
}

// inProcess are the figures of something that takes so many nanoseconds.
func inProcess(ns float64) figures {
	return figures{perSecond: 1e9 / ns, cpuEach: ns / 1000}
}
