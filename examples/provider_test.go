package examples

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestProvider runs the tests of the module in provider, builds a Caddy with it
// as xcaddy does, and sends that requests.
func TestProvider(t *testing.T) {
	if testing.Short() {
		t.Skip("building a Caddy takes minutes the first time; run without -short")
	}
	files, _ := filepath.Glob("provider/*")
	for _, file := range files { // so that a change of any of them outdates a cached test
		if _, err := os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	unit := exec.Command("go", "test", "./...")
	unit.Dir = "provider"
	if out, err := unit.CombinedOutput(); err != nil {
		t.Fatalf("the module's own tests: %v\n%s", err, out)
	}

	const secret = "test-acme-secret"
	t.Setenv("ACME_SECRET", secret)
	delivered := make(chan http.Header, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { delivered <- r.Header }))
	defer receiver.Close()
	addr := startBuilt(t, buildCaddy(t, "provider/xcaddy.json"), "provider/Caddyfile", strings.TrimPrefix(receiver.URL, "http://"))

	body := `{"id":"evt_1","type":"order.paid"}`
	for _, tt := range []struct {
		what, account, body string
		want                int
	}{
		{"another account's", "shop-18", body, http.StatusUnauthorized},
		{"an event", "shop-17", body, http.StatusAccepted},
		{"the same again", "shop-17", body, http.StatusAccepted},
	} {
		if got := postAcme(t, addr, secret, tt.account, tt.body); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.what, got, tt.want)
		}
	}
	select {
	case h := <-delivered:
		if h.Get("Webhook-Gateway-Provider") != "acme" || h.Get("Webhook-Gateway-Event-Id") != "evt_1" {
			t.Errorf("delivered with %v", h)
		}
	case <-time.After(patience):
		t.Fatal("nothing was delivered")
	}
}

// buildCaddy builds what an xcaddy.json describes: of the modules that are on this
// machine, and only where one is missing with a download.
func buildCaddy(t *testing.T, description string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "caddy")
	build := func(env ...string) ([]byte, error) {
		cmd := exec.Command("go", "run", "../cmd/xbuild", "-o", binary, description)
		cmd.Env = append(os.Environ(), env...)
		return cmd.CombinedOutput()
	}
	if _, err := build("GOPROXY=off", "GOSUMDB=off"); err == nil {
		return binary
	}
	if out, err := build(); err != nil {
		t.Fatalf("building with xcaddy: %v\n%s", err, out)
	}
	return binary
}

// startBuilt runs the built Caddy with an example's Caddyfile, and returns its
// address once it serves.
func startBuilt(t *testing.T, binary, caddyfile, receiver string) string {
	t.Helper()
	g := place(t, receiver)
	home := t.TempDir()
	caddyIn := func(args ...string) *exec.Cmd {
		cmd := exec.Command(binary, args...)
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
		return cmd
	}
	adapted, err := caddyIn("adapt", "--config", caddyfile).Output()
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(contained(t, adapted))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(home, "caddy.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const echo = "started"
	cmd := caddyIn("run", "--config", file, "--pingback", l.Addr().String())
	var log strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(echo), &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		cmd.Wait()
		l.Close() // nobody will call back any more
		close(exited)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-exited
		if t.Failed() {
			t.Logf("Caddy's log:\n%s", &log)
		}
	})
	l.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	conn, err := l.Accept()
	if err != nil {
		t.Fatalf("Caddy did not start: %v", err)
	}
	defer conn.Close()
	if got, err := io.ReadAll(conn); err != nil || string(got) != echo {
		t.Fatalf("Caddy called back with %q, %v", got, err)
	}
	return g.addr
}

// postAcme sends a body as Acme would, signed for an account.
func postAcme(t *testing.T, addr, secret, account, body string) int {
	t.Helper()
	sum := func(key []byte, text string) []byte {
		mac := hmac.New(sha256.New, key)
		io.WriteString(mac, text)
		return mac.Sum(nil)
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/acme", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Acme-Timestamp", stamp)
	req.Header.Set("X-Acme-Signature", "sha256="+hex.EncodeToString(sum(sum([]byte(secret), account), stamp+"."+body)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}
