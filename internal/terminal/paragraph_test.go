package terminal

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWrap(t *testing.T) {
	const text = "It verifies with the body's JSON written without white space. Ümläuts count as one."
	for _, test := range []struct{ width, indent int }{{40, 0}, {40, 12}, {80, 10}} {
		got := wrap(text, test.width, test.indent)
		if !strings.Contains(got, "\n") {
			t.Errorf("%v: it is one line", test)
		}
		for i, line := range strings.Split(got, "\n") {
			n := utf8.RuneCountInString(line)
			if i == 0 {
				n += test.indent
			} else if !strings.HasPrefix(line, strings.Repeat(" ", test.indent)) {
				t.Errorf("%v: line %d begins elsewhere: %q", test, i, line)
			}
			if n > test.width || strings.HasSuffix(line, " ") {
				t.Errorf("%v: line %d has %d columns: %q", test, i, n, line)
			}
		}
		if joined := strings.Join(strings.Fields(got), " "); joined != text {
			t.Errorf("%v: the text became %q", test, joined)
		}
	}
	for _, width := range []int{0, 25} { // unknown, and too narrow behind the indent
		if got := wrap(text, width, 12); got != text {
			t.Errorf("at a width of %d: %q", width, got)
		}
	}
	if got := wrap("注文 作成 済み です 注文 作成", 22, 0); got != "注文 作成 済み です\n注文 作成" {
		t.Errorf("wide characters: %q", got)
	}
	if word := strings.Repeat("x", 50); wrap("a "+word+" b", 30, 0) != "a\n"+word+"\nb" {
		t.Errorf("a long word: %q", wrap("a "+word+" b", 30, 0))
	}
}

// TestParagraph: an output that is no terminal gets one line.
func TestParagraph(t *testing.T) {
	var out bytes.Buffer
	Paragraph(&out, "  ok  ", strings.Repeat("word ", 60)+"\x1b[31m")
	if text := out.String(); strings.Count(text, "\n") != 1 || strings.Contains(text, "\x1b") || !strings.HasPrefix(text, "  ok  word") {
		t.Errorf("%q", text)
	}
}
