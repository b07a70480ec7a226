package caddymodule

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// parseID reads a message's ID.
func parseID(s string) (queue.ID, error) {
	id, err := uuid.Parse(s)
	if err != nil || len(s) != 36 {
		return id, badRequest("%q is no message's ID, which looks like 019aa5c5-8a5e-7cc1-b3a4-0c2b6a1f3e57", s)
	}
	return id, nil
}

// look returns a message, or says as much as can be known of where it is.
func (o *opened) look(ctx context.Context, id queue.ID) (*queue.Inspection, error) {
	found, err := o.store.Look(ctx, id)
	if len(o.only) > 0 && (err != nil || !o.shows(found.Endpoint)) {
		return nil, apiFailure(http.StatusNotFound, "there is no message %s in the endpoints that you may see", id)
	}
	if !errors.Is(err, queue.ErrNotFound) {
		return found, err
	}
	var gone *queue.GoneError
	if errors.As(err, &gone) {
		return nil, err
	}
	if id.Version() != 7 {
		return nil, apiFailure(http.StatusNotFound, "there is no message %s, and none can have such an ID", id)
	}
	received := time.UnixMilli(int64(id[0])<<40 | int64(id[1])<<32 | int64(id[2])<<24 | int64(id[3])<<16 | int64(id[4])<<8 | int64(id[5]))
	if kept := o.longestRetention(); time.Since(received) > kept {
		return nil, apiFailure(http.StatusNotFound, "there is no message %s; its ID is of %s, and ended events are kept for %s, so it may have gone",
			id, received.UTC().Format(time.RFC3339), orNothing(kept))
	}
	return nil, apiFailure(http.StatusNotFound, "there is no message %s", id)
}

// find returns the message of the path. The caller releases what is open.
func (a *adminAPI) find(r *http.Request) (*opened, *queue.Inspection, error) {
	id, err := parseID(r.PathValue("id"))
	if err != nil {
		return nil, nil, err
	}
	o, err := a.open()
	if err != nil {
		return nil, nil, err
	}
	found, err := o.look(r.Context(), id)
	if err != nil {
		o.release()
		return nil, nil, err
	}
	return o, found, nil
}

// orNothing is a duration in words.
func orNothing(d time.Duration) string {
	if d <= 0 {
		return "no time at all"
	}
	return span(d)
}

func (a *adminAPI) message(w http.ResponseWriter, r *http.Request) error {
	limit, err := parseLimit(r.URL.Query().Get("limit"), defaultShown, maxShownBody)
	if err != nil {
		return err
	}
	o, found, err := a.find(r)
	if err != nil {
		return err
	}
	defer o.release()
	red := o.redactor(found.Endpoint)
	answer := adminapi.Message{Summary: summaryOf(found.Summary, red), Deliveries: make([]adminapi.History, len(found.Deliveries))}
	if found.Err != nil {
		answer.Damaged = found.Err.Error()
	}
	if m := found.Message; m != nil {
		answer.EventID, answer.EventType = red.plain(m.EventID), red.plain(m.EventType)
		answer.ReceivedAt = m.ReceivedAt.UTC()
		answer.Provider, answer.Timestamp, answer.Signed = m.Provider, utc(m.Timestamp), m.Signed
		answer.TraceID = traceID(m.Header)
		answer.Request = requestOf(m, red, limit)
		red = red.quoting(m)
	}
	stats := o.shared.store.Stats().Destinations
	for i, d := range found.Deliveries {
		answer.Deliveries[i] = adminapi.History{DeliveryState: stateOf(d.DeliveryState, red), History: make([]adminapi.Attempt, len(d.History))}
		answer.Deliveries[i].Why = o.whyWaits(stats[d.Destination], d.DeliveryState, time.Now())
		for j, attempt := range d.History {
			answer.Deliveries[i].History[j] = attemptOf(attempt, red)
		}
	}
	return writeJSON(w, answer)
}

// requestOf is a request as people may see it, with at most limit bytes of its
// body. It is redacted before it is cut: half a secret is still too much of it.
func requestOf(m *queue.Message, red *redactor, limit int) *adminapi.Request {
	q := &adminapi.Request{
		Method: red.plain(m.Method), URI: red.uri(m.URI), Host: red.plain(m.Host), Proto: m.Proto,
		RemoteAddr: m.RemoteAddr, ClientIP: m.ClientIP, TLS: m.TLS, TrustedProxy: m.TrustedProxy,
		Header: red.header(m.Header), BodyBytes: int64(len(m.Body)),
	}
	body := red.body(m.Body, m.Header)
	text := utf8.Valid(body)
	if len(body) > limit {
		q.Truncated = true
		body = body[:limit]
		for text && !utf8.Valid(body) { // cut between characters
			body = body[:len(body)-1]
		}
	}
	if text {
		q.Body = string(body)
	} else {
		q.Body, q.Encoding = base64.StdEncoding.EncodeToString(body), "base64"
	}
	return q
}

func (a *adminAPI) body(w http.ResponseWriter, r *http.Request) error {
	o, found, err := a.find(r)
	if err != nil {
		return err
	}
	defer o.release()
	if found.Message == nil {
		return apiFailure(http.StatusUnprocessableEntity, "message %s is damaged: %v", found.ID, found.Err)
	}
	body := o.redactor(found.Endpoint).body(found.Message.Body, found.Message.Header)
	// Whatever it is, a browser is not to run it.
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, err = w.Write(body)
	return err
}

// undelivered returns the deliveries of a message that are not delivered, or all of them
// if all are: a redelivery without a forward is for the ones that failed.
func undelivered(all []queue.DeliveryHistory) []queue.DeliveryHistory {
	some := slices.DeleteFunc(slices.Clone(all), func(d queue.DeliveryHistory) bool { return d.State == queue.StateDelivered })
	if len(some) == 0 {
		return all
	}
	return some
}

func (a *adminAPI) redeliverMessage(w http.ResponseWriter, r *http.Request) error {
	var ask adminapi.Redeliver
	if err := readJSON(r, &ask); err != nil {
		return err
	}
	o, found, err := a.find(r)
	if err != nil {
		return err
	}
	defer o.release()
	answer := adminapi.Redelivered{ID: found.ID, Destinations: []string{}, Skipped: make(map[string]string)}
	var failed error
	var reached []queue.Destination
	done := func(destinations []queue.Destination, to queue.Destination, err error) {
		if err == nil {
			answer.Destinations = append(answer.Destinations, textsOf(destinations)...)
			reached = append(reached, destinations...)
			return
		}
		failed = err
		answer.Skipped[to.String()] = err.Error()
	}
	if ask.Forward != nil {
		if _, err := o.checkTarget(found.Endpoint, ask.Forward); err != nil {
			return err
		}
		to := queue.Destination{Endpoint: found.Endpoint, Forward: *ask.Forward}
		done([]queue.Destination{to}, to, o.redeliverTo(r.Context(), found, to))
	} else {
		for _, d := range undelivered(found.Deliveries) {
			sent, err := o.again(r.Context(), found, d.DeliveryState)
			done(sent, d.Destination, err)
		}
	}
	if len(answer.Destinations) == 0 && failed != nil {
		return failed
	}
	answer.Held = o.heldOf(reached)
	slices.Sort(answer.Destinations)
	return writeJSON(w, answer)
}
