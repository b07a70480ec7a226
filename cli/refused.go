package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

func refusedCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "refused [--endpoint E] [--reason R] [--client C]",
		Short: "Lists refused requests, shows why, and accepts them after all",
		Long: `
Lists the refused requests that the gateway keeps, the newest first. NOW is what
the configuration of now says of a request, as of the time of its receipt:
verified means that it can be accepted after all, same that it would be refused
for the same reason.

refused show ID shows one of them with the likely causes, and refused accept
accepts those that are verified now. A request that comes again takes one line.
Few requests are kept, in memory; an endpoint with "refused off" keeps none.`,
		Example: `  caddy webhook refused --endpoint stripe --since 1h
  caddy webhook refused accept --endpoint stripe`,
		Args: terminal.NoArgs,
		RunE: asking(listRefused),
	}
	clientFlags(cmd)
	refusedFlags(cmd)
	cmd.Flags().IntP("limit", "n", 25, "the largest number of requests")
	cmd.Flags().Bool("all", false, "all of them")
	cmd.Flags().Bool("json", false, "print an object a line")
	cmd.AddCommand(showRefusedCommand(), acceptRefusedCommand(), clearRefusedCommand())
	return cmd
}

func showRefusedCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID [--wire] [--json]",
		Short: "Shows one refused request and why it was refused",
		Long: `
Shows one refused request: the likely causes, what the configuration of now says
of it, and the request itself. The beginning of an ID is enough where no other
begins so. The ID is also in the header Webhook-Gateway-Refused of the answer,
which the provider's own log may show. --wire prints the request as HTTP/1.1.
The secrets of all endpoints are hidden, and values that the configuration
redacts.`,
		Args:              oneRefused,
		ValidArgsFunction: onlyFirst(completeRefused),
		RunE:              asking(showRefused),
	}
	clientFlags(cmd)
	cmd.Flags().Bool("wire", false, "print the request as HTTP/1.1")
	cmd.Flags().Bool("json", false, "print it as JSON")
	return cmd
}

func acceptRefusedCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "accept ID... | --endpoint E",
		Short: "Accepts refused requests that are verified now",
		Long: `
Judges refused requests again, with the secrets of now and as of the time of
their receipt. Those that are verified are accepted like any event: a duplicate
is dropped, and the forwards get the others. Those that are still refused stay
as they are. The beginning of an ID is enough where no other begins so. With IDs
it exits with 1 if one is still refused.`,
		Example: `  caddy webhook refused accept --endpoint github --since 2h`,

		ValidArgsFunction: completeRefused,
		RunE:              asking(acceptRefused),
	}
	clientFlags(cmd)
	refusedFlags(cmd)
	cmd.Flags().BoolP("yes", "y", false, "do not ask")
	cmd.Flags().Bool("json", false, "print the result as JSON")
	return cmd
}

func clearRefusedCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clear",
		Short: "Removes all refused requests that are kept",
		Args:  terminal.NoArgs,
		RunE:  asking(clearRefused),
	}
	clientFlags(cmd)
	cmd.Flags().BoolP("yes", "y", false, "do not ask")
	return cmd
}

// refusedFlags are the flags that select refused requests.
func refusedFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringP("endpoint", "e", "", "to this endpoint")
	f.String("reason", "", "refused for this reason, such as wrong_signature")
	f.String("client", "", "of this address or network, such as 192.0.2.0/24")
	f.String("since", "", "came then or later: 14:00, yesterday, 2026-01-31, a time in RFC 3339, or how long ago, such as 2h")
	f.String("until", "", "received before: as --since")
	cmd.RegisterFlagCompletionFunc("endpoint", completeEndpoints)
	cmd.RegisterFlagCompletionFunc("reason", completeReasons)
	cmd.RegisterFlagCompletionFunc("client", completeClients)
}

func refusedFilter(fl caddycmd.Flags) adminapi.RefusedFilter {
	return adminapi.RefusedFilter{
		Endpoint: fl.String("endpoint"), Reason: strings.ReplaceAll(fl.String("reason"), "-", "_"), Client: fl.String("client"),
		Since: timeFlag(fl.String("since")), Until: timeFlag(fl.String("until")),
	}
}

func oneRefused(_ *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return errors.New("one ID of a refused request is needed; `caddy webhook refused` lists them")
	}
	return nil
}

