package move_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/move"
	"github.com/hookwicket/hookwicket/queue/pebble"
	"github.com/hookwicket/hookwicket/queue/pebble/moving"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

func TestMain(m *testing.M) {
	if os.Getenv(killAt) != "" {
		moveAndDie()
	}
	os.Exit(pgtest.Tests{M: m}.Run())
}

// place is a store in a test: a folder, or a schema of the database.
type place struct {
	Dir    string
	DSN    string
	Schema string
	Keys   [][]byte
	Now    time.Time
}

var key1, key2 = bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)

func folderPlace(t *testing.T, keys ...[]byte) place {
	return place{Dir: filepath.Join(t.TempDir(), "store"), Keys: keys, Now: start}
}

func schemaPlace(t *testing.T, keys ...[]byte) place {
	return place{DSN: pgtest.DSN(t), Schema: pgtest.Schema(t), Keys: keys, Now: start}
}

// start is the time at which all tests begin. The retention must not be over, nor the dedupe
// windows.
var start = time.Unix(1_800_000_000, 0)

// store is what both stores are.
type store interface {
	queue.Store
	queue.Inspector
	queue.Keeper
	Wake()
}

// open opens a place as a gateway does, with a clock.
func (p place) open(now func() time.Time) (store, error) {
	set := queue.DefaultSettings()
	set.Keys = p.Keys
	if p.Dir != "" {
		s, err := pebble.Open(pebble.Options{Dir: p.Dir, Settings: set, Now: now})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := postgres.Open(postgres.Options{DSN: p.DSN, Schema: p.Schema, Node: "test", Settings: set, Now: now})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (p place) source(ctx context.Context) (move.Source, error) {
	if p.Dir != "" {
		s, err := moving.OpenSource(moving.Options{Dir: p.Dir, Keys: p.Keys, Now: p.Now})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	return postgres.OpenSource(ctx, p.options())
}

func (p place) target(ctx context.Context) (move.Target, error) {
	if p.Dir != "" {
		return moving.NewTarget(moving.Options{Dir: p.Dir, Keys: p.Keys, Now: p.Now})
	}
	return postgres.NewTarget(ctx, p.options())
}

func (p place) options() postgres.Options {
	return postgres.Options{DSN: p.DSN, Schema: p.Schema, Settings: queue.Settings{Keys: p.Keys}, Now: func() time.Time { return p.Now }}
}

// to moves everything. The source is opened with the keys of both, as the command does.
func (p place) to(ctx context.Context, to place) (r move.Report, err error) {
	return p.through(ctx, to, func(t move.Target) move.Target { return t }, func(s move.Source) move.Source { return s })
}

func (p place) through(ctx context.Context, to place, target func(move.Target) move.Target, source func(move.Source) move.Source) (r move.Report, err error) {
	from, err := p.source(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	into, err := to.target(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, into.Close()) }()
	return move.Run(ctx, source(from), target(into), nil)
}

// filler fills a store with everything that a store can contain.
type filler struct {
	*testing.T
	store
	mu  sync.Mutex
	now time.Time
}

func (f *filler) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *filler) advance(d time.Duration) {
	f.mu.Lock()
	f.now = f.now.Add(d)
	f.mu.Unlock()
	if f.store != nil {
		f.Wake()
	}
}

func (f *filler) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func identity(n byte, window time.Duration) queue.Identity {
	return queue.Identity{Key: queue.Key{n}, Digest: queue.Key{100 + n}, Window: window}
}

// accept accepts an event in which all fields are set.
func (f *filler) accept(n byte, window time.Duration, to ...queue.Route) queue.ID {
	f.Helper()
	f.advance(time.Second)
	m := &queue.Message{
		ReceivedAt: f.clock(), Endpoint: "acme", Provider: "generic", EventID: fmt.Sprintf("evt_%d", n), EventType: fmt.Sprintf("type.%d", n%3),
		Timestamp: f.clock().Add(-time.Minute), Signed: "id body", Method: "POST", URI: "/hook?a=b", Host: "hooks.example.com", Proto: "HTTP/2.0",
		RemoteAddr: "192.0.2.1:1234", ClientIP: "198.51.100.7", TLS: true, TrustedProxy: true,
		Header: map[string][]string{"X-One": {"1", "2"}, "X-Two": {""}}, Body: bytes.Repeat([]byte{n, 0, 0xff}, 100),
	}
	if len(to) > 0 {
		m.Endpoint = to[0].Destination.Endpoint
	}
	a, err := f.Accept(f.Context(), m, identity(n, window), to...)
	f.ok(err)
	if a.Verdict != queue.New {
		f.Fatalf("event %d is a %v", n, a.Verdict)
	}
	return m.ID
}

// claim claims the next delivery that is due.
func (f *filler) claim(d queue.Destination) queue.Claim {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 10*time.Second)
	defer cancel()
	c, err := f.Claim(ctx, d)
	f.ok(err)
	return c
}

func (f *filler) failure() queue.Attempt {
	return queue.Attempt{At: f.clock(), Duration: 123 * time.Millisecond, Failure: queue.Status, Status: 503, Error: "the upstream answered 503", Excerpt: "try later"}
}

var (
	app     = queue.Destination{Endpoint: "acme", Forward: "app"}
	billing = queue.Destination{Endpoint: "acme", Forward: "billing"}
	lines   = queue.Destination{Endpoint: "shop"}
	hour    = time.Hour
)

// fill fills a place, and returns when it was closed.
// removed are the IDs of messages that are gone.
func fill(t *testing.T, p place) (now time.Time, removed []queue.ID) {
	t.Helper()
	f := &filler{T: t, now: start}
	var err error
	f.store, err = p.open(f.clock)
	f.ok(err)
	defer func() { f.ok(f.Close()) }()
	n := byte(0)
	next := func(window time.Duration, to ...queue.Route) queue.ID {
		n++
		return f.accept(n, window, to...)
	}

	// Dead, after two attempts, and one more that a person redelivered.
	next(hour, queue.To(app)...)
	c := f.claim(app)
	f.ok(c.Retry(f.clock().Add(time.Second), f.failure()))
	f.advance(time.Minute)
	f.ok(f.claim(app).Bury(f.failure()))
	again := next(2*hour, queue.To(app)...)
	f.ok(f.claim(app).Bury(f.failure()))
	f.ok(f.Redeliver(f.Context(), again, queue.Route{Destination: app}))
	f.ok(f.claim(app).Retry(f.clock().Add(3*hour), f.failure()))

	// Delivered; one of two deliveries delivered, the other waits; one removed and one left.
	next(24*hour, queue.To(app)...)
	f.ok(f.claim(app).Done(queue.Attempt{At: f.clock(), Duration: time.Millisecond, Status: 200, Excerpt: "ok"}))
	next(100*hour, queue.To(app, billing)...)
	f.ok(f.claim(app).Done(f.failure()))
	half := next(hour, queue.To(app, billing)...)
	f.ok(f.Purge(f.Context(), half, app))
	// More attempts than are kept.
	next(hour, queue.To(app)...)
	for range move.MaxHistory + 3 {
		c := f.claim(app)
		a := f.failure()
		a.Error = fmt.Sprintf("attempt %d", c.Delivery().Attempts+1)
		f.ok(c.Retry(f.clock().Add(time.Second), a))
		f.advance(2 * time.Second)
	}
	f.ok(f.claim(app).Retry(f.clock().Add(hour), f.failure()))

	// Cancelled, unrouted, rerouted, purged.
	f.ok(f.Cancel(f.Context(), next(hour, queue.To(billing)...), billing))
	next(hour)
	f.ok(f.Reroute(f.Context(), next(hour), queue.To(billing)...))
	removed = append(removed, next(hour, queue.To(billing)...))
	f.ok(f.Purge(f.Context(), removed[0], billing))
	f.Retain(billing, 0)
	removed = append(removed, next(hour, queue.To(billing)...))
	f.ok(f.Cancel(f.Context(), removed[1], billing))

	// Lines: two keys of one rule, then another rule, then none. The first of a key is tried again later.
	for _, r := range []struct{ rule, key string }{{"a", "1"}, {"a", "2"}, {"a", "1"}, {"a", "1"}, {"b", "1"}, {"a", "2"}} {
		next(hour, queue.Route{Destination: lines, Ordered: true, OrderKey: r.key, OrderRule: r.rule})
	}
	f.ok(f.claim(lines).Retry(f.clock().Add(hour), f.failure()))
	next(hour, queue.To(lines)...)

	// Never attempted.
	for range 3 {
		next(hour, queue.To(billing)...)
	}
	f.ok(f.Pause(f.Context(), lines, true))
	f.ok(f.Pause(f.Context(), queue.Destination{Endpoint: "idle"}, true))

	// Keys without a message, a key that is renewed, an expired one, and secrets.
	taken := identity(60, 5*hour)
	_, reserved, err := f.Reserve(f.Context(), taken, f.clock())
	f.ok(err)
	f.ok(reserved.Take(f.Context()))
	f.ok(shift(f, identity(61, 4*hour), 3*hour))
	for _, secret := range []string{"the first", "\xff\xff the second", "the last"} {
		f.ok(f.Learn(f.Context(), "learns only", secret))
		f.ok(f.Learn(f.Context(), "acme", secret+" of acme"))
	}
	return f.clock(), removed
}

// shift records keys, and renews them when less than half of their window is left.
func shift(f *filler, id queue.Identity, later time.Duration) error {
	_, r, err := f.Reserve(f.Context(), id, f.clock().Add(-later))
	if err != nil {
		return err
	}
	if err := r.Take(f.Context()); err != nil {
		return err
	}
	v, err := f.Seen(f.Context(), id, f.clock())
	if err == nil && v != queue.Duplicate {
		err = fmt.Errorf("a key is %v", v)
	}
	return err
}

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

// TestEveryField moves a store that has everything from a folder to a database, to another folder
// and to another schema, with an encryption key that changes on the way. After each move the
// methods of the store show the same.
//
// Each field that they show must have a value somewhere. So a field that is added later fails
// here until fill sets it, and then until it is moved.
func TestEveryField(t *testing.T) {
	first := folderPlace(t, key1)
	now, removed := fill(t, first)
	want := read(t, first, now, removed, contents{})
	values := make(map[string]bool)
	walk(reflect.ValueOf(&want), func(v reflect.Value) {
		if v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				name := v.Type().Name() + "." + f.Name
				values[name] = values[name] || !v.Field(i).IsZero()
			}
		}
	})
	for name, has := range values {
		if !has && !slices.Contains(never, name) {
			t.Errorf("%s has no value in this test", name)
		}
	}
	if len(values) < 40 {
		t.Errorf("only %d fields were looked at", len(values))
	}

	var counts move.Counts
	from := first
	for i, to := range []place{schemaPlace(t, key1), folderPlace(t, key2, key1), schemaPlace(t, key2)} {
		from.Now, to.Now = now, now
		if i == 1 {
			from.Keys = to.Keys
		}
		r, err := from.to(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && r.Counts != counts {
			t.Errorf("move %d: %+v instead of %+v", i, r.Counts, counts)
		}
		counts = r.Counts
		compare(t, fmt.Sprintf("move %d", i), read(t, to, now, removed, want), want)
		for _, used := range []place{from} {
			if _, err := used.open(time.Now); !errors.Is(err, queue.ErrMoved) || !strings.Contains(err.Error(), r.To) {
				t.Errorf("the source opens: %v", err)
			}
			if _, err := used.source(t.Context()); !errors.Is(err, queue.ErrMoved) {
				t.Errorf("the source is moved again: %v", err)
			}
		}
		// What was sealed with the first key alone opens with the second.
		if i == 1 {
			to.Keys = [][]byte{key2}
		}
		from = to
	}
	for name := range reflect.TypeFor[move.Counts]().Fields() {
		if reflect.ValueOf(counts).FieldByIndex(name.Index).IsZero() {
			t.Errorf("nothing was counted as %s", name.Name)
		}
	}
}
