package packaging

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a step may take. No step takes that long.
const patience = 60 * time.Second

// machine is a folder with an installed package.
type machine struct {
	t        *testing.T
	root     string
	deb      string
	uid, gid uint32 // of the user hookwicket
	unit     unit
	env      []string // of the service
}

// dpkg installs, removes and so on. The scripts of the package run outside of the folder,
// with DPKG_ROOT, since the folder has no shell.
func (m *machine) dpkg(args ...string) {
	m.t.Helper()
	args = append([]string{"--root=" + m.root, "--force-script-chrootless", "--force-depends", "--force-confold"}, args...)
	cmd := exec.Command("dpkg", args...)
	cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/sbin:"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("dpkg %q: %v\n%s", args, err, out)
	}
}

func (m *machine) path(name string) string { return filepath.Join(m.root, name) }

func (m *machine) read(name string) string {
	m.t.Helper()
	text, err := os.ReadFile(m.path(name))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

func (m *machine) write(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(m.path(name), []byte(text), 0); err != nil { // the mode stays
		m.t.Fatal(err)
	}
}

// has checks that a file exists in the folder, or does not.
func (m *machine) has(want bool, names ...string) {
	m.t.Helper()
	for _, name := range names {
		if _, err := os.Lstat(m.path(name)); (err == nil) != want {
			m.t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
}

// command runs a line of the unit as the service does: in the folder, as its user.
func (m *machine) command(line string) *exec.Cmd {
	words := strings.Fields(line)
	return &exec.Cmd{
		Path: words[0], Args: words, Dir: "/", Env: m.env,
		SysProcAttr: &syscall.SysProcAttr{Chroot: m.root, Credential: &syscall.Credential{Uid: m.uid, Gid: m.gid}},
	}
}

// newMachine installs the package into an empty folder.
func newMachine(t *testing.T) *machine {
	if os.Geteuid() != 0 {
		t.Skip("a package is installed by root only")
	}
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("no dpkg")
	}
	deb := *givenDeb
	if deb == "" {
		deb = pack(t, goreleaser(t).NFPMs[0], "deb", built(t))
	}
	m := &machine{t: t, root: t.TempDir(), deb: deb, unit: readUnit(t)}
	for _, folder := range []string{"etc/alternatives", "var/log", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/lib/dpkg/alternatives", "run"} {
		if err := os.MkdirAll(m.path(folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(m.root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.path("var/lib/dpkg/status"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	m.dpkg("--install", deb)

	user := regexp.MustCompile(`(?m)^` + m.unit.one(t, "User") + `:[^:]*:(\d+):(\d+):[^:]*:([^:]*):`).FindStringSubmatch(m.read("etc/passwd"))
	if user == nil {
		t.Fatalf("the user was not made:\n%s", m.read("etc/passwd"))
	}
	uid, _ := strconv.Atoi(user[1])
	gid, _ := strconv.Atoi(user[2])
	m.uid, m.gid = uint32(uid), uint32(gid)

	// As systemd does for StateDirectory.
	state := m.path("var/lib/" + m.unit.one(t, "StateDirectory"))
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(state, uid, gid); err != nil {
		t.Fatal(err)
	}
	m.env = append(strings.Fields(m.unit.one(t, "Environment")), "HOME="+user[3])
	return m
}

// example takes the comment sign off the endpoint in the packaged Caddyfile.
var example = regexp.MustCompile(`(?m)^\t# (\s*)(webhook_gateway|secret|forward|\}$)`)

// TestDeb installs the deb, starts the service as the unit says, with the packaged
// Caddyfile on other ports, and removes it again.
func TestDeb(t *testing.T) {
	m := newMachine(t)
	lintUnit(t, m.root)
	m.has(true, "usr/share/man/man8/hookwicket-webhook-events.8.gz", "usr/share/bash-completion/completions/hookwicket",
		"usr/share/doc/hookwicket/copyright", "usr/share/doc/hookwicket/THIRD-PARTY-LICENSES")
	if target, err := os.Readlink(m.path("etc/alternatives/caddy")); err != nil || target != "/usr/bin/hookwicket" {
		t.Errorf("the command caddy is %q (%v)", target, err)
	}

	delivered := make(chan string, 10)
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		delivered <- string(body)
	}))
	defer app.Close()
	addr := freeAddr(t)

	// Files that an administrator would edit.
	config := m.read("etc/hookwicket/Caddyfile")
	if n := len(example.FindAllString(config, -1)); n != 4 {
		t.Fatalf("%d lines of the example were found", n)
	}
	config = example.ReplaceAllString(config, "\t$1$2")
	config = replace(t, config, "\n:8080 {", "\nhttp://"+addr+" {")
	config = replace(t, config, "127.0.0.1:3000", app.Listener.Addr().String())
	m.write("etc/hookwicket/Caddyfile", config)
	const secret = "whsec_of_the_package"
	environment := m.read("etc/hookwicket/environment")
	m.write("etc/hookwicket/environment", strings.ReplaceAll(environment, "# STRIPE_WEBHOOK_SECRET=whsec_...", "STRIPE_WEBHOOK_SECRET="+secret))
	for line := range strings.Lines(m.read(strings.TrimPrefix(m.unit.one(t, "EnvironmentFile"), "-"))) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			m.env = append(m.env, name+"="+value)
		}
	}
	if info, err := os.Stat(m.path("etc/hookwicket/environment")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the secrets has the mode %v (%v)", info.Mode(), err)
	}
	m.env = append(m.env, "CADDY_ADMIN=unix//var/lib/hookwicket/admin.sock")

	log, stop := m.start()
	send := exec.Command(m.path("usr/bin/hookwicket"), "webhook", "send", "--provider", "stripe", "--secret", secret, "--to", "http://"+addr+"/stripe", "--id", "evt_packaged")
	if out, err := send.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, log)
	}
	select {
	case body := <-delivered:
		if !strings.Contains(body, "evt_packaged") {
			t.Errorf("the app got %s", body)
		}
	case <-time.After(patience):
		t.Fatalf("nothing was delivered\n%s", log)
	}
	for _, line := range []string{m.unit.one(t, "ExecReload"), "/usr/bin/hookwicket webhook status stripe"} {
		if out, err := m.command(line).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s\n%s", line, err, out, log)
		}
	}
	stop()
	m.has(true, "var/lib/hookwicket/store")
	if strings.Contains(log.String(), secret) {
		t.Error("the log contains the secret")
	}

	// A second installation keeps the configuration; so does the removal, which also
	// keeps the events.
	m.dpkg("--install", m.deb)
	if m.read("etc/hookwicket/Caddyfile") != config {
		t.Error("an upgrade replaces the configuration")
	}
	m.dpkg("--remove", "hookwicket")
	m.has(false, "usr/bin/hookwicket", "usr/bin/caddy", "etc/alternatives/caddy", "usr/lib/systemd/system/hookwicket.service")
	m.has(true, "etc/hookwicket/Caddyfile", "var/lib/hookwicket/store")
}

