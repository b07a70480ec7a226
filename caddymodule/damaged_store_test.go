package caddymodule

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue/pebble/check"
)

// damagedStore makes a store with a backlog and damages the file whose name begins or
// ends with the text.
func damagedStore(t *testing.T, up *upstream, part string, damage func([]byte) []byte) (dir, name string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "store")
	up.status(503)
	g := start(t, setup{store: "pebble " + dir, site: by("stripe").directive("retry {\n backoff 50ms 1\n}\n forward " + up.addr)})
	for _, event := range []string{"evt_1", "evt_2", "evt_3"} {
		g.expect(200, by("stripe").request(g, event, time.Now()))
		up.next()
	}
	until(t, "the attempts' marks", func() bool { return g.destination("stripe").Claimed == 0 })
	g.stop()
	for len(up.got) > 0 { // attempts that were repeated meanwhile
		<-up.got
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), part) && !strings.HasSuffix(f.Name(), part) {
			continue
		}
		path := filepath.Join(dir, f.Name())
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, damage(b), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir, f.Name()
	}
	t.Fatalf("no %s in the store", part)
	return "", ""
}

// TestDamagedStore: while a store is damaged, the endpoint answers 503, the log and the
// check name the file, and other sites work. Once the salvaged folder is in its place,
// the running gateway delivers the backlog.
func TestDamagedStore(t *testing.T) {
	for _, c := range []struct {
		name, file string
		damage     func([]byte) []byte
	}{
		{"a flipped byte in the log", ".log", func(b []byte) []byte { b[len(b)/4] ^= 1; return b }},
		{"a cut MANIFEST", "MANIFEST-", func(b []byte) []byte { return b[:len(b)/2] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			up := newUpstream(t)
			dir, name := damagedStore(t, up, c.file, c.damage)
			up.status(200)
			site := by("stripe").directive("retry {\n backoff 50ms 1\n}\n forward "+up.addr) + "\nrespond /other works 200"
			g, api := startAdmin(t, setup{store: "pebble " + dir, site: site})
			if a := g.expect(200, post("/other", "")); a.body != "works" {
				t.Errorf("the other site: %v", a)
			}
			if a := g.expect(503, by("stripe").request(g, "evt_4", time.Now())); a.header.Get("Retry-After") == "" || strings.Contains(a.body, name) {
				t.Errorf("the endpoint: %v", a)
			}
			if _, _, body := api.raw(http.MethodGet, adminapi.Prefix+"/status", ""); !strings.Contains(body, name) || !strings.Contains(body, "--salvage") {
				t.Errorf("the status does not name %s: %s", name, body)
			}
			g.logs.await(t, name, "--salvage")

			cmd := checkCommand()
			if err := cmd.ParseFlags([]string{"--store", dir}); err != nil {
				t.Fatal(err)
			}
			// The gateway holds the lock for a moment when it looks whether the folder opens.
			var err error
			until(t, "the check", func() bool { err = cmd.RunE(cmd, nil); return err != nil && !strings.Contains(err.Error(), "in use") })
			report, _ := check.Run(check.Options{Dir: dir})
			if !strings.Contains(err.Error(), name) && (len(report.Files) == 0 || report.Files[0].File != name) {
				t.Errorf("the check does not name %s: %v; %+v", name, err, report)
			}
			salvaged, err := check.Salvage(check.Options{Dir: dir}, dir+"-new")
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := printSalvage(&b, salvaged, time.Now()); err != nil || !strings.Contains(b.String(), name) || !strings.Contains(b.String(), "copied") {
				t.Errorf("%v: %s", err, &b)
			}
			if _, err := check.Salvage(check.Options{Dir: dir}, dir+"-new"); err == nil || !strings.Contains(err.Error(), "is there already") {
				t.Errorf("into a folder that is there: %v", err)
			}
			if err := os.Rename(dir, dir+"-old"); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(dir+"-new", dir); err != nil {
				t.Fatal(err)
			}
			until(t, "the new folder to be open", func() bool { return g.open().store.Stats().Available })
			g.expect(200, by("stripe").request(g, "evt_5", time.Now()))
			got := make(map[string]bool)
			least := int(salvaged.Report.Messages) + 1
			until(t, "the events", func() bool {
				select {
				case r := <-up.got:
					got[r.Header.Get("Webhook-Gateway-Event-Id")] = true
				default:
				}
				return len(got) >= least
			})
			if !got["evt_5"] || least < 3 {
				t.Errorf("%v, of %d", got, least)
			}
		})
	}
}

