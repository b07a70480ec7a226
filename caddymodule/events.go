package caddymodule

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// The events for Caddy's events app. Each has the data endpoint, and as
// far as it applies forward, message_id, event_id, event_type, reason, attempt,
// failure, status, error, next, bytes and limit.
const (
	eventAccepted       = "accepted"        // an event is durable; one for each webhook, thus off by default
	eventRejected       = "rejected"        // a request was refused: reason
	eventDeliveryFailed = "delivery_failed" // an attempt failed and will be repeated: failure, error, next
	eventDeadLetter     = "dead_letter"     // a delivery was given up
	eventBacklogHigh    = "backlog_high"    // four fifths of a limit are reached: bytes, limit
	eventCircuitOpen    = "circuit_open"    // an upstream is left alone for a while: error, next
)

var eventNames = []string{eventAccepted, eventRejected, eventDeliveryFailed, eventDeadLetter, eventBacklogHigh, eventCircuitOpen}

// eventOf maps the outcomes of the live stream to events.
var eventOf = map[string]string{
	"accepted":     eventAccepted,
	"refused":      eventRejected,
	"retry":        eventDeliveryFailed,
	"dead_letter":  eventDeadLetter,
	"circuit_open": eventCircuitOpen,
}

// A backlog is high from four fifths of its limit on, and has to fall below
// seven tenths before it can be called so again.
const (
	backlogHigh  = 0.8
	backlogCalm  = 0.7
	backlogPause = time.Second // at least this long between two looks at a backlog
	drainTime    = time.Second // for events that are in the buffer when a configuration stops
)

// teller emits outcomes of the live stream as Caddy's events. Handlers of events run one
// after the other and may be slow, so it has a goroutine of its own. Outcomes that do
// not fit into the stream's buffer are left out, as for any reader.
type teller struct {
	app    *App
	ctx    caddy.Context
	events *caddyevents.App
	reads  *listener
	stop   func()
	done   chan struct{}
	ended  chan struct{}

	looked time.Time       // at the backlog
	high   map[string]bool // endpoints, and "" for all, whose backlog was called high
}

// tellers are those of the configurations that run, the newest last. While one takes over
// from the other there are two. The newer one emits the events since it began to listen.
var tellers struct {
	sync.Mutex
	all []*teller
}

// findEvents finds Caddy's events app, where the configuration or another module
// has one.
func (a *App) findEvents(ctx caddy.Context) error {
	app, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("loading the events app: %w", err)
	}
	a.subscribed = app.(*caddyevents.App)
	return nil
}

// startTelling starts a teller if a handler has subscribed to any of the events.
func (a *App) startTelling() {
	if len(a.events) == 0 {
		return
	}
	asked := len(a.subscribed.Subscriptions) > 0 // which are bound when that app starts, maybe after this one
	for name := range a.events {
		asked = asked || a.subscribed.ShouldEmit(name)
	}
	if !asked {
		return
	}
	t := &teller{
		app: a, ctx: a.ctx, events: a.subscribed,
		done: make(chan struct{}), ended: make(chan struct{}), high: make(map[string]bool),
	}
	tellers.Lock()
	t.reads, t.stop = outcomes.listen(t.wants)
	tellers.all = append(tellers.all, t)
	tellers.Unlock()
	a.telling = t
	go t.run()
}

// stopTelling stops the teller once it has emitted the events in its buffer.
func (a *App) stopTelling() {
	t := a.telling
	if t == nil {
		return
	}
	a.telling = nil
	t.stop()
	close(t.done)
	<-t.ended
	tellers.Lock()
	tellers.all = slices.DeleteFunc(tellers.all, func(other *teller) bool { return other == t })
	tellers.Unlock()
}

// wants selects the outcomes that become events or can make a backlog grow.
func (t *teller) wants(e *adminapi.Event) bool {
	return t.app.events[eventOf[e.Outcome]] || t.app.events[eventBacklogHigh] && (e.Outcome == "accepted" || e.Outcome == "unavailable")
}

