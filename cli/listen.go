package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

func listenCommand(sign NewSigner) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "listen [--endpoint E] [--type T] [--since D] URL",
		Short: "Brings a gateway's events to a URL of your own",
		Long: `
Sends each event that the gateway accepts to a URL as well, byte for byte as it
was received, in the order of receipt. In the URL, {endpoint} and {path} stand
for those of the event. The gateway's own deliveries go on as before.

It reads the gateway's store, so it can begin with events that are kept there,
and misses nothing while it is away: when it ends, it prints the ID after which
to go on. It connects again by itself after a reload or a restart.

Requests contain the sender's signatures and personal data. Values that the
configuration redacts stay hidden. --sign-with signs anew with a secret of your
own, for an app that does not have the real one or that checks the time.

With --gateway and a token it reads from an inspector instead of the admin
endpoint. Signatures are then hidden unless the inspector says raw, so the app
needs --sign-with.`,
		Example: `  ssh -N -L 2019:localhost:2019 gateway.example.com &
  caddy webhook listen --endpoint stripe --type 'charge.*' http://localhost:3000
  caddy webhook listen --since 10m --sign-with 'stripe={env.DEV_SECRET}' \
    'http://localhost:3000/{endpoint}'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("one URL is expected, and %q is another", args[1])
			}
			return nil
		},
		RunE: asking(func(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
			return listen(ctx, c, fl, sign)
		}),
	}
	listenerFlags(cmd)
	localFlags(cmd)
	f := cmd.Flags()
	f.StringSliceP("endpoint", "e", nil, "of these endpoints (default: all that keep events)")
	f.StringP("type", "t", "", "of this event type; * stands for any text, as in payment.*")
	f.StringP("when", "w", "", "for which this expression holds, as in the line when of a forward: '{json.livemode} == false'")
	f.String("since", "", "begin with events received since then: 14:00, yesterday, 2026-01-31, a time in RFC 3339, or how long ago, such as 10m")
	f.Int("last", 0, "begin with so many of the latest events")
	f.String("after", "", "begin behind the event with this message ID, or the beginning of one")
	f.Int("concurrency", 1, "how many events are sent at once; more than 1 changes their order")
	f.Bool("quiet", false, "print only events that were not taken")
	cmd.MarkFlagsMutuallyExclusive("since", "last", "after")
	cmd.RegisterFlagCompletionFunc("endpoint", completeListened)
	cmd.RegisterFlagCompletionFunc("type", completeTypes)
	cmd.RegisterFlagCompletionFunc("after", completeMessages)
	return cmd
}

const maxConcurrency = 64

func listen(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, sign NewSigner) error {
	l, err := newLocal(ctx, c, fl, sign)
	if err != nil {
		return err
	}
	switch {
	case fl.NArg() == 1:
		if err := l.to(fl.Arg(0)); err != nil {
			return err
		}
	case l.folder == "":
		return errors.New("a URL is missing, such as http://localhost:3000/hook; or --save a folder for the requests")
	}
	workers := fl.Int("concurrency")
	if workers < 1 || workers > maxConcurrency {
		return fmt.Errorf("--concurrency is a number from 1 to %d", maxConcurrency)
	}
	s, err := newSubscription(ctx, c, fl)
	if err != nil {
		return err
	}
	h := &hearing{subscription: s, local: l, json: fl.Bool("json"), quiet: fl.Bool("quiet")}
	err = h.run(ctx, workers)
	if h.count > 0 || s.began {
		text := fmt.Sprintf("%s, %d taken.", terminal.Plural(int64(h.count), "event", "events"), h.taken)
		if h.cursor != "" {
			text += " To go on from here: --after " + h.cursor
		}
		fmt.Fprintln(os.Stderr, text)
	}
	return err
}

// subscription reads the stream of events and connects again where it was.
type subscription struct {
	c     *adminapi.Client
	about url.Values // endpoint and type
	start url.Values // where the first connection begins
	began bool

	// Events before floor, or received before from, are not wanted after a reconnection.
	from  time.Time
	floor string
	high  string // the greatest ID that was read
	seen  map[string]struct{}
}

// lookBack is how much is read again after a reconnection. The gateway sorts by receipt,
// and an event may become visible that much later.
const lookBack = 30 * time.Second

func newSubscription(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) (*subscription, error) {
	about, err := aboutListening(ctx, c)
	if err != nil {
		return nil, err
	}
	s := &subscription{c: c, about: make(url.Values), start: make(url.Values), seen: make(map[string]struct{}), from: about.Now}
	if names := terminal.List(fl.FlagSet, "endpoint"); len(names) > 0 {
		s.about.Set("endpoint", strings.Join(names, ","))
	}
	if kind := fl.String("type"); kind != "" {
		s.about.Set("type", kind)
	}
	if expression := fl.String("when"); expression != "" {
		s.about.Set("when", expression)
	}
	switch {
	case fl.Changed("after"):
		after := fl.String("after")
		if beginningOfID.MatchString(after) && !wholeID.MatchString(after) {
			if after, err = messageID(ctx, c, after); err != nil {
				return nil, fmt.Errorf("--after: %w", err)
			}
		}
		id, err := uuid.Parse(after)
		if err != nil {
			return nil, fmt.Errorf("--after: %q is no message's ID; listen prints it when it ends", fl.String("after"))
		}
		s.floor = id.String()
		s.from = time.Unix(id.Time().UnixTime())
		s.start.Set("after", s.floor)
	case fl.Changed("last"):
		s.start.Set("last", strconv.Itoa(fl.Int("last")))
	case fl.Changed("since"):
		if s.from, err = adminapi.ParseTime(fl.String("since"), about.Now.Local()); err != nil {
			return nil, fmt.Errorf("--since: %w", err)
		}
		fallthrough
	default:
		s.start.Set("since", s.from.Format(time.RFC3339Nano))
	}
	return s, nil
}

// aboutListening asks the gateway what a listener has to know.
func aboutListening(ctx context.Context, c *adminapi.Client) (*adminapi.ListenAbout, error) {
	about := new(adminapi.ListenAbout)
	return about, c.Get(ctx, adminapi.PathAbout, nil, about)
}

// query says where a connection begins.
func (s *subscription) query() url.Values {
	q := make(url.Values)
	for name, values := range s.about {
		q[name] = values
	}
	begin := s.start
	if s.high != "" {
		from := receiptOf(s.high).Add(-lookBack)
		if from.Before(s.from) {
			from = s.from
		}
		begin = url.Values{"since": {from.UTC().Format(time.RFC3339Nano)}}
	}
	for name, values := range begin {
		q[name] = values
	}
	return q
}

// receiptOf is the time in a message's ID.
func receiptOf(id string) time.Time {
	milli, err := strconv.ParseInt(strings.ReplaceAll(id[:min(13, len(id))], "-", ""), 16, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(milli)
}

// run passes events on until ctx is done or the gateway refuses.
func (s *subscription) run(ctx context.Context, pass func(*adminapi.Heard) error) error {
	pause := reconnectSoon
	for {
		resp, err := s.c.Open(ctx, http.MethodGet, adminapi.PathListen, s.query(), nil)
		refused, _ := errors.AsType[*adminapi.RefusedError](err)
		switch {
		case err == nil:
			if s.began {
				fmt.Fprintln(os.Stderr, "connected again")
			} else {
				s.greet()
			}
			s.began, pause = true, reconnectSoon
			err = s.read(bufio.NewReader(resp.Body), pass)
			resp.Body.Close()
			if err != nil {
				return err
			}
			if ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "the gateway has ended the stream; connecting again")
			}
		case ctx.Err() != nil:
		case !s.began, refused != nil && refused.Status != http.StatusServiceUnavailable:
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

// several reports whether the events can be of more than one endpoint.
func (s *subscription) several() bool {
	names := s.about.Get("endpoint")
	return names == "" || strings.Contains(names, ",")
}

func (s *subscription) greet() {
	kind := ""
	if t := s.about.Get("type"); t != "" {
		kind = " (" + terminal.Printable(t) + ")"
	}
	fmt.Fprintf(os.Stderr, "listening to %s%s of the gateway at %s; its own deliveries go on as before\n",
		cmp.Or(terminal.Printable(strings.ReplaceAll(s.about.Get("endpoint"), ",", ", ")), "all endpoints"), kind, s.c.Address)
}

// read passes the events of one connection on. The error is that of pass.
func (s *subscription) read(stream *bufio.Reader, pass func(*adminapi.Heard) error) error {
	again := s.high != ""
	event := ""
	for {
		line, err := stream.ReadString('\n')
		if err != nil {
			return nil
		}
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case name == "event":
			event = value
		case name == "data" && event == "gap":
			printGap([]byte(value))
		case name == "data" && event == "message":
			var e adminapi.Heard
			if json.Unmarshal([]byte(value), &e) != nil {
				continue // of a newer gateway
			}
			if err := s.event(&e, again, pass); err != nil {
				return err
			}
		}
	}
}

// event passes an event on unless it has been read before.
func (s *subscription) event(e *adminapi.Heard, again bool, pass func(*adminapi.Heard) error) error {
	id := e.Message.ID.String()
	if _, known := s.seen[id]; known || again && id <= s.floor {
		return nil
	}
	if s.high == "" && s.start.Has("last") {
		s.from, s.floor = receiptOf(id), beforeID(e.Message.ID)
	}
	s.seen[id] = struct{}{}
	if id > s.high {
		s.high = id
	}
	s.forget()
	return pass(e)
}

// beforeID returns the ID before an ID.
func beforeID(id uuid.UUID) string {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i]--; id[i] != 0xff {
			break
		}
	}
	return id.String()
}

// forget drops the events that no reconnection reads again.
func (s *subscription) forget() {
	const kept = 4096
	if len(s.seen) < 2*kept {
		return
	}
	from := receiptOf(s.high).Add(-2 * lookBack)
	for id := range s.seen {
		if receiptOf(id).Before(from) {
			delete(s.seen, id)
		}
	}
}

// printGap says that events may be missing.
func printGap(data []byte) {
	var g adminapi.Gap
	if json.Unmarshal(data, &g) != nil {
		return
	}
	what := "events received before " + g.Until.Local().Format(time.RFC3339) + " may be missing"
	if g.ID != "" {
		what = "event " + terminal.Printable(g.ID) + " is missing"
	}
	fmt.Fprintf(os.Stderr, "Note: %s: %s\n", what, terminal.Printable(g.Why))
}

// hearing sends the messages of a subscription to the developer's URL.
type hearing struct {
	*subscription
	*local
	json, quiet bool

	mu     sync.Mutex
	open   []*pending // in the order in which they were read
	count  int
	taken  int
	cursor string // the greatest ID before which all events were sent
}

// pending is an event that was read and whose outcome may be known.
type pending struct {
	e    *adminapi.Heard
	done bool
}

// run reads and sends until ctx is done.
func (h *hearing) run(ctx context.Context, workers int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan *pending)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for p := range work {
				if err := h.hear(ctx, p); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := h.subscription.run(ctx, func(e *adminapi.Heard) error {
		p := &pending{e: e}
		h.mu.Lock()
		h.open = append(h.open, p)
		h.mu.Unlock()
		select {
		case work <- p:
		case <-ctx.Done():
		}
		return nil
	})
	close(work)
	group.Wait()
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

// hear sends one event and prints the outcome. The error is that of printing.
func (h *hearing) hear(ctx context.Context, p *pending) error {
	if ctx.Err() != nil {
		return nil
	}
	outcome, err := h.play(ctx, p.e)
	if err != nil {
		return nil // interrupted: the cursor stays before it
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count++
	if outcome.taken() {
		h.taken++
	}
	p.done = true
	for len(h.open) > 0 && h.open[0].done {
		h.cursor = max(h.cursor, h.open[0].e.Message.ID.String())
		h.open = h.open[1:]
	}
	if h.quiet && outcome.taken() {
		return nil
	}
	return outcome.print(os.Stdout, h.json, h.several())
}
