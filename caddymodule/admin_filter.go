package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// Limits of the API.
const (
	defaultPage    = 100
	maxCount       = 100_000
	maxRequest     = 1 << 20 // bytes of a request's body
	maxShownBody   = 1 << 20 // bytes of a message's body in JSON
	defaultShown   = 64 << 10
	atOnce         = 64              // changes under way, which share the disk's commits
	longestRequest = 5 * time.Second // then a chunk ends early
)

func badRequest(format string, args ...any) error {
	return apiFailure(http.StatusBadRequest, format, args...)
}

// settle checks a filter and makes one for the store.
func (o *opened) settle(f adminapi.Filter, now time.Time) (queue.Filter, error) {
	q := queue.Filter{Endpoint: f.Endpoint, EventType: f.Type, EventID: f.EventID}
	if f.Forward != nil && f.Endpoint == "" {
		return q, badRequest("forward: say of which endpoint it is")
	}
	if f.Endpoint != "" {
		if _, err := o.checkTarget(f.Endpoint, f.Forward); err != nil {
			return q, err
		}
		if f.Forward != nil {
			q.Destination = queue.Destination{Endpoint: f.Endpoint, Forward: *f.Forward}
		}
	}
	if f.Endpoint == "" && f.ID == "" && len(o.only) > 0 { // the store selects by one endpoint, or by none
		if len(o.only) > 1 {
			return q, badRequest("endpoint: say which one; you may see %s", someOf(o.only))
		}
		q.Endpoint = o.only[0]
	}
	var err error
	if q.States, err = parseStates(f.State); err != nil {
		return q, err
	}
	if q.Since, err = adminapi.ParseTime(f.Since, now); err != nil {
		return q, badRequest("since: %w", err)
	}
	if q.Until, err = adminapi.ParseTime(f.Until, now); err != nil {
		return q, badRequest("until: %w", err)
	}
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		return q, badRequest("since (%s) is not before until (%s), so nothing can match", q.Since.UTC().Format(time.RFC3339), q.Until.UTC().Format(time.RFC3339))
	}
	return q, nil
}

// parseStates reads states with commas between. None: every state.
func parseStates(s string) (states []queue.State, err error) {
	if s == "" || s == "all" {
		return nil, nil
	}
	for name := range strings.SplitSeq(s, ",") {
		state := queue.State(strings.TrimSpace(name))
		if !slices.Contains(adminapi.States, state) {
			words := make([]string, len(adminapi.States))
			for i, known := range adminapi.States {
				words[i] = string(known)
			}
			meant := didYouMean(name, words)
			if known := adminapi.StateMeant[name]; known != "" {
				meant = " (did you mean " + string(known) + "?)"
			}
			return nil, badRequest("state: there is no %q%s; there are %s, and all", name, meant, strings.Join(words, ", "))
		}
		if !slices.Contains(states, state) {
			states = append(states, state)
		}
	}
	return states, nil
}

// parseLimit reads how many are asked for.
func parseLimit(s string, usual, most int) (int, error) {
	if s == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, badRequest("limit: it is a number from 1 to %d", most)
	}
	return n, nil
}

// readJSON reads a request's body into v. An empty one leaves v as it is.
func readJSON(r *http.Request, v any) error {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	switch {
	case err != nil:
		return badRequest("reading the request: %w", err)
	case len(b) > maxRequest:
		return apiFailure(http.StatusRequestEntityTooLarge, "the request has more than %d bytes", maxRequest)
	case len(strings.TrimSpace(string(b))) == 0:
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		var mistyped *json.UnmarshalTypeError
		if errors.As(err, &mistyped) {
			return badRequest("the request is not the JSON that is due: %s", mistypedIn(mistyped))
		}
		return badRequest("the request is not the JSON that is due: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if d.More() {
		return badRequest("behind the request's JSON there is more")
	}
	return nil
}

// mistypedIn says it without the names of Go's types.
func mistypedIn(err *json.UnmarshalTypeError) string {
	due := map[reflect.Kind]string{reflect.Struct: "an object", reflect.String: "a text", reflect.Int: "a whole number"}[err.Type.Kind()]
	if due == "" {
		due = "another type"
	}
	where := "it"
	if err.Field != "" {
		where = err.Field
	}
	return fmt.Sprintf("%s is %s where %s is due", where, err.Value, due)
}

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
