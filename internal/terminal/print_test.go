package terminal

import (
	"bytes"
	"testing"
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		width int
		want  string
	}{{0, "naïve words"}, {11, "naïve words"}, {6, "naïve…"}} {
		if got := cut("naïve words", c.width); got != c.want {
			t.Errorf("%d: %q", c.width, got)
		}
	}
}

// TestPrintableJSON: what JSON lets through reaches no terminal as it is, and
// stays the same to a program.
func TestPrintableJSON(t *testing.T) {
	var b bytes.Buffer
	if err := PrintJSON(&b, "<\x1b\u009b\u202e\U000e0001é>", ""); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), `"<\u001b\u009b\u202e\udb40\udc01é>"`+"\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
