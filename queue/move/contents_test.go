package move_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// contents is everything that the methods of a store show.
type contents struct {
	Messages []queue.Inspection
	Lists    map[string][]queue.Entry
	Removed  []string
	Known    map[string]string // until when, by key
	Secrets  map[string][]string
	Backlog  map[string]queue.DestinationStats
}

// read reads a place as a gateway would, by methods of the store alone.
// like are the expected ones, if there are any.
func read(t *testing.T, p place, now time.Time, removed []queue.ID, like contents) (c contents) {
	t.Helper()
	f := &filler{T: t, now: now}
	var err error
	f.store, err = p.open(f.clock)
	f.ok(err)
	defer func() { f.ok(f.Close()) }()
	ctx := t.Context()
	c = contents{Lists: map[string][]queue.Entry{}, Known: map[string]string{}, Secrets: map[string][]string{}, Backlog: map[string]queue.DestinationStats{}}
	for name, filter := range map[string]queue.Filter{
		"all": {}, "acme": {Endpoint: "acme"}, "app": {Destination: app}, "type": {EventType: "type.*1"}, "event": {EventID: "evt_4"}, "since": {Since: start.Add(time.Minute)},
		"waiting": {States: []queue.State{queue.StateWaiting}}, "dead": {States: []queue.State{queue.StateDead}}, "delivered": {States: []queue.State{queue.StateDelivered}},
		"cancelled": {States: []queue.State{queue.StateCancelled}}, "unrouted": {States: []queue.State{queue.StateUnrouted}},
	} {
		var after queue.Cursor
		for {
			page, err := f.Deliveries(ctx, filter, after, 7)
			f.ok(err)
			c.Lists[name] = append(c.Lists[name], page.Entries...)
			if after = page.Next; after == "" {
				break
			}
		}
		if len(c.Lists[name]) == 0 {
			t.Errorf("the list %s is empty", name)
		}
		slices.SortStableFunc(c.Lists[name], func(a, b queue.Entry) int {
			switch { // deliveries of one message, or due at one time, have no order of their own
			case a.ID == b.ID:
				return a.Destination.Compare(b.Destination)
			case name == "waiting":
				return bytes.Compare(a.ID[:], b.ID[:])
			}
			return 0
		})
	}
	page, err := f.Messages(ctx, queue.Filter{}, "", 1000)
	f.ok(err)
	for _, m := range page.Messages {
		in, err := f.Look(ctx, m.ID)
		f.ok(err)
		slices.SortFunc(in.Deliveries, func(a, b queue.DeliveryHistory) int { return a.Destination.Compare(b.Destination) })
		c.Messages = append(c.Messages, *in)
	}
	for _, id := range removed {
		_, err := f.Look(ctx, id)
		c.Removed = append(c.Removed, fmt.Sprint(err))
	}
	for n := range byte(180) {
		c.Known[fmt.Sprint(n)] = f.known(queue.Key{n}, now, like.Known[fmt.Sprint(n)])
	}
	for _, endpoint := range []string{"acme", "learns only", "nobody"} {
		c.Secrets[endpoint], err = f.Learnt(ctx, endpoint)
		f.ok(err)
	}
	for d, s := range f.Stats().Destinations {
		s.Owner, s.Elsewhere = "", false
		if s != (queue.DestinationStats{}) {
			c.Backlog[d.String()] = s
		}
	}
	return c
}

// known says until when a key is known, to the nanosecond. It tries a guess first. It renews
// nothing: the window is too short.
func (f *filler) known(k queue.Key, now time.Time, guess string) string {
	f.Helper()
	seen := func(at time.Time) bool {
		v, err := f.Seen(f.Context(), queue.Identity{Key: k, Window: 1}, at)
		f.ok(err)
		return v == queue.Duplicate
	}
	if !seen(now) {
		return "unknown"
	}
	if at, err := time.Parse(time.RFC3339Nano, guess); err == nil && seen(at.Add(-1)) && !seen(at) {
		return guess
	}
	lower, upper := now, now.Add(1000*hour) // known, unknown
	for upper.Sub(lower) > 1 {
		if middle := lower.Add(upper.Sub(lower) / 2); seen(middle) {
			lower = middle
		} else {
			upper = middle
		}
	}
	return upper.UTC().Format(time.RFC3339Nano)
}

// compare compares two contents by their JSON, with all times in UTC.
func compare(t *testing.T, what string, got, want contents) {
	t.Helper()
	for name := range reflect.TypeFor[contents]().Fields() {
		g, w := asJSON(t, reflect.ValueOf(got).FieldByIndex(name.Index)), asJSON(t, reflect.ValueOf(want).FieldByIndex(name.Index))
		if g == w {
			continue
		}
		gl, wl := strings.Split(g, "\n"), strings.Split(w, "\n")
		for i := range max(len(gl), len(wl)) {
			if i >= len(gl) || i >= len(wl) || gl[i] != wl[i] {
				t.Errorf("%s: %s differs at line %d:\ngot  %s\nwant %s", what, name.Name, i, strings.Join(gl[max(0, i-8):min(len(gl), i+3)], "\n     "), strings.Join(wl[max(0, i-8):min(len(wl), i+3)], "\n     "))
				break
			}
		}
	}
}

func asJSON(t *testing.T, v reflect.Value) string {
	t.Helper()
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	walk(p, func(v reflect.Value) {
		if at, ok := v.Interface().(time.Time); ok && v.CanSet() {
			v.Set(reflect.ValueOf(at.UTC().Round(0)))
		}
	})
	b, err := json.MarshalIndent(p.Interface(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// walk calls f for each value that can be reached.
func walk(v reflect.Value, f func(reflect.Value)) {
	f(v)
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			walk(v.Elem(), f)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				walk(v.Field(i), f)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			walk(v.Index(i), f)
		}
	case reflect.Map:
		for iter := v.MapRange(); iter.Next(); {
			e := reflect.New(v.Type().Elem()).Elem() // a value in a map cannot be set
			e.Set(iter.Value())
			walk(e, f)
			v.SetMapIndex(iter.Key(), e)
		}
	}
}

// never are the fields that a stopped store does not have.
var never = []string{
	"DeliveryState.Claimed", "DeliveryState.Err", "Inspection.Err", // an attempt under way, damage
	"DestinationStats.Claimed", "DestinationStats.Owner", "DestinationStats.Elsewhere",
}
