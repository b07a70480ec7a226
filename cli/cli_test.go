package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
	"github.com/hookwicket/hookwicket/queue"
)

// TestAgain: the command that goes on is the one that was given, fit for a shell.
func TestAgain(t *testing.T) {
	cmd := redeliverCommand()
	if err := cmd.ParseFlags([]string{"-e", "it's", "--forward=", "--state", "waiting,dead_letter", "--type", "payment.*", "--after", "old", "--yes"}); err != nil {
		t.Fatal(err)
	}
	got := again(caddycmd.Flags{FlagSet: cmd.Flags()}, "redeliver", map[string]string{"after": "c-1_x", "until": "2026-01-15T10:30:00Z", "json": ""})
	want := `caddy webhook redeliver --endpoint 'it'\''s' --forward '' --state waiting,dead_letter --type 'payment.*' --yes --after c-1_x --until 2026-01-15T10:30:00Z`
	if got != want {
		t.Errorf("\n%s, want\n%s", got, want)
	}
}

func TestStates(t *testing.T) {
	now := time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)
	of := func(states ...queue.State) (all []adminapi.DeliveryState) {
		for _, s := range states {
			all = append(all, adminapi.DeliveryState{State: s})
		}
		return all
	}
	held := func(reason string) adminapi.DeliveryState {
		return adminapi.DeliveryState{State: queue.StateWaiting, Why: &adminapi.Why{Reason: reason}}
	}
	for _, c := range []struct {
		in   []adminapi.DeliveryState
		want string
	}{
		{of(queue.StateDelivered), "delivered"},
		{of(queue.StateDelivered, queue.StateDelivered), "delivered"},
		{of(queue.StateDead, queue.StateDelivered, queue.StateDead), "1 delivered, 2 dead_letter"},
		{[]adminapi.DeliveryState{{State: queue.StateWaiting, Why: &adminapi.Why{Reason: "due", Until: now.Add(90 * time.Second)}}}, "waiting, due in 1m"},
		{[]adminapi.DeliveryState{held("circuit_open"), held("circuit_open")}, "waiting, circuit open"},
		{[]adminapi.DeliveryState{held("paused"), held("order")}, "waiting"},
		{[]adminapi.DeliveryState{held("order"), {State: queue.StateDelivered}}, "1 waiting, 1 delivered"},
		{[]adminapi.DeliveryState{held("soon")}, "waiting"},
		{[]adminapi.DeliveryState{held("a\x1b[2J")}, `waiting, a\x1b[2J`},
		{[]adminapi.DeliveryState{{State: queue.StateWaiting, Next: now.Add(-time.Second)}}, "waiting"},
		{[]adminapi.DeliveryState{{State: queue.StateWaiting, Claimed: true}}, "under way"},
		{[]adminapi.DeliveryState{{State: queue.StateDead, Damaged: "checksum"}}, "damaged"},
		{nil, "-"},
	} {
		if got := statesWords(c.in, now); got != c.want {
			t.Errorf("%v: %q, want %q", c.in, got, c.want)
		}
	}
}

