package caddymodule

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

	"github.com/hookwicket/hookwicket/queue"
)

func eventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events [--endpoint E] [--forward F] [--state S] [--type T] [--event-id I] [--since T] [--until T] [--limit N|--all] [--json]",
		Short: "Lists events and what became of them",
		Long: `
Lists the events that the gateway keeps, the newest first, with what became of
their deliveries. With --state or --forward it lists deliveries: waiting ones by
the time they are due, those that have ended by their end, the latest first.

Where nothing matches it says so and exits with 0. --json prints an object a
line. show tells all about one event.`,
		Example: `  caddy webhook events --state dead_letter
  caddy webhook events --endpoint github --type 'pull_request*' --since 2h`,
		Args: noArgs,
		RunE: asking(listEvents),
	}
	clientFlags(cmd)
	filterFlags(cmd)
	cmd.Flags().IntP("limit", "n", 25, "so many at the most")
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

func listEvents(ctx context.Context, c *adminClient, fl caddycmd.Flags) error {
	left := fl.Int("limit")
	if left < 1 {
		return errors.New("--limit has to be 1 or more")
	}
	filter := flagFilter(fl)
	path := "/messages"
	if filter.State != "" || filter.Forward != nil {
		path = "/deliveries"
	}
	query, note, listed := filter.query(), "", 0
	if after := fl.String("after"); after != "" {
		query.Set("after", after)
	}
	for {
		n := maxPage
		if !fl.Bool("all") {
			n = min(left, maxPage)
		}
		query.Set("limit", strconv.Itoa(n))
		var page eventsPage
		if err := c.get(ctx, path, query, &page); err != nil {
			return err
		}
		items := slices.Concat(page.Messages, page.Deliveries)
		if err := printEvents(items, listed == 0, fl.Bool("json")); err != nil {
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
	if note = printable(note); note == "" {
		note = "nothing matches"
	}
	return strings.ToUpper(note[:1]) + note[1:] + "."
}

func printEvents(items []json.RawMessage, first, asJSON bool) error {
	if asJSON {
		for _, item := range items {
			if err := printJSON(os.Stdout, item, ""); err != nil {
				return err
			}
		}
		return nil
	}
	if len(items) == 0 {
		return nil
	}
	now := time.Now()
	t := newTable()
	if first {
		t = newTable("MESSAGE", "RECEIVED", "OF", "STATE", "TYPE", "EVENT ID")
	}
	for _, item := range items {
		var e struct {
			apiSummary
			apiState
			Deliveries []apiState `json:"deliveries"`
		}
		if err := json.Unmarshal(item, &e); err != nil {
			return fmt.Errorf("the gateway's answer cannot be read: %w", err)
		}
		of, state := e.Destination, stateWords(e.apiState, now)
		if of == "" {
			of, state = e.Endpoint, statesWords(e.Deliveries, now)
		}
		t.row(e.ID.String(), ago(e.ReceivedAt, now), cell(of, 20), state, cell(e.EventType, 32), cell(e.EventID, 64))
	}
	return t.print(os.Stdout)
}

// stateWords is where a delivery stands, in a few words.
func stateWords(s apiState, now time.Time) string {
	switch {
	case s.Damaged != "":
		return "damaged"
	case s.Claimed:
		return "under way"
	case s.State == queue.StateWaiting && s.Next.After(now.Add(time.Second)):
		return "waiting, due " + ago(s.Next, now)
	}
	return string(s.State)
}

// statesWords counts the states of a message's deliveries.
func statesWords(all []apiState, now time.Time) string {
	switch len(all) {
	case 0:
		return "-"
	case 1:
		return stateWords(all[0], now)
	}
	counts := make(map[queue.State]int)
	for _, s := range all {
		counts[s.State]++
	}
	var words []string
	for _, state := range allStates {
		switch n := counts[state]; {
		case n == len(all):
			return string(state)
		case n > 0:
			words = append(words, fmt.Sprintf("%d %s", n, state))
		}
	}
	return cell(strings.Join(words, ", "), 40)
}
