package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write puts content into an xcaddy.json that stands beside a module and a
// folder, and returns its path.
func write(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"xcaddy.json":        content,
		"go.mod":             "module example.com/plugin\n",
		"nested/go.mod":      "module example.com/nested\n",
		"nomodule/README.md": "nothing to build\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "xcaddy.json")
}

func TestLoad(t *testing.T) {
	path := write(t, `{
		"caddy_version": "v2.11.9",
		"os": "linux",
		"plugins": [{"module_path": "example.com/plugin", "version": "v0.0.0"}],
		"replacements": [
			{"old": "example.com/plugin", "new": "."},
			{"old": "example.com/nested", "new": "./nested"},
			{"old": "example.com/other", "new": "example.com/fork v1.2.3"}
		],
		"embed_dir": [{"dir": "site"}, {"dir": "/srv/site"}],
		"pgo_profile": "default.pgo"
	}`)
	dir := filepath.Dir(path)
	b, err := load(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ what, got, want string }{
		{"caddy_version", b.CaddyVersion, "v2.11.9"},
		{"os", b.OS, "linux"},
		{"plugin", b.Plugins[0].String(), "example.com/plugin@v0.0.0"},
		{"the folder of the file", b.Replacements[0].New.String(), dir},
		{"a folder below it", b.Replacements[1].New.String(), filepath.Join(dir, "nested")},
		{"a module", b.Replacements[2].New.String(), "example.com/fork v1.2.3"},
		{"embed_dir", b.EmbedDirs[0].Dir, filepath.Join(dir, "site")},
		{"absolute embed_dir", b.EmbedDirs[1].Dir, "/srv/site"},
		{"pgo_profile", b.PgoProfile, filepath.Join(dir, "default.pgo")},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.what, tt.got, tt.want)
		}
	}
}

func TestLoadFromTheFoldersInside(t *testing.T) {
	path := write(t, `{"replacements": [{"old": "example.com/plugin", "new": "."}]}`)
	t.Chdir(filepath.Join(filepath.Dir(path), "nested"))
	b, err := load(filepath.Join("..", "xcaddy.json"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.Stat(b.Replacements[0].New.String())
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := os.Stat(filepath.Dir(path)); !os.SameFile(got, want) {
		t.Errorf("got %s, want the folder of the file", b.Replacements[0].New)
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ content, want string }{
		"a key that does not exist": {`{"caddy_versoin": "v2.11.9"}`, "caddy_versoin"},
		"a duration in words":       {`{"timeout_build": "10m"}`, "timeout_build"},
		"an empty file":             {``, "the file is empty"},
		"a second object":           {`{} {}`, "something follows"},
		"a folder without a module": {`{"replacements": [{"old": "example.com/x", "new": "./nomodule"}]}`, "replacing example.com/x"},
		"a folder that is missing":  {`{"replacements": [{"old": "example.com/x", "new": "../missing"}]}`, "replacing example.com/x"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(write(t, tt.content))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
	if _, err := load(filepath.Join(t.TempDir(), "xcaddy.json")); !os.IsNotExist(err) {
		t.Errorf("a missing file: got %v", err)
	}
}

func TestTheRepositorysOwnFile(t *testing.T) {
	b, err := load("../../xcaddy.json")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Replacements[0].New.String(); got != root {
		t.Errorf("got %s, want %s", got, root)
	}
	for _, p := range b.Plugins {
		if p.Version == "" {
			t.Errorf("%s has no version: two builds would not be the same", p.PackagePath)
		}
		if p.PackagePath == b.Replacements[0].Old.String() && p.Version == "" {
			t.Errorf("%s is replaced but has no version: see the package comment", p.PackagePath)
		}
	}
}
