package examples

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

var caddyfileBlock = regexp.MustCompile("(?ms)^```caddyfile\n(.*?)^```")

// TestFormat: `caddy fmt` has nothing to change in the Caddyfiles of the repository,
// nor in those that its documents show.
func TestFormat(t *testing.T) {
	files, blocks := 0, 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return err
		}
		name := d.Name()
		if name != "Caddyfile" && !strings.HasSuffix(name, ".Caddyfile") && !strings.HasSuffix(name, ".md") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		texts := [][]byte{b}
		if strings.HasSuffix(name, ".md") {
			texts = nil
			for _, m := range caddyfileBlock.FindAllSubmatch(b, -1) {
				texts = append(texts, m[1])
				blocks++
			}
		} else {
			files++
		}
		for _, text := range texts {
			if want := caddyfile.Format(text); string(want) != string(text) {
				t.Errorf("%s: caddy fmt makes of\n%s\nthis:\n%s", path, text, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 || blocks < 9 {
		t.Errorf("only %d files and %d blocks were found", files, blocks)
	}
}
