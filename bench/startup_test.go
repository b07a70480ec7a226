package bench

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkStartup is what the gateway and its catalogue add to the start of any
// command of Caddy: `caddy version` of ours and of plain Caddy, by turns.
func BenchmarkStartup(b *testing.B) {
	folder := newFolder(b)
	programs := [2]string{"github.com/caddyserver/caddy/v2/cmd/caddy", "github.com/hookwicket/hookwicket/cmd/caddy"}
	var binaries [2]string
	for i, program := range programs {
		binaries[i] = filepath.Join(folder, fmt.Sprint("caddy", i))
		if out, err := exec.Command("go", "build", "-o", binaries[i], program).CombinedOutput(); err != nil {
			b.Fatalf("building %s: %v\n%s", program, err, out)
		}
	}
	var times [2][]float64
	for b.Loop() {
		for i, binary := range binaries {
			began := time.Now()
			if out, err := exec.Command(binary, "version").CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			times[i] = append(times[i], float64(time.Since(began).Microseconds())/1000)
		}
	}
	plain, ours := median(times[0]), median(times[1])
	b.ReportMetric(plain, "plain-ms")
	b.ReportMetric(ours, "ours-ms")
	b.ReportMetric(ours-plain, "more-ms")
	addRow(row{
		group:    b.Name(),
		label:    fmt.Sprintf("`caddy version`: %.0f ms, plain Caddy %.0f ms", ours, plain),
		compared: []compared{{ratio{to: "plain Caddy"}, ours / plain}},
	})
}