// TestFollow: the stream is read event by event, whatever stands in it, and what
// a sender wrote does a terminal no harm.
func TestFollow(t *testing.T) {
	at := time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)
	stream := strings.Join([]string{
		": keep-alive", "",
		"event: request", `data: {"at":"2026-01-15T10:30:00Z","endpoint":"github","outcome":"refused","reason":"wrong_signature","event_type":"a\u001b[2J","client_ip":"203.0.113.9"}`, "",
		"event: attempt", `data: {"at":"2026-01-15T10:30:00Z","endpoint":"github","forward":"billing","outcome":"retry","message_id":"0199","attempt":2,"status":503,`,
		`data: "failure":"status","duration_seconds":0.012,"next":"2026-01-15T10:30:40Z"}`, "",
		"event: circuit", `data: {"at":"2026-01-15T10:30:00Z","endpoint":"github","forward":"billing-of-europe-and-asia","outcome":"circuit_half_open","error":"HTTP status 503"}`, "",
		"event: circuit", `data: {"at":"2026-01-15T10:30:00Z","endpoint":"github","forward":"","outcome":"circuit_open","error":"HTTP status 503","next":"2026-01-15T10:31:00Z"}`, "",
		"event: request", `data: {"at":"2026-01-15T10:30:00Z","endpoint":"github","outcome":"accepted","message_id":"0199","held":{"github/billing":{"reason":"circuit_open"}}}`, "",
		"event: attempt", "data: what a later version may say", "",
		"event: attempt", `data: {"cut":"off`,
	}, "\n")
	clock := at.Local().Format("15:04:05Z07:00")
	var out bytes.Buffer
	if _, err := follow(&out, strings.NewReader(stream), false); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%[1]s github               refused     a\\x1b[2J, wrong_signature, from 203.0.113.9\n"+
		"%[1]s github/billing       retry       attempt 2, status 503, in 12ms, again in 40s 0199\n"+
		"%[1]s github/billing-of-europe-and-asia circuit     half open, HTTP status 503\n"+
		"%[1]s github                            circuit     open, probe in 1m, HTTP status 503\n"+
		"%[1]s github                            accepted    waits for github/billing, the circuit is open 0199\n", clock)
	if out.String() != want {
		t.Errorf("\n%s, want\n%s", out.String(), want)
	}
}

// TestNodeOfLine: in a stream of all gateways each line has its gateway, in a column.
func TestNodeOfLine(t *testing.T) {
	at := time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)
	l := liner{out: new(bytes.Buffer)}
	var lines []string
	for _, node := range []string{"gw10", "gw\x1b", "a"} {
		line := l.lineOf(&adminapi.Event{At: at, Node: node, Endpoint: "stripe", Outcome: "accepted", EventID: "evt"})
		lines = append(lines, strings.TrimPrefix(line, terminal.Clock(at, at)))
	}
	want := " gw10 stripe               accepted    evt\n gw\\x1b stripe               accepted    evt\n a      stripe               accepted    evt"
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("\n%s, want\n%s", got, want)
	}
}

// TestNeeds: what needs a person is said with the command for it.
func TestNeeds(t *testing.T) {
	now := time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)
	r := statusReport{Status: adminapi.Status{Now: now, Store: adminapi.Store{BacklogBytes: 90, BacklogLimit: 100, Damaged: 1}}, Endpoints: []adminapi.Endpoint{
		{Name: "github", Forwards: []adminapi.Forward{
			{Destination: "github", Circuit: &adminapi.Circuit{State: queue.CircuitClosed}},
			{Name: "billing", Destination: "github/billing", DeadLetters: 3, Waiting: 1, Paused: true, LastError: "connection\x1b refused",
				LastSuccess: now.Add(-time.Hour), Circuit: &adminapi.Circuit{State: queue.CircuitOpen, Probe: now.Add(12 * time.Second)}},
		}},
		{Name: "stripe", MaxBacklog: 1000, Bytes: 800, Forwards: []adminapi.Forward{
			{Destination: "stripe", Waiting: 2, LastError: "connection\x1b refused", LastSuccess: now.Add(-time.Hour), LastFailure: now, Circuit: &adminapi.Circuit{State: queue.CircuitClosed}},
		}},
		{Name: "acme", Forwards: []adminapi.Forward{
			{Destination: "acme", Waiting: 2, LastFailure: now, Circuit: &adminapi.Circuit{State: queue.CircuitOpen, Probe: now.Add(time.Minute), Error: "HTTP status 503"}},
		}},
		{Name: "old", Kind: "orphaned", Forwards: []adminapi.Forward{{Destination: "old", Orphaned: true, Waiting: 12}}},
	}}
	want := []string{
		"The disk is full or faulty: senders get 503.",
		"The backlog has reached 90 % of max_backlog; beyond it senders get 503.",
		"1 record set aside that cannot be read: stop the gateway and run caddy webhook check",
		"3 dead letters in github/billing: caddy webhook events --endpoint github --forward billing --state dead_letter",
		"github/billing is paused, 1 delivery waits: caddy webhook resume github/billing",
		"The backlog of stripe has reached 80 % of its max_backlog; beyond it its senders get 503.",
		`stripe is failing, last success 1h ago: connection\x1b refused`,
		"acme has failed: HTTP status 503; to try it now: caddy webhook probe acme",
		"12 deliveries wait of old, which the configuration does not have: bring it back, or caddy webhook purge --endpoint old --forward '' --state waiting",
	}
	got := r.needs()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("line %d:\n%q, want\n%q", i, got[min(i, len(got)-1)], want[min(i, len(want)-1)])
		}
	}
	for f, state := range map[*adminapi.Forward]string{
		&r.Endpoints[0].Forwards[0]: "ok", &r.Endpoints[0].Forwards[1]: "paused", &r.Endpoints[3].Forwards[0]: "orphaned", &r.Endpoints[1].Forwards[0]: "failing",
		{Waiting: 1, Circuit: r.Endpoints[0].Forwards[1].Circuit}:                      "open 12s",
		{Waiting: 1, Circuit: &adminapi.Circuit{State: queue.CircuitHalfOpen}}:         "probing",
		{Waiting: 1, Circuit: &adminapi.Circuit{State: queue.CircuitOpen, Probe: now}}: "open",
	} {
		if got := stateOfForward(f, now); got != state {
			t.Errorf("%+v: %q, want %q", f, got, state)
		}
	}
}

