// Package terminal has the parts that all commands share: text that does a terminal
// no harm, tables, progress, questions, JSON and flags.
package terminal

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"
)

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Printable makes what a sender or an upstream wrote fit for a terminal: control
// characters, and what else does not show, become escapes. It keeps the given
// runes as they are.
func Printable(s string, keep ...rune) string {
	shows := func(r rune, size int) bool {
		if r == utf8.RuneError && size == 1 {
			return false
		}
		for _, k := range keep {
			if r == k {
				return true
			}
		}
		return unicode.IsPrint(r)
	}
	clean := true
	for i, r := range s {
		size := 0
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(s[i:])
		}
		if clean = shows(r, size); !clean {
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case shows(r, size):
			b.WriteString(s[i : i+size])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case size == 1: // a control character, or a byte that is not UTF-8
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += size
	}
	return b.String()
}

// printableJSON writes what does not show as the escapes of JSON: in there it can
// only be within a string.
func printableJSON(s string) string {
	hidden := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !hidden(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// Cell is text for a table: printable, at most n columns wide, and never empty.
func Cell(s string, n int) string { return cmp.Or(cut(Printable(s), n), "-") }

// Ago is a time as people say it, and "-" for none.
func Ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case t.IsZero():
		return "-"
	case d < -time.Second:
		return "in " + Short(-d)
	case d < time.Second:
		return "now"
	default:
		return Short(d) + " ago"
	}
}

// Clock is a time of this day, or else a day and a time, in the zone of this machine and
// with its offset.
func Clock(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	if y, m, d := t.Date(); y == now.Year() && m == now.Month() && d == now.Day() {
		return t.Format("15:04:05Z07:00")
	}
	return Date(t)
}

// Date is a day and a time, in the zone of this machine and with its offset.
func Date(t time.Time) string { return t.Local().Format(time.RFC3339) }

// Short is a duration in its largest unit.
func Short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "<1ms"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// InBytes is a number of bytes as people read it.
func InBytes(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// Plural is a number with what is counted.
func Plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(n) + " " + many
}

// errDeclined: the person has thought better of it.
var errDeclined = errors.New("nothing was changed")

// Confirm asks before something is done that affects much or loses something.
// If the input is no terminal, --yes is required.
func Confirm(question string, yes bool) error {
	switch {
	case yes:
		return nil
	case !IsTerminal(os.Stdin):
		return fmt.Errorf("%s --yes is needed where nobody can be asked", question)
	}
	return ask(os.Stdin, os.Stderr, question)
}

func ask(in io.Reader, out io.Writer, question string) error {
	fmt.Fprintf(out, "%s [y/N] ", question)
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		fmt.Fprintln(out) // what is said next gets a line of its own
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return errDeclined
}
