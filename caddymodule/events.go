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

// What Caddy's events app is told, and when. Each has the data endpoint, and as
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
)

// teller tells Caddy's events app what the live stream says. Handlers of events
// run one after the other and may be slow, so it does that in a goroutine of its
// own; what does not fit into the stream's buffer is left out, as for any reader.
type teller struct {
	app    *App
	ctx    caddy.Context
	events *caddyevents.App
	stop   func()
	done   chan struct{}
	ended  chan struct{}

	looked time.Time       // at the backlog
	high   map[string]bool // endpoints, and "" for all, whose backlog was called high
}

// tellers are those of the configurations that run. While one takes over from the
// other there are two, of which the newer one speaks.
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

// startTelling begins to tell, if anybody has subscribed to any of it.
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
	l, stop := outcomes.listen(t.wants)
	t.stop = stop
	tellers.Lock()
	tellers.all = append(tellers.all, t)
	tellers.Unlock()
	a.telling = t
	go t.run(l)
}

// stopTelling ends it.
func (a *App) stopTelling() {
	t := a.telling
	if t == nil {
		return
	}
	a.telling = nil
	tellers.Lock()
	tellers.all = slices.DeleteFunc(tellers.all, func(other *teller) bool { return other == t })
	tellers.Unlock()
	t.stop()
	close(t.done)
	<-t.ended
}

// wants picks what an event is made of, and what a backlog may grow by.
func (t *teller) wants(e *adminapi.Event) bool {
	return t.app.events[eventOf[e.Outcome]] || t.app.events[eventBacklogHigh] && (e.Outcome == "accepted" || e.Outcome == "unavailable")
}

func (t *teller) speaks() bool {
	tellers.Lock()
	defer tellers.Unlock()
	return len(tellers.all) > 0 && tellers.all[len(tellers.all)-1] == t
}

func (t *teller) run(l *listener) {
	defer close(t.ended)
	for {
		select {
		case <-t.done:
			return
		case e := <-l.events:
			if t.speaks() {
				t.tell(e.Event)
			}
		}
	}
}

func (t *teller) tell(e adminapi.Event) {
	if name := eventOf[e.Outcome]; t.app.events[name] && t.events.ShouldEmit(name) {
		if h := t.app.endpoints[e.Endpoint]; h != nil {
			h.redacting().event(&e)
		}
		t.events.Emit(t.ctx, name, dataOf(e))
	}
	if t.app.events[eventBacklogHigh] && (e.Outcome == "accepted" || e.Outcome == "unavailable") {
		t.look()
	}
}

// dataOf is what a handler of events gets to see of an outcome.
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

// backlogOf adds up what an endpoint's forwards have waiting.
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

// tellCircuit tells that a circuit has opened, is probing, or has closed.
func (f *Forward) tellCircuit(state queue.CircuitState, health queue.Health) {
	if outcomes.listeners() == 0 {
		return
	}
	outcomes.tell("circuit", adminapi.Event{
		At: health.Since.UTC(), Endpoint: f.endpoint.Name, Forward: &f.Name, Outcome: "circuit_" + string(state),
		Error: health.Last, Next: utc(health.Probe),
	})
}
