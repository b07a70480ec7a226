package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestMonitoring holds the Grafana dashboard and the alert rules against the metrics of a gateway
// on which everything happens that they show: each metric and each label has to be there, and
// promtool has to get a value of each expression of the dashboard. The gateway shares a database,
// because only such a one has all metrics.
func TestMonitoring(t *testing.T) {
	unraced(t)
	_, all := newCluster(t, 1, fmt.Sprintf(`ADDR {
	webhook_gateway /hook generic {
		secret %s
		forward {
			as ok
			respond 200
		}
		forward {
			as dead
			retry {
				attempts 1
			}
			respond 503
		}
		forward {
			as ill
			circuit {
				consecutive 1
				open 1h
			}
			respond 503
		}
	}
	webhook_gateway /idle generic {
		name idle
		secret %s
		forward 127.0.0.1:9
	}
}
`, secret, secret))
	g := all[0]
	g.start()
	mustPost(t, g.url("/hook"), genericBody("evt_1"))
	mustPost(t, g.url("/hook"), genericBody("evt_1"))
	if status, _, err := postAs(g.url("/hook"), genericBody("evt_2"), sign("another body")); status != http.StatusUnauthorized {
		t.Fatalf("a wrong signature gets %d, %v", status, err)
	}
	var found exposition
	until(t, "an event is delivered, one is a dead letter and one waits for an open circuit", func() bool {
		found = expositionOf(t, g.ask("/metrics"))
		return found.value(`attempts_total{endpoint="generic",forward="ok",outcome="delivered"}`) == 1 &&
			found.value(`dead_letters{endpoint="generic",forward="dead"}`) == 1 &&
			found.value(`circuit_open{endpoint="generic",forward="ill"}`) == 1 &&
			found.value(`dead_letters{endpoint="idle",forward=""}`) == 0 && found.has("store_snapshot_age_seconds")
	})
	t.Run("series", func(t *testing.T) { checkSeries(t, found) })

	d := readDashboard(t)
	d.check(t)
	var values []string // expressions that have a value
	for _, e := range d.exprs {
		found.check(t, e)
		values = append(values, d.filled(e.text))
		values = append(values, selectors(d.filled(e.text))...)
	}
	rules := readRules(t)
	for _, e := range rules {
		found.check(t, e)
		values = append(values, selectors(e.text)...)
	}
	if len(d.exprs) < 30 || len(rules) < 17 {
		t.Fatalf("only %d expressions of the dashboard and %d rules were found", len(d.exprs), len(rules))
	}
	evaluate(t, found, values)
}

// checkSeries limits the lines that endpoints and forwards add to /metrics, because there can be
// hundreds of them. docs/operating.md has the figures.
func checkSeries(t *testing.T, found exposition) {
	const active, idle, used, unused = 8, 4, 32, 8
	lines := make(map[string]int)
	for _, s := range found.series {
		if endpoint, ok := s.labels["endpoint"]; ok {
			forward, ok := s.labels["forward"]
			if ok {
				endpoint += "/" + forward
			}
			lines[endpoint]++
		}
	}
	for name, most := range map[string]int{
		"generic": active, "generic/ok": used, "generic/dead": used, "generic/ill": used, "idle": idle, "idle/": unused,
	} {
		if n := lines[name]; n == 0 || n > most {
			t.Errorf("%s has %d lines, want at most %d", name, n, most)
		}
	}
}

// exposition is the content of /metrics, without the metrics of others.
type exposition struct {
	series []sample
	labels map[string]map[string]bool // of each metric
}

type sample struct {
	text   string // name and labels
	name   string
	labels map[string]string
	value  float64
}

const metricPrefix = "caddy_webhook_gateway_"

