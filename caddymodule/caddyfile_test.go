package caddymodule

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy/fastcgi"
	_ "github.com/caddyserver/caddy/v2/modules/caddytls"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
)

// A case is a file: a Caddyfile, a line of dashes, and what becomes of it. With
// -update the second half is written anew.
var update = flag.Bool("update", false, "write what the tests expect anew")

const separator = "\n----------\n"

// eachCase runs f on the first half of every file, and compares.
func eachCase(t *testing.T, dir string, f func(t *testing.T, caddyfile string) string) {
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.caddyfiletest"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			caddyfile, want, _ := strings.Cut(string(b), separator)
			got := f(t, caddyfile)
			if *update {
				text := strings.TrimRight(caddyfile, "\n") + separator + got + "\n"
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := strings.TrimSpace(want); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func adapt(caddyfile string) ([]byte, error) {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	return config, err
}

// TestAdapt holds what the Caddyfile means in JSON, and that it is a
// configuration that can be provisioned.
func TestAdapt(t *testing.T) {
	t.Setenv("HOOKWICKET_TEST_SECRET", "s3cret")
	t.Setenv("HOOKWICKET_TEST_KEY", strings.Repeat("0f", 32))
	t.Setenv("HOOKWICKET_TEST_KEY_OLD", strings.Repeat("_", 42)+"8=")
	eachCase(t, "adapt", func(t *testing.T, caddyfile string) string {
		config, err := adapt(caddyfile)
		if err != nil {
			t.Fatal(err)
		}
		validate(t, config)
		var b bytes.Buffer
		if err := json.Indent(&b, config, "", "\t"); err != nil {
			t.Fatal(err)
		}
		return b.String()
	})
}

func validate(t *testing.T, config []byte) {
	t.Helper()
	if err := provision(config); err != nil {
		t.Fatal(err)
	}
}

// provision does what `caddy validate` does.
func provision(config []byte) error {
	cfg := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(config, cfg); err != nil {
		return err
	}
	return caddy.Validate(cfg)
}

// TestErrors holds what a wrong configuration is told. A case that begins with a
// brace and a quote is JSON.
func TestErrors(t *testing.T) {
	t.Setenv("HOOKWICKET_TEST_SECRET", "s3cret")
	t.Setenv("HOOKWICKET_TEST_EMPTY", "")
	eachCase(t, "errors", func(t *testing.T, text string) string {
		config, err := []byte(text), error(nil)
		if !json.Valid(config) {
			config, err = adapt(text)
		}
		if err == nil {
			err = provision(config)
		}
		if err == nil {
			t.Fatal("no error")
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error shows the secret")
		}
		// Caddy loads apps in any order, and an endpoint may bring ours along.
		if _, ours, ok := strings.Cut(err.Error(), "loading webhook_gateway app module: "); ok {
			return ours
		}
		return err.Error()
	})
}
