package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// TestInspector runs inspector/browser: the page in Chromium, before a real gateway, both
// on a site and by `caddy webhook ui`.
func TestInspector(t *testing.T) {
	unraced(t)
	folder, err := filepath.Abs("../../inspector/browser")
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no Node: the inspector is not tried in a browser")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no Chromium (Debian's package chromium): the inspector is not tried in a browser")
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "playwright-core")); err != nil {
		t.Skip("no playwright-core (npm ci --prefix inspector/browser): the inspector is not tried in a browser")
	}

	const file = "inspector.test.mjs"
	if _, err := os.ReadFile(filepath.Join(folder, file)); err != nil { // so the result is not that of an older file
		t.Fatal(err)
	}

	u := newUpstream(t)
	g := newGateway(t, inspected(t, u))
	g.start()
	page := startUI(t, g)
	control := httptest.NewServer(controlOf(t, g, u, page))
	defer control.Close()

	cmd := exec.Command(node, "--test", "--test-reporter=spec", file)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "UI="+page.url, "SITE="+g.url("/hooks/"), "CONTROL="+control.URL, "CHROMIUM="+chromium)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// TestOpenTab: the stream of an open tab ends with the gateway. Without a grace period the
// gateway would otherwise wait for it for ever.
func TestOpenTab(t *testing.T) {
	u := newUpstream(t)
	g := newGateway(t, "ADDR {\n\twebhook_gateway_inspector /hooks/* {\n\t\tby off\n\t}\n"+
		"\twebhook_gateway /pay generic {\n\t\tname pay\n\t\tsecret s3cret\n\t\tforward "+u.addr()+"\n\t}\n}\n")
	g.withoutGrace()
	g.start()
	resp, err := http.Get(g.url("/hooks/api/tail"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := resp.Body.Read(make([]byte, 1)); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	g.stop() // fails the test unless the process ends
}

// inspected is a site with an endpoint whose second forward fails for good after two
// attempts, one whose circuit opens at once, and the inspector for one operator and one
// reader.
func inspected(t *testing.T, u *upstream) string {
	hash, err := bcrypt.GenerateFromPassword([]byte("pw"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`ADDR {
	webhook_gateway /pay generic {
		name pay
		secret %s
		forward %s
		forward {
			as billing
			circuit off
			retry {
				attempts 2
				backoff 10ms
			}
			reverse_proxy %[2]s {
				header_up X-Billing yes
			}
		}
	}
	webhook_gateway /slow generic {
		name slow
		secret %[1]s
		circuit {
			consecutive 1
			open 1h
		}
		forward {
			reverse_proxy %[2]s {
				header_up X-Billing yes
			}
		}
	}
	basic_auth /hooks/* {
		alice %[3]s
		bob %[3]s
	}
	webhook_gateway_inspector /hooks/* {
		operators alice
	}
	respond 404
}
`, secret, u.addr(), hash)
}

// shownUI is a running `caddy webhook ui`.
type shownUI struct {
	url    string
	cmd    *exec.Cmd
	exited chan error
}

func startUI(t *testing.T, g *gateway) *shownUI {
	page := &shownUI{cmd: g.command("webhook", "ui", "--address", "unix/"+g.admin()), exited: make(chan error, 1)}
	out := new(buffer)
	page.cmd.Stdout = out
	if err := page.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { page.exited <- page.cmd.Wait() }()
	t.Cleanup(func() { page.cmd.Process.Kill() })
	until(t, "the address of the page", func() bool { return strings.HasSuffix(out.String(), "/\n") })
	page.url = strings.TrimSpace(out.String())
	return page
}

// controlOf lets the browser's tests act on the gateway and its upstream.
func controlOf(t *testing.T, g *gateway, u *upstream, page *shownUI) http.Handler {
	mux := http.NewServeMux()
	send := func(path string, signature func(string) string, want int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			status, _, err := postAs(g.url(path), string(body), signature(string(body)))
			if err != nil || status != want {
				http.Error(w, fmt.Sprintf("got %d, %v, want %d", status, err, want), http.StatusInternalServerError)
			}
		}
	}
	mux.HandleFunc("POST /send", send("/pay", sign, http.StatusOK))
	mux.HandleFunc("POST /slow", send("/slow", sign, http.StatusOK))
	mux.HandleFunc("POST /forge", send("/pay", func(body string) string { return sign(body + " ") }, http.StatusUnauthorized))
	mux.HandleFunc("POST /upstream/ok", func(http.ResponseWriter, *http.Request) { u.behave(nil) })
	mux.HandleFunc("POST /upstream/fail", func(http.ResponseWriter, *http.Request) {
		u.behave(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Billing") != "" {
				w.WriteHeader(http.StatusServiceUnavailable)
				io.WriteString(w, "down for <b>maintenance</b>")
			}
		})
	})
	mux.HandleFunc("GET /attack", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<form method="post" enctype="text/plain" action="%sapi/pause"><input name='{"endpoint":"pay","x":"' value='"}'></form><script>document.forms[0].submit()</script>`, g.url("/hooks/"))
	})
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, _ *http.Request) {
		page.cmd.Process.Signal(syscall.SIGINT)
		var said bytes.Buffer
		select {
		case err := <-page.exited:
			fmt.Fprintf(&said, "ui: %v", err)
		case <-time.After(patience):
			http.Error(w, "caddy webhook ui does not end", http.StatusInternalServerError)
			return
		}
		g.stop()
		said.WriteTo(w)
	})
	return mux
}
