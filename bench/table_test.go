package bench

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// row is a line of the table that ends the run.
type row struct {
	group    string // the benchmark's name
	label    string
	figures  figures
	compared []compared
	starts   bool
}

// compared is a ratio as it came out.
type compared struct {
	ratio
	x float64
}

var rows []row

// addRow replaces what an earlier call of the same benchmark has added.
func addRow(r row) {
	if r.label == "" {
		return
	}
	rows = slices.DeleteFunc(rows, func(old row) bool { return old.label == r.label })
	rows = append(rows, r)
}

// tableOrder is that of the groups of rows.
var tableOrder = []string{"Accept", "Passthrough", "Duplicates", "Delivered", "Backlog", "Rate", "Connections", "Bodies", "Configured", "Postgres", "TakeOver", "Scrape", "Verify", "Scheme", "Dedupe", "Startup"}

func printTable() {
	if len(rows) == 0 {
		return
	}
	order := func(r row) int {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.group, "Benchmark"), "/")
		return slices.Index(tableOrder, name)
	}
	slices.SortStableFunc(rows, func(a, b row) int { return order(a) - order(b) })
	memTotal := kilobytes("/proc/meminfo", "MemTotal:")
	fmt.Printf("\nMedians of %d turns of %g s each, %d connections, bodies of %d bytes; sender, gateway and upstream share "+
		"%d cores and %.0f GB of memory. Every commit is fsynced.\n\n", rounds, seconds, connections, bodySize, runtime.NumCPU(), memTotal/(1<<20))
	fmt.Println("| | per second | p50 / p99 ms | ratio | target | CPU µs each | written KB each | memory MB |")
	fmt.Println("|---|--:|--:|---|---|--:|--:|--:|")
	for _, r := range rows {
		fmt.Println(r)
	}
	fmt.Println()
}

func (r row) String() string {
	var ratios, targets []string
	for _, c := range r.compared {
		base := strings.ReplaceAll(c.to, "_", " ")
		if unit, _, _ := strings.Cut(c.of, "-"); c.of != perSecond && c.of != "" {
			base = unit + " of " + base
		}
		ratios = append(ratios, fmt.Sprintf("%.2f × %s", c.x, base))
		switch {
		case c.atLeast > 0:
			targets = append(targets, fmt.Sprintf("≥ %g%s", c.atLeast, missed(c.x < c.atLeast)))
		case c.atMost > 0:
			targets = append(targets, fmt.Sprintf("≤ %g%s", c.atMost, missed(c.x > c.atMost)))
		}
	}
	latency := ""
	if r.figures[p50] > 0 {
		latency = fmt.Sprintf("%.1f / %.1f", r.figures[p50], r.figures[p99])
	}
	label := r.label
	if r.starts {
		label += fmt.Sprintf(" (start: %.0f ms)", r.figures[starting])
	}
	cells := []string{
		label, number(r.figures[perSecond], 0), latency,
		strings.Join(ratios, ", "), strings.Join(targets, ", "),
		number(r.figures[cpuEach], 2), number(r.figures[written]/1000, 1), number(r.figures[memory], 0),
	}
	return "| " + strings.Join(cells, " | ") + " |"
}

func missed(is bool) string {
	if is {
		return " (missed)"
	}
	return ""
}

// number writes a figure with three digits at least, and commas between
// thousands. Zero stands for what was not measured.
func number(v float64, decimals int) string {
	if v == 0 {
		return ""
	}
	if v >= 100 {
		decimals = 0
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	whole, fraction, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0 && math.Abs(v) >= 1000; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		return whole + "." + fraction
	}
	return whole
}
