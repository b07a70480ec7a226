package caddymodule

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// pageOf describes a page for a note: its length, and where it begins and ends.
type pageOf struct {
	n           int
	next, after queue.Cursor
}

// noteOf explains an empty page in words. If deliveries match but for their state, it
// says which states they are in.
func (o *opened) noteOf(ctx context.Context, f queue.Filter, page pageOf) string {
	switch {
	case page.n > 0:
		return ""
	case page.next != "":
		return "nothing so far matches; continue with next"
	case page.after != "":
		return "nothing more matches"
	}
	if len(f.States) > 0 {
		if note := o.otherStates(ctx, f); note != "" {
			return note
		}
	}
	return noMatch
}

const noMatch = "nothing matches"

// otherStates counts the deliveries that match a filter but for its states, on one page;
// empty: there are none.
func (o *opened) otherStates(ctx context.Context, f queue.Filter) string {
	asked := f.States
	f.States = nil
	page, err := o.store.Walk(ctx, f, "", adminapi.MaxPage)
	if err != nil { // the list itself was read
		return ""
	}
	counts := make(map[queue.State]int)
	for _, e := range page.Entries {
		counts[e.State]++
	}
	return noteOfStates(asked, counts, page.Next != "")
}

// noteOfStates says that nothing is in the states that were asked for, and which states
// there are instead; empty: there are none. With more, the counts are not all.
func noteOfStates(asked []queue.State, counts map[queue.State]int, more bool) string {
	none := "nothing is in one of these states"
	if len(asked) == 1 {
		none = noneInState[asked[0]]
	}
	var words, names []string
	for _, state := range adminapi.States {
		if n := counts[state]; n > 0 {
			names = append(names, string(state))
			words = append(words, fmt.Sprintf("%d %s", n, inState[state][min(n, 2)-1]))
		}
	}
	if len(words) == 0 {
		return ""
	}
	if more {
		words = slices.Insert(words, 0, "of those looked at")
	}
	return fmt.Sprintf("%s; %s: --state %s", none, strings.Join(words, ", "), strings.Join(names, ","))
}

var (
	noneInState = map[queue.State]string{
		queue.StateWaiting:   "no deliveries are waiting",
		queue.StateDelivered: "none are delivered",
		queue.StateDead:      "there are no dead letters",
		queue.StateCancelled: "none are cancelled",
		queue.StateUnrouted:  "none are unrouted",
	}
	// inState has the words for one and for several deliveries in a state.
	inState = map[queue.State][2]string{
		queue.StateWaiting:   {"is waiting", "are waiting"},
		queue.StateDelivered: {"is delivered", "are delivered"},
		queue.StateDead:      {"is a dead letter", "are dead letters"},
		queue.StateCancelled: {"is cancelled", "are cancelled"},
		queue.StateUnrouted:  {"is unrouted", "are unrouted"},
	}
)
