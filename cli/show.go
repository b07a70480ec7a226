package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

func showCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID [--body] [--json]",
		Short: "Shows one event: its request, its deliveries, each attempt and answer",
		Long: `
Shows what is kept of one event: the request as it was received, its deliveries,
and each attempt with what the upstream answered. --body prints the body alone,
byte for byte where it does not go to a terminal. Secrets, and what the
configuration redacts, are not shown.`,
		Args: oneID,
		RunE: asking(showMessage),
	}
	clientFlags(cmd)
	cmd.Flags().Bool("body", false, "print the body alone")
	cmd.Flags().Bool("json", false, "print it as JSON")
	return cmd
}

func oneID(_ *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return errors.New("one ID of a message is needed; `caddy webhook events` lists them")
	}
	return nil
}

func showMessage(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	path := adminapi.PathOfMessage(fl.Arg(0))
	if fl.Bool("body") {
		return printBody(ctx, c, path+"/body")
	}
	var m adminapi.Message
	if err := c.Get(ctx, path, nil, &m); err != nil {
		return err
	}
	if fl.Bool("json") {
		return terminal.PrintJSON(os.Stdout, m, "  ")
	}
	return printMessage(&m, os.Stdout, time.Now())
}

// printBody prints a body as it is, or so that it does a terminal no harm.
func printBody(ctx context.Context, c *adminapi.Client, path string) error {
	resp, err := c.Open(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if !terminal.IsTerminal(os.Stdout) {
		_, err = io.Copy(os.Stdout, resp.Body)
		return err
	}
	b, err := io.ReadAll(resp.Body)
	fmt.Println(terminal.Printable(string(b), '\n', '\t'))
	return err
}

// printMessage shows it to a person.
func printMessage(m *adminapi.Message, w io.Writer, now time.Time) error {
	line := func(name, format string, a ...any) {
		fmt.Fprintf(w, "%-9s %s\n", name, fmt.Sprintf(format, a...))
	}
	line("message", "%s", m.ID)
	from := ""
	if r := m.Request; r != nil {
		from = ", from " + terminal.Printable(cmp.Or(r.ClientIP, r.RemoteAddr)) + terminal.When(r.TLS, " over TLS")
	}
	line("received", "%s (%s)%s", m.ReceivedAt.Format(time.RFC3339), terminal.Ago(m.ReceivedAt, now), from)
	line("endpoint", "%s%s", terminal.Printable(m.Endpoint), terminal.When(m.Provider != "" && m.Provider != m.Endpoint, ", provider "+terminal.Printable(m.Provider)))
	line("event", "%s, type %s", terminal.Cell(m.EventID, 1024), terminal.Cell(m.EventType, 1024))
	if m.Signed != "" {
		line("signed", "%s", terminal.Printable(m.Signed))
	}
	line("stored", "%s", terminal.InBytes(m.Size))
	if m.Damaged != "" {
		line("damaged", "%s", terminal.Printable(m.Damaged))
	}
	if m.Request != nil {
		printRequest(m.Request, w, m.ID.String())
	}
	for _, d := range m.Deliveries {
		if err := printHistory(&d, w, now); err != nil {
			return err
		}
	}
	return nil
}

func printRequest(r *adminapi.Request, w io.Writer, id string) {
	fmt.Fprintf(w, "\n%s %s %s\nHost: %s\n", terminal.Printable(r.Method), terminal.Printable(r.URI), terminal.Printable(r.Proto), terminal.Printable(r.Host))
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			fmt.Fprintf(w, "%s: %s\n", terminal.Printable(name), terminal.Printable(value))
		}
	}
	const preview = 2000
	switch text := strings.TrimRight(terminal.Printable(r.Body, '\n', '\t'), "\n"); {
	case r.BodyBytes == 0:
		fmt.Fprint(w, "\n(no body)\n")
	case r.Encoding == "" && len(text) <= preview && !r.Truncated:
		fmt.Fprintf(w, "\n%s\n", text)
	default:
		fmt.Fprintf(w, "\n(%s of body: caddy webhook show %s --body)\n", terminal.Plural(r.BodyBytes, "byte", "bytes"), id)
	}
}

func printHistory(d *adminapi.History, w io.Writer, now time.Time) error {
	fmt.Fprintf(w, "\n%s: %s", terminal.Printable(d.Destination), stateWords(d.DeliveryState, now))
	if d.Attempts > 0 {
		fmt.Fprintf(w, " after %s", terminal.Plural(int64(d.Attempts), "attempt", "attempts"))
	}
	if !d.Ended.IsZero() {
		fmt.Fprintf(w, ", %s", terminal.Ago(d.Ended, now))
	}
	if !d.Redelivered.IsZero() {
		fmt.Fprintf(w, ", redelivered %s", terminal.Ago(d.Redelivered, now))
	}
	fmt.Fprintln(w, terminal.When(d.Damaged != "", ": "+terminal.Printable(d.Damaged)))
	if len(d.History) == 0 {
		return nil
	}
	t := terminal.NewTable("ATTEMPT", "AT", "TOOK", "OUTCOME", "ANSWER")
	for _, a := range d.History {
		t.Row(humanize.Comma(int64(a.Number)), a.At.Format(time.RFC3339), terminal.Short(time.Duration(a.Duration*float64(time.Second))), outcomeOf(&a), answerOfAttempt(&a))
	}
	return t.Print(w)
}

// outcomeOf is delivered, or the way in which the attempt failed.
func outcomeOf(a *adminapi.Attempt) string {
	word := cmp.Or(string(a.Failure), "delivered")
	if a.Failure == "" && a.Error != "" {
		word = "not made" // what was to be sent could not be read
	}
	if a.Status != 0 {
		return fmt.Sprintf("%s %d", word, a.Status)
	}
	return terminal.Printable(word)
}

// answerOfAttempt is what a person reads of an attempt: what the upstream said, and else
// what went wrong.
func answerOfAttempt(a *adminapi.Attempt) string {
	text := strings.TrimSpace(a.Excerpt)
	if text == "" || a.Status == 0 {
		text = a.Error
	}
	return terminal.Cell(text, 200)
}
