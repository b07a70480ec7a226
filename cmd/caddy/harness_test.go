package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hookwicket/hookwicket/internal/pgtest"
)

// TestMain makes the test binary the real `caddy` for scripts and for the
// gateways that the tests start: a process of its own, to be killed at will.
func TestMain(m *testing.M) {
	testscript.Main(pgtest.Tests{M: m}, map[string]func(){"caddy": main})
}

// patience is how long a test waits for what has to happen. It is a limit for
// broken code; no test takes that long.
const patience = 60 * time.Second

// gateway is a running caddy process.
type gateway struct {
	t    testing.TB
	dir  string // its home: configuration, store, log
	addr string // where its first site listens
	log  *buffer
	env  []string

	globals string // further global options
	limits  string // further lines of the global option webhook_gateway
	store   string // the line store and its block; empty: a pebble store in the home

	within   []string   // the command that runs a program where the gateway is; nil: here
	callback string     // an address of this host that the gateway can reach; empty: 127.0.0.1
	files    []*os.File // that a process inherits, from fd 3 on

	cmd    *exec.Cmd
	exited chan struct{} // closed at the end of the process; nil: none was started
}

// buffer is a log that can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newGateway writes a configuration with the given sites into a fresh home. In
// them ADDR stands for the address to listen on.
func newGateway(t testing.TB, sites string) *gateway { return newGatewayWith(t, "", "", sites) }

// newGatewayWith also has global options, and lines of the option webhook_gateway.
func newGatewayWith(t testing.TB, globals, limits, sites string) *gateway {
	g := &gateway{t: t, dir: t.TempDir(), addr: freeAddr(t), log: new(buffer), globals: globals, limits: limits}
	g.configure(sites)
	t.Cleanup(func() {
		g.kill()
		if t.Failed() {
			t.Logf("the gateway's log:\n%s", tail(g.log.String()))
		}
	})
	return g
}

// freeAddr returns an address that nobody listens on.
func freeAddr(t testing.TB) string { return freeAddrAt(t, "127.0.0.1") }

func freeAddrAt(t testing.TB, host string) string {
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func tail(s string) string { return s[max(0, len(s)-8000):] }

// configure writes the Caddyfile. The admin endpoint is a socket in the home, so
// that gateways do not meet.
func (g *gateway) configure(sites string) {
	store := g.store
	if store == "" {
		store = "store pebble " + filepath.Join(g.dir, "store")
	}
	global := fmt.Sprintf(`{
	admin "unix/%s"
	auto_https off
	grace_period 5s
	%s
	webhook_gateway {
		%s
		%s
	}
}
`, g.admin(), g.globals, store, g.limits)
	sites = strings.ReplaceAll(sites, "ADDR", "http://"+g.addr)
	if err := os.WriteFile(g.caddyfile(), []byte(global+sites), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

func (g *gateway) admin() string     { return filepath.Join(g.dir, "admin.sock") }
func (g *gateway) caddyfile() string { return filepath.Join(g.dir, "Caddyfile") }

// start runs caddy and returns once it serves, which it tells by calling back.
func (g *gateway) start() {
	g.t.Helper()
	callback := g.callback
	if callback == "" {
		callback = "127.0.0.1"
	}
	l, err := net.Listen("tcp", callback+":0")
	if err != nil {
		g.t.Fatal(err)
	}
	defer l.Close()
	const echo = "started"
	g.cmd = g.command("run", "--config", g.caddyfile(), "--adapter", "caddyfile", "--pingback", l.Addr().String())
	g.cmd.Stdin = strings.NewReader(echo)
	g.cmd.ExtraFiles = g.files
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	cmd, exited := g.cmd, make(chan struct{})
	g.exited = exited
	go func() {
		cmd.Wait()
		l.Close() // nobody will call back any more
		close(exited)
	}()
	l.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	conn, err := l.Accept()
	if err != nil {
		g.t.Fatalf("the gateway did not start: %v\n%s", err, tail(g.log.String()))
	}
	defer conn.Close()
	if got, err := io.ReadAll(conn); err != nil || string(got) != echo {
		g.t.Fatalf("the gateway called back with %q, %v", got, err)
	}
}

// command is caddy with this gateway's home.
func (g *gateway) command(args ...string) *exec.Cmd {
	words := append(append(slices.Clone(g.within), "caddy"), args...)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = g.dir
	cmd.Env = append(os.Environ(), "HOME="+g.dir, "XDG_DATA_HOME="+g.dir, "XDG_CONFIG_HOME="+g.dir)
	cmd.Env = append(cmd.Env, g.env...)
	cmd.Stdout, cmd.Stderr = g.log, g.log
	return cmd
}

// output runs a command and returns what it prints, errors included.
func (g *gateway) output(args ...string) (string, error) {
	cmd := g.command(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// kill ends the process as a power cut would, and waits until it is gone.
func (g *gateway) kill() { g.signal(syscall.SIGKILL) }

// stop ends it as an operator would.
func (g *gateway) stop() { g.signal(syscall.SIGTERM) }

func (g *gateway) signal(s os.Signal) {
	if g.exited == nil {
		return
	}
	g.cmd.Process.Signal(s)
	select {
	case <-g.exited:
	case <-time.After(patience):
		g.cmd.Process.Kill()
		g.t.Errorf("the gateway does not end at %v", s)
	}
	g.exited = nil
}

// reload makes the gateway take its changed configuration.
func (g *gateway) reload() error {
	cmd := g.command("reload", "--config", g.caddyfile(), "--adapter", "caddyfile", "--address", "unix/"+g.admin(), "--force")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, tail(out.String()))
	}
	return nil
}

func (g *gateway) url(path string) string { return "http://" + g.addr + path }

// until waits for a condition that no event announces.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("gave up waiting: %s", what)
		case <-tick.C:
		}
	}
}

