package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
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
		Use:   "status [ENDPOINT] [--watch] [--json]",
		Short: "Shows endpoints, forwards, backlogs and what needs a person",
		Long: `
Shows the endpoints with the numbers of accepted and refused requests since the
start of the process, and the forwards with their backlogs. A line has the last
hour; with ENDPOINT, further lines say how long attempts took. At the end it
lists the problems that need a person, each with the command for it. It exits
with 0 whatever it lists.`,
		Args:              terminal.MaxArgs(1, "ENDPOINT"),
		ValidArgsFunction: onlyFirst(completeEndpoints),
		RunE:              asking(showStatus),
	}
	clientFlags(cmd)
	cmd.Flags().BoolP("watch", "w", false, "show it anew every two seconds, until it is interrupted")
	cmd.Flags().Bool("json", false, "print it as JSON")
	return cmd
}

// watchPause is how often status and redeliver look again with --watch.
const watchPause = 2 * time.Second

// statusReport is the JSON output of status.
type statusReport struct {
	adminapi.Status
	Endpoints []adminapi.Endpoint `json:"endpoints"`

	one     bool   // the report is about one endpoint
	gateway string // flags for the commands that are proposed; see sameGateway
}

func showStatus(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	if !fl.Bool("watch") {
		return showStatusOnce(ctx, c, fl)
	}
	for {
		err := showStatusOnce(ctx, c, fl)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchPause):
		}
	}
}

func showStatusOnce(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	r := statusReport{gateway: sameGateway(fl)}
	if err := c.Get(ctx, adminapi.PathStatus, nil, &r.Status); err != nil {
		return err
	}
	if name := fl.Arg(0); name != "" {
		r.one, r.Endpoints = true, make([]adminapi.Endpoint, 1)
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
		return terminal.PrintJSON(os.Stdout, r, terminal.When(!fl.Bool("watch"), "  "))
	}
	if fl.Bool("watch") {
		terminal.Clear(os.Stdout)
	}
	return r.print(os.Stdout)
}

