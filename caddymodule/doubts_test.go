package caddymodule

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// warned returns the warnings at the load of an endpoint with a row.
func warned(row verifiers.Provider, secrets ...string) (texts []string) {
	core, logs := observer.New(zap.WarnLevel)
	h := &Handler{Name: "x", row: row, logger: zap.New(core), provider: &Provider{row: row, secrets: secrets}}
	h.warnOfScheme()
	for _, entry := range logs.All() {
		texts = append(texts, entry.Message)
	}
	return texts
}

func TestDoubtfulSchemes(t *testing.T) {
	blank, _ := providers.Lookup("hmac")
	scheme := func(content string, names ...string) verifiers.Provider {
		row := blank
		row.Scheme = verifiers.HMAC{Signature: verifiers.Signature{Names: names}, Content: content}
		return row
	}
	web, _ := providers.Lookup("jwt")
	for name, c := range map[string]struct {
		row  verifiers.Provider
		want string // a part of the only warning; empty: there is none
	}{
		"usual":            {scheme("{body}", "X-Sig"), ""},
		"a document":       {scheme("{document}", "X-Sig"), ""},
		"a hash":           {scheme("{header:X-T}.{body.sha256.hex}", "X-Sig"), ""},
		"the time alone":   {scheme("{header:X-T}", "X-Sig"), "does not cover the body"},
		"a checksum":       {scheme("{body.crc32}", "X-Sig"), "does not cover the body"},
		"pieces":           {scheme("{json:id}", "X-Sig"), "does not cover the body"},
		"underscore":       {scheme("{body}", "X_Sig"), "`_`"},
		"underscore in it": {scheme("{header:X_T}{body}", "X-Sig"), "`_`"},
		"a token":          {func() verifiers.Provider { p, _ := providers.Lookup("token"); return p }(), ""},
		"a web token":      {web, "does not cover the body"},
	} {
		got := warned(c.row, "secret")
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestSecretPrefixes holds the rows' texts against their data: where a person is told
// how secrets begin, another one is warned of.
func TestSecretPrefixes(t *testing.T) {
	begins, n := regexp.MustCompile(`it starts with ([a-z0-9_,-]*[a-z0-9][_-])$`), 0
	for _, row := range providers.All() {
		found := begins.FindStringSubmatch(row.Secret.Where)
		switch {
		case found != nil && row.Secret.Prefix != found[1]:
			t.Errorf("%s: the prefix is %q, and people are told %q", row.Name, row.Secret.Prefix, row.Secret.Where)
		case found != nil:
			n++
			if got := warned(row, "other"); len(got) != 1 || !strings.Contains(got[0], found[1]) || strings.Contains(got[0], "other") {
				t.Errorf("%s: %q", row.Name, got)
			}
			if got := warned(row, found[1]+"abc"); len(got) > 0 {
				t.Errorf("%s: %q", row.Name, got)
			}
		}
	}
	if n < 8 {
		t.Errorf("only %d rows say how secrets begin", n)
	}
}

// TestSamplesHaveTheirMethod makes a sample of each row: none is a GET with a body.
func TestSamplesHaveTheirMethod(t *testing.T) {
	for _, row := range providers.All() {
		method := methodOf(row, len(row.Sample.Body))
		if method == "GET" && row.Sample.Body != "" || len(row.Methods) > 0 && !slices.Contains(row.Methods, method) {
			t.Errorf("%s: a %s with %d bytes", row.Name, method, len(row.Sample.Body))
		}
	}
}

// TestResolve names the next step where a placeholder is empty.
func TestResolve(t *testing.T) {
	t.Setenv("HOOKWICKET_TEST_EMPTY", "")
	for text, want := range map[string]string{"{env.HOOKWICKET_TEST_EMPTY}": "restart Caddy", "{file./nonexistent}": "readable"} {
		if _, err := resolve(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if s, err := resolve("plain"); err != nil || s != "plain" {
		t.Error(s, err)
	}
}

func TestUpstreamsWithPaths(t *testing.T) {
	for upstream, want := range map[string]bool{
		"app:8080": false, "http://app": false, "https://app:443": false, "h2c://app:80": false, "unix//run/app.sock": false, "unix+h2c//run/app": false,
		"{env.APP}": false, "https://{env.APP}/x": false, "[::1]:80": false, ":8080": false, "http://[::1]:80": false,
		"https://app/": true, "https://app/path": true, "app/path": true, "app:80/": true, "https://app?x=1": true, "https://app#x": true, "http://[::1]/x": true,
	} {
		if hasPath(upstream) != want {
			t.Errorf("%s: %v", upstream, !want)
		}
	}
}
