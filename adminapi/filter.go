package adminapi

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// States are the states of a delivery, in the order in which they are listed.
var States = []queue.State{queue.StateWaiting, queue.StateDelivered, queue.StateDead, queue.StateCancelled, queue.StateUnrouted}

// StateNames are the states as texts.
func StateNames() []string {
	names := make([]string, len(States))
	for i, s := range States {
		names[i] = string(s)
	}
	return names
}

// StateMeant are states under other words that people use.
var StateMeant = map[string]queue.State{
	"dead": queue.StateDead, "failed": queue.StateDead, "dlq": queue.StateDead, "buried": queue.StateDead,
	"pending": queue.StateWaiting, "queued": queue.StateWaiting, "retrying": queue.StateWaiting,
	"done": queue.StateDelivered, "success": queue.StateDelivered, "succeeded": queue.StateDelivered,
}

// Outcomes are the words by which the live stream can be narrowed.
var Outcomes = []string{
	"accepted", "duplicate", "replayed", "refused", "observed", "limited", "unavailable", "failed", "aborted",
	"delivered", "retry", "dead_letter", "released",
	"circuit_open", "circuit_half_open", "circuit_closed",
}

// MaxPage is how many messages or deliveries a page has at most.
const MaxPage = 1000

// FilterFromQuery reads a filter from the query of a URL. It is the reverse of
// [Filter.Query], and checks nothing.
func FilterFromQuery(query url.Values) Filter {
	f := Filter{
		Endpoint: query.Get("endpoint"), State: query.Get("state"), Type: query.Get("type"),
		EventID: query.Get("event_id"), Since: query.Get("since"), Until: query.Get("until"),
	}
	if forward, ok := query["forward"]; ok {
		f.Forward = &forward[0]
	}
	return f
}

// Query is the filter in a URL.
func (f Filter) Query() url.Values {
	q := make(url.Values)
	for name, value := range map[string]string{
		"endpoint": f.Endpoint, "state": f.State, "type": f.Type, "event_id": f.EventID, "since": f.Since, "until": f.Until,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Forward != nil {
		q.Set("forward", *f.Forward)
	}
	return q
}

var errTime = errors.New("it is neither a time such as 14:00, yesterday, 2026-01-31 or 2026-01-31T12:00:00Z nor how long ago, such as 2h or 3d")

// dayLayouts are times without a zone, which are in that of now.
var dayLayouts = []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, "2006-01-02T15:04", "2006-01-02T15:04:05"}

// ParseTime reads a time as in RFC 3339, or a duration back from now such as 2h
// or 3d, or a day or a time of day in the zone of now: today, yesterday, 2026-01-31,
// 14:00 (the last one), 2026-01-31 14:00. Empty: the zero time, which stands for no
// limit. A time before 1970 is the beginning of that year: there are no earlier events.
func ParseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := parseTime(s, now)
	if first := time.Unix(0, 0); err == nil && t.Before(first) {
		t = first
	}
	return t, err
}

func parseTime(s string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	year, month, day := now.Date()
	midnight := func(days int) time.Time { return time.Date(year, month, day+days, 0, 0, 0, 0, now.Location()) }
	switch s {
	case "today":
		return midnight(0), nil
	case "yesterday":
		return midnight(-1), nil
	}
	for _, layout := range dayLayouts {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04", time.TimeOnly} {
		clock, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		for back := range 2 {
			t := time.Date(year, month, day-back, clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
			if !t.After(now) {
				return t, nil
			}
		}
	}
	d, err := time.ParseDuration(days.ReplaceAllStringFunc(s, inHours))
	if err != nil || d < 0 {
		return time.Time{}, errTime
	}
	return now.Add(-d), nil
}

// days finds the days of a duration, a unit that package time does not have.
var days = regexp.MustCompile(`[0-9.]+d`)

// inHours writes days as hours. A number that is none stays as it is, and fails
// later.
func inHours(s string) string {
	n, err := strconv.ParseFloat(strings.TrimSuffix(s, "d"), 64)
	if err != nil {
		return s
	}
	return strconv.FormatFloat(24*n, 'f', -1, 64) + "h"
}
