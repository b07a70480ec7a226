package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

// whyWords says why a delivery waits; empty: for nothing but its turn.
func whyWords(w *adminapi.Why, now time.Time) string {
	if w == nil {
		return ""
	}
	until := terminal.When(!w.Until.IsZero(), " until "+terminal.Clock(w.Until, now))
	switch w.Reason {
	case "paused":
		return "the forward is paused"
	case "orphaned":
		return "the configuration does not have its forward"
	case "stopped":
		return "the configuration is being stopped"
	case "circuit_open":
		return "the circuit is open" + until
	case "circuit_half_open":
		return "a probe of the upstream is under way"
	case "order":
		return "behind " + terminal.Printable(w.Behind) + ", which has the same order key"
	case "due":
		return "due at " + terminal.Clock(w.Until, now)
	case "rate":
		return "the rate is used up" + until
	case "concurrency":
		return "as many attempts as allowed are under way"
	case "soon":
		return ""
	}
	return terminal.Printable(w.Reason) + until
}

// shortWhy is whyWords for a column of a list.
func shortWhy(w *adminapi.Why, now time.Time) string {
	if w == nil {
		return ""
	}
	switch w.Reason {
	case "circuit_open":
		return "circuit open"
	case "circuit_half_open":
		return "probe under way"
	case "order":
		return "in line"
	case "due":
		return "due " + terminal.Ago(w.Until, now)
	case "rate":
		return "rate used up"
	case "concurrency":
		return "limit reached"
	case "soon":
		return ""
	}
	return terminal.Cell(w.Reason, 20) // paused, orphaned, stopped
}

// isHeld reports whether a delivery waits because its destination gets nothing.
func isHeld(w *adminapi.Why) bool {
	return w != nil && slices.Contains([]string{"paused", "orphaned", "stopped", "circuit_open", "circuit_half_open"}, w.Reason)
}

// printHeld says which destinations get nothing at the moment, with the command for it.
func printHeld(out io.Writer, held map[string]adminapi.Why, gateway string) {
	for _, d := range slices.Sorted(maps.Keys(held)) {
		why, name := held[d], terminal.Printable(d)
		next := ""
		switch why.Reason {
		case "circuit_open":
			next = fmt.Sprintf("; to try it now: caddy webhook probe %s%s", terminal.Word(name), gateway)
		case "paused":
			next = fmt.Sprintf("; to go on: caddy webhook resume %s%s", terminal.Word(name), gateway)
		}
		fmt.Fprintf(out, "%s gets nothing yet: %s%s\n", name, whyWords(&why, time.Now()), next)
	}
}