var (
	sampleLine  = regexp.MustCompile(`^(` + metricPrefix + `\w+)(?:\{(.*)\})? (\S+)$`)
	labelOfLine = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

func expositionOf(t *testing.T, text string) exposition {
	t.Helper()
	e := exposition{labels: make(map[string]map[string]bool)}
	for line := range strings.Lines(text) {
		m := sampleLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		s := sample{name: m[1], labels: make(map[string]string), value: v}
		s.text, _, _ = strings.Cut(strings.TrimSpace(line), "} ")
		if m[2] == "" {
			s.text = m[1]
		} else {
			s.text += "}"
		}
		if e.labels[s.name] == nil {
			e.labels[s.name] = make(map[string]bool)
		}
		for _, l := range labelOfLine.FindAllStringSubmatch(m[2], -1) {
			s.labels[l[1]] = l[2]
			e.labels[s.name][l[1]] = true
		}
		e.series = append(e.series, s)
	}
	return e
}

// value returns the value of a series; 0: it is not there.
func (e exposition) value(text string) float64 {
	for _, s := range e.series {
		if s.text == metricPrefix+text {
			return s.value
		}
	}
	return 0
}

func (e exposition) has(name string) bool { return e.labels[metricPrefix+name] != nil }

// expr is an expression of a rule or a panel, with the labels that texts show of its result.
type expr struct {
	of, text string
	shown    []string
}

var (
	selector  = regexp.MustCompile(metricPrefix + `\w+(?:\{[^}]*\})?`)
	matching  = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*"`)
	grouping  = regexp.MustCompile(`\b(by|without|on|ignoring)\s*\(([\w\s,]*)\)`)
	scrapedBy = []string{"job", "instance"} // labels that Prometheus adds
)

func selectors(text string) []string { return selector.FindAllString(text, -1) }

// check reports metrics and labels of an expression that /metrics does not have.
func (e exposition) check(t *testing.T, x expr) {
	t.Helper()
	chosen := selectors(x.text)
	if len(chosen) == 0 {
		t.Errorf("%s: no metric of ours in %s", x.of, x.text)
	}
	available := slices.Clone(scrapedBy)
	for _, s := range chosen {
		name, matchers, _ := strings.Cut(s, "{")
		labels := e.labels[name]
		if labels == nil {
			t.Errorf("%s: there is no metric %s", x.of, name)
			continue
		}
		for l := range labels {
			available = append(available, l)
		}
		for _, m := range matching.FindAllStringSubmatch(matchers, -1) {
			if !labels[m[1]] && !slices.Contains(scrapedBy, m[1]) {
				t.Errorf("%s: %s has no label %s", x.of, name, m[1])
			}
		}
	}
	kept, grouped := available, false
	for _, m := range grouping.FindAllStringSubmatch(x.text, -1) {
		labels := strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' })
		for _, l := range labels {
			if !slices.Contains(available, l) {
				t.Errorf("%s: no metric in it has the label %s: %s", x.of, l, x.text)
			}
		}
		if m[1] == "by" && !grouped {
			kept, grouped = labels, true
		}
	}
	for _, l := range x.shown {
		if !slices.Contains(kept, l) {
			t.Errorf("%s: the result has no label %s: %s", x.of, l, x.text)
		}
	}
}

// rule finds the name, the expression and the texts of a rule.
var (
	rule      = regexp.MustCompile(`(?s)^ (\w+)\n\s+expr: (?:>-\n)?(.*?)\n        (?:for|labels): (.*)$`)
	inMessage = regexp.MustCompile(`\$labels\.(\w+)`)
)

func readRules(t *testing.T) (all []expr) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "prometheus", "rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(string(text), "- alert:") {
		if i == 0 {
			continue
		}
		m := rule.FindStringSubmatch(part)
		if m == nil {
			t.Fatalf("the test cannot read this rule:%s", part)
		}
		x := expr{of: m[1], text: m[2]}
		for _, l := range inMessage.FindAllStringSubmatch(m[3], -1) {
			x.shown = append(x.shown, l[1])
		}
		all = append(all, x)
	}
	return all
}

// dashboard has the parts of a Grafana dashboard that the test reads.
type dashboard struct {
	Panels []struct {
		ID                       int
		Title, Type, Description string
		Datasource               datasource
		FieldConfig              struct{ Defaults struct{ Unit string } }
		GridPos                  struct{ X, Y, W, H int }
		Targets                  []struct {
			Datasource   datasource
			Expr         string
			LegendFormat string
			RefID        string `json:"refId"`
		}
	}
	SchemaVersion int
	Templating    struct {
		List []struct {
			Name, Type, Definition string
			Datasource             datasource
		}
	}
	exprs []expr
}

