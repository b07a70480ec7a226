package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
	"github.com/hookwicket/hookwicket/queue"
)

func eventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events [ENDPOINT[/FORWARD]] [--state S] [--type T]",
		Short: "Lists events and the state of their deliveries",
		Long: `
Lists the events that the gateway keeps, the newest first, with the state of
their deliveries. With --state or --forward it lists deliveries: waiting ones in
the order in which they are due, ended ones by their end, the latest first.

A waiting delivery says what it waits for: its time, its turn in an order, or
its forward, which may be paused or have an open circuit. If nothing matches, it
says so and exits with 0. --json prints an object a line. show prints everything
about one event.`,
		Example: `  caddy webhook events stripe/billing --state dead_letter
  caddy webhook events --endpoint github --type 'pull_request*' --since 2h`,
		Args:              terminal.MaxArgs(1, "ENDPOINT or ENDPOINT/FORWARD"),
		ValidArgsFunction: onlyFirst(completeTargets),
		RunE:              asking(listEvents),
	}
	clientFlags(cmd)
	filterFlags(cmd)
	cmd.Flags().IntP("limit", "n", 25, "the largest number of events")
	cmd.Flags().Bool("all", false, "all of them")
	cmd.Flags().Bool("json", false, "print an object a line")
	return cmd
}

// eventsPage is a page of either list, each item still as the gateway wrote it.
type eventsPage struct {
	Messages   []json.RawMessage `json:"messages"`
	Deliveries []json.RawMessage `json:"deliveries"`
	Next       string            `json:"next"`
	Note       string            `json:"note"`
}

func listEvents(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	left := fl.Int("limit")
	if left < 1 {
		return errors.New("--limit has to be 1 or more")
	}
	if target := fl.Arg(0); target != "" {
		if fl.Changed("endpoint") {
			return errors.New("either ENDPOINT as an argument or --endpoint, not both")
		}
		if err := fl.Set("endpoint", target); err != nil {
			return err
		}
	}
	filter := flagFilter(fl)
	path := adminapi.PathMessages
	if filter.State != "" || filter.Forward != nil {
		path = adminapi.PathDeliveries
	}
	query, note, listed := filter.Query(), "", 0
	held := make(map[string]adminapi.Why) // destinations of listed deliveries that get nothing
	defer func() { printHeld(os.Stderr, held, sameGateway(fl)) }()
	if after := fl.String("after"); after != "" {
		query.Set("after", after)
	}
	for {
		n := adminapi.MaxPage
		if !fl.Bool("all") {
			n = min(left, adminapi.MaxPage)
		}
		query.Set("limit", strconv.Itoa(n))
		var page eventsPage
		if err := c.Get(ctx, path, query, &page); err != nil {
			return err
		}
		items := slices.Concat(page.Messages, page.Deliveries)
		if err := printEvents(items, listed == 0, fl.Bool("json"), held); err != nil {
			return err
		}
		listed += len(items)
		left -= len(items)
		note = page.Note
		if page.Next == "" {
			break
		}
		query.Set("after", page.Next)
		if left <= 0 && !fl.Bool("all") {
			fmt.Fprintf(os.Stderr, "There are more: %s\n", again(fl, "events", map[string]string{"after": page.Next}))
			return nil
		}
	}
	if listed == 0 {
		fmt.Fprintln(os.Stderr, nothing(note))
	}
	return nil
}

// nothing says that nothing was found, in the gateway's words where it has some.
func nothing(note string) string {
	if note = terminal.Printable(note); note == "" {
		note = "nothing matches"
	}
	return strings.ToUpper(note[:1]) + note[1:] + "."
}

// printEvents prints a page of a list. To a person it adds the destinations that get
// nothing at the moment to held.
func printEvents(items []json.RawMessage, first, asJSON bool, held map[string]adminapi.Why) error {
	if asJSON {
		for _, item := range items {
			if err := terminal.PrintJSON(os.Stdout, item, ""); err != nil {
				return err
			}
		}
		return nil
	}
	if len(items) == 0 {
		return nil
	}
	now := time.Now()
	t := terminal.NewTable().Colours(4)
	if first {
		t = terminal.NewTable("MESSAGE", "RECEIVED", "OF", "STATE", "TYPE", "EVENT ID").Colours(4)
	}
	for _, item := range items {
		var e struct {
			adminapi.Summary
			adminapi.DeliveryState
			Deliveries []adminapi.DeliveryState `json:"deliveries"`
		}
		if err := json.Unmarshal(item, &e); err != nil {
			return fmt.Errorf("the gateway's answer cannot be read: %w", err)
		}
		of, state := e.Destination, stateWords(e.DeliveryState, now)
		if of == "" {
			of, state = e.Endpoint, statesWords(e.Deliveries, now)
		}
		for _, d := range append(e.Deliveries, e.DeliveryState) {
			if isHeld(d.Why) {
				held[d.Destination] = *d.Why
			}
		}
		t.Row(shownID(e.ID), terminal.Ago(e.ReceivedAt, now), terminal.Cell(of, 20), state, terminal.Cell(e.EventType, 32), terminal.Cell(e.EventID, 64))
	}
	return t.Print(os.Stdout)
}

// stateOf is the state of a delivery, without the time at which it is due.
func stateOf(s *adminapi.DeliveryState) string {
	switch {
	case s.Damaged != "":
		return "damaged"
	case s.Claimed:
		return "under way"
	}
	return string(s.State)
}

// stateWords is where a delivery stands and what it waits for, in a few words.
func stateWords(s adminapi.DeliveryState, now time.Time) string {
	state := stateOf(&s)
	if state != string(queue.StateWaiting) {
		return state
	}
	if why := shortWhy(s.Why, now); why != "" {
		state += ", " + why
	}
	return state
}

// statesWords counts the states of a message's deliveries. What they wait for is in the
// list of deliveries, unless it is the same for all.
func statesWords(all []adminapi.DeliveryState, now time.Time) string {
	switch len(all) {
	case 0:
		return "-"
	case 1:
		return stateWords(all[0], now)
	}
	same := stateWords(all[0], now)
	counts := make(map[queue.State]int)
	for _, s := range all {
		counts[s.State]++
		if stateWords(s, now) != same {
			same = ""
		}
	}
	if same != "" {
		return same
	}
	var words []string
	for _, state := range adminapi.States {
		switch n := counts[state]; {
		case n == len(all):
			return string(state)
		case n > 0:
			words = append(words, fmt.Sprintf("%d %s", n, state))
		}
	}
	return terminal.Cell(strings.Join(words, ", "), 40)
}
