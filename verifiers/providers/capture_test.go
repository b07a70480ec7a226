package providers_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// leastMemory is for how long a request without a signed time has to be known.
const leastMemory = 7 * 24 * time.Hour

// TestCapture sends every accepted vector again when its key has expired. A
// request with a signed time is stale by then. One without is known for a week at
// the least, unless the row says why nothing is remembered.
func TestCapture(t *testing.T) {
	paths, err := filepath.Glob("../testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	timed := map[string]bool{}
	for _, path := range paths {
		v, err := readVector(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if v.expect != "accepted" {
			continue
		}
		ev, got := v.judge(t, v.request, v.secrets...)
		if got != "accepted" {
			continue // TestVectors says so
		}
		bounded := ev.Signed.Timestamp && !ev.Timestamp.IsZero() || !ev.Expires.IsZero()
		timed[v.provider.Name] = timed[v.provider.Name] || bounded
		f, d := v.provider.Freshness, v.provider.Dedupe
		forgotten := max(d.Window, leastMemory)
		switch {
		case ev.TimeFault != nil:
			t.Errorf("%s: a signed time that cannot be read was accepted", path)
		case bounded && f.Check(ev, v.now.Add(forgotten).Add(time.Second)) == nil:
			t.Errorf("%s: it is accepted again after %v, when its key has expired: its signed time has no limit", path, forgotten)
		case !bounded && d.By != verifiers.ByNothing && d.Window < leastMemory:
			t.Errorf("%s: no time is signed, and it is known for %v only", path, d.Window)
		}
	}
	for _, p := range providers.All() {
		if !timed[p.Name] && p.Freshness.Why == "" {
			t.Errorf("%s: no time is signed, and the row does not say so", p.Name)
		}
		if !timed[p.Name] && p.Freshness.Tolerance != (verifiers.Tolerance{}) && !p.Freshness.Optional && !blank(p) {
			t.Errorf("%s: it has a tolerance, but no vector has a signed time", p.Name)
		}
	}
}