func listRefused(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	left := fl.Int("limit")
	if left < 1 {
		return errors.New("--limit has to be 1 or more")
	}
	query, listed := refusedFilter(fl).Query(), 0
	for {
		n := adminapi.MaxPage
		if !fl.Bool("all") {
			n = min(left, adminapi.MaxPage)
		}
		query.Set("limit", strconv.Itoa(n))
		var page adminapi.RefusedList
		if err := c.Get(ctx, adminapi.PathRefused, query, &page); err != nil {
			return err
		}
		if err := printRefusedList(os.Stdout, page.Refused, listed == 0, fl.Bool("json")); err != nil {
			return err
		}
		listed += len(page.Refused)
		left -= len(page.Refused)
		switch {
		case page.Next == "" && listed == 0:
			fmt.Fprintln(os.Stderr, nothing(page.Note))
			return nil
		case page.Next == "":
			return nil
		case left <= 0 && !fl.Bool("all"):
			fmt.Fprintf(os.Stderr, "There are more: %s\n", again(fl, "refused", map[string]string{"limit": "", "all": ""})+" --all")
			return nil
		}
		query.Set("after", page.Next)
	}
}

func printRefusedList(w io.Writer, list []adminapi.RefusedEntry, first, asJSON bool) error {
	if asJSON {
		for _, e := range list {
			if err := terminal.PrintJSON(w, e, ""); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		return nil
	}
	now := time.Now()
	t := terminal.NewTable().Colours(6)
	if first {
		t = terminal.NewTable("REFUSED", "LAST", "TIMES", "ENDPOINT", "REASON", "NOW", "FROM", "REQUEST").Colours(6)
	}
	for _, e := range list {
		t.Row(shownID(e.ID), terminal.Ago(e.LastAt, now), fmt.Sprintf("×%d", e.Times), terminal.Cell(e.Endpoint, 20), terminal.Cell(e.Reason, 24),
			nowWords(&e), terminal.Cell(e.ClientIP, 40), terminal.Cell(e.Method+" "+e.URI, 48))
	}
	return t.Print(w)
}

// nowWords says in a word what can be done with a refused request.
func nowWords(e *adminapi.RefusedEntry) string {
	j := e.JudgedAgain
	switch {
	case e.MessageID != "":
		return "accepted"
	case e.Observed:
		return "let through"
	case j == nil:
		return "-"
	case j.Verified:
		return "verified"
	case j.Impossible != "":
		return "impossible"
	case j.Reason == e.Reason:
		return "same"
	}
	return terminal.Cell(j.Reason, 24)
}

func showRefused(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	id, err := refusedID(ctx, c, fl.Arg(0))
	if err != nil {
		return err
	}
	path := adminapi.PathOfRefused(id)
	if fl.Bool("wire") {
		return printBody(ctx, c, path+"/wire")
	}
	var e adminapi.RefusedRequest
	if err := c.Get(ctx, path, nil, &e); err != nil {
		return err
	}
	if fl.Bool("json") {
		return terminal.PrintJSON(os.Stdout, e, "  ")
	}
	printRefused(&e, os.Stdout, time.Now(), sameGateway(fl))
	return nil
}

// printRefused shows it to a person. The answer comes first. Gateway has the flags for
// the commands that are proposed.
func printRefused(e *adminapi.RefusedRequest, w io.Writer, now time.Time, gateway string) {
	line := func(name, format string, a ...any) {
		fmt.Fprintf(w, "%-9s %s\n", name, fmt.Sprintf(format, a...))
	}
	line("refused", "%s%s", terminal.Printable(e.Reason), terminal.When(e.Detail != "", ": "+terminal.Cell(e.Detail, 500)))
	for _, cause := range e.Causes {
		terminal.Paragraph(w, "cause     ", cause)
	}
	id := e.ID.String()
	switch j := e.JudgedAgain; {
	case e.MessageID != "":
		line("now", "accepted after all: caddy webhook show %s%s", terminal.Printable(e.MessageID), gateway)
	case e.Observed:
		line("now", "it was let through when it came, because the endpoint observed")
	case j == nil:
	case j.Verified:
		line("now", "verified: caddy webhook refused accept %s%s", id, gateway)
	case j.Impossible != "":
		line("now", "it cannot be judged again: %s", terminal.Printable(j.Impossible))
	default:
		line("now", "still refused: %s%s", terminal.Printable(j.Reason), terminal.When(j.Detail != "", ": "+terminal.Cell(j.Detail, 500)))
	}
	for _, step := range e.Steps {
		terminal.Paragraph(w, fmt.Sprintf("  %-10s", step.State), step.Name+": "+step.Text)
	}
	fmt.Fprintln(w)
	line("id", "%s", id)
	line("received", "%s (%s), from %s%s", terminal.Date(e.ReceivedAt), terminal.Ago(e.ReceivedAt, now), terminal.Printable(e.ClientIP), terminal.When(e.Request.TLS, " over TLS"))
	if e.Times > 1 {
		line("again", "%d times in all, last %s", e.Times, terminal.Ago(e.LastAt, now))
	}
	line("endpoint", "%s%s", terminal.Printable(e.Endpoint), terminal.When(e.Provider != e.Endpoint, ", provider "+terminal.Printable(e.Provider)))
	if e.Status != 0 {
		line("answered", "%d", e.Status)
	}
	if e.EventID != "" || e.EventType != "" {
		line("event", "%s, type %s, as the request says", terminal.Cell(e.EventID, 1024), terminal.Cell(e.EventType, 1024))
	}
	if e.Digest != "" {
		line("body", "%s, sha256 %s", terminal.Plural(e.Size, "byte", "bytes"), terminal.Printable(e.Digest))
	}
	printRequest(e.Request, w, "caddy webhook refused show "+id+" --wire"+gateway)
}

func acceptRefused(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	ids, filter := fl.Args(), refusedFilter(fl)
	selected := filter != (adminapi.RefusedFilter{})
	switch {
	case len(ids) > 0 && selected:
		return errors.New("either IDs are needed, or flags that select")
	case len(ids) > 0:
		return acceptEach(ctx, c, fl, ids)
	case !selected:
		return errors.New("IDs are needed, or flags that select, such as --endpoint; `caddy webhook refused` lists the requests")
	}
	question := "Accept all of these refused requests that are verified now? Their events are delivered."
	if err := terminal.Confirm(question, fl.Bool("yes")); err != nil {
		return err
	}
	return acceptMany(ctx, c, fl, filter)
}

// acceptEach accepts requests one by one. One that fails does not stop the others.
func acceptEach(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, ids []string) error {
	failed := 0
	for _, given := range ids {
		var done adminapi.AcceptedAgain
		id, err := refusedID(ctx, c, given)
		if err == nil {
			err = c.Post(ctx, adminapi.PathOfRefused(id)+"/accept", nil, &done)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && len(ids) == 1:
			return err
		case err != nil:
			failed++
			fmt.Fprintf(os.Stderr, "%s: %s\n", terminal.Printable(given), err)
		case fl.Bool("json"):
			if err := terminal.PrintJSON(os.Stdout, done, ""); err != nil {
				return err
			}
		case done.MessageID != "":
			fmt.Printf("%s: accepted: caddy webhook show %s%s\n", done.ID, terminal.Printable(done.MessageID), sameGateway(fl))
		default:
			fmt.Printf("%s: %s; the event was accepted before\n", done.ID, terminal.Printable(done.Outcome))
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d were not accepted", failed, len(ids))
	}
	return nil
}

// acceptMany accepts the selected requests in steps.
func acceptMany(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, filter adminapi.RefusedFilter) error {
	// "2h ago" has to be the same time in each step.
	if t, err := adminapi.ParseTime(filter.Since, time.Now()); err == nil && !t.IsZero() {
		filter.Since = t.Format(time.RFC3339Nano)
	}
	var sum bulk
	for ask := (adminapi.RefusedBulk{Filter: filter, Limit: stepSize}); ; {
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted after %d, of which %d were accepted; to repeat it does no harm", sum.sum.Matched, sum.sum.Changed)
		}
		var step adminapi.Done
		if err := c.Post(context.WithoutCancel(ctx), adminapi.PathRefused+"/accept", ask, &step); err != nil {
			return err
		}
		sum.add(step)
		sum.sum.Until, sum.sum.Note = step.Until, step.Note
		ask.After, ask.Filter.Until = string(step.Next), step.Until.Format(time.RFC3339Nano)
		if step.Next == "" {
			break
		}
	}
	d := sum.sum
	switch {
	case fl.Bool("json"):
		return terminal.PrintJSON(os.Stdout, d, "")
	case d.Matched == 0:
		fmt.Fprintln(os.Stderr, nothing(d.Note))
		return nil
	}
	fmt.Printf("accepted %s\n", terminal.Plural(int64(d.Changed), "event", "events"))
	for _, reason := range slices.Sorted(maps.Keys(d.SkippedBy)) {
		fmt.Printf("left %d alone: %s\n", d.SkippedBy[reason], leftReason(reason))
	}
	return nil
}

// leftReason says in words why a refused request was not accepted.
func leftReason(reason string) string {
	switch reason {
	case "duplicate", "replayed":
		return reason + ", the event was accepted before"
	case "impossible":
		return "it cannot be accepted; `refused show` says why"
	}
	return "still refused: " + terminal.Printable(reason)
}

func clearRefused(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	if err := terminal.Confirm("Remove all refused requests that are kept? They cannot be accepted any more then.", fl.Bool("yes")); err != nil {
		return err
	}
	var done adminapi.Cleared
	if err := c.Call(ctx, http.MethodDelete, adminapi.PathRefused, url.Values{}, nil, &done); err != nil {
		return err
	}
	fmt.Printf("removed %s\n", terminal.Plural(int64(done.Cleared), "refused request", "refused requests"))
	return nil
}
