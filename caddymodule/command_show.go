package caddymodule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
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

func showMessage(ctx context.Context, c *adminClient, fl caddycmd.Flags) error {
	path := "/messages/" + url.PathEscape(fl.Arg(0))
	if fl.Bool("body") {
		return c.body(ctx, path+"/body")
	}
	var m apiMessage
	if err := c.get(ctx, path, nil, &m); err != nil {
		return err
	}
	if fl.Bool("json") {
		return printJSON(os.Stdout, m, "  ")
	}
	return m.print(os.Stdout, time.Now())
}

// body prints a body as it is, or so that it does a terminal no harm.
func (c *adminClient) body(ctx context.Context, path string) error {
	resp, err := c.open(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if !isTerminal(os.Stdout) {
		_, err = io.Copy(os.Stdout, resp.Body)
		return err
	}
	b, err := io.ReadAll(resp.Body)
	fmt.Println(printable(string(b), '\n', '\t'))
	return err
}

// print shows it to a person.
func (m *apiMessage) print(w io.Writer, now time.Time) error {
	line := func(name, format string, a ...any) {
		fmt.Fprintf(w, "%-9s %s\n", name, fmt.Sprintf(format, a...))
	}
	line("message", "%s", m.ID)
	from := ""
	if r := m.Request; r != nil {
		from = ", from " + printable(cmp.Or(r.ClientIP, r.RemoteAddr)) + when(r.TLS, " over TLS")
	}
	line("received", "%s (%s)%s", m.ReceivedAt.Format(time.RFC3339), ago(m.ReceivedAt, now), from)
	line("endpoint", "%s%s", printable(m.Endpoint), when(m.Provider != "" && m.Provider != m.Endpoint, ", provider "+printable(m.Provider)))
	line("event", "%s, type %s", cell(m.EventID, 1024), cell(m.EventType, 1024))
	if m.Signed != "" {
		line("signed", "%s", printable(m.Signed))
	}
	line("stored", "%s", inBytes(m.Size))
	if m.Damaged != "" {
		line("damaged", "%s", printable(m.Damaged))
	}
	if m.Request != nil {
		m.Request.print(w, m.ID.String())
	}
	for _, d := range m.Deliveries {
		if err := d.print(w, now); err != nil {
			return err
		}
	}
	return nil
}

func (r *apiRequest) print(w io.Writer, id string) {
	fmt.Fprintf(w, "\n%s %s %s\nHost: %s\n", printable(r.Method), printable(r.URI), printable(r.Proto), printable(r.Host))
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			fmt.Fprintf(w, "%s: %s\n", printable(name), printable(value))
		}
	}
	const preview = 2000
	switch text := strings.TrimRight(printable(r.Body, '\n', '\t'), "\n"); {
	case r.BodyBytes == 0:
		fmt.Fprint(w, "\n(no body)\n")
	case r.Encoding == "" && len(text) <= preview && !r.Truncated:
		fmt.Fprintf(w, "\n%s\n", text)
	default:
		fmt.Fprintf(w, "\n(%s of body: caddy webhook show %s --body)\n", plural(r.BodyBytes, "byte", "bytes"), id)
	}
}

func (d *apiHistory) print(w io.Writer, now time.Time) error {
	fmt.Fprintf(w, "\n%s: %s", printable(d.Destination), stateWords(d.apiState, now))
	if d.Attempts > 0 {
		fmt.Fprintf(w, " after %s", plural(int64(d.Attempts), "attempt", "attempts"))
	}
	if !d.Ended.IsZero() {
		fmt.Fprintf(w, ", %s", ago(d.Ended, now))
	}
	if !d.Redelivered.IsZero() {
		fmt.Fprintf(w, ", redelivered %s", ago(d.Redelivered, now))
	}
	fmt.Fprintln(w, when(d.Damaged != "", ": "+printable(d.Damaged)))
	if len(d.History) == 0 {
		return nil
	}
	t := newTable("ATTEMPT", "AT", "TOOK", "OUTCOME", "ANSWER")
	for _, a := range d.History {
		t.row(humanize.Comma(int64(a.Number)), a.At.Format(time.RFC3339), short(time.Duration(a.Duration*float64(time.Second))), a.outcome(), a.answer())
	}
	return t.print(w)
}

// outcome is delivered, or the way in which the attempt failed.
func (a *apiAttempt) outcome() string {
	word := cmp.Or(string(a.Failure), "delivered")
	if a.Failure == "" && a.Error != "" {
		word = "not made" // what was to be sent could not be read
	}
	if a.Status != 0 {
		return fmt.Sprintf("%s %d", word, a.Status)
	}
	return printable(word)
}

// answer is what a person reads of an attempt: what the upstream said, and else
// what went wrong.
func (a *apiAttempt) answer() string {
	text := strings.TrimSpace(a.Excerpt)
	if text == "" || a.Status == 0 {
		text = a.Error
	}
	return cell(text, 200)
}
