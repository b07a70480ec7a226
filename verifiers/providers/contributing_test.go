package providers_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// quoted is a file of the repository as CONTRIBUTING.md shows it: a line with its
// name alone, and a fenced block.
var quoted = regexp.MustCompile("(?ms)^`(verifiers/[^`\n]+)`\n\n```[a-z]*\n(.*?)^```$")

// TestContributing wants the example of CONTRIBUTING.md to be a row of the
// catalogue, to the letter, and to be all that there is of it: then every test of
// this package proves the example.
func TestContributing(t *testing.T) {
	const guide = "../../CONTRIBUTING.md"
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{} // the names of the files by their extensions
	fresh := quoted.ReplaceAllStringFunc(string(text), func(block string) string {
		m := quoted.FindStringSubmatch(block)
		shown[filepath.Ext(m[1])] = m[1]
		file, err := os.ReadFile(filepath.Join("../..", m[1]))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Replace(block, m[2], string(file), 1)
	})
	row, vector := shown[".go"], shown[".txtar"]
	slug := strings.TrimSuffix(filepath.Base(row), ".go")
	if slug == "." || filepath.Base(filepath.Dir(vector)) != slug {
		t.Fatalf("it does not show a row and a vector of it: %v", shown)
	}
	golden(t, guide, []byte(fresh))

	v, err := readVector(filepath.Join("../..", vector))
	if err != nil {
		t.Fatal(err)
	}
	if len(v.judges) == 0 || v.expect != "accepted" || !v.provider.Confirmed {
		t.Error("the example is none to follow: it lacks a judge, a vector that is accepted, or a source")
	}
	for _, file := range shippedFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if file != filepath.Join("../..", row) && strings.Contains(string(text), `"`+slug+`"`) {
			t.Errorf("%s names %s too: a provider is one file", file, slug)
		}
	}
}

// shippedFiles are the Go files that the gateway is built from.
func shippedFiles(t *testing.T) (files []string) {
	t.Helper()
	for _, folder := range []string{".", "verifiers", "verifiers/*", "caddymodule", "adminapi", "cli", "cmd/*"} {
		found, err := filepath.Glob("../../" + folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			if !strings.HasSuffix(file, "_test.go") {
				files = append(files, file)
			}
		}
	}
	return files
}
