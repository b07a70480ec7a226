package caddymodule

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// tell sends the outcome of a request to the live stream.
func (f *facts) tell(outcome string) { f.tellWith(outcome, adminapi.Event{}) }

// tellWith is tell for an event that says more than the facts.
func (f *facts) tellWith(outcome string, more adminapi.Event) {
	last, hour := &f.last.requests, &f.last.recentRequest
	switch outcome {
	case "accepted":
		last.note(true, f.receivedAt, "")
		hour.count(recentAccepted, uptime())
	case "refused", "observed":
		last.note(false, f.receivedAt, f.reason)
		hour.count(recentRefused, uptime())
	case "duplicate", "replayed":
		hour.count(recentDropped, uptime())
	}
	if !outcomes.wanted() {
		return
	}
	e := more
	e.At, e.Endpoint, e.Outcome, e.Reason, e.RefusedID, e.MessageID = f.receivedAt.UTC(), f.endpoint, outcome, f.reason, f.refusedID, f.messageID
	e.EventID, e.EventType, e.ClientIP, e.Duration = f.eventID, f.eventType, f.client, time.Since(f.receivedAt).Seconds()
	outcomes.tell("request", e)
}

// maxToldURI is how long the URI of a refused request may be in the live stream. A longer
// one is left out: a part of it could contain half a secret, which is not recognised.
const maxToldURI = 2 << 10

// tellRefused is tell for a request that is refused, or would be.
func (q *request) tellRefused(outcome string, err error) {
	var more adminapi.Event
	if outcomes.wanted() {
		more = adminapi.Event{Method: q.r.Method, URI: originalURI(q.r), Size: new(max(int64(len(q.in.body)), q.r.ContentLength))}
		if err != nil {
			more.Detail = detail(err)
		}
		if len(more.URI) > maxToldURI {
			more.URI = ""
		}
	}
	q.facts.tellWith(outcome, more)
}

// tellAttempt sends the outcome of an attempt to the live stream.
func (f *Forward) tellAttempt(a queue.Attempted) {
	last := &f.last.attempts
	if a.Outcome != queue.Released {
		now, outcome := uptime(), recentFailed
		if a.Outcome == queue.Delivered {
			outcome = recentDelivered
		}
		last.note(a.Outcome == queue.Delivered, a.Attempt.At.Add(a.Attempt.Duration), a.Attempt.Error)
		f.last.recentAttempt.count(outcome, now)
		f.last.recentAttempt.took(a.Attempt.Duration, now)
	}
	if !outcomes.wanted() {
		return
	}
	m := a.Delivery.Message
	next := a.Next
	if why := f.circuitOpen(time.Now()); why != nil && !next.IsZero() && why.Until.After(next) {
		next = why.Until // no attempt is made before
	}
	outcomes.tell("attempt", adminapi.Event{
		At: a.Attempt.At.UTC(), Endpoint: m.Endpoint, Forward: &a.Destination.Forward, Outcome: a.Outcome.String(),
		MessageID: m.ID.String(), EventID: m.EventID, EventType: m.EventType, ClientIP: m.ClientIP,
		Attempt: a.Attempt.Number, Status: a.Attempt.Status, Failure: string(a.Attempt.Failure),
		Error: a.Attempt.Error, Duration: a.Attempt.Duration.Seconds(), Next: utc(next),
	})
}

// tail streams outcomes until the reader goes, or the configuration does: the
// old admin endpoint could not end before.
func (a *adminAPI) tail(w http.ResponseWriter, r *http.Request) error {
	configuration := caddy.ActiveContext()
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
	all := r.URL.Query().Get("all")
	if all != "" && all != "true" && all != "false" {
		return badRequest("all: it is true or false, not %q", all)
	}
	l, gap, stop := outcomes.resume(cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("after")), wants)
	defer stop()
	node := ""
	if all == "true" {
		stopAll, err := o.followAll(l)
		if err != nil {
			return err
		}
		defer stopAll()
		node = o.node()
	}
	stream, end := newEventStream(w, r.Context(), configuration)
	defer end()
	if gap != nil && stream.event("gap", gap) != nil {
		return nil
	}
	red := o.app.showing // for each event anew: a secret may be learnt meanwhile
	restricted := len(o.only) > 0
	// A reader may stay for days, and the store has to close before that.
	o.release()
	o = nil
	stream.run(l, func(e *liveEvent) {
		red(e.Endpoint).event(&e.Event)
		switch {
		case restricted:
			e.Node = "" // not this reader's concern
		case e.number != fromElsewhere:
			e.Node = node
		}
	})
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
		if !slices.Contains(adminapi.Outcomes, word) {
			return nil, badRequest("outcome: there is no %q%s; there are %s", word, didYouMean(word, adminapi.Outcomes), strings.Join(adminapi.Outcomes, ", "))
		}
	}
	return func(e *adminapi.Event) bool {
		return o.shows(e.Endpoint) && (f.Endpoint == "" || f.Endpoint == e.Endpoint) &&
			(f.Forward == nil || e.Forward != nil && *f.Forward == *e.Forward) &&
			(words == nil || slices.Contains(words, e.Outcome))
	}, nil
}

// run writes the outcomes of a reader until the stream is over. prepare makes an outcome
// what this reader may see.
func (s *eventStream) run(l *listener, prepare func(*liveEvent)) {
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		var err error
		select {
		case e := <-l.events:
			prepare(&e)
			if e.number == fromElsewhere {
				err = s.event(e.name, e.Event)
			} else {
				err = s.eventWithID(e.name, l.id(&e), e.Event)
			}
			if lost := l.lost.Swap(0); lost > 0 && err == nil {
				err = s.event("lost", adminapi.Lost{Lost: lost})
			}
		case <-tick.C:
			err = s.comment("still here")
		case <-s.over.Done():
			return
		}
		if err != nil {
			return
		}
	}
}
