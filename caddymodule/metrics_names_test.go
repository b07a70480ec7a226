package caddymodule

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// describedMetrics returns the names of all metrics, without the common part.
func describedMetrics(t *testing.T) map[string]bool {
	t.Helper()
	m := collectors()
	names := make(map[string]bool)
	for _, c := range m.all() {
		descs := make(chan *prometheus.Desc, 100)
		c.Describe(descs)
		close(descs)
		for d := range descs {
			name := regexp.MustCompile(`fqName: "caddy_webhook_gateway_(\w+)"`).FindStringSubmatch(d.String())
			if name == nil {
				t.Fatalf("%s is not ours", d)
			}
			names[name[1]] = true
		}
	}
	return names
}

// TestMetricsAreDocumented: each metric is in the manual.
func TestMetricsAreDocumented(t *testing.T) {
	var manual strings.Builder
	for _, file := range []string{"operating.md", "cluster.md"} {
		text, err := os.ReadFile(filepath.Join("..", "docs", file))
		if err != nil {
			t.Fatal(err)
		}
		manual.Write(text)
	}
	for name := range describedMetrics(t) {
		if !regexp.MustCompile("(`|_)" + name + "`").MatchString(manual.String()) {
			t.Errorf("%s is not in docs/operating.md or docs/cluster.md", name)
		}
	}
}

// TestRules: the alert rules name metrics that there are. promtool, where it is, says that each
// fires when it should and only then.
func TestRules(t *testing.T) {
	dir := filepath.Join("..", "examples", "prometheus")
	rules, err := os.ReadFile(filepath.Join(dir, "rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	names := describedMetrics(t)
	found := regexp.MustCompile(`caddy_webhook_gateway_(\w+)`).FindAllSubmatch(rules, -1)
	if len(found) < 10 {
		t.Fatalf("only %d metrics in the rules", len(found))
	}
	for _, f := range found {
		if !names[string(f[1])] {
			t.Errorf("there is no metric %s", f[1])
		}
	}
	tests, err := os.ReadFile(filepath.Join(dir, "rules_test.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, alert := range regexp.MustCompile(`alert: (\w+)`).FindAllSubmatch(rules, -1) {
		if !strings.Contains(string(tests), `{alertname="`+string(alert[1])+`"}`) {
			t.Errorf("no test has %s fire", alert[1])
		}
	}
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool in PATH (Debian: prometheus): the rules are not evaluated")
	}
	for _, args := range [][]string{{"check", "rules", "rules.yml"}, {"test", "rules", "rules_test.yml"}} {
		cmd := exec.Command(tool, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
