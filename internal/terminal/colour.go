package terminal

import (
	"io"
	"os"
	"strings"
)

// Colours say at a glance how something stands.
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

// colourOf has the colours of states and outcomes, by their first word. Others have none.
var colourOf = map[string]string{
	"ok": green, "delivered": green, "accepted": green, "verified": green,
	"waiting": yellow, "paused": yellow, "retry": yellow, "probing": yellow, "observing": yellow, "idle": yellow, "limited": yellow, "circuit": yellow, "observed": yellow,
	"failing": red, "open": red, "orphaned": red, "dead_letter": red, "refused": red, "damaged": red, "unavailable": red, "failed": red, "unrouted": red,
}

// colourful reports whether colours may be written: to a terminal, unless NO_COLOR is
// set (https://no-color.org) or the terminal has none.
func colourful(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && IsTerminal(f) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// Colour writes a state or an outcome in its colour, where out can show one. It may have
// spaces behind it.
func Colour(out io.Writer, word string) string {
	if !colourful(out) {
		return word
	}
	return coloured(word)
}

func coloured(word string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(word), " ")
	if c := colourOf[strings.TrimSuffix(first, ",")]; c != "" {
		return c + word + plain
	}
	return word
}

// Clear empties a terminal, so that the next text stands at its top. Elsewhere it does
// nothing.
func Clear(out io.Writer) {
	if f, ok := out.(*os.File); ok && IsTerminal(f) {
		io.WriteString(out, "\x1b[H\x1b[2J")
	}
}
