package keysource

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// flood asks for n documents that nobody has, and returns how many fetches that made.
func (p *provider) flood(t *testing.T, n int, r func(i int) verifiers.KeyRequest) int64 {
	t.Helper()
	before := p.asked.Load()
	for i := range n {
		if _, err := p.Fetch(t.Context(), r(i)); verifiers.ReasonOf(err) != verifiers.UnavailableKey {
			t.Fatalf("%d: %v", i, err)
		}
	}
	return p.asked.Load() - before
}

func TestBudget(t *testing.T) {
	p := newProvider(t, local)
	p.wants(t, 0, "keys 1", 1)
	p.handle(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "/keys" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		io.WriteString(w, "keys 2")
	})
	name := 0
	invented := func(int) verifiers.KeyRequest {
		name++
		return verifiers.KeyRequest{URL: fmt.Sprint(p.url, "?", name)}
	}
	if n := p.flood(t, 3*maxDocuments, invented); n != burst-1 { // one was spent on the genuine keys
		t.Errorf("%d fetches", n)
	}
	if n := len(p.documents); n > burst {
		t.Errorf("%d documents are remembered", n)
	}
	p.later(time.Minute)
	if n := p.flood(t, 100, invented); n != int64(time.Minute/refill) {
		t.Errorf("%d fetches a minute later", n)
	}
	asked := p.asked.Load()
	d, err := p.get(t, 1) // the genuine keys were rotated meanwhile
	if err != nil || string(d.Body) != "keys 2" || p.asked.Load() != asked+1 {
		t.Errorf("a newer version: %q, %v", d.Body, err)
	}
	p.flood(t, 1, invented)
	p.later(24 * time.Hour)
	p.flood(t, 100, invented)
	if d, err := p.get(t, 0); err != nil || string(d.Body) != "keys 2" {
		t.Errorf("known keys that expired: %q, %v", d.Body, err)
	}
	fixed := verifiers.KeyRequest{URL: p.url, Header: http.Header{"X-Key": {"1"}}, Fixed: true}
	if d, err := p.Fetch(t.Context(), fixed); err != nil || string(d.Body) != "keys 2" {
		t.Errorf("keys that the row names: %q, %v", d.Body, err)
	}
}

// TestBudgetOfFailures has one name fail again and again: its repetitions count.
func TestBudgetOfFailures(t *testing.T) {
	p := newProvider(t, local)
	p.fail(500)
	names := func(i int) verifiers.KeyRequest { return verifiers.KeyRequest{URL: fmt.Sprint(p.url, "?", i)} }
	if n := p.flood(t, burst, names); n != burst {
		t.Errorf("%d fetches", n)
	}
	p.later(lastRetry / 2)
	if n := p.flood(t, burst, names); n != int64(lastRetry/2/refill) {
		t.Errorf("%d fetches once they may be tried again", n)
	}
}

// TestBudgetOfPins invents hosts, as a pin with a region in it allows.
func TestBudgetOfPins(t *testing.T) {
	p := newProvider(t, local)
	p.fail(404)
	invented := func(pins ...string) func(i int) verifiers.KeyRequest {
		return func(i int) verifiers.KeyRequest {
			return verifiers.KeyRequest{URL: fmt.Sprintf("https://a%d.example.test/%s", i, strings.Repeat("x", len(pins))), Pin: pins}
		}
	}
	attempts := func(f func(i int) verifiers.KeyRequest) (n int) {
		for i := range 200 {
			if _, err := p.Fetch(t.Context(), f(i)); !errors.Is(err, errBusy) {
				n++
			}
		}
		return n
	}
	if n := attempts(invented(`https://[a-z0-9]+\.example\.test/x`)); n != burst {
		t.Errorf("%d attempts", n)
	}
	if n := attempts(invented(`https://[a-z0-9]+\.example\.test/x`, `https://[a-z0-9]+\.example\.test/xx`)); n != burst {
		t.Errorf("another row has %d attempts", n)
	}
	p.mu.Lock()
	for i := range 3 * maxBudgets {
		p.afford(verifiers.KeyRequest{}, fmt.Sprint("h", i), false)
	}
	n := len(p.budgets)
	p.mu.Unlock()
	if n > maxBudgets {
		t.Errorf("%d budgets are kept", n)
	}
}

// TestBytesAreBounded fetches many large documents.
func TestBytesAreBounded(t *testing.T) {
	p := newProvider(t, local)
	p.answer(strings.Repeat("k", maxDocument))
	for i := range 2 * maxBytes / maxDocument {
		if _, err := p.Fetch(t.Context(), verifiers.KeyRequest{URL: fmt.Sprint(p.url, "?", i), Fixed: true}); err != nil {
			t.Fatal(err)
		}
	}
	kept := 0
	for _, d := range p.documents {
		kept += len(d.body)
	}
	if kept > maxBytes || kept != p.bytes || kept < maxBytes/2 {
		t.Errorf("%d bytes are kept, %d counted", kept, p.bytes)
	}
}

// TestCredential renews the token with which keys are asked for.
func TestCredential(t *testing.T) {
	p := newProvider(t, local)
	p.handle(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("Authorization")) })
	for _, token := range []string{"Bearer 1", "Bearer 2"} {
		d, err := p.Fetch(t.Context(), verifiers.KeyRequest{URL: p.url, Credential: token})
		if err != nil || string(d.Body) != "Bearer 1" {
			t.Errorf("%q, %v", d.Body, err)
		}
	}
}
