package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
	"github.com/hookwicket/hookwicket/queue"
)

// change is a command that changes deliveries: those of messages given by their IDs, or
// those that a filter selects.
type change struct {
	verb        string // of the command and of the API
	doing, done string // redelivering, redelivered
	what        string // beginning of the question
	states      []string
	loss        string // warning in the question; empty: nothing is lost
}

var (
	redelivering = change{
		verb: "redeliver", doing: "redelivering", done: "redelivered", what: "Redeliver",
		states: []string{string(queue.StateDead)},
	}
	cancelling = change{
		verb: "cancel", doing: "cancelling", done: "cancelled", what: "Cancel",
		states: []string{string(queue.StateWaiting)},
		loss:   "The upstream will not get them, unless they are redelivered before their retention is over.",
	}
	burying = change{
		verb: "bury", doing: "burying", done: "buried", what: "Make dead letters of",
		states: []string{string(queue.StateWaiting)},
	}
	purging = change{
		verb: "purge", doing: "purging", done: "purged", what: "Purge",
		loss: "They are removed for good, also those that have not been delivered.",
	}
)

func redeliverCommand() *cobra.Command {
	cmd := redelivering.command("Delivers events once more", `
Delivers events once more, and counts their attempts anew: those with the given
IDs in any state, or the deliveries that the flags select. Flags select dead
letters, unless --state names other states. --from selects all events since a
time, delivered ones too, for an app that has lost its data. --to sends the
selected events to another forward of the same endpoint. Duplicates are not
dropped: the app gets an event again.

The deliveries are due at once. While the upstream's circuit is open or its
forward is paused they wait, and the command says so; see probe and resume.

With flags it counts first and asks. It works in steps. It can be stopped at any
time and then prints the command to continue.`, `  caddy webhook redeliver 0199c1f2-83a5-7d10-9a3e-5f2b8c1d4e6f
  caddy webhook redeliver --endpoint github --forward billing
  caddy webhook redeliver --endpoint stripe --from 2026-01-15T10:30:00Z --yes`)
	cmd.Flags().String("from", "", "all events received since then: as --since")
	cmd.Flags().Bool("watch", false, "wait until none of them waits any more, and say how they ended")
	cmd.Flags().String("to", "", "the forward that gets them; '' is the one without a name")
	cmd.RegisterFlagCompletionFunc("to", completeForwards)
	return cmd
}

func cancelCommand() *cobra.Command {
	return cancelling.command("Ends waiting deliveries", `
Ends waiting deliveries: those of the events with the given IDs, or those that
the flags select. The upstream does not get them. They are kept as long as
delivered ones, and can be redelivered until then.`, `  caddy webhook cancel --endpoint github --type 'ping'`)
}

func buryCommand() *cobra.Command {
	return burying.command("Makes waiting deliveries dead letters", `
Makes waiting deliveries dead letters before their last attempt: those of the
events with the given IDs, or those that the flags select. They are kept until
someone redelivers or purges them.`, `  caddy webhook bury --endpoint github --forward old --since 3d`)
}

func purgeCommand() *cobra.Command {
	return purging.command("Removes deliveries for good", `
Removes deliveries, and an event with its last one: those of the events with the
given IDs in any state, or those that the flags select, with --state. It cannot
be undone. Dedupe keys stay: an event that comes again is still dropped. See
forget.`, `  caddy webhook purge --endpoint github --state dead_letter --until 30d`)
}

func (ch change) command(short, long, example string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     ch.verb + " ID... | --endpoint E [--state S]",
		Short:   short,
		Long:    long,
		Example: example,
		Args:    cobra.ArbitraryArgs,
		RunE:    asking(ch.run),

		ValidArgsFunction: completeMessages,
	}
	if slices.Equal(ch.states, []string{string(queue.StateWaiting)}) {
		cmd.ValidArgsFunction = completeWaiting
	}
	clientFlags(cmd)
	filterFlags(cmd)
	cmd.Flags().BoolP("yes", "y", false, "do not ask")
	cmd.Flags().Bool("json", false, "print the result as JSON")
	return cmd
}

func (ch change) run(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	selects := []string{"endpoint", "state", "type", "event-id", "since", "until", "after", "from"}
	given := slices.ContainsFunc(selects, func(name string) bool { return fl.Lookup(name) != nil && fl.Changed(name) })
	ids := fl.Args()
	switch {
	case len(ids) > 0 && given:
		return errors.New("either IDs or flags that select, not both")
	case len(ids) > 0:
		return ch.each(ctx, c, fl, ids)
	case !given:
		return fmt.Errorf("which ones? IDs of messages are needed, or flags such as --endpoint; `caddy webhook %s --help` says more", ch.verb)
	}
	b := &bulk{change: ch, client: c, fl: fl, filter: flagFilter(fl)}
	if err := b.settle(); err != nil {
		return err
	}
	return b.run(ctx)
}

