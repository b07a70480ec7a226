package caddymodule

import (
	"runtime/debug"
	"strings"
	"testing"
)

// TestPathsIntoHostileBodies: no body makes a path recurse, whatever modifiers the
// path has.
func TestPathsIntoHostileBodies(t *testing.T) {
	// A function that recurses once for each bracket takes more stack than this.
	const size = 1 << 20
	defer debug.SetMaxStack(debug.SetMaxStack(32 << 20))
	bodies := []string{
		strings.Repeat("[", size),
		strings.Repeat(`{"a":`, size/5),
		`{"a":` + strings.Repeat("[", size),
		`{"a":` + strings.Repeat("[", size/2) + strings.Repeat("]", size/2) + `}`,
		`{"a":1` + strings.Repeat("9", size) + `}`,
		`{"a":"` + strings.Repeat("[", size) + `"}`,
	}
	paths := []string{
		"a", "a.b", "a.#.b", "a.#(b==1).c", "*.b", "..#.a",
		"@valid", "@pretty", "a.@pretty", "a|@pretty", "@ugly", "@dig:b", `a.@flatten:{"deep":true}`, "a.@fromstr.b", "@this|@pretty",
	}
	for _, body := range bodies {
		for _, path := range paths {
			f := &facts{body: []byte(body)}
			if text, ok := f.json(path).(string); ok && len(text) > maxHeaderValue*3 {
				t.Errorf("%s in %.20s…: %d bytes", path, body, len(text))
			}
			(&Order{JSON: path}).key(nil, f)
		}
	}
	for path, want := range map[string]any{"a.@fromstr.id": "x", "b.@reverse.0": int64(2)} {
		f := &facts{body: []byte(`{"a":"{\"id\":\"x\"}","b":[1,2]}`)}
		if got := f.json(path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}