type datasource struct{ Type, UID string }

var (
	inLegend    = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)
	variable    = regexp.MustCompile(`\$\{?(\w+)`)
	labelValues = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
)

func readDashboard(t *testing.T) *dashboard {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "grafana", "hookwicket.json"))
	if err != nil {
		t.Fatal(err)
	}
	d := new(dashboard)
	if err := json.Unmarshal(text, d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			x := expr{of: fmt.Sprintf("panel %q, %s", p.Title, target.RefID), text: target.Expr}
			for _, l := range inLegend.FindAllStringSubmatch(target.LegendFormat, -1) {
				x.shown = append(x.shown, l[1])
			}
			d.exprs = append(d.exprs, x)
		}
	}
	for _, v := range d.Templating.List {
		if m := labelValues.FindStringSubmatch(v.Definition); m != nil {
			d.exprs = append(d.exprs, expr{of: "variable " + v.Name, text: m[1], shown: []string{m[2]}})
		}
	}
	return d
}

// filled is an expression with values for the variables, as Grafana sends it.
func (d *dashboard) filled(text string) string {
	return strings.NewReplacer("$__rate_interval", "5m", "$job", "hooks|others", "$endpoint", "generic|idle").Replace(text)
}

// check checks the dashboard apart from its metrics.
func (d *dashboard) check(t *testing.T) {
	t.Helper()
	const chosen = "${datasource}"
	used := map[string]bool{}
	for _, x := range d.exprs {
		for _, m := range variable.FindAllStringSubmatch(x.text, -1) {
			used[m[1]] = true
		}
	}
	delete(used, "__rate_interval")
	for _, v := range d.Templating.List {
		if v.Type != "datasource" && (!used[v.Name] || v.Datasource.UID != chosen) {
			t.Errorf("variable %s: used by an expression: %v; its data source: %s", v.Name, used[v.Name], v.Datasource.UID)
		}
		delete(used, v.Name)
	}
	if len(used) > 0 {
		t.Errorf("expressions have the variables %v, which are not declared", used)
	}
	ids, cells := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if p.Title == "" || ids[p.ID] {
			t.Errorf("panel %d %q: no title, or the ID of another one", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := cells[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %q lies on %q, or beyond the edge", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || p.Datasource.UID != chosen {
			t.Errorf("panel %q lacks a description, a unit, an expression or the chosen data source", p.Title)
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != chosen {
				t.Errorf("panel %q, %s: another data source", p.Title, target.RefID)
			}
		}
	}
}

// evaluate lets promtool evaluate expressions over the series of a gateway, whose counters grow
// from minute to minute. Each has to have a value, and none that is no number.
func evaluate(t *testing.T, found exposition, exprs []string) {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool in PATH (Debian: prometheus): the expressions are not evaluated")
	}
	type object map[string]any
	var series, tests []object
	for _, s := range found.series {
		v := strconv.FormatFloat(s.value, 'f', -1, 64)
		values := v + "x30"
		for _, suffix := range []string{"_total", "_bucket", "_count", "_sum"} {
			if strings.HasSuffix(s.name, suffix) {
				values = v + "+" + v + "x30"
			}
		}
		labels := strings.TrimSuffix(strings.TrimPrefix(s.text[len(s.name):], "{"), "}")
		if labels != "" {
			labels += ","
		}
		series = append(series, object{"series": s.name + "{" + labels + `job="hooks",instance="a"}`, "values": values})
	}
	for _, x := range exprs {
		tests = append(tests, object{
			"expr": "count((" + x + ") == (" + x + ")) > bool 0", "eval_time": "20m",
			"exp_samples": []object{{"labels": "{}", "value": 1}},
		})
	}
	file, err := json.Marshal(object{
		"evaluation_interval": "1m",
		"tests":               []object{{"interval": "1m", "input_series": series, "promql_expr_test": tests}},
	})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "test.yml") // JSON is YAML
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, "test", "rules", name).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