// speaks reports whether it is for this teller to emit an event, and not for a newer one.
func (t *teller) speaks(e liveEvent) bool {
	tellers.Lock()
	defer tellers.Unlock()
	newer := tellers.all[slices.Index(tellers.all, t)+1:]
	return !slices.ContainsFunc(newer, func(n *teller) bool { return n.reads.first <= e.number })
}

func (t *teller) run() {
	defer close(t.ended)
	for {
		select {
		case e := <-t.reads.events:
			t.tell(e)
		case <-t.done:
			t.drain()
			return
		}
	}
}

// drain emits the events in the buffer. A slow handler delays the reload by drainTime and
// one event at most.
func (t *teller) drain() {
	for deadline := time.Now().Add(drainTime); time.Now().Before(deadline); {
		select {
		case e := <-t.reads.events:
			t.tell(e)
		default:
			return
		}
	}
}

func (t *teller) tell(live liveEvent) {
	if !t.speaks(live) {
		return
	}
	e := live.Event
	if name := eventOf[e.Outcome]; t.app.events[name] && t.events.ShouldEmit(name) {
		t.app.showing(e.Endpoint).event(&e)
		t.events.Emit(t.ctx, name, dataOf(e))
	}
	if t.app.events[eventBacklogHigh] && (e.Outcome == "accepted" || e.Outcome == "unavailable") {
		t.look()
	}
}

// dataOf returns the data of the event that is made of an outcome.
func dataOf(e adminapi.Event) map[string]any {
	data := map[string]any{"endpoint": e.Endpoint}
	for name, text := range map[string]string{
		"message_id": e.MessageID, "event_id": headerValue(e.EventID), "event_type": headerValue(e.EventType),
		"reason": e.Reason, "failure": e.Failure, "error": headerValue(e.Error),
	} {
		if text != "" {
			data[name] = text
		}
	}
	if e.Forward != nil && *e.Forward != "" {
		data["forward"] = *e.Forward
	}
	if e.Attempt > 0 {
		data["attempt"] = e.Attempt
	}
	if e.Status > 0 {
		data["status"] = e.Status
	}
	if !e.Next.IsZero() {
		data["next"] = e.Next.Format(time.RFC3339)
	}
	return data
}

// look compares the backlogs with their limits, not more often than need be.
func (t *teller) look() {
	now := time.Now()
	if now.Sub(t.looked) < backlogPause {
		return
	}
	t.looked = now
	shared, release, err := t.app.use()
	if err != nil {
		return
	}
	defer release()
	stats := shared.store.Stats()
	t.compare("", stats.Bytes, stats.Limit)
	for name, h := range t.app.endpoints {
		if h.MaxBacklog > 0 {
			t.compare(name, backlogOf(h, stats), h.MaxBacklog)
		}
	}
}

// backlogOf returns the bytes of an endpoint's backlog.
func backlogOf(h *Handler, stats queue.Stats) (bytes int64) {
	for _, f := range h.Forwards {
		bytes += stats.Destinations[f.destination].Bytes
	}
	return bytes
}

func (t *teller) compare(endpoint string, bytes, limit int64) {
	if limit <= 0 {
		return
	}
	switch share := float64(bytes) / float64(limit); {
	case share < backlogCalm:
		t.high[endpoint] = false
	case share >= backlogHigh && !t.high[endpoint]:
		t.high[endpoint] = true
		t.events.Emit(t.ctx, eventBacklogHigh, map[string]any{"endpoint": endpoint, "bytes": bytes, "limit": limit})
	}
}

// tellCircuit sends a change of a circuit to the live stream.
func (f *Forward) tellCircuit(state queue.CircuitState, health queue.Health) {
	if !outcomes.wanted() {
		return
	}
	outcomes.tell("circuit", adminapi.Event{
		At: health.Since.UTC(), Endpoint: f.endpoint.Name, Forward: &f.Name, Outcome: "circuit_" + string(state),
		Error: health.Last, Next: utc(health.Probe),
	})
}