// TestSharedStore: a store that several gateways share is shown with its database, the gateways
// and the owner of each forward. What other gateways call themselves does a terminal no harm.
func TestSharedStore(t *testing.T) {
	now := time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)
	r := statusReport{Status: adminapi.Status{Now: now, Since: now.Add(-time.Hour), Store: adminapi.Store{
		Location: "postgres:db1:5432/hw/hookwicket", Available: true, BacklogLimit: 10 << 30,
		Cluster: &adminapi.Cluster{
			Server: "10.0.0.5:5432 PostgreSQL 16.4", Format: 1, Copies: new(int64(2)), Durability: 2, Commit: new(0.003), ClockSkew: -0.004,
			Standbys: []adminapi.Standby{{Name: "pg2", Sync: "quorum"}, {Name: "pg3", Sync: "quorum"}},
			Nodes: []adminapi.Node{
				{Name: "gw1", Version: "v1.4.0", This: true, Forwards: 1, Seen: now},
				{Name: "gw2\x1b[2J", Version: "v1.4.0", Forwards: 1, Seen: now, ClockSkew: 12},
				{Name: "gw3", Version: "v1.3.9", Silent: true, Seen: now.Add(-7 * time.Second)},
			},
			Warnings: []string{"gw2 runs another configuration of stripe\x1b: give all gateways the same"},
		},
	}}, Endpoints: []adminapi.Endpoint{{Name: "stripe", Forwards: []adminapi.Forward{
		{Name: "billing", Destination: "stripe/billing", Owner: "gw2", Elsewhere: true, Waiting: 1, LastFailure: now},
		{Destination: "stripe", Owner: "gw1", Circuit: &adminapi.Circuit{State: queue.CircuitClosed}},
	}}}}
	var out strings.Builder
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, want := range []string{
		"\ndatabase: 10.0.0.5:5432 PostgreSQL 16.4; format 1; 2 copies of an accepted event (durability 2); standbys pg2 quorum, pg3 quorum; commit 3ms; clock -4ms\n",
		"\nlast hour: 0 accepted, 0 refused, 0 delivered, 0 attempts failed; here alone\n",
		"\ngw1         this one  v1.4.0   1         now     +<1ms\n",
		"\ngw2\\x1b[2J  ok        v1.4.0   1         now     +12s\n",
		"\ngw3         silent    v1.3.9   0         7s ago  +<1ms\n",
		"\nstripe/billing  elsewhere  1        -       0     0          0       gw2\n",
		"\nstripe          ok         0        -       0     0          0       gw1\n",
		"\nWarning: gw2 runs another configuration of stripe\\x1b: give all gateways the same\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\x1b") || strings.Contains(got, "failing") {
		t.Errorf("got\n%s", got)
	}
}

