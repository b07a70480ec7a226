package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// tell tells what became of a request.
func (f *facts) tell(outcome string) {
	last := &outcomes.of(f.endpoint).requests
	switch outcome {
	case "accepted":
		last.note(true, f.receivedAt, "")
	case "refused", "observed":
		last.note(false, f.receivedAt, f.reason)
	}
	if outcomes.listeners() == 0 {
		return
	}
	outcomes.tell("request", adminapi.Event{
		At: f.receivedAt.UTC(), Endpoint: f.endpoint, Outcome: outcome, Reason: f.reason, MessageID: f.messageID,
		EventID: f.eventID, EventType: f.eventType, ClientIP: f.client, Duration: time.Since(f.receivedAt).Seconds(),
	})
}

// tellAttempt tells what came of an attempt.
func tellAttempt(a queue.Attempted) {
	last := &outcomes.of(a.Destination).attempts
	if a.Outcome != queue.Released {
		last.note(a.Outcome == queue.Delivered, a.Attempt.At.Add(a.Attempt.Duration), a.Attempt.Error)
	}
	if outcomes.listeners() == 0 {
		return
	}
	m := a.Delivery.Message
	_, forward := splitDestination(a.Destination)
	outcomes.tell("attempt", adminapi.Event{
		At: a.Attempt.At.UTC(), Endpoint: m.Endpoint, Forward: &forward, Outcome: a.Outcome.String(),
		MessageID: m.ID.String(), EventID: m.EventID, EventType: m.EventType, ClientIP: m.ClientIP,
		Attempt: a.Attempt.Number, Status: a.Attempt.Status, Failure: string(a.Attempt.Failure),
		Error: a.Attempt.Error, Duration: a.Attempt.Duration.Seconds(), Next: utc(a.Next),
	})
}

// keepAlive is how often a silent stream shows that it lives. It is a variable
// for the tests.
var keepAlive = 15 * time.Second

// liveOutcomes are the words by which a stream can be narrowed.
var liveOutcomes = []string{
	"accepted", "duplicate", "replayed", "refused", "observed", "limited", "unavailable", "failed", "aborted",
	"delivered", "retry", "dead_letter", "released",
	"circuit_open", "circuit_half_open", "circuit_closed",
}

// tail streams outcomes until the reader goes, or the configuration does: the
// old admin endpoint could not end before.
func (a *adminAPI) tail(w http.ResponseWriter, r *http.Request) error {
	o, err := a.open()
	if err != nil {
		return err
	}
	defer func() {
		if o != nil {
			o.release()
		}
	}()
	wants, err := o.tailFilter(r)
	if err != nil {
		return err
	}
	l, stop := outcomes.listen(wants)
	defer stop()
	stream := &eventStream{w: w, control: http.NewResponseController(w), red: func(endpoint string) *redactor {
		return o.redactor(r.Context(), endpoint)
	}}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	if err := stream.comment("listening"); err != nil {
		return nil
	}
	// A reader may stay for days, and the store has to close before that.
	o.release()
	defer func() { o = nil }()
	stream.run(r.Context(), caddy.ActiveContext(), l)
	return nil
}

// tailFilter makes the filter of a stream.
func (o *opened) tailFilter(r *http.Request) (func(*adminapi.Event) bool, error) {
	f := adminapi.FilterFromQuery(r.URL.Query())
	if f.Forward != nil && f.Endpoint == "" {
		return nil, badRequest("forward: say of which endpoint it is")
	}
	if f.Endpoint != "" {
		if _, err := o.checkTarget(f.Endpoint, f.Forward); err != nil {
			return nil, err
		}
	}
	var words []string
	if s := r.URL.Query().Get("outcome"); s != "" {
		words = strings.Split(s, ",")
	}
	for _, word := range words {
		if !slices.Contains(liveOutcomes, word) {
			return nil, badRequest("outcome: there is no %q%s; there are %s", word, didYouMean(word, liveOutcomes), strings.Join(liveOutcomes, ", "))
		}
	}
	return func(e *adminapi.Event) bool {
		return (f.Endpoint == "" || f.Endpoint == e.Endpoint) &&
			(f.Forward == nil || e.Forward != nil && *f.Forward == *e.Forward) &&
			(words == nil || slices.Contains(words, e.Outcome))
	}, nil
}

// eventStream writes server-sent events.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	red     func(endpoint string) *redactor
}

// writeTimeout is for a reader that has stopped reading.
const writeTimeout = 30 * time.Second

func (s *eventStream) run(reader, configuration context.Context, l *listener) {
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		var err error
		select {
		case e := <-l.events:
			s.red(e.Endpoint).event(&e.Event)
			err = s.event(e.name, e.Event)
			if lost := l.lost.Swap(0); lost > 0 && err == nil {
				err = s.event("lost", adminapi.Lost{Lost: lost})
			}
		case <-tick.C:
			err = s.comment("still here")
		case <-configuration.Done():
			_ = s.comment("the configuration has changed")
			return
		case <-reader.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

func (s *eventStream) event(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.send("event: %s\ndata: %s\n\n", name, b)
}

func (s *eventStream) comment(text string) error { return s.send(": %s\n\n", text) }

func (s *eventStream) send(format string, args ...any) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // who cannot, waits
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil {
		return err
	}
	return s.control.Flush()
}