// TestDamagedStoreCostsLittleLog: the error that all forwards meet again and again
// while the store does not open is logged once, then counted.
func TestDamagedStoreCostsLittleLog(t *testing.T) {
	up := newUpstream(t)
	dir, _ := damagedStore(t, up, "MANIFEST-", func(b []byte) []byte { return b[:len(b)/2] })
	site := by("stripe").directive("forward "+up.addr+"\n forward {\n as other\n reverse_proxy "+up.addr+"\n}") + "\nrespond 404"
	g := start(t, setup{store: "pebble " + dir, site: site})
	app, err := caddy.ActiveContext().AppIfConfigured("webhook_gateway")
	if err != nil {
		t.Fatal(err)
	}
	r := &app.(*App).repeats
	until(t, "both forwards to try again", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, p := range r.of {
			return p.more >= 3
		}
		return false
	})
	g.stop()
	const text = "the store failed a delivery"
	if n := len(g.logs.lines(text)); n != 2 {
		t.Errorf("%d lines: %q", n, g.logs.lines(text))
	}
	if n := len(g.logs.lines(text, "MANIFEST-", `"endpoint":"stripe"`)); n != 1 {
		t.Errorf("%d lines name the cause", n)
	}
	if n := len(g.logs.lines(text, `"repeated":`)); n != 1 {
		t.Errorf("%d lines count the rest", n)
	}
}

// verboseError shows a stack to a logger that asks for it, as errors of Pebble do.
type verboseError struct{}

func (verboseError) Error() string              { return "in few words" }
func (verboseError) Format(s fmt.State, _ rune) { fmt.Fprint(s, "with a stack") }

// TestStoreErrorsHaveNoStack: an error of the store is one line without a stack.
func TestStoreErrorsHaveNoStack(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	f := &Forward{endpoint: &Handler{Name: "e", app: new(App), logger: zap.New(core)}}
	f.storeFailed(verboseError{})
	if got := logs.All(); len(got) != 1 || len(got[0].ContextMap()) != 2 || got[0].ContextMap()["error"] != "in few words" {
		t.Errorf("%+v", got)
	}
}

// TestKeyComesBack: events that were sealed with a key that was taken away go on at
// once when a reload brings it back.
func TestKeyComesBack(t *testing.T) {
	up := newUpstream(t)
	t.Setenv("HOOKWICKET_TEST_KEY", strings.Repeat("0f", 32))
	t.Setenv("HOOKWICKET_TEST_KEY_NEW", strings.Repeat("1f", 32))
	dir := filepath.Join(t.TempDir(), "store")
	site := by("stripe").directive("retry {\n backoff 50ms 1\n}\n forward " + up.addr)
	up.status(503)
	g := start(t, setup{store: "pebble " + dir, app: "encrypt {env.HOOKWICKET_TEST_KEY}", site: site})
	for _, event := range []string{"evt_1", "evt_2", "evt_3"} {
		g.expect(200, by("stripe").request(g, event, time.Now()))
		up.next()
	}
	g.app = "encrypt {env.HOOKWICKET_TEST_KEY_NEW} {env.HOOKWICKET_TEST_KEY}"
	g.load(site)
	g.stop()
	up.status(200)
	for len(up.got) > 0 {
		<-up.got
	}
	g = start(t, setup{store: "pebble " + dir, app: "encrypt {env.HOOKWICKET_TEST_KEY_NEW}", site: site})
	g.logs.await(t, "events wait that cannot be read")
	g.expect(200, by("stripe").request(g, "evt_4", time.Now()))
	if r := up.next(); r.Header.Get("Webhook-Gateway-Event-Id") != "evt_4" {
		t.Fatalf("delivered %v", r.Header)
	}
	until(t, "the others to be set aside", func() bool { s := g.destination("stripe"); return s.Waiting == 3 && s.Claimed == 0 })
	g.app = "encrypt {env.HOOKWICKET_TEST_KEY_NEW} {env.HOOKWICKET_TEST_KEY}"
	g.load(site)
	got := make(map[string]bool)
	for range 3 {
		got[up.next().Header.Get("Webhook-Gateway-Event-Id")] = true
	}
	if len(got) != 3 {
		t.Errorf("%v", got)
	}
	g.drained()
}
