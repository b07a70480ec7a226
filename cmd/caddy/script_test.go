package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what the scripts compare with")

// TestScripts runs testdata/*.txtar: the commands as a person types them. Beside
// testscript's own commands there are
//
//	upstream         starts a receiver that takes all; $UPSTREAM is its address
//	answer STATUS [TEXT]
//	                 makes the receiver answer so from now on
//	gateway FILE     starts a gateway whose sites are in FILE; in it ADDR and
//	                 UPSTREAM are filled in; $GATEWAY is its URL, and the commands
//	                 find it; $STORE is its store
//	stop             ends it; start starts it again, reload FILE changes it
//	admin PATH PATTERN
//	                 waits until the admin API says so
//	demo             starts the repository's own Caddyfile on free ports
//	taken N          waits for N different events at the upstream; one too many,
//	                 or one that came twice, is a failure
//	logged PATTERN   waits for it in the gateway's log
//	listen NAME ...  starts `caddy webhook listen` with the other arguments
//	heard NAME N     waits until it has printed N events; one too many is a failure
//	hangup NAME      interrupts it; its output is in NAME.out, and $CURSOR is the ID
//	                 after which to go on
//	objects KEY...   wants the last output to be JSON, and nothing else: an array
//	                 of objects that all have these keys
//	screen N COMMAND...
//	                 runs it on a terminal of N columns, in New York; what it
//	                 printed is in the file screen
//
// $ROOT is the repository.
func TestScripts(t *testing.T) {
	unraced(t)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range scripts {
		// These commands of testscript end a script as passed.
		if text, err := os.ReadFile(name); err != nil || regexp.MustCompile(`(?m)^(stop|skip)\b`).Match(text) {
			t.Errorf("%s ends early: halt stops the gateway (%v)", name, err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("ROOT", root)
			env.Values["script"] = &script{t: env.T().(testing.TB)}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"upstream": scriptCommand(0, (*script).startUpstream),
			"gateway":  scriptCommand(1, (*script).startGateway),
			"answer":   scriptCommand(-1, (*script).answer),
			"halt":     scriptCommand(0, (*script).halt),
			"start":    scriptCommand(0, (*script).start),
			"reload":   scriptCommand(1, (*script).reload),
			"admin":    scriptCommand(2, (*script).admin),
			"demo":     scriptCommand(0, (*script).startDemo),
			"taken":    scriptCommand(1, (*script).taken),
			"logged":   scriptCommand(1, (*script).logged),
			"listen":   scriptCommand(-1, (*script).listen),
			"heard":    scriptCommand(2, (*script).heard),
			"hangup":   scriptCommand(1, (*script).hangup),
			"objects":  scriptCommand(-1, (*script).objects),
			"screen":   scriptCommand(-1, (*script).screen),
		},
	})
}

// script is what one script has started.
type script struct {
	t testing.TB
	u *upstream
	g *gateway

	listeners map[string]*listener
}

// scriptCommand makes a command with so many arguments; -1 is any number.
func scriptCommand(args int, f func(*script, *testscript.TestScript, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, given []string) {
		if neg || args >= 0 && len(given) != args {
			ts.Fatalf("usage: %d arguments and no !", args)
		}
		f(ts.Value("script").(*script), ts, given)
	}
}

func (s *script) startUpstream(ts *testscript.TestScript, _ []string) {
	s.u = newUpstream(s.t)
	ts.Setenv("UPSTREAM", s.u.addr())
}

// sites are those in a file.
func (s *script) sites(ts *testscript.TestScript, file string) string {
	sites := ts.ReadFile(file)
	if s.u != nil {
		sites = strings.ReplaceAll(sites, "UPSTREAM", s.u.addr())
	}
	return sites
}

func (s *script) startGateway(ts *testscript.TestScript, args []string) {
	g := newGateway(s.t, s.sites(ts, args[0]))
	ts.Setenv("CADDY_ADMIN", "unix/"+g.admin())
	ts.Setenv("STORE", filepath.Join(g.dir, "store"))
	s.serve(ts, g)
}

// answer makes the upstream say the same to everybody. 200 without a text counts
// as taken.
func (s *script) answer(ts *testscript.TestScript, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	text, err := strconv.Unquote(`"` + strings.Join(args[1:], " ") + `"`)
	ts.Check(err)
	s.u.behave(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, text)
	})
}

func (s *script) halt(*testscript.TestScript, []string)  { s.g.stop() }
func (s *script) start(*testscript.TestScript, []string) { s.g.start() }

func (s *script) reload(ts *testscript.TestScript, args []string) {
	s.g.configure(s.sites(ts, args[0]))
	ts.Check(s.g.reload())
}

