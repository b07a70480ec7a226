package terminal

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
)

func TestPrintable(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"evt_1", "evt_1"},
		{"Zoë 株式会社 😀", "Zoë 株式会社 😀"},
		{"\x1b[2J\x1b]0;owned\x07", `\x1b[2J\x1b]0;owned\x07`},
		{"a\nb\tc\r", `a\nb\tc\r`},
		{"\u009b31m", `\u009b31m`},                       // an escape sequence in one character
		{"invoice\u202egpj.exe", `invoice\u202egpj.exe`}, // right to left
		{"\xff\xfeok", `\xff\xfeok`},
		{"a\ufffdb", "a\ufffdb"}, // what stands for a broken character is itself one
		{"\U000e0001tag", `\U000e0001tag`},
	} {
		if got := Printable(c.in); got != c.want {
			t.Errorf("printable(%q) = %q, want %q", c.in, got, c.want)
		}
	}
	if got := Printable("{\n\t\x1b}", '\n', '\t'); got != "{\n\t\\x1b}" {
		t.Errorf("kept: %q", got)
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("\x1b[31m")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range Printable(s) {
			if !unicode.IsPrint(r) {
				t.Fatalf("printable(%q) has %U", s, r)
			}
		}
	})
}

func TestCell(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "-"}, {"short", "short"}, {"exactly-10", "exactly-10"}, {"more than ten", "more than…"}, {"äöüäöüäöüäöü", "äöüäöüäöü…"},
	} {
		if got := Cell(c.in, 10); got != c.want {
			t.Errorf("cell(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestAgo(t *testing.T) {
	now := time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		at   time.Duration
		want string
	}{
		{0, "now"}, {-3 * time.Second, "3s ago"}, {-90 * time.Second, "1m ago"}, {-47 * time.Hour, "47h ago"},
		{-72 * time.Hour, "3d ago"}, {12500 * time.Millisecond, "in 12s"}, {2 * time.Hour, "in 2h"},
	} {
		if got := Ago(now.Add(c.at), now); got != c.want {
			t.Errorf("%s: %q, want %q", c.at, got, c.want)
		}
	}
	if got := Ago(time.Time{}, now); got != "-" {
		t.Errorf("never: %q", got)
	}
}

func TestAsk(t *testing.T) {
	for in, want := range map[string]error{"y\n": nil, " YES\n": nil, "\n": errDeclined, "": errDeclined, "no\n": errDeclined, "yep\n": errDeclined} {
		var out bytes.Buffer
		if err := ask(strings.NewReader(in), &out, "Purge 3 deliveries?"); !errors.Is(err, want) {
			t.Errorf("%q: %v", in, err)
		}
		if !strings.HasPrefix(out.String(), "Purge 3 deliveries? [y/N] ") {
			t.Errorf("asked %q", out.String())
		}
	}
}
