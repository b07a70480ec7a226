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
		Use:   "show ID | --last [--endpoint E] [--body]",
		Short: "Shows one event: its request, deliveries, attempts and answers",
		Long: `
Shows one event: the request as it was received, its deliveries and what they
wait for, and each attempt with the answer of the upstream. The ID is that of a
message, its beginning, or an event ID. --last is the event that was received
last. --body prints the body alone, byte for byte unless the output is a
terminal. Secrets are not shown, nor are values that the configuration redacts.`,
		Example: `  caddy webhook show evt_1
  caddy webhook show --last --endpoint stripe`,
		Args:              oneID,
		ValidArgsFunction: onlyFirst(completeMessages),
		RunE:              asking(showMessage),
	}
	clientFlags(cmd)
	cmd.Flags().Bool("last", false, "show the event that was received last")
	cmd.Flags().StringP("endpoint", "e", "", "with --last: of this endpoint")
	cmd.RegisterFlagCompletionFunc("endpoint", completeEndpoints)
	cmd.Flags().Bool("body", false, "print the body alone")
	cmd.Flags().Bool("json", false, "print it as JSON")
	return cmd
}

func oneID(cmd *cobra.Command, args []string) error {
	fl := caddycmd.Flags{FlagSet: cmd.Flags()}
	switch last := fl.Bool("last"); {
	case last && len(args) > 0:
		return errors.New("either an ID or --last, not both")
	case !last && fl.String("endpoint") != "":
		return errors.New("--endpoint belongs to --last; an ID needs none")
	case !last && (len(args) != 1 || args[0] == ""):
		return errors.New("one ID of a message or of an event is needed, or --last; `caddy webhook events` lists them")
	}
	return nil
}

// shownMessage finds the message that the command line names.
func shownMessage(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) (string, error) {
	if fl.Bool("last") {
		return lastMessage(ctx, c, fl.String("endpoint"))
	}
	return messageID(ctx, c, fl.Arg(0))
}

func showMessage(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	id, err := shownMessage(ctx, c, fl)
	if err != nil {
		return err
	}
	path := adminapi.PathOfMessage(id)
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
	return printMessage(&m, os.Stdout, time.Now(), "caddy webhook show "+m.ID.String()+" --body"+sameGateway(fl))
}

// printBody prints a body as it is, or without control characters on a terminal.
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

// printMessage shows it to a person. whole is the command that prints the body.
func printMessage(m *adminapi.Message, w io.Writer, now time.Time, whole string) error {
	line := func(name, format string, a ...any) {
		fmt.Fprintf(w, "%-9s %s\n", name, fmt.Sprintf(format, a...))
	}
	line("message", "%s", m.ID)
	from := ""
	if r := m.Request; r != nil {
		from = ", from " + terminal.Printable(cmp.Or(r.ClientIP, r.RemoteAddr)) + terminal.When(r.TLS, " over TLS")
	}
	line("received", "%s (%s)%s", terminal.Date(m.ReceivedAt), terminal.Ago(m.ReceivedAt, now), from)
	line("endpoint", "%s%s", terminal.Printable(m.Endpoint), terminal.When(m.Provider != "" && m.Provider != m.Endpoint, ", provider "+terminal.Printable(m.Provider)))
	line("event", "%s, type %s", terminal.Cell(m.EventID, 1024), terminal.Cell(m.EventType, 1024))
	if m.Signed != "" {
		line("signed", "%s", terminal.Printable(m.Signed))
	}
	if m.TraceID != "" {
		line("trace", "%s", terminal.Printable(m.TraceID))
	}
	line("stored", "%s", terminal.InBytes(m.Size))
	if m.Damaged != "" {
		line("damaged", "%s", terminal.Printable(m.Damaged))
	}
	if m.Request != nil {
		printRequest(m.Request, w, whole)
	}
	for _, d := range m.Deliveries {
		if err := printHistory(&d, w, now); err != nil {
			return err
		}
	}
	return nil
}

func printRequest(r *adminapi.Request, w io.Writer, whole string) {
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
		fmt.Fprintf(w, "\n(%s of body: %s)\n", terminal.Plural(r.BodyBytes, "byte", "bytes"), whole)
	}
}

func printHistory(d *adminapi.History, w io.Writer, now time.Time) error {
	fmt.Fprintf(w, "\n%s: %s", terminal.Printable(d.Destination), stateOf(&d.DeliveryState))
	if d.Attempts > 0 {
		fmt.Fprintf(w, " after %s", terminal.Plural(int64(d.Attempts), "attempt", "attempts"))
	}
	if why := whyWords(d.Why, now); why != "" {
		fmt.Fprintf(w, ", %s", why)
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
		t.Row(humanize.Comma(int64(a.Number)), terminal.Date(a.At), terminal.Short(time.Duration(a.Duration*float64(time.Second))), outcomeOf(&a), answerOfAttempt(&a))
	}
	return t.Print(w)
}

// outcomeOf is delivered, or the way in which the attempt failed.
func outcomeOf(a *adminapi.Attempt) string {
	word := cmp.Or(string(a.Failure), "delivered")
	if a.Failure == "" && a.Error != "" {
		word = "not made" // the request could not be read
	}
	if a.Status != 0 {
		return fmt.Sprintf("%s %d", word, a.Status)
	}
	return terminal.Printable(word)
}

// answerOfAttempt returns the beginning of the upstream's answer, or else the error.
func answerOfAttempt(a *adminapi.Attempt) string {
	text := strings.TrimSpace(a.Excerpt)
	if text == "" || a.Status == 0 {
		text = a.Error
	}
	return terminal.Cell(text, 200)
}
