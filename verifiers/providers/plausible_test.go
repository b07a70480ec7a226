package providers_test

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
)

// TestPlausible: the headers and the URL of every genuine request are plausible, and
// where the signature stands in a header they are not without it.
func TestPlausible(t *testing.T) {
	paths, err := filepath.Glob("../testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	plausible, not := 0, 0
	for _, path := range paths {
		v, err := readVector(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if v.expect != "accepted" {
			continue
		}
		verifier, err := v.scheme.Verifier(v.secrets...)
		if err != nil {
			continue // its keys are fetched
		}
		p, ok := verifier.(verifiers.Plausible)
		if !ok {
			continue
		}
		early := &verifiers.Request{Method: v.request.Method, URL: v.request.URL, Header: v.request.Header}
		if plausible++; !p.Plausible(early) {
			t.Errorf("%s: a genuine request is not plausible", path)
		}
		inHeader := true
		for _, place := range verifiers.CredentialsOf(v.scheme) {
			inHeader = inHeader && place.From == "header"
		}
		if !inHeader || len(verifiers.CredentialsOf(v.scheme)) == 0 {
			continue
		}
		early.Header = http.Header{}
		if not++; p.Plausible(early) {
			t.Errorf("%s: a request without any header is plausible", path)
		}
	}
	if plausible < 150 || not < 100 {
		t.Errorf("only %d and %d requests were tried", plausible, not)
	}
}