// print shows it to a person.
func (r *statusReport) print(w io.Writer) error {
	s := r.Store
	fmt.Fprintf(w, "%s: backlog %s of %s%s\n", terminal.Printable(s.Location), terminal.InBytes(s.BacklogBytes), limit(s.BacklogLimit), kept(s))
	shared := s.Cluster != nil
	if shared {
		fmt.Fprintln(w, database(s.Cluster))
	}
	fmt.Fprintf(w, "started %s\n%s%s\n\n", terminal.Ago(r.Since, r.Now), r.lastHour(), terminal.When(shared, "; here alone"))
	if shared {
		if err := r.printNodes(w); err != nil {
			return err
		}
	}
	if len(r.Endpoints) == 0 {
		fmt.Fprintln(w, "There is no endpoint.")
		return nil
	}
	endpoints := terminal.NewTable("ENDPOINT", "MODE", "ACCEPTED", "DROPPED", "REFUSED", "LAST").Colours(2)
	forwards := newForwards(shared)
	n := 0
	for _, e := range r.Endpoints {
		o := e.Requests.Outcomes
		endpoints.Row(terminal.Cell(e.Name, 28), modeOf(&e), humanize.Comma(o["accepted"]), humanize.Comma(o["duplicate"]+o["replayed"]),
			refusals(&e), terminal.Ago(lastOf(&e), r.Now))
		for _, f := range e.Forwards {
			n++
			forwards.row(&f, r.Now)
		}
	}
	if err := endpoints.Print(w); err != nil {
		return err
	}
	for _, e := range r.Endpoints {
		for _, line := range reasons(&e) {
			fmt.Fprintln(w, line)
		}
	}
	if n > 0 {
		fmt.Fprintln(w)
		if err := forwards.table.Print(w); err != nil {
			return err
		}
	}
	if r.one {
		for _, f := range r.Endpoints[0].Forwards {
			if l := f.Latency; l != nil {
				fmt.Fprintf(w, "%s: half of the last hour's attempts took at most %s, 95 %% at most %s\n", terminal.Printable(f.Destination), inSeconds(l.P50), inSeconds(l.P95))
			}
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

// lastHour sums the last hour of the endpoints that are shown.
func (r *statusReport) lastHour() string {
	var accepted, refused, delivered, failed int64
	for _, e := range r.Endpoints {
		accepted, refused = accepted+e.Recent.Accepted, refused+e.Recent.Refused
		for _, f := range e.Forwards {
			delivered, failed = delivered+f.Recent.Delivered, failed+f.Recent.Failed
		}
	}
	return fmt.Sprintf("last hour: %s accepted, %s refused, %s delivered, %s failed", humanize.Comma(accepted), humanize.Comma(refused),
		humanize.Comma(delivered), terminal.Plural(failed, "attempt", "attempts"))
}

func inSeconds(s float64) string { return terminal.Short(time.Duration(s * float64(time.Second))) }

func limit(n int64) string {
	if n <= 0 {
		return "any size"
	}
	return terminal.InBytes(n)
}

// kept describes the contents of the store besides the backlog.
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

// refusals counts the refused requests of an endpoint, or in observe mode those that it
// would have refused or dropped.
func refusals(e *adminapi.Endpoint) string {
	if n := total(e.Requests.Observed); n > 0 {
		return humanize.Comma(n) + " observed"
	}
	return humanize.Comma(e.Requests.Outcomes["refused"])
}

// lastOf is when an endpoint last let a request through.
func lastOf(e *adminapi.Endpoint) time.Time {
	if e.Mode == "observe" && e.Requests.LastRefused.After(e.Requests.LastAccepted) {
		return e.Requests.LastRefused
	}
	return e.Requests.LastAccepted
}

// reasons are lines about the secrets that were handed over, and with the reasons for
// which requests were refused since the start, or would have been in observe mode.
func reasons(e *adminapi.Endpoint) (lines []string) {
	switch n := e.Learnt; {
	case n == nil:
	case *n == 0:
		lines = append(lines, terminal.Printable(e.Name)+": no secret was handed over yet, and without one nothing is accepted; it needs the line enrol meanwhile")
	default:
		lines = append(lines, fmt.Sprintf("%s: %s handed over", terminal.Printable(e.Name), terminal.Plural(int64(*n), "secret was", "secrets were")))
	}
	for _, x := range []struct {
		what   string
		counts map[string]int64
	}{{"refused", e.Requests.Refused}, {"would have refused or dropped", e.Requests.Observed}} {
		if total(x.counts) == 0 {
			continue
		}
		var words []string
		for _, reason := range byCount(x.counts) {
			words = append(words, humanize.Comma(x.counts[reason])+" "+terminal.Printable(reason))
		}
		lines = append(lines, fmt.Sprintf("%s: %s %s", terminal.Printable(e.Name), x.what, strings.Join(words, ", ")))
	}
	return lines
}

func total(counts map[string]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// byCount sorts the names of counts, the largest first.
func byCount(counts map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
}

// modeOf describes how an endpoint treats its requests.
func modeOf(e *adminapi.Endpoint) string {
	switch {
	case e.Kind == "orphaned":
		return "orphaned"
	case e.Mode == "observe":
		return "observing"
	case e.Kind == "pass":
		return "passes on"
	case e.Kind == "keep":
		return "keeps"
	}
	return "forwards"
}

// stateOfForward describes in a word or two whether deliveries are made.
func stateOfForward(f *adminapi.Forward, now time.Time) string {
	c := f.Circuit
	switch {
	case f.Orphaned:
		return "orphaned"
	case f.Paused:
		return "paused"
	case f.Elsewhere:
		return "elsewhere"
	case c == nil:
		return "no worker"
	case f.Waiting == 0 && c.State != queue.CircuitClosed: // nothing is held back
		return "idle, was open"
	case c.State == queue.CircuitOpen && c.Probe.After(now):
		return "open " + terminal.Short(c.Probe.Sub(now))
	case c.State == queue.CircuitOpen:
		return "open"
	case c.State == queue.CircuitHalfOpen:
		return "probing"
	case failing(f):
		return "failing"
	}
	return "ok"
}

// failing reports whether the last attempt failed and deliveries wait.
func failing(f *adminapi.Forward) bool {
	return f.Waiting > 0 && f.LastFailure.After(f.LastSuccess)
}

// unrouted lists the endpoints with events that matched no forward.
func (r *statusReport) unrouted() (lines []string) {
	for _, e := range r.Endpoints {
		if e.Unrouted > 0 {
			lines = append(lines, fmt.Sprintf("%s: %s matched no forward and went nowhere: caddy webhook events --endpoint %s --state unrouted%s",
				terminal.Printable(e.Name), terminal.Plural(e.Unrouted, "event", "events"), terminal.Word(terminal.Printable(e.Name)), r.gateway))
		}
	}
	return lines
}

// needs lists the problems that need a person, each with the command for it.
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
	if s.Cluster != nil {
		for _, line := range s.Cluster.Warnings {
			say("Warning: %s", terminal.Printable(line))
		}
	}
	if s.Damaged > 0 {
		say("%s set aside that cannot be read: stop the gateway and run caddy webhook check", terminal.Plural(s.Damaged, "record", "records"))
	}
	for _, e := range r.Endpoints {
		if e.MaxBacklog > 0 && e.Bytes >= e.MaxBacklog*8/10 {
			say("The backlog of %s has reached %d %% of its max_backlog; beyond it its senders get 503.", terminal.Printable(e.Name), e.Bytes*100/e.MaxBacklog)
		}
		if line := r.refusedLately(&e); line != "" {
			lines = append(lines, line)
		}
		all := r.allPaused(&e)
		if all != "" {
			lines = append(lines, all)
		}
		for _, f := range e.Forwards {
			lines = append(lines, r.needsOf(&f, &e, all != "")...)
		}
	}
	return lines
}

// allPaused returns the line of an endpoint with several forwards that are all paused;
// empty: they are not.
func (r *statusReport) allPaused(e *adminapi.Endpoint) string {
	if len(e.Forwards) < 2 || slices.ContainsFunc(e.Forwards, func(f adminapi.Forward) bool { return !f.Paused }) {
		return ""
	}
	name := terminal.Printable(e.Name)
	return fmt.Sprintf("%s is paused with all its forwards, %s: caddy webhook resume %s%s", name, terminal.Plural(e.Waiting, "delivery waits", "deliveries wait"), terminal.Word(name), r.gateway)
}

// needsOf lists the problems of a forward. A pause of the whole endpoint is said elsewhere.
func (r *statusReport) needsOf(f *adminapi.Forward, e *adminapi.Endpoint, allPaused bool) []string {
	var lines []string
	say := func(format string, a ...any) { lines = append(lines, fmt.Sprintf(format, a...)) }
	filter := "--endpoint " + terminal.Word(terminal.Printable(e.Name)) + " --forward " + terminal.Word(terminal.Printable(f.Name))
	name := terminal.Printable(f.Destination)
	if f.Orphaned && f.Waiting > 0 {
		say("%s of %s, which the configuration does not have: bring it back, or caddy webhook purge %s --state waiting%s",
			terminal.Plural(f.Waiting, "delivery waits", "deliveries wait"), name, filter, r.gateway)
	}
	if f.DeadLetters > 0 {
		say("%s in %s: caddy webhook events %s --state dead_letter%s", terminal.Plural(f.DeadLetters, "dead letter", "dead letters"), name, filter, r.gateway)
	}
	target := terminal.Word(terminal.Printable(targetArg(e, f.Name)))
	lastSuccess := terminal.When(!f.LastSuccess.IsZero(), ", last success "+terminal.Ago(f.LastSuccess, r.Now))
	switch c := f.Circuit; {
	case f.Paused && allPaused:
	case f.Paused:
		say("%s%s is paused, %s: caddy webhook resume %s%s", name, terminal.When(f.Name == "" && len(e.Forwards) > 1, ", the forward without a name,"), terminal.Plural(f.Waiting, "delivery waits", "deliveries wait"), target, r.gateway)
	case c == nil:
	case c.State == queue.CircuitOpen && f.Waiting > 0:
		say("%s has failed%s: %s; to try it now: caddy webhook probe %s%s", name, lastSuccess, trouble(f), target, r.gateway)
	case c.State != queue.CircuitClosed:
		say("%s has failed%s: %s", name, lastSuccess, trouble(f))
	case failing(f):
		say("%s is failing%s: %s", name, lastSuccess, trouble(f))
	}
	return lines
}

// unsigned are the reasons of requests that scanners make. They need a person only where
// nothing was accepted yet.
var unsigned = []string{"missing_signature", "method_not_allowed", "body_too_large"}

// refusedLately returns a line about the requests to an endpoint that were refused in the
// last hour; empty: no person is needed.
func (r *statusReport) refusedLately(e *adminapi.Endpoint) string {
	counts := maps.Clone(e.Requests.RefusedLately)
	if !e.Requests.LastAccepted.IsZero() {
		maps.DeleteFunc(counts, func(reason string, _ int64) bool { return slices.Contains(unsigned, reason) })
	}
	if len(counts) == 0 {
		return ""
	}
	verb := "refused"
	if e.Mode == "observe" {
		verb = "would be refused"
	}
	return fmt.Sprintf("%s to %s %s in the last hour, %s: caddy webhook refused --endpoint %s%s", terminal.Plural(total(counts), "request", "requests"),
		terminal.Printable(e.Name), verb, terminal.Printable(strings.Join(byCount(counts), ", ")), terminal.Word(terminal.Printable(e.Name)), r.gateway)
}

// trouble returns the error that opened the circuit, or else the last one.
func trouble(f *adminapi.Forward) string {
	text := f.LastError
	if f.Circuit.State != queue.CircuitClosed && f.Circuit.Error != "" {
		text = f.Circuit.Error
	}
	return terminal.Cell(strings.TrimSpace(text), 200)
}

// targetArg is a forward as pause, resume and probe take it. The endpoint alone is enough
// where it has no other forward.
func targetArg(e *adminapi.Endpoint, forward string) string {
	if forward == "" && len(e.Forwards) == 1 {
		return e.Name
	}
	return e.Name + "/" + forward
}
