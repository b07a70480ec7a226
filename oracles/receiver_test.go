package oracles

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// TestReceiverInGo builds and runs the receiver in Go of docs/receivers.md. It takes a
// request that the library signs, and refuses one with another body.
func TestReceiverInGo(t *testing.T) {
	const secret = "whsec_dGhlIHNlY3JldCBvZiB0aGUgYXBw"
	page, err := os.ReadFile("../docs/receivers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(page), "```go\n")
	code, _, _ = strings.Cut(code, "```\n")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	source, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "receiver")
	if err := os.WriteFile(source, []byte(strings.Replace(code, ":8080", addr, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("building it: %v\n%s", err, out)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	defer cmd.Process.Kill()

	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	post := func(body string) int {
		now := time.Now()
		signature, err := signer.Sign("msg_1", now, []byte(`{"type":"order.paid"}`))
		if err != nil {
			t.Fatal(err)
		}
		for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/stripe", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set(standardwebhooks.HeaderWebhookID, "msg_1")
			r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
			r.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
			res, err := http.DefaultClient.Do(r)
			if err != nil && time.Since(began) < time.Minute {
				continue // it does not listen yet
			}
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			return res.StatusCode
		}
	}
	if status := post(`{"type":"order.paid"}`); status != http.StatusNoContent {
		t.Errorf("a signed request: %d", status)
	}
	if status := post(`{"type":"order.lost"}`); status != http.StatusUnauthorized {
		t.Errorf("another body: %d", status)
	}
}
