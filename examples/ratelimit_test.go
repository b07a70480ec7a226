package examples

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// TestRateLimit builds what the xcaddy.json at the root describes, and sends more
// than the example's limit lets in.
func TestRateLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("building a Caddy takes minutes the first time; run without -short")
	}
	t.Setenv("RATE", "2")
	t.Setenv("GENERIC_WEBHOOK_SECRET", genericSecret)
	addr := startBuilt(t, buildCaddy(t, "../xcaddy.json"), "ratelimit/Caddyfile", "127.0.0.1:1")
	for i, want := range []int{401, 401, 429, 429, 429} {
		// There is no signature: the limit comes before anything is looked at.
		res, err := http.Post("http://"+addr+"/generic", "application/json", strings.NewReader(`{"id":"evt_`+strconv.Itoa(i)+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("request %d: answered %d, want %d", i+1, res.StatusCode, want)
		}
		if n, err := strconv.Atoi(res.Header.Get("Retry-After")); want == 429 && (err != nil || n < 1 || n > 61) {
			t.Errorf("request %d: Retry-After %q", i+1, res.Header.Get("Retry-After"))
		}
	}
	res, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	const want = `caddy_webhook_gateway_requests_total{endpoint="generic",outcome="limited",reason=""} 3`
	if !strings.Contains(string(text), want) {
		t.Errorf("no %s in the metrics", want)
	}
}
