package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What a run can be told through the environment.
var (
	seconds = setting("BENCH_SECONDS", 3)                        // how long each measurement lasts
	rounds  = max(1, int(setting("HOOKWICKET_BENCH_ROUNDS", 3))) // how often each is repeated
	backlog = int(setting("HOOKWICKET_BENCH_BACKLOG", 1_000_000))
	profile = os.Getenv("HOOKWICKET_BENCH_PROFILE") // where CPU profiles go; empty: none
)

const (
	connections = 64
	secret      = "a secret of the benchmarks"
)

// roles are what this binary can be besides the benchmarks: it starts itself
// again, since sender, gateway and upstream are separate processes in life too.
var roles = map[string]func() error{
	"gateway":  gatewayMain,
	"upstream": upstreamMain,
	"prefill":  prefillMain,
}

const roleVariable = "HOOKWICKET_BENCH_ROLE"

func TestMain(m *testing.M) {
	if main, ok := roles[os.Getenv(roleVariable)]; ok {
		if err := main(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	stopUpstream()
	removeWorkFolder()
	printTable()
	os.Exit(code)
}

func setting(name string, preset float64) float64 {
	text := os.Getenv(name)
	if text == "" {
		return preset
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v < 0 {
		fmt.Fprintf(os.Stderr, "%s=%q is not a number\n", name, text)
		os.Exit(2)
	}
	return v
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// warmUp is how long each process is exercised before the clock starts.
func warmUp() time.Duration { return min(duration(seconds)/2, 500*time.Millisecond) }

var workFolder string

// newFolder makes a folder for one process. All of them go when the run ends.
func newFolder(b *testing.B) string {
	b.Helper()
	if workFolder == "" {
		var err error
		if workFolder, err = os.MkdirTemp(os.Getenv("HOOKWICKET_BENCH_DIR"), "hookwicket-bench-"); err != nil {
			b.Fatal(err)
		}
		if kind := fileSystemOf(workFolder); kind == "tmpfs" || kind == "ramfs" {
			fmt.Fprintf(os.Stderr, "WARNING: the store would be in memory (%s), where fsync costs nothing; "+
				"set HOOKWICKET_BENCH_DIR to a folder on a disk\n", kind)
		}
	}
	folder, err := os.MkdirTemp(workFolder, "")
	if err != nil {
		b.Fatal(err)
	}
	return folder
}

func removeWorkFolder() {
	if workFolder != "" {
		os.RemoveAll(workFolder)
	}
}

// fileSystemOf names the kind of file system that a folder is on, where the
// system tells.
func fileSystemOf(folder string) (kind string) {
	folder, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return ""
	}
	mounts, _ := os.ReadFile("/proc/mounts")
	longest := 0
	for line := range strings.Lines(string(mounts)) {
		field := strings.Fields(line)
		if len(field) < 3 {
			continue
		}
		at := field[1]
		below := at == "/" || folder == at || strings.HasPrefix(folder, at+"/")
		if below && len(at) >= longest {
			longest, kind = len(at), field[2]
		}
	}
	return kind
}
