package deploy

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
	corev1 "k8s.io/api/core/v1"

	appsv1 "k8s.io/api/apps/v1"
)

var update = flag.Bool("update", false, "copy the alert rules into the chart")

// checkCaddyfile lets Caddy load the Caddyfile of the release, with its secrets as files.
func (m *manifests) checkCaddyfile() {
	m.t.Helper()
	file := m.caddyfile(m.t.TempDir())
	cmd := exec.Command(caddy(m.t), "validate", "--config", file)
	cmd.Env = append(os.Environ(), "NODE=hookwicket-0", "XDG_DATA_HOME="+m.t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), `"level":"warn"`) {
		text, _ := os.ReadFile(file)
		m.t.Errorf("caddy validate: %v\n%s\n%s", err, out, text)
	}
}

// caddyfile writes the Caddyfile of the release, and the files that it reads, into a folder.
func (m *manifests) caddyfile(dir string) string {
	m.t.Helper()
	text := get[corev1.ConfigMap](m, "ConfigMap/hookwicket").Data["Caddyfile"]
	for name, secret := range map[string]string{
		"webhooks/stripe": "whsec_test",
		"webhooks/new":    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"webhooks/old":    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"postgres/dsn":    "postgres://hookwicket@db.example.com/hookwicket?sslmode=verify-full",
	} {
		path := filepath.Join(dir, "secrets", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			m.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	text = strings.ReplaceAll(text, "/run/secrets", filepath.Join(dir, "secrets"))
	text = strings.ReplaceAll(text, "/data/", filepath.Join(dir, "data")+"/")
	path := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return path
}

// TestProbes runs the gateway of a release and asks the paths of its probes and monitor.
func TestProbes(t *testing.T) {
	m, err := render(t, endpoint+"serviceMonitor: {enabled: true}")
	if err != nil {
		t.Fatal(err)
	}
	file := m.caddyfile(t.TempDir())
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	addr, changed := map[string]string{}, string(text)
	for _, port := range []string{"2019", "8080", "8081"} {
		addr[port] = freeAddr(t)
		changed = regexp.MustCompile(`(localhost|\n):`+port+`\b`).ReplaceAllStringFunc(changed, func(found string) string {
			return strings.TrimSuffix(strings.TrimSuffix(found, ":"+port), "localhost") + "http://" + addr[port]
		})
	}
	changed = strings.Replace(changed, "admin http://", "admin ", 1)
	for _, port := range []string{"8080", "8081"} {
		changed = strings.Replace(changed, addr[port]+" {", addr[port]+" {\n\tbind 127.0.0.1", 1)
	}
	changed = strings.Replace(changed, "shutdown_delay 5s", "", 1) // the test need not wait for it
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(caddy(t), "run", "--config", file)
	cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+t.TempDir())
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil || t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Errorf("caddy: %v\n%s\n%s", err, changed, text)
		}
	})
	c := get[appsv1.StatefulSet](m, "StatefulSet/hookwicket").Spec.Template.Spec.Containers[0]
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		url := "http://" + addr["8081"] + probe.HTTPGet.Path
		until(t, url, func() bool { return status(url) == http.StatusOK })
	}
	if got := status("http://" + addr["8081"] + "/metrics"); got != http.StatusOK {
		t.Errorf("/metrics: status %d", got)
	}
	for _, path := range []string{"/livez", "/metrics"} {
		if got := status("http://" + addr["8080"] + path); got != http.StatusNotFound {
			t.Errorf("the site for senders answers %s with status %d", path, got)
		}
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// status is 0 without an answer.
func status(url string) int {
	resp, err := http.Get(url)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// TestBadValues: mistakes are refused, and the error names the value.
func TestBadValues(t *testing.T) {
	for values, want := range map[string]string{
		"":                                 "endpoints",
		endpoint + "replicas: 2":           "replicas",
		endpoint + "store: {type: sqlite}": "/store/type",
		endpoint + "store: {pebble: {size: big}}":                    "/store/pebble/size",
		endpoint + "store: {pebble: {accessModes: [ReadWriteMany]}}": "/store/pebble/accessModes",
		endpoint + "store: {type: postgres}":                         "store.postgres.secret",
		endpoint + "image: {digest: abc}":                            "/image/digest",
		endpoint + "encryption: {keys: [new]}":                       "/encryption/secret",
		endpoint + "ingress: {enabled: true}":                        "ingress.host",
		strings.Replace(endpoint, "[webhooks]", "[postgres]", 1):     "/secrets/0",
		endpoint + "podDisruptionBudget: {maxUnavailable: some}":     "/podDisruptionBudget/maxUnavailable",
	} {
		if _, err := render(t, values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want an error about %s", values, err, want)
		}
	}
}

// TestValues: each value is used by a template, has a type in the schema, and is in the README.
func TestValues(t *testing.T) {
	c := loadChart(t)
	templates := ""
	for _, f := range c.Templates {
		templates += string(f.Data)
	}
	var schema map[string]any
	if err := json.Unmarshal(c.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(read(t, "deploy/helm/hookwicket/README.md"), "## Values")
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(table, -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			documented[name[1]] = true
		}
	}
	names := leaves("", c.Values)
	if len(names) < 40 {
		t.Fatalf("only %d values", len(names))
	}
	for _, name := range names {
		parts := strings.Split(name, ".")
		parent, last := strings.Join(parts[:len(parts)-1], "."), parts[len(parts)-1]
		named := regexp.MustCompile(`\.Values\.` + regexp.QuoteMeta(name) + `\b`).MatchString(templates)
		within := parent != "" && regexp.MustCompile(`with \.Values\.`+regexp.QuoteMeta(parent)+` `).MatchString(templates) &&
			regexp.MustCompile(`[ (]\.`+last+`\b`).MatchString(templates)
		if !named && !within {
			t.Errorf("no template uses %s", name)
		}
		if !documented[name] {
			t.Errorf("README.md does not have %s", name)
		}
		delete(documented, name)
		at := schema
		for _, part := range parts {
			properties, _ := at["properties"].(map[string]any)
			if at, _ = properties[part].(map[string]any); at == nil {
				t.Errorf("values.schema.json does not have %s", name)
				break
			}
		}
	}
	if len(documented) > 0 {
		t.Errorf("README.md has values that do not exist: %v", documented)
	}
	for _, used := range regexp.MustCompile(`\.Values\.([A-Za-z.]+[A-Za-z])`).FindAllStringSubmatch(templates, -1) {
		if !slices.ContainsFunc(names, func(name string) bool { return name == used[1] || strings.HasPrefix(name, used[1]+".") }) {
			t.Errorf("values.yaml does not have %s, which a template uses", used[1])
		}
	}
}

// leaves are the names of values. An empty map is a value too.
func leaves(prefix string, values map[string]any) (names []string) {
	for name, v := range values {
		if inner, ok := v.(map[string]any); ok && len(inner) > 0 && name != "resources" {
			names = append(names, leaves(prefix+name+".", inner)...)
		} else {
			names = append(names, prefix+name)
		}
	}
	return names
}

// TestReadmeValues renders the example of the README.
func TestReadmeValues(t *testing.T) {
	found := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(read(t, "deploy/helm/hookwicket/README.md"))
	if found == nil {
		t.Fatal("the README has no example")
	}
	m, err := render(t, found[1])
	if err != nil {
		t.Fatal(err)
	}
	m.checkCaddyfile()
}

// TestRules: the chart has the alert rules of the examples, whose metrics are tested there.
func TestRules(t *testing.T) {
	rules, copied := read(t, "examples/prometheus/rules.yml"), filepath.Join(chartDir, "files/rules.yml")
	if *update {
		if err := os.WriteFile(copied, []byte(rules), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, "deploy/"+copied) != rules {
		t.Error("files/rules.yml differs from examples/prometheus/rules.yml: run this test with -update")
	}
}

// TestChartFile: the chart's minimum version has everything that it uses.
func TestChartFile(t *testing.T) {
	c := loadChart(t)
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if !chartutil.IsCompatibleRange(c.Metadata.KubeVersion, "v1.29.0") || chartutil.IsCompatibleRange(c.Metadata.KubeVersion, "v1.28.0") {
		t.Error(fmt.Sprint("it is for Kubernetes ", c.Metadata.KubeVersion))
	}
}