// forwardFlag returns the forward to which messages given by ID are sent.
func forwardFlag(fl caddycmd.Flags) *string {
	for _, name := range []string{"to", "forward"} {
		if fl.Lookup(name) != nil && fl.Changed(name) {
			return new(fl.String(name))
		}
	}
	return nil
}

// each changes messages one by one. One that fails does not stop the others.
func (ch change) each(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, ids []string) error {
	if ch.loss != "" {
		question := fmt.Sprintf("%s all deliveries of %s? %s", ch.what, terminal.Plural(int64(len(ids)), "event", "events"), ch.loss)
		if ch.verb == "cancel" {
			question = fmt.Sprintf("%s the waiting deliveries of %s? %s", ch.what, terminal.Plural(int64(len(ids)), "event", "events"), ch.loss)
		}
		if err := terminal.Confirm(question, fl.Bool("yes")); err != nil {
			return err
		}
	}
	failed := 0
	var all []adminapi.Redelivered
	for _, id := range ids {
		done, err := ch.one(ctx, c, fl, id)
		all = append(all, done)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && len(ids) == 1:
			return err
		case err != nil:
			failed++
			fmt.Fprintf(os.Stderr, "%s: %s\n", terminal.Printable(id), err)
		}
	}
	if ch.verb == redelivering.verb && fl.Bool("watch") {
		if err := watchMessages(ctx, c, fl, all); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d were not %s", failed, len(ids), ch.done)
	}
	return nil
}

// one changes one message. It is an error if nothing was changed. Where the command is
// redeliver, it returns the gateway's answer.
func (ch change) one(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, given string) (done adminapi.Redelivered, err error) {
	id, err := messageID(ctx, c, given)
	if err != nil {
		return done, err
	}
	if ch.verb != redelivering.verb {
		return done, ch.end(ctx, c, fl, id)
	}
	if err := c.Post(ctx, adminapi.PathOfMessage(id)+"/"+ch.verb, adminapi.Redeliver{Forward: forwardFlag(fl)}, &done); err != nil {
		return adminapi.Redelivered{}, err
	}
	if fl.Bool("json") {
		return done, terminal.PrintJSON(os.Stdout, done, "")
	}
	ch.report(done)
	printHeld(os.Stdout, done.Held, sameGateway(fl))
	return done, nil
}

// end cancels, buries or purges the deliveries of a message.
func (ch change) end(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, id string) error {
	filter := adminapi.Filter{ID: id, Forward: forwardFlag(fl)}
	if filter.Forward != nil { // a forward has a name within its endpoint
		var m adminapi.Message
		if err := c.Get(ctx, adminapi.PathOfMessage(id), url.Values{"limit": {"1"}}, &m); err != nil {
			return err
		}
		filter.Endpoint = m.Endpoint
	}
	var done adminapi.Done
	if err := c.Post(ctx, "/"+ch.verb, adminapi.Bulk{Filter: filter}, &done); err != nil {
		return err
	}
	if done.Changed == 0 {
		for reason := range done.SkippedBy {
			return errors.New("it was left alone: " + skipReason(reason))
		}
		return errors.New("it has no such delivery")
	}
	if fl.Bool("json") {
		return terminal.PrintJSON(os.Stdout, done, "")
	}
	fmt.Printf("%s: %s %s%s\n", terminal.Printable(id), ch.done, terminal.Plural(int64(done.Changed), "delivery", "deliveries"),
		terminal.When(done.Skipped > 0, fmt.Sprintf(", left %d alone", done.Skipped)))
	return nil
}

func (ch change) report(done adminapi.Redelivered) {
	if len(done.Destinations) > 0 {
		fmt.Printf("%s: %s %s\n", done.ID, ch.done, terminal.Printable(strings.Join(done.Destinations, ", ")))
	}
	for _, destination := range slices.Sorted(maps.Keys(done.Skipped)) {
		fmt.Printf("%s: %s left alone: %s\n", done.ID, terminal.Printable(destination), skipReason(done.Skipped[destination]))
	}
}

// skipReason returns in words why a delivery was left alone.
func skipReason(reason string) string {
	if text, ok := map[string]string{
		"busy":     "an attempt is under way",
		"state":    "its state does not allow it",
		"gone":     "it is not there any more",
		"nowhere":  "it matches no forward",
		"orphaned": "the configuration does not have its forward",
		"damaged":  "it cannot be read",
	}[reason]; ok {
		return text
	}
	return terminal.Printable(reason)
}