// serviceLog is the file with the log of the service.
type serviceLog string

func (l serviceLog) String() string {
	text, err := os.ReadFile(string(l))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// start starts the service and waits until it says that it serves. stop ends it as systemd
// does.
func (m *machine) start() (log serviceLog, stop func()) {
	m.t.Helper()
	if m.unit.one(m.t, "Type") != "notify" {
		m.t.Fatal("the unit does not wait for the program")
	}
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path("run/notify"), Net: "unixgram"})
	if err != nil {
		m.t.Fatal(err)
	}
	defer notify.Close()
	if err := os.Chmod(m.path("run/notify"), 0o666); err != nil {
		m.t.Fatal(err)
	}
	cmd := m.command(m.unit.one(m.t, "ExecStart"))
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET=/run/notify")
	log = serviceLog(filepath.Join(m.t.TempDir(), "log"))
	out, err := os.Create(string(log))
	if err != nil {
		m.t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		notify.Close()
	}()
	m.t.Cleanup(func() { cmd.Process.Kill() })

	notify.SetReadDeadline(time.Now().Add(patience))
	message := make([]byte, 1024)
	for !bytes.Contains(message, []byte("READY=1")) {
		clear(message)
		if _, err := notify.Read(message); err != nil {
			cmd.Process.Kill()
			<-ended
			m.t.Fatalf("the service did not start: %v\n%s", err, log)
		}
	}
	return log, func() {
		m.t.Helper()
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				m.t.Errorf("the service ended with %v\n%s", err, log)
			}
		case <-time.After(patience):
			cmd.Process.Kill()
			<-ended
			m.t.Fatalf("the service did not end\n%s", log)
		}
	}
}

func replace(t *testing.T, text, old, with string) string {
	t.Helper()
	if strings.Count(text, old) != 1 {
		t.Fatalf("%q is there %d times", old, strings.Count(text, old))
	}
	return strings.Replace(text, old, with, 1)
}

// freeAddr returns an address that nobody listens on.
func freeAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
