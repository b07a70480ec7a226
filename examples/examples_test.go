// Package examples is what stands in the documentation's place: receivers and
// Caddyfiles, which this test runs as a reader would.
package examples

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyevents/eventsconfig"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	_ "github.com/hookwicket/hookwicket/caddymodule"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble"
)

// patience is how long the tests wait for what should take milliseconds.
const patience = time.Minute

const (
	toolifyKey     = "test-toolify-key"
	genericSecret  = "test-generic-secret"
	taskflowSecret = "test-taskflow-secret"
)

// adapt makes a configuration of an example's Caddyfile.
func adapt(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(text, map[string]any{"filename": file})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		t.Errorf("%s:%d: %s", w.File, w.Line, w.Message)
	}
	return config
}

func TestCaddyfilesAdapt(t *testing.T) {
	var files []string
	for _, pattern := range []string{"*/Caddyfile", "caddyfiles/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: found %d, error %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	t.Setenv("STRIPE_WEBHOOK_SECRET", "whsec_dGVzdA==") // where an example has no default
	for _, file := range files {
		if text, err := os.ReadFile(file); err != nil || !bytes.HasSuffix(text, []byte("\n\trespond 404\n}\n")) {
			t.Errorf("%s: its site does not end with respond 404, so that a wrong path gets an empty 200 (%v)", file, err)
		}
		switch file {
		case filepath.Join("provider", "Caddyfile"), filepath.Join("ratelimit", "Caddyfile"):
			continue // they need modules of their own: TestProvider and TestRateLimit run them
		}
		t.Run(file, func(t *testing.T) {
			if err := caddy.Validate(config(t, file)); err != nil {
				t.Error(err)
			}
		})
	}
}

func config(t *testing.T, file string) *caddy.Config {
	t.Helper()
	return contained(t, adapt(t, file))
}

// contained is a configuration without what would touch the machine: the admin
// endpoint, the saved configuration and the certificate storage.
func contained(t *testing.T, adapted []byte) *caddy.Config {
	t.Helper()
	var c caddy.Config
	if err := json.Unmarshal(adapted, &c); err != nil {
		t.Fatal(err)
	}
	persist := false
	c.Admin = &caddy.AdminConfig{Disabled: true, Config: &caddy.ConfigSettings{Persist: &persist}}
	c.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": {BaseLog: caddy.BaseLog{Level: "ERROR"}}}}
	c.AppsRaw["tls"] = json.RawMessage(`{"disable_storage_check": true, "disable_storage_clean": true}`)
	return &c
}

// gateway is an example's, running.
type gateway struct {
	addr, store string
}

// start runs the gateway of an example before a receiver.
func start(t *testing.T, dir, receiver string) gateway {
	t.Helper()
	g := place(t, receiver)
	c, err := json.Marshal(config(t, filepath.Join(dir, "Caddyfile")))
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(c, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { caddy.Stop() })
	return g
}

// place tells the Caddyfiles where to listen, where to keep events and where the
// receiver is.
func place(t *testing.T, receiver string) gateway {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	t.Setenv("GATEWAY_PORT", port)
	t.Setenv("RECEIVER", receiver)
	store := filepath.Join(t.TempDir(), "store")
	t.Setenv("HOOKWICKET_STORE", store)
	return gateway{"127.0.0.1:" + port, store}
}

// stop ends the gateway and wants it to have left nothing behind to deliver.
func (g gateway) stop(t *testing.T) {
	t.Helper()
	if err := caddy.Stop(); err != nil {
		t.Error(err)
	}
	// The gateway closes its store once the attempts in flight have ended.
	store, err := pebble.Open(pebble.Options{Dir: g.store})
	for began := time.Now(); errors.Is(err, queue.ErrLocked) && time.Since(began) < patience; {
		time.Sleep(time.Millisecond)
		store, err = pebble.Open(pebble.Options{Dir: g.store})
	}
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for name, d := range store.Stats().Destinations {
		if d.Waiting != 0 || d.DeadLetters != 0 {
			t.Errorf("%s: %d events still wait and %d were given up", name, d.Waiting, d.DeadLetters)
		}
	}
}

// receivers says how to run the receiver in a folder, or why it cannot be run.
var receivers = map[string]func(t *testing.T) *exec.Cmd{
	"go": func(t *testing.T) *exec.Cmd {
		program := filepath.Join(t.TempDir(), "receiver")
		if out, err := exec.Command("go", "build", "-o", program, "./go").CombinedOutput(); err != nil {
			t.Fatalf("building the receiver: %v\n%s", err, out)
		}
		return exec.Command(program)
	},
	"node": func(t *testing.T) *exec.Cmd {
		if _, err := exec.LookPath("node"); err != nil {
			t.Skip("node is not installed")
		}
		if _, err := os.Stat("node/node_modules/express"); err != nil {
			t.Skip("express is not installed: npm ci --prefix examples/node")
		}
		return exec.Command("node", "node/receiver.js")
	},
	"python": func(t *testing.T) *exec.Cmd {
		python := cmp.Or(os.Getenv("PYTHON"), "python3")
		if err := exec.Command(python, "-c", "import flask").Run(); err != nil {
			t.Skipf("%s has no Flask: %v", python, err)
		}
		return exec.Command(python, "-B", "python/receiver.py")
	},
}

// process is a receiver that runs.
type process struct {
	addr  string
	cmd   *exec.Cmd
	lines chan string // what it prints; closed when it has ended
}

func run(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	cmd.Env = append(os.Environ(), "PORT=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, lines: make(chan string, 100)}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("the receiver's standard error:\n%s", &stderr)
		}
	})
	line := p.line(t)
	addr, ok := strings.CutPrefix(line, "listening on ")
	if !ok {
		t.Fatalf("the receiver's first line is %q", line)
	}
	p.addr = addr
	return p
}

