package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

// site begins a block that is a whole Caddyfile, or the part of one that has its own braces.
var site = regexp.MustCompile(`(?m)\A(\{|[a-z0-9.:/{}$_-]+ \{)$`)

// TestBlocks adapts every Caddyfile that the documents show, so that no line in them names
// a directive or an option that does not exist.
func TestBlocks(t *testing.T) {
	files, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for _, file := range append(files, "../README.md", "README.md") {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range caddyfileBlock.FindAllStringSubmatch(string(page), -1) {
			text := strings.TrimSpace(m[1])
			if !site.MatchString(text) || strings.HasPrefix(text, "handle ") || strings.HasPrefix(text, "webhook_gateway ") {
				text = "hooks.example.com {\n" + text + "\n}"
			}
			if strings.Contains(text, "rate_limit {") {
				continue // TestRateLimit runs a binary with its module
			}
			blocks++
			if _, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": file}); err != nil {
				t.Errorf("%s: %v in\n%s", file, err, m[1])
			}
		}
	}
	if blocks < 15 {
		t.Errorf("only %d blocks were found", blocks)
	}
}
