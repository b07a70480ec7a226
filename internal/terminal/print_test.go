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

// TestWidth: wide characters take two columns, combining ones none, and columns stay
// aligned under both.
func TestWidth(t *testing.T) {
	for s, want := range map[string]int{"": 0, "ok": 2, "注文.作成済み": 13, "e\u0301": 1, "Ａ": 2, "ｱ": 1, "😀": 2, "naïve…": 6} {
		if got := Width(s); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	}
	table := NewTable("TYPE", "ID")
	table.Row("注文", "1")
	table.Row("order", "2")
	var b bytes.Buffer
	if err := table.Print(&b); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "TYPE   ID\n注文   1\norder  2\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Cell("注文.作成済み", 8); got != "注文.作…" {
		t.Errorf("cut: %q", got)
	}
}

// TestColours: states have colours by their first word, and only on a terminal.
func TestColours(t *testing.T) {
	for word, want := range map[string]string{
		"ok": green + "ok" + plain, "open 32s": red + "open 32s" + plain, "waiting, due in 1m": yellow + "waiting, due in 1m" + plain,
		"retry   ": yellow + "retry   " + plain, "STATE": "STATE", "": "", "under way": "under way",
	} {
		if got := coloured(word); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
	var b bytes.Buffer
	table := NewTable("NAME", "STATE").Colours(2)
	table.Row("stripe", "failing")
	if err := table.Print(&b); err != nil || bytes.Contains(b.Bytes(), []byte("\x1b")) || Colour(&b, "ok") != "ok" {
		t.Errorf("%v, %q", err, b.String())
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