// TestPausedEndpoint: an endpoint whose forwards are all paused has one line, with the
// command for all of them. The forward without a name is called that.
func TestPausedEndpoint(t *testing.T) {
	open := &adminapi.Circuit{State: queue.CircuitOpen}
	both := func(first, second bool) []string {
		r := statusReport{Status: adminapi.Status{Store: adminapi.Store{Available: true}}, Endpoints: []adminapi.Endpoint{{Name: "stripe", Waiting: 12, Forwards: []adminapi.Forward{
			{Destination: "stripe", Paused: first}, {Name: "billing", Destination: "stripe/billing", Paused: second, Waiting: 12, Circuit: open},
		}}}}
		return r.needs()
	}
	for _, c := range []struct {
		got  []string
		want string
	}{
		{both(true, true), "stripe is paused with all its forwards, 12 deliveries wait: caddy webhook resume stripe"},
		{both(true, false)[:1], "stripe, the forward without a name, is paused, 0 deliveries wait: caddy webhook resume stripe/"},
		{both(false, true), "stripe/billing is paused, 12 deliveries wait: caddy webhook resume stripe/billing"},
	} {
		if len(c.got) != 1 || c.got[0] != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// TestHintsReachTheSameGateway: a proposed command has the flags by which this one
// reached the gateway.
func TestHintsReachTheSameGateway(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", ""},
		{"--address localhost:4000", " --address localhost:4000"},
		{"-c it's --adapter yaml", ` --config 'it'\''s' --adapter yaml`},
	} {
		cmd := statusCommand()
		if err := cmd.ParseFlags(strings.Fields(c.args)); err != nil {
			t.Fatal(err)
		}
		r := statusReport{gateway: sameGateway(caddycmd.Flags{FlagSet: cmd.Flags()}), Endpoints: []adminapi.Endpoint{
			{Name: "github", Unrouted: 1, Forwards: []adminapi.Forward{{Name: "billing", DeadLetters: 3, Waiting: 1, Paused: true}}},
			{Name: "old", Forwards: []adminapi.Forward{{Orphaned: true, Waiting: 12}}},
		}}
		hints := 0
		for _, line := range append(r.unrouted(), r.needs()...) {
			_, command, ok := strings.Cut(line, "caddy webhook ")
			if !ok {
				continue
			}
			hints++
			if !strings.HasSuffix(command, c.want) || c.want == "" && strings.Contains(command, "address") {
				t.Errorf("%q: %s", c.args, command)
			}
		}
		if hints != 4 {
			t.Errorf("%q: %d hints", c.args, hints)
		}
	}
}

func TestOutcomeOfAnAttempt(t *testing.T) {
	for want, a := range map[string]adminapi.Attempt{
		"delivered 204": {Status: 204},
		"status 503":    {Failure: queue.Status, Status: 503, Error: "HTTP status 503"},
		"not made":      {Error: "unreadable: a block is broken"},
	} {
		if got := outcomeOf(&a); got != want {
			t.Errorf("%+v: %s, want %s", a, got, want)
		}
	}
}

func TestStatusOfCircuitsAndRouting(t *testing.T) {
	open := &adminapi.Circuit{State: queue.CircuitOpen}
	for waiting, want := range map[int64]string{0: "idle, was open", 1: "open"} {
		if got := stateOfForward(&adminapi.Forward{Circuit: open, Waiting: waiting}, time.Now()); got != want {
			t.Errorf("%d wait: %q", waiting, got)
		}
	}
	var text strings.Builder
	r := statusReport{Endpoints: []adminapi.Endpoint{{Name: "all", Unrouted: 0}, {Name: "some", Unrouted: 2}}}
	if err := r.print(&text); err != nil || !strings.Contains(text.String(), "some: 2 events matched no forward") || strings.Contains(text.String(), "all: ") {
		t.Errorf("%v\n%s", err, text.String())
	}
}
