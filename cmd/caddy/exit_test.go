package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// once is a client that opens a connection for each request.
func once(t testing.TB) *http.Client {
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// ready asks for the health of a gateway.
func (g *gateway) ready(c *http.Client) (status int, body string) {
	g.t.Helper()
	resp, err := c.Get(g.url("/readyz"))
	if err != nil {
		g.t.Fatalf("the port is closed: %v", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// awaitExit waits for the end of a process that was told to end.
func (g *gateway) awaitExit() {
	g.t.Helper()
	select {
	case <-g.exited:
	case <-time.After(patience):
		g.t.Fatal("the gateway does not end")
	}
	g.exited = nil
}

// withHealth adds a health check to a site.
func withHealth(site string) string {
	return strings.Replace(site, "ADDR {\n", "ADDR {\n\twebhook_gateway_health /readyz\n", 1)
}

// TestExitKeepsListening: while an attempt is under way at an exit, health checks fail, and
// webhooks are accepted. The attempt ends, and nothing is delivered twice. Caddy stops its
// apps in no order, so this is tried some times.
func TestExitKeepsListening(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	site := withHealth(endpoint(u))
	g := newGateway(t, site)
	c := once(t)
	for i := range 3 {
		hung, release := make(chan struct{}, 8), make(chan struct{})
		u.behave(func(http.ResponseWriter, *http.Request) { hung <- struct{}{}; <-release })
		g.start()
		if status, body := g.ready(c); status != 200 {
			t.Errorf("ready: %d %s", status, body)
		}
		slow, early := eventID(2*i), eventID(2*i+1)
		mustPost(t, g.url("/hook"), genericBody(slow))
		<-hung
		g.cmd.Process.Signal(syscall.SIGTERM)
		until(t, "it is not ready", func() bool {
			status, body := g.ready(c)
			return status == 503 && body == `{"ready":false,"reason":"shutting_down"}`
		})
		body := genericBody(early)
		r, err := http.NewRequest(http.MethodPost, g.url("/hook"), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Webhook-Signature", sign(body))
		resp, err := client.Do(r) // which keeps connections
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 || !resp.Close {
			t.Errorf("%d, and the connection closes: %v", resp.StatusCode, resp.Close)
		}
		g.ready(c)
		close(release)
		began := time.Now()
		g.awaitExit()
		if took := time.Since(began); took > promptly {
			t.Errorf("the exit took %v", took)
		}
		if taken, _ := u.counts(); taken[slow] != 1 || taken[early] != 0 {
			t.Errorf("the slow event was taken %d times, the one at the exit %d times", taken[slow], taken[early])
		}
		u.behave(nil)
	}
	g.start()
	var all []string
	for i := range 6 {
		all = append(all, eventID(i))
	}
	u.awaitAll(t, all)
	g.stop()
	taken, _ := u.counts()
	for _, id := range all {
		if taken[id] != 1 {
			t.Errorf("%s was taken %d times", id, taken[id])
		}
	}
}

// TestExitGrace: an attempt that does not end is cut off after grace_period, and does not
// count. With a shutdown_delay, the port stays open for that long.
func TestExitGrace(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	hung, release := make(chan string, 8), make(chan struct{})
	u.behave(func(_ http.ResponseWriter, r *http.Request) {
		hung <- r.Header.Get("Webhook-Gateway-Attempt")
		<-release
	})
	t.Cleanup(func() { close(release) })
	g := newGatewayWith(t, "grace_period 1s\n\tshutdown_delay 500ms", "", withHealth(endpoint(u)))
	g.withoutGrace()
	g.start()
	mustPost(t, g.url("/hook"), genericBody("evt_1"))
	<-hung
	began := time.Now()
	g.cmd.Process.Signal(syscall.SIGTERM)
	g.awaitExit()
	if took := time.Since(began); took < 900*time.Millisecond || took > 1*time.Second+promptly {
		t.Errorf("the exit took %v", took)
	}
	g.start()
	if attempt := <-hung; attempt != "1" {
		t.Errorf("attempt %s: the one that was cut off has counted", attempt)
	}
}

// TestSocketActivation: with sockets from outside, as systemd gives them, restarts under load
// refuse no connection, and lose no event that was acknowledged. It uses the Caddyfile of
// examples/systemd. Go's server closes a connection whose request it has not read when it
// stops, so each sender can fail once at each restart.
func TestSocketActivation(t *testing.T) {
	unraced(t)
	if runtime.GOOS == "windows" {
		t.Skip("Caddy has no fd/ there")
	}
	u := newUpstream(t)
	var slow atomic.Int64
	u.behave(func(http.ResponseWriter, *http.Request) {
		if slow.Add(1)%20 == 0 {
			time.Sleep(200 * time.Millisecond) // an attempt that a restart has to wait for
		}
	})
	text, err := os.ReadFile("../../examples/systemd/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	g := newGateway(t, "")
	config := string(text)
	for _, change := range [][2]string{
		{"{\n\t# systemd", "{\n\tadmin unix/" + g.admin() + "\n\t# systemd"},
		{"/var/lib/hookwicket/webhook_gateway", filepath.Join(g.dir, "store")},
		{"https://hooks.example.com {\n", "https://example.com {\n\ttls cert.pem key.pem\n"},
		{"http://hooks.example.com {", "http://example.com {"},
		{"webhook_gateway /stripe stripe {", "webhook_gateway /stripe generic {"},
		{"{env.STRIPE_WEBHOOK_SECRET}", secret},
		{"127.0.0.1:3000", u.addr()},
	} {
		if strings.Count(config, change[0]) != 1 {
			t.Fatalf("the example has not one %q", change[0])
		}
		config = strings.Replace(config, change[0], change[1], 1)
	}
	if err := os.WriteFile(g.caddyfile(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	secure := g.inherit(t)
	plain := g.inherit(t)
	c := once(t)
	c.Transport.(*http.Transport).TLSClientConfig = trusting(t, g.dir)
	url := "https://127.0.0.1:" + secure + "/stripe"
	g.start()

	var next, refused, failed atomic.Int64
	var mu sync.Mutex
	var acked []string
	stop := make(chan struct{})
	var senders sync.WaitGroup
	const sending, restarts = 4, 3
	for range sending {
		senders.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				id := eventID(int(next.Add(1)))
				body := genericBody(id)
				r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
				if err != nil {
					panic(err)
				}
				r.Host = "example.com"
				r.Header.Set("X-Webhook-Signature", sign(body))
				resp, err := c.Do(r)
				switch {
				case errors.Is(err, syscall.ECONNREFUSED):
					refused.Add(1)
				case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
					failed.Add(1)
				case err != nil:
					t.Error(err)
				default:
					resp.Body.Close()
					if resp.StatusCode != 200 {
						t.Errorf("answered %d", resp.StatusCode)
						continue
					}
					mu.Lock()
					acked = append(acked, id)
					mu.Unlock()
				}
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acked)
	}
	for range restarts {
		n := count()
		until(t, "some events", func() bool { return count() > n+20 })
		began := time.Now()
		g.cmd.Process.Signal(syscall.SIGTERM)
		g.awaitExit()
		ended := time.Now()
		g.start()
		t.Logf("ended in %v, started in %v", ended.Sub(began), time.Since(ended))
	}
	n := count()
	until(t, "events after the last restart", func() bool { return count() > n+20 })
	close(stop)
	senders.Wait()
	if refused.Load() != 0 || failed.Load() > sending*restarts {
		t.Errorf("%d connections were refused, %d requests failed", refused.Load(), failed.Load())
	}
	u.awaitAll(t, acked)
	t.Logf("%d restarts: %d acknowledged, %d to be repeated", restarts, len(acked), failed.Load())

	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:"+plain+"/x", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "example.com"
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusPermanentRedirect {
		t.Errorf("http answers %d", resp.StatusCode)
	}
}

// trusting writes a certificate for example.com into a folder, and returns a client's
// configuration that trusts it.
func trusting(t *testing.T, dir string) *tls.Config {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	cert := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: cert.Certificate[0]},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return &tls.Config{RootCAs: roots, ServerName: "example.com"}
}

// inherit opens a port that the process gets as its next file, and returns its number.
func (g *gateway) inherit(t *testing.T) (port string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(); l.Close() })
	g.files = append(g.files, f)
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// TestSystemdUnits: systemd can read the units of examples/systemd.
func TestSystemdUnits(t *testing.T) {
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze")
	}
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"hookwicket.socket", "hookwicket.service.d/socket.conf"} {
		text, err := os.ReadFile(filepath.Join("../../examples/systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		put(name, string(text))
	}
	put("hookwicket.service", "[Service]\nType=notify\nExecStart=/bin/true\n")
	out, err := exec.Command(verify, "verify", "--man=no", "--recursive-errors=no", filepath.Join(dir, "hookwicket.socket"), filepath.Join(dir, "hookwicket.service")).CombinedOutput()
	if err != nil || strings.Contains(string(out), "nknown") {
		t.Errorf("%v: %s", err, out)
	}
}
