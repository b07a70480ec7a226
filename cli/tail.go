package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

func tailCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tail [--endpoint E] [--forward F] [--outcome O] [--json]",
		Short: "Shows what happens, as it happens",
		Long: `
Shows each request and each attempt as it ends, one a line, until it is
interrupted. It connects again after a reload or a restart. Where more happens
than it can show, it says how much was left out; the gateway never waits for it.`,
		Example: `  caddy webhook tail --endpoint github
  caddy webhook tail --outcome refused,dead_letter --json`,
		Args: terminal.NoArgs,
		RunE: asking(tail),
	}
	clientFlags(cmd)
	f := cmd.Flags()
	f.StringP("endpoint", "e", "", "of this endpoint")
	f.StringP("forward", "f", "", "attempts of this forward; '' is the one without a name")
	f.StringSlice("outcome", nil, "accepted, duplicate, refused, … of requests; delivered, retry, dead_letter, … of attempts")
	f.Bool("json", false, "print an object a line")
	cmd.RegisterFlagCompletionFunc("endpoint", completeEndpoints)
	return cmd
}

// The pauses before tail connects again.
const (
	reconnectSoon = 200 * time.Millisecond
	reconnectLate = 5 * time.Second
)

func tail(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	query := make(url.Values)
	if fl.Changed("endpoint") {
		query.Set("endpoint", fl.String("endpoint"))
	}
	if fl.Changed("forward") {
		query.Set("forward", fl.String("forward"))
	}
	if outcomes := terminal.List(fl.FlagSet, "outcome"); len(outcomes) > 0 {
		query.Set("outcome", strings.Join(outcomes, ","))
	}
	pause, connected := reconnectSoon, false
	for {
		resp, err := c.Open(ctx, http.MethodGet, adminapi.PathTail, query, nil)
		_, refused := errors.AsType[*adminapi.RefusedError](err)
		switch {
		case err == nil:
			if connected {
				fmt.Fprintln(os.Stderr, "connected again")
			}
			connected, pause = true, reconnectSoon
			err = follow(os.Stdout, resp.Body, fl.Bool("json"))
			resp.Body.Close()
			if err != nil { // nobody reads this any more
				return err
			}
			if ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "the gateway has ended the stream; connecting again")
			}
		case !connected, refused:
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
			pause = min(2*pause, reconnectLate)
		}
	}
}

// follow prints the events of a stream until it ends. The error is that of
// printing.
func follow(w io.Writer, stream io.Reader, asJSON bool) error {
	lines := bufio.NewReader(stream)
	var event string
	var data []byte
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil
		}
		line = strings.TrimRight(line, "\r\n")
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if len(data) > 0 {
				if err := printEvent(w, event, data, asJSON); err != nil {
					return err
				}
			}
			event, data = "", nil
		case name == "event":
			event = value
		case name == "data":
			data = append(data, value...)
		}
	}
}

func printEvent(w io.Writer, event string, data []byte, asJSON bool) error {
	if event == "lost" {
		var lost adminapi.Lost
		if err := json.Unmarshal(data, &lost); err == nil {
			fmt.Fprintf(os.Stderr, "too much at once: %s left out\n", terminal.Plural(lost.Lost, "event was", "events were"))
		}
		return nil
	}
	if asJSON {
		return terminal.PrintJSON(w, json.RawMessage(data), "")
	}
	var e adminapi.Event
	if err := json.Unmarshal(data, &e); err != nil {
		return nil // of a newer gateway
	}
	_, err := fmt.Fprintln(w, lineOf(&e))
	return err
}

// lineOf is what a person sees of an event.
func lineOf(e *adminapi.Event) string {
	where := e.Endpoint
	if e.Forward != nil && *e.Forward != "" {
		where += "/" + *e.Forward
	}
	var words []string
	add := func(format string, a ...any) { words = append(words, fmt.Sprintf(format, a...)) }
	if e.EventType != "" {
		add("%s", terminal.Printable(e.EventType))
	}
	if e.EventID != "" {
		add("%s", terminal.Printable(e.EventID))
	}
	if e.Attempt > 0 {
		add("attempt %d", e.Attempt)
	}
	switch {
	case e.Status != 0:
		add("status %d", e.Status)
	case e.Failure != "":
		add("%s", terminal.Printable(e.Failure))
	}
	if e.Attempt > 0 && e.Duration > 0 { // of requests it is in the access log
		add("in %s", terminal.Short(time.Duration(e.Duration*float64(time.Second))))
	}
	if !e.Next.IsZero() {
		add("again %s", terminal.Ago(e.Next, e.At))
	}
	for _, text := range []string{e.Reason, e.Error} {
		if text != "" {
			add("%s", terminal.Cell(text, 200))
		}
	}
	if e.Reason != "" && e.ClientIP != "" {
		add("from %s", terminal.Printable(e.ClientIP))
	}
	return fmt.Sprintf("%s %-20s %-11s %s", e.At.Local().Format(time.TimeOnly), terminal.Printable(where), terminal.Printable(e.Outcome),
		strings.TrimSpace(strings.Join(words, ", ")+" "+e.MessageID))
}
