package cli

import (
	"bufio"
	"context"
	"encoding/json"
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
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

func tailCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tail [--endpoint E] [--forward F] [--outcome O] [--all]",
		Short: "Shows requests and attempts as they end",
		Long: `
Shows each request and each attempt as it ends, one a line, until it is
interrupted. It connects again after a reload or a restart. If it is too slow,
it prints how many were left out; the gateway never waits for it.

With --all it shows those of all gateways that share a database, each with the
name of its gateway. Some of the others' can be missing when there are many, and
none is shown for the second after it has connected.`,
		Example: `  caddy webhook tail --endpoint github
  caddy webhook tail --outcome refused,dead_letter --json`,
		Args: terminal.NoArgs,
		RunE: asking(tail),
	}
	clientFlags(cmd)
	f := cmd.Flags()
	f.StringP("endpoint", "e", "", "of this endpoint; or ENDPOINT/FORWARD")
	f.StringP("forward", "f", "", "attempts of this forward; '' is the one without a name")
	f.StringSlice("outcome", nil, "accepted, duplicate, refused, … of requests; delivered, retry, dead_letter, … of attempts")
	f.Bool("all", false, "of all gateways that share the database")
	f.Bool("json", false, "print an object a line")
	cmd.RegisterFlagCompletionFunc("endpoint", completeTargets)
	cmd.RegisterFlagCompletionFunc("forward", completeForwards)
	cmd.RegisterFlagCompletionFunc("outcome", completeList(adminapi.Outcomes...))
	return cmd
}

// The pauses before tail connects again.
const (
	reconnectSoon = 200 * time.Millisecond
	reconnectLate = 5 * time.Second
)

func tail(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	query := make(url.Values)
	target := flagTarget(fl)
	if target.Endpoint != "" {
		query.Set("endpoint", target.Endpoint)
	}
	if target.Forward != nil {
		query.Set("forward", *target.Forward)
	}
	if outcomes := terminal.List(fl.FlagSet, "outcome"); len(outcomes) > 0 {
		query.Set("outcome", strings.Join(outcomes, ","))
	}
	if fl.Bool("all") {
		query.Set("all", "true")
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
			var last string
			last, err = follow(os.Stdout, resp.Body, fl.Bool("json"))
			resp.Body.Close()
			if last != "" {
				query.Set("after", last)
			}
			if err != nil { // the output is closed
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

// follow prints the events of a stream until it ends, and returns the ID of the last one.
// The error is that of printing.
func follow(w io.Writer, stream io.Reader, asJSON bool) (last string, err error) {
	lines := liner{out: w}
	err = eachEvent(stream, func(e streamed) error {
		if e.id != "" {
			last = e.id
		}
		if !asJSON || e.name == "lost" || e.name == "gap" {
			return lines.print(e.name, e.data)
		}
		return terminal.PrintJSON(w, json.RawMessage(e.data), "")
	})
	return last, err
}

// streamed is one server-sent event.
type streamed struct {
	name, id string
	data     []byte
}

// eachEvent calls f for each event of a stream, until it ends or f fails.
func eachEvent(stream io.Reader, f func(streamed) error) error {
	lines := bufio.NewReader(stream)
	var e streamed
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
			if len(e.data) > 0 {
				if err := f(e); err != nil {
					return err
				}
			}
			e = streamed{}
		case name == "event":
			e.name = value
		case name == "id":
			e.id = value
		case name == "data":
			e.data = append(e.data, value...)
		}
	}
}

func (l *liner) print(event string, data []byte) error {
	switch event {
	case "gap":
		printGap(data)
		return nil
	case "lost":
		var lost adminapi.Lost
		if err := json.Unmarshal(data, &lost); err == nil {
			fmt.Fprintf(os.Stderr, "too much at once: %s left out\n", terminal.Plural(lost.Lost, "event was", "events were"))
		}
		return nil
	}
	var e adminapi.Event
	if err := json.Unmarshal(data, &e); err != nil {
		return nil // of a newer gateway
	}
	_, err := fmt.Fprintln(l.out, l.lineOf(&e))
	return err
}

// whereOf is the endpoint or destination of an event.
func whereOf(e *adminapi.Event) string {
	if e.Forward != nil && *e.Forward != "" {
		return e.Endpoint + "/" + *e.Forward
	}
	return e.Endpoint
}

// minWhere is the narrowest column of endpoints and forwards. It grows with their names.
const minWhere = 20

// maxNode is the widest column of gateways.
const maxNode = 20

// liner makes lines of events, whose columns stay aligned.
type liner struct {
	out   io.Writer
	where int // width of the column of endpoints and forwards
	node  int // of gateways
}

// lineOf returns an event as one line of text.
func (l *liner) lineOf(e *adminapi.Event) string {
	where := terminal.Printable(whereOf(e))
	l.where = max(l.where, minWhere, min(terminal.Width(where), 2*minWhere))
	outcome, state, isCircuit := strings.Cut(e.Outcome, "circuit_")
	if isCircuit {
		outcome = "circuit"
	}
	node := ""
	if e.Node != "" {
		node = terminal.Cell(e.Node, maxNode)
		l.node = max(l.node, terminal.Width(node))
		node = terminal.Pad(node, l.node) + " "
	}
	return fmt.Sprintf("%s %s%s %s %s", terminal.Clock(e.At, e.At), node, terminal.Pad(where, l.where), terminal.Colour(l.out, terminal.Pad(terminal.Printable(outcome), 11)),
		strings.TrimSpace(strings.Join(wordsOf(e, state), ", ")+" "+e.MessageID))
}

// wordsOf says the rest of an event. state is the new one of a circuit.
func wordsOf(e *adminapi.Event, state string) (words []string) {
	add := func(format string, a ...any) { words = append(words, fmt.Sprintf(format, a...)) }
	for _, text := range []string{strings.ReplaceAll(state, "_", " "), e.EventType, e.EventID} {
		if text != "" {
			add("%s", terminal.Printable(text))
		}
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
	switch wait := e.Next.Sub(e.At); {
	case e.Next.IsZero():
	case state != "":
		add("probe in %s", terminal.Short(wait))
	case wait < time.Second:
		add("again soon")
	default:
		add("again in %s", terminal.Short(wait))
	}
	if e.Reason != "" {
		add("%s", terminal.Cell(e.Reason, 200))
	}
	if e.Detail != "" {
		add("%s", terminal.Cell(e.Detail, 200))
	}
	if e.URI != "" {
		add("%s %s", terminal.Printable(e.Method), terminal.Cell(e.URI, 60))
	}
	if e.Error != "" && e.Status == 0 { // else the status says it
		add("%s", terminal.Cell(e.Error, 200))
	}
	if e.Reason != "" && e.ClientIP != "" {
		add("from %s", terminal.Printable(e.ClientIP))
	}
	if e.RefusedID != "" {
		add("caddy webhook refused show %s", terminal.Printable(e.RefusedID))
	}
	for _, d := range slices.Sorted(maps.Keys(e.Held)) {
		why := e.Held[d]
		add("waits for %s, %s", terminal.Printable(d), whyWords(&why, e.At))
	}
	return words
}
