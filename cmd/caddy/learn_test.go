package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestKillAfterEnrolment: a secret that was handed over counts once its sender
// was answered, whatever becomes of the process then.
func TestKillAfterEnrolment(t *testing.T) {
	const learnt = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"
	u := newUpstream(t)
	site := func(enrol string) string {
		return fmt.Sprintf("ADDR {\n\twebhook_gateway /asana asana {\n\t\t%s\n\t\tforward %s\n\t}\n}\n", enrol, u.addr())
	}
	send := func(g *gateway, body string, header ...string) *http.Response {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, g.url("/asana"), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	g := newGateway(t, site("enrol"))
	g.start()
	if resp := send(g, "", "X-Hook-Secret", learnt); resp.StatusCode != http.StatusOK || resp.Header.Get("X-Hook-Secret") != learnt {
		t.Fatalf("enrolling: %v", resp)
	}
	show := func(args ...string) string {
		t.Helper()
		args = append([]string{"webhook", "learnt", "--endpoint", "asana", "--store", filepath.Join(g.dir, "store")}, args...)
		cmd := g.command(args...)
		cmd.Stdout, cmd.Stderr = nil, nil
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	if out := show(); !strings.Contains(out, "stop the gateway first. `caddy webhook status asana` says how many") {
		t.Errorf("while it runs: %s", out)
	}
	status := g.command("webhook", "status", "asana", "--address", "unix/"+g.admin())
	status.Stdout, status.Stderr = nil, nil
	if out, err := status.CombinedOutput(); err != nil || !strings.Contains(string(out), "\nasana: 1 secret was handed over\n") || strings.Contains(string(out), learnt) {
		t.Errorf("status: %v\n%s", err, out)
	}
	g.kill()
	client.CloseIdleConnections()
	if out := show(); out != learnt+"\n" {
		t.Errorf("learnt: %q", out)
	}

	g.configure(site(""))
	g.start()
	body := `{"events":[{"action":"changed","created_at":"2026-01-15T10:30:00Z"}]}`
	mac := hmac.New(sha256.New, []byte(learnt))
	mac.Write([]byte(body))
	if resp := send(g, body, "X-Hook-Signature", hex.EncodeToString(mac.Sum(nil))); resp.StatusCode != http.StatusOK {
		t.Errorf("an event: %v", resp)
	}
	if resp := send(g, "", "X-Hook-Secret", strings.Repeat("0", 64)); resp.StatusCode != http.StatusForbidden {
		t.Errorf("enrolling without enrol: %v", resp)
	}
	if strings.Contains(g.log.String(), learnt) {
		t.Error("the log shows the secret")
	}
	g.stop()
	if out := show("--forget"); out != learnt+"\n" {
		t.Errorf("forgetting: %q", out)
	}
	if out := show(); !strings.Contains(out, "has learnt nothing") {
		t.Errorf("forgotten: %q", out)
	}
}