// admin asks until the answer is the one that is waited for.
func (s *script) admin(ts *testscript.TestScript, args []string) {
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", s.g.admin())
		},
	}}
	last := ""
	defer func() {
		if s.t.Failed() {
			s.t.Logf("%s says last:\n%s", args[0], last)
		}
	}()
	until(s.t, args[1]+" at "+args[0], func() bool {
		resp, err := client.Get("http://127.0.0.1/webhook_gateway" + args[0])
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		last = string(b)
		return err == nil && pattern.Match(b)
	})
}

func (s *script) startDemo(ts *testscript.TestScript, _ []string) {
	g := newGateway(s.t, "")
	text := ts.ReadFile(filepath.Join(ts.Getenv("ROOT"), "Caddyfile"))
	for port, addr := range map[string]string{"8080": g.addr, "9000": freeAddr(s.t)} {
		if !strings.Contains(text, ":"+port+" {") {
			ts.Fatalf("the Caddyfile has no site on port %s", port)
		}
		_, free, err := net.SplitHostPort(addr)
		ts.Check(err)
		text = strings.ReplaceAll(text, ":"+port, ":"+free)
	}
	ts.Check(os.WriteFile(g.caddyfile(), []byte(text), 0o600))
	g.env = append(g.env, "CADDY_ADMIN=unix/"+g.admin())
	s.serve(ts, g)
}

func (s *script) serve(ts *testscript.TestScript, g *gateway) {
	g.start()
	s.g = g
	ts.Setenv("GATEWAY", g.url(""))
}

func (s *script) taken(ts *testscript.TestScript, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	s.u.await(s.t, args[0]+" events at the upstream", func(taken map[string]int, _ int) bool { return len(taken) >= n })
	taken, _ := s.u.counts()
	if len(taken) != n {
		ts.Fatalf("the upstream took %d events", len(taken))
	}
	for id, times := range taken {
		if times != 1 {
			ts.Fatalf("the upstream took %s %d times", id, times)
		}
	}
}

func (s *script) logged(ts *testscript.TestScript, args []string) {
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	until(s.t, "in the log: "+args[0], func() bool { return pattern.MatchString(s.g.log.String()) })
}

func (s *script) objects(ts *testscript.TestScript, keys []string) {
	var all []map[string]json.RawMessage
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &all))
	if len(all) == 0 {
		ts.Fatalf("the array is empty")
	}
	for _, object := range all {
		for _, key := range keys {
			if value := string(object[key]); slices.Contains([]string{"", "null", `""`}, value) {
				ts.Fatalf("%s has no %s", object["name"], key)
			}
		}
	}
}

// listener is a running `caddy webhook listen`.
type listener struct {
	cmd      *exec.Cmd
	out, err buffer
}

// listen starts `caddy webhook listen` under a name.
func (s *script) listen(ts *testscript.TestScript, args []string) {
	l := &listener{cmd: exec.Command("caddy", append([]string{"webhook", "listen"}, args[1:]...)...)}
	l.cmd.Dir = ts.Getenv("WORK")
	l.cmd.Env = append(os.Environ(), "CADDY_ADMIN="+ts.Getenv("CADDY_ADMIN"), "HOME="+ts.Getenv("HOME"), "DEV_SECRET=whsec_dev", "WEBHOOK_GATEWAY_TOKEN="+ts.Getenv("WEBHOOK_GATEWAY_TOKEN"))
	l.cmd.Stdout, l.cmd.Stderr = &l.out, &l.err
	ts.Check(l.cmd.Start())
	s.t.Cleanup(func() { _ = l.cmd.Process.Kill() })
	if s.listeners == nil {
		s.listeners = make(map[string]*listener)
	}
	s.listeners[args[0]] = l
	until(s.t, "listening", func() bool { return strings.Contains(l.err.String(), "listening to ") })
}

// heard waits until a listener has printed so many events.
func (s *script) heard(ts *testscript.TestScript, args []string) {
	l := s.listeners[args[0]]
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	defer func() {
		if s.t.Failed() {
			s.t.Logf("%s:\n%s%s", args[0], l.out.String(), l.err.String())
		}
	}()
	until(s.t, args[1]+" events of "+args[0], func() bool { return strings.Count(l.out.String(), "\n") >= n })
	if got := strings.Count(l.out.String(), "\n"); got != n {
		ts.Fatalf("%d events:\n%s", got, l.out.String())
	}
}

// hangup interrupts a listener. Its output is in a file of its name, and the ID after which
// to go on in CURSOR.
func (s *script) hangup(ts *testscript.TestScript, args []string) {
	l := s.listeners[args[0]]
	ts.Check(l.cmd.Process.Signal(os.Interrupt))
	ts.Check(l.cmd.Wait())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), []byte(l.out.String()), 0o600))
	found := regexp.MustCompile(`To go on from here: --after (\S+)`).FindStringSubmatch(l.err.String())
	if found == nil {
		ts.Fatalf("it does not say how to go on:\n%s", l.err.String())
	}
	ts.Setenv("CURSOR", found[1])
}
