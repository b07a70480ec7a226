package verifiers

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	josejson "github.com/go-jose/go-jose/v4/json" // refuses a key that is there twice
)

// FuzzUniqueJSON compares with the library's parser, which refuses a member that is there
// twice.
func FuzzUniqueJSON(f *testing.F) {
	for _, seed := range append([]string{
		`{"a":1,"a":2}`, `{"a":{"b":1,"b":1}}`, `{"a":[{"b":1},{"b":1}]}`, `{"a":1,"A":2}`, `{"a":1,"\\u0061":2}`, `{"\\ud800":1,"\\ud801":2}`, "{\"\xff\":1,\"\xfe\":2}",
		`{"a":1e400}`, `{"a":-1e400}`, `{"a":1e-400}`, `null`, `{"":1,"":2}`, `{"a":1,"b":{"a":1},"a":1}`,
	}, jsonSamples...) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var parsed map[string]any
		want := validJSON(text) && josejson.Unmarshal([]byte(text), &parsed) == nil && parsed != nil
		var got bool
		quick(t, 16*len(text), func() { got = uniqueJSON(text) })
		// It is stricter with names that are not UTF-8.
		if got != want && (got || utf8.ValidString(text) && !strings.Contains(text, "\uFFFD") && !strings.Contains(text, `\u`)) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	})
}

// TestUniqueJSON has objects with more members than are compared with each other.
func TestUniqueJSON(t *testing.T) {
	for n := range 4 * manyNames {
		var members []string
		for i := range n {
			members = append(members, fmt.Sprintf(`"m%d":{"m0":1}`, i))
		}
		if text := "{" + strings.Join(members, ",") + "}"; !uniqueJSON(text) {
			t.Errorf("%s is refused", text)
		}
		for i := range n {
			if text := "{" + strings.Join(append(members, fmt.Sprintf(`"m%d":0`, i)), ",") + "}"; uniqueJSON(text) {
				t.Errorf("%s is accepted", text)
			}
		}
	}
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	if !uniqueJSON(deep(maxDepth)) || uniqueJSON(deep(maxDepth+1)) {
		t.Error("the limit on the depth is not where it is said to be")
	}
}
