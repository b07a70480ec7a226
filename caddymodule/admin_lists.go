package caddymodule

import (
	"net/http"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// list is the query of both lists.
func (a *adminAPI) list(r *http.Request) (o *opened, f queue.Filter, after queue.Cursor, limit int, err error) {
	query := r.URL.Query()
	if limit, err = parseLimit(query.Get("limit"), defaultPage, adminapi.MaxPage); err != nil {
		return o, f, after, limit, err
	}
	if o, err = a.open(); err != nil {
		return o, f, after, limit, err
	}
	if f, err = o.settle(adminapi.FilterFromQuery(query), time.Now()); err != nil {
		o.release()
		return nil, f, after, limit, err
	}
	return o, f, queue.Cursor(query.Get("after")), limit, nil
}

func (a *adminAPI) messages(w http.ResponseWriter, r *http.Request) error {
	o, f, after, limit, err := a.list(r)
	if err != nil {
		return err
	}
	defer o.release()
	page, err := o.store.Messages(r.Context(), f, after, limit)
	if err != nil {
		return err
	}
	stats, now := o.shared.store.Stats().Destinations, time.Now()
	answer := adminapi.Messages{Messages: make([]adminapi.MessageEntry, len(page.Messages)), Next: page.Next}
	for i, m := range page.Messages {
		red := o.redactor(m.Endpoint)
		answer.Messages[i] = adminapi.MessageEntry{Summary: summaryOf(m.Summary, red), Deliveries: make([]adminapi.DeliveryState, len(m.Deliveries))}
		for j, d := range m.Deliveries {
			answer.Messages[i].Deliveries[j] = stateOf(d, red)
			answer.Messages[i].Deliveries[j].Why = o.whyWaits(stats[d.Destination], d, now)
		}
		if a.holder != nil { // who listens need not know how the upstreams are
			answer.Messages[i].Deliveries = []adminapi.DeliveryState{}
		}
	}
	if a.holder == nil {
		answer.Note = o.noteOf(r.Context(), f, pageOf{len(page.Messages), page.Next, after})
	}
	return writeJSON(w, answer)
}

func (a *adminAPI) deliveries(w http.ResponseWriter, r *http.Request) error {
	o, f, after, limit, err := a.list(r)
	if err != nil {
		return err
	}
	defer o.release()
	page, err := o.store.Deliveries(r.Context(), f, after, limit)
	if err != nil {
		return err
	}
	stats, now := o.shared.store.Stats().Destinations, time.Now()
	answer := adminapi.Deliveries{Deliveries: make([]adminapi.Delivery, len(page.Entries)), Next: page.Next}
	for i, e := range page.Entries {
		red := o.redactor(e.Endpoint)
		answer.Deliveries[i] = adminapi.Delivery{Summary: summaryOf(e.Summary, red), DeliveryState: stateOf(e.DeliveryState, red)}
		answer.Deliveries[i].Why = o.whyWaits(stats[e.Destination], e.DeliveryState, now)
	}
	answer.Note = o.noteOf(r.Context(), f, pageOf{len(page.Entries), page.Next, after})
	return writeJSON(w, answer)
}

func summaryOf(s queue.Summary, red *redactor) adminapi.Summary {
	return adminapi.Summary{
		ID: s.ID, ReceivedAt: s.ReceivedAt.UTC(), Endpoint: s.Endpoint,
		EventID: red.plain(s.EventID), EventType: red.plain(s.EventType), Size: s.Size,
	}
}

func stateOf(d queue.DeliveryState, red *redactor) adminapi.DeliveryState {
	s := adminapi.DeliveryState{
		Forward: d.Destination.Forward, Destination: d.Destination.String(), State: d.State, Claimed: d.Claimed, Attempts: d.Attempts,
		Next: utc(d.Next), Ended: utc(d.Ended), Redelivered: utc(d.Redelivered),
	}
	if d.Last != nil {
		last := attemptOf(*d.Last, red)
		s.Last = &last
	}
	if d.Err != nil {
		s.Damaged = d.Err.Error()
	}
	return s
}

func attemptOf(a queue.Attempt, red *redactor) adminapi.Attempt {
	return adminapi.Attempt{
		Number: a.Number, At: a.At.UTC(), Duration: a.Duration.Seconds(), Failure: a.Failure, Status: a.Status,
		Error: red.answer(a.Error), Excerpt: red.answer(a.Excerpt),
	}
}

// utc leaves the zero time alone.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}