// line returns the next line that the receiver prints.
func (p *process) line(t *testing.T) string {
	t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			t.Fatal("the receiver has ended")
		}
		return line
	case <-time.After(patience):
		t.Fatal("the receiver prints nothing")
	}
	return ""
}

// stop ends the receiver and returns what it printed that nobody has read.
func (p *process) stop() (rest []string) {
	p.cmd.Process.Kill()
	for line := range p.lines {
		rest = append(rest, line)
	}
	p.cmd.Wait()
	return rest
}

// received is a line that a receiver prints.
type received struct {
	System    string `json:"system"`
	Type      string `json:"type"`
	MessageID string `json:"message_id"`
	EventID   string `json:"event_id"`
	Attempt   string `json:"attempt"`
}

// request is a webhook as its sender makes it, and the answers the sender wants.
type request struct {
	system, header, signature, body string
	eventType, eventID              string
	accepted, refused               string // refused: empty where any body will do
}

// events returns an event of each system, told apart by id.
func events(id string) []request {
	now := time.Now().UTC().Format(time.RFC3339)
	toolify := request{
		system: "toolify", header: "X-Webhook-Signature", signature: toolifyKey,
		body:      fmt.Sprintf(`{"event":"task.completed","timestamp":%q,"task":{"id":%q}}`, now, id),
		eventType: "task.completed",
		accepted:  `{"received": true}`, refused: `{"error":"Invalid signature"}`,
	}
	generic := request{
		system: "generic", header: "X-Webhook-Signature",
		body:      fmt.Sprintf(`{"id":"evt_%s","type":"order.paid","created_at":%q}`, id, now),
		eventType: "order.paid", eventID: "evt_" + id,
		accepted: `{"status":"received"}`, refused: `{"error":"Invalid signature"}`,
	}
	generic.signature = sign(genericSecret, generic.body)
	taskflow := request{
		system: "taskflow", header: "X-TaskFlow-Signature",
		body:      fmt.Sprintf(`{"id":"tf_%s","type":"task.created","timestamp":%q}`, id, now),
		eventType: "task.created", eventID: "tf_" + id,
		accepted: "OK",
	}
	taskflow.signature = "sha256=" + sign(taskflowSecret, taskflow.body)
	return []request{toolify, generic, taskflow}
}

func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// tampered returns the request as a forger would change it.
func (r request) tampered() request {
	if r.system == "toolify" { // its body is not signed
		r.signature += "x"
	} else {
		r.body = strings.Replace(r.body, `"id":"`, `"id":"x`, 1)
	}
	return r
}

func (r request) send(t *testing.T, addr string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/"+r.system, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(r.header, r.signature)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func (r request) wantAccepted(t *testing.T, addr string) {
	t.Helper()
	if status, answer := r.send(t, addr); status != 200 || answer != r.accepted {
		t.Errorf("%s: got %d %q, want 200 %q", r.system, status, answer, r.accepted)
	}
}

func (r request) wantRefused(t *testing.T, addr string) {
	t.Helper()
	status, answer := r.tampered().send(t, addr)
	if status != 401 || r.refused != "" && strings.TrimSpace(answer) != r.refused {
		t.Errorf("%s, tampered: got %d %q, want 401 %q", r.system, status, answer, r.refused)
	}
}

// wantDelivered reads a line for each request, in any order.
func (p *process) wantDelivered(t *testing.T, requests []request) {
	t.Helper()
	got := make(map[string]received)
	for range requests {
		line := p.line(t)
		var r received
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if _, again := got[r.System]; again {
			t.Errorf("delivered again: %s", line)
		}
		got[r.System] = r
	}
	for _, want := range requests {
		r, ok := got[want.system]
		switch {
		case !ok:
			t.Errorf("%s: not delivered", want.system)
		case r.Type != want.eventType, r.Attempt != "1", r.MessageID == "", r.EventID == "",
			want.eventID != "" && r.EventID != want.eventID:
			t.Errorf("%s: got %+v", want.system, r)
		}
	}
}

func TestReceivers(t *testing.T) {
	t.Setenv("TOOLIFY_API_KEY", toolifyKey)
	t.Setenv("GENERIC_WEBHOOK_SECRET", genericSecret)
	t.Setenv("TASKFLOW_WEBHOOK_SECRET", taskflowSecret)
	for dir, command := range receivers {
		t.Run(dir, func(t *testing.T) {
			receiver := run(t, command(t))
			gateway := start(t, dir, receiver.addr)
			direct, through := receiver.addr, gateway.addr

			first := events("1")
			for _, r := range first {
				r.wantRefused(t, direct) // it still verifies by itself
				r.wantRefused(t, through)
				r.wantAccepted(t, through)
			}
			receiver.wantDelivered(t, first)

			for _, r := range first {
				r.wantAccepted(t, through) // a duplicate
			}
			// What comes later arrives, and nothing in between.
			second := events("2")
			for _, r := range second {
				r.wantAccepted(t, through)
			}
			receiver.wantDelivered(t, second)
			gateway.stop(t)
			for _, line := range receiver.stop() {
				t.Errorf("delivered besides: %s", line)
			}
		})
	}
}