// upstream is a receiver that counts what it takes, by event ID.
type upstream struct {
	*httptest.Server
	answer atomic.Pointer[http.HandlerFunc] // nil: 200

	mu      sync.Mutex
	taken   map[string]int // answered with 2xx
	refused int
	changed chan struct{}
}

func newUpstream(t testing.TB) *upstream {
	u := &upstream{taken: make(map[string]int), changed: make(chan struct{}, 1)}
	u.Server = httptest.NewServer(http.HandlerFunc(u.serve))
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) addr() string { return u.Listener.Addr().String() }

// behave sets what the upstream does; nil is to take all.
func (u *upstream) behave(f http.HandlerFunc) {
	if f == nil {
		u.answer.Store(nil)
		return
	}
	u.answer.Store(&f)
}

func (u *upstream) serve(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	defer func() { // also when the answer is an abort by panic
		u.mu.Lock()
		if status.status < 300 && !status.aborted {
			u.taken[r.Header.Get("Webhook-Gateway-Event-Id")]++
		} else {
			u.refused++
		}
		u.mu.Unlock()
		select {
		case u.changed <- struct{}{}:
		default:
		}
	}()
	if f := u.answer.Load(); f != nil {
		status.aborted = true
		(*f)(status, r)
		status.aborted = false
	}
}

type statusWriter struct {
	http.ResponseWriter
	status  int
	aborted bool
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// counts returns how often each event was taken.
func (u *upstream) counts() (taken map[string]int, refused int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.taken), u.refused
}

// await waits until ok is true of what the upstream has counted.
func (u *upstream) await(t testing.TB, what string, ok func(taken map[string]int, refused int) bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		taken, refused := u.counts()
		if ok(taken, refused) {
			return
		}
		select {
		case <-u.changed:
		case <-deadline.C:
			t.Fatalf("gave up waiting: %s; %d events taken, %d requests refused", what, len(taken), refused)
		}
	}
}

// awaitAll waits until every one of the events was taken.
func (u *upstream) awaitAll(t testing.TB, ids []string) {
	t.Helper()
	u.await(t, fmt.Sprintf("%d events at the upstream", len(ids)), func(taken map[string]int, _ int) bool {
		for _, id := range ids {
			if taken[id] == 0 {
				return false
			}
		}
		return true
	})
}
