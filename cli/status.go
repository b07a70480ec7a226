package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
	"github.com/hookwicket/hookwicket/queue"
)

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [ENDPOINT] [--json]",
		Short: "Shows endpoints and forwards, what waits, and what needs a person",
		Long: `
Shows the endpoints with what they have accepted and refused since the start of
the process, their forwards with what waits, and at the end what needs a person,
with the command for it. It exits with 0 whatever there is to see.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeEndpoints,
		RunE:              asking(showStatus),
	}
	clientFlags(cmd)
	cmd.Flags().Bool("json", false, "print it as JSON")
	return cmd
}

// statusReport is what status prints as JSON.
type statusReport struct {
	adminapi.Status
	Endpoints []adminapi.Endpoint `json:"endpoints"`
}

func showStatus(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	var r statusReport
	if err := c.Get(ctx, adminapi.PathStatus, nil, &r.Status); err != nil {
		return err
	}
	if name := fl.Arg(0); name != "" {
		r.Endpoints = make([]adminapi.Endpoint, 1)
		if err := c.Get(ctx, adminapi.PathOfEndpoint(name), nil, &r.Endpoints[0]); err != nil {
			return err
		}
	} else {
		var all adminapi.Endpoints
		if err := c.Get(ctx, adminapi.PathEndpoints, nil, &all); err != nil {
			return err
		}
		r.Endpoints = all.Endpoints
	}
	if fl.Bool("json") {
		return terminal.PrintJSON(os.Stdout, r, "  ")
	}
	return r.print(os.Stdout)
}

// print shows it to a person.
func (r *statusReport) print(w io.Writer) error {
	s := r.Store
	fmt.Fprintf(w, "%s: backlog %s of %s%s\n", terminal.Printable(s.Location), terminal.InBytes(s.BacklogBytes), limit(s.BacklogLimit), kept(s))
	fmt.Fprintf(w, "started %s\n\n", terminal.Ago(r.Since, r.Now))
	if len(r.Endpoints) == 0 {
		fmt.Fprintln(w, "There is no endpoint.")
		return nil
	}
	endpoints := terminal.NewTable("ENDPOINT", "MODE", "ACCEPTED", "DUPLICATE", "REPLAYED", "REFUSED", "LAST")
	forwards := terminal.NewTable("FORWARD", "STATE", "WAITING", "OLDEST", "DEAD", "DELIVERED", "FAILED")
	n := 0
	for _, e := range r.Endpoints {
		o := e.Requests.Outcomes
		endpoints.Row(terminal.Cell(e.Name, 28), modeOf(&e), humanize.Comma(o["accepted"]), humanize.Comma(o["duplicate"]), humanize.Comma(o["replayed"]),
			humanize.Comma(o["refused"]), terminal.Ago(e.Requests.LastAccepted, r.Now))
		for _, f := range e.Forwards {
			n++
			forwards.Row(terminal.Cell(f.Destination, 28), stateOfForward(&f, r.Now), humanize.Comma(f.Waiting), terminal.Ago(f.Oldest, r.Now),
				humanize.Comma(f.DeadLetters), humanize.Comma(f.Attempts["delivered"]), humanize.Comma(f.Attempts["retry"]+f.Attempts["dead_letter"]))
		}
	}
	if err := endpoints.Print(w); err != nil {
		return err
	}
	if n > 0 {
		fmt.Fprintln(w)
		if err := forwards.Print(w); err != nil {
			return err
		}
	}
	for i, line := range append(r.unrouted(), r.needs()...) {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, line)
	}
	return nil
}

func limit(n int64) string {
	if n <= 0 {
		return "any size"
	}
	return terminal.InBytes(n)
}

// kept is what the store holds besides the backlog.
func kept(s adminapi.Store) string {
	text := ""
	if s.RetainedBytes != nil {
		text += ", " + terminal.InBytes(*s.RetainedBytes) + " of ended events"
	}
	if s.DedupeKeys != nil {
		text += ", " + terminal.Plural(*s.DedupeKeys, "dedupe key", "dedupe keys")
	}
	return text
}

// modeOf says how an endpoint treats its requests.
func modeOf(e *adminapi.Endpoint) string {
	switch {
	case e.Kind == "orphaned":
		return "orphaned"
	case e.Mode == "observe":
		return "observing"
	case e.Kind == "pass":
		return "passes on"
	}
	return "forwards"
}

// stateOfForward says in a word or two whether deliveries go on.
func stateOfForward(f *adminapi.Forward, now time.Time) string {
	c := f.Circuit
	switch {
	case f.Orphaned:
		return "orphaned"
	case f.Paused:
		return "paused"
	case c == nil:
		return "no worker"
	case f.Waiting == 0 && c.State != queue.CircuitClosed: // nothing is held back
		return "idle, circuit was open"
	case c.State == queue.CircuitOpen && c.Probe.After(now):
		return "circuit open, probe " + terminal.Ago(c.Probe, now)
	case c.State == queue.CircuitOpen:
		return "circuit open"
	case c.State == queue.CircuitHalfOpen:
		return "circuit probing"
	}
	return "ok"
}

// unrouted names the endpoints of which events went to no forward.
func (r *statusReport) unrouted() (lines []string) {
	for _, e := range r.Endpoints {
		if e.Unrouted > 0 {
			lines = append(lines, fmt.Sprintf("%s: %s matched no forward and went nowhere: caddy webhook events --endpoint %s --state unrouted",
				e.Name, terminal.Plural(e.Unrouted, "event", "events"), e.Name))
		}
	}
	return lines
}

// needs says what does not go away by itself, with the command for it.
func (r *statusReport) needs() []string {
	var lines []string
	say := func(format string, a ...any) { lines = append(lines, fmt.Sprintf(format, a...)) }
	s := r.Store
	switch {
	case !s.Available && s.Cause != "":
		say("The store is not available, and senders get 503: %s", terminal.Printable(s.Cause))
	case s.DiskFull && s.DiskNeeded > 0 && s.DiskFree != nil:
		say("The disk is full: %s free, %s needed; senders get 503. Deliveries make room; else free space on the disk, or enlarge it.", terminal.InBytes(*s.DiskFree), terminal.InBytes(s.DiskNeeded))
	case s.DiskFull && s.DiskNeeded > 0:
		say("The disk or its quota is full: %s have to be free; senders get 503. Deliveries make room; else free space, or raise the quota.", terminal.InBytes(s.DiskNeeded))
	case !s.Available:
		say("The disk is full or faulty: senders get 503.")
	}
	if s.BacklogLimit > 0 && s.BacklogBytes >= s.BacklogLimit*8/10 {
		say("The backlog has reached %d %% of max_backlog; beyond it senders get 503.", s.BacklogBytes*100/s.BacklogLimit)
	}
	if s.Damaged > 0 {
		say("%s set aside that cannot be read: stop the gateway and run caddy webhook check", terminal.Plural(s.Damaged, "record", "records"))
	}
	for _, e := range r.Endpoints {
		if e.MaxBacklog > 0 && e.Bytes >= e.MaxBacklog*8/10 {
			say("The backlog of %s has reached %d %% of its max_backlog; beyond it its senders get 503.", terminal.Printable(e.Name), e.Bytes*100/e.MaxBacklog)
		}
		for _, f := range e.Forwards {
			lines = append(lines, needsOf(&f, e.Name, r.Now)...)
		}
	}
	return lines
}

func needsOf(f *adminapi.Forward, endpoint string, now time.Time) []string {
	var lines []string
	say := func(format string, a ...any) { lines = append(lines, fmt.Sprintf(format, a...)) }
	filter := "--endpoint " + terminal.Word(terminal.Printable(endpoint)) + " --forward " + terminal.Word(terminal.Printable(f.Name))
	name := terminal.Printable(f.Destination)
	if f.Orphaned && f.Waiting > 0 {
		say("%s of %s, which the configuration does not have: bring it back, or caddy webhook purge %s --state waiting",
			terminal.Plural(f.Waiting, "delivery waits", "deliveries wait"), name, filter)
	}
	if f.DeadLetters > 0 {
		say("%s in %s: caddy webhook events %s --state dead_letter", terminal.Plural(f.DeadLetters, "dead letter", "dead letters"), name, filter)
	}
	if f.Paused {
		say("%s is paused, %s: caddy webhook resume %s", name, terminal.Plural(f.Waiting, "delivery waits", "deliveries wait"), terminal.Word(targetArg(endpoint, f.Name)))
	}
	if c := f.Circuit; c != nil && c.State != queue.CircuitClosed {
		say("%s has failed%s: %s", name, terminal.When(!f.LastSuccess.IsZero(), ", last success "+terminal.Ago(f.LastSuccess, now)), terminal.Cell(strings.TrimSpace(trouble(f)), 200))
	}
	return lines
}

// trouble is the error that a person wants to read.
func trouble(f *adminapi.Forward) string {
	if f.Circuit.Error != "" {
		return f.Circuit.Error
	}
	return f.LastError
}

// targetArg is a forward as pause and resume take it.
func targetArg(endpoint, forward string) string { return endpoint + "/" + forward }
