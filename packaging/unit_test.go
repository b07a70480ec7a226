package packaging

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// unit is the service of systemd: the values of each key, in the order of the file.
type unit map[string][]string

func readUnit(t *testing.T) unit {
	t.Helper()
	text, err := os.ReadFile("hookwicket.service")
	if err != nil {
		t.Fatal(err)
	}
	u := unit{}
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(key, "#") {
			u[key] = append(u[key], value)
		}
	}
	return u
}

// one returns the only value of a key.
func (u unit) one(t *testing.T, key string) string {
	t.Helper()
	if len(u[key]) != 1 {
		t.Fatalf("the unit has %d lines %s", len(u[key]), key)
	}
	return u[key][0]
}

// lintUnit lets systemd judge the unit that is installed in a folder.
func lintUnit(t *testing.T, root string) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("no systemd-analyze: the unit is not judged by systemd")
		return
	}
	for _, target := range []string{"sysinit", "basic", "network-online", "shutdown"} { // systemd wants them there
		name := filepath.Join(root, "usr/lib/systemd/system", target+".target")
		if err := os.WriteFile(name, []byte("[Unit]\nDescription="+target+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(name)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", "--root="+root, "hookwicket.service").CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// From 0 to 10; a service that is not confined at all has 9.6.
	out, err = exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=25", "--root="+root, "hookwicket.service").CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: more than 2.5 (%v)\n%s", err, out)
	}
}

// TestOpenRC: Alpine's service runs the same commands as the unit, in the same folder.
func TestOpenRC(t *testing.T) {
	u := readUnit(t)
	text, err := os.ReadFile("alpine/hookwicket.initd")
	if err != nil {
		t.Fatal(err)
	}
	script := strings.NewReplacer(`"$config"`, "/etc/hookwicket/Caddyfile", "$config", "/etc/hookwicket/Caddyfile",
		`"$command"`, "/usr/bin/hookwicket").Replace(string(text))
	start := strings.TrimPrefix(u.one(t, "ExecStart"), "/usr/bin/hookwicket ")
	for _, want := range []string{
		"\ncommand=/usr/bin/hookwicket\n",
		"\ncommand_args=\"" + start + "\"\n",
		"\t" + u.one(t, "ExecReload") + "\n",
		"export " + u.one(t, "Environment") + "\n",
		strings.TrimPrefix(u.one(t, "EnvironmentFile"), "-"),
		"/var/lib/" + u.one(t, "StateDirectory") + "\n",
		"TERM/" + strings.TrimSuffix(u.one(t, "TimeoutStopSec"), "s") + "/",
	} {
		if !strings.Contains(script, want) {
			t.Errorf("the service of OpenRC does not have %q", want)
		}
	}
	for _, name := range []string{"alpine/hookwicket.initd", "alpine/preinstall.sh", "postinstall.sh", "preremove.sh", "postremove.sh", "generate.sh"} {
		if out, err := exec.Command("sh", "-n", name).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
