package pebble

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/check"
)

// model is what a store should hold, the plain way.
type model struct {
	*testing.T
	rng      *rand.Rand
	fs       *vfs.MemFS
	store    *Store
	now      time.Time
	clock    atomic.Pointer[time.Time] // now, for the store's goroutines
	keys     [][]byte
	messages map[queue.ID]*modelMessage
	held     []heldClaim
	n        int
}

type modelMessage struct {
	id         queue.ID
	received   time.Time
	endpoint   string
	eventID    string
	eventType  string
	deliveries map[string]*modelDelivery
}

type modelDelivery struct {
	state    queue.State
	attempts int
	claimed  bool
}

type heldClaim struct {
	queue.Claim
	d *modelDelivery
}

var modelDestinations = []string{"pay", "pay/audit", "pay/billing", "crm"}

func (m *model) open() {
	o := small(m.fs)
	m.clock.Store(new(m.now))
	o.Now, o.Settings.Keys, o.Settings.Retention = func() time.Time { return *m.clock.Load() }, m.keys, 100*time.Hour
	var err error
	if m.store, err = Open(o); err != nil {
		m.Fatal(err)
	}
}

func (m *model) ok(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// step does one of the things that can happen to a store.
func (m *model) step() {
	m.now = m.now.Add(time.Duration(1+m.rng.IntN(3000)) * time.Millisecond)
	m.clock.Store(new(m.now))
	switch k := m.rng.IntN(20); {
	case k < 6:
		m.accept()
	case k < 12:
		m.claim()
	case k < 17:
		m.end()
	default:
		m.operate()
	}
}

func (m *model) accept() {
	m.n++
	endpoint := []string{"pay", "crm"}[m.rng.IntN(2)]
	msg := &queue.Message{
		ReceivedAt: m.now, Endpoint: endpoint, Body: bytes.Repeat([]byte{'x'}, m.rng.IntN(3000)),
		EventID:   []string{"", fmt.Sprint("evt", m.n), fmt.Sprint("evt", m.n/10)}[m.rng.IntN(3)],
		EventType: []string{"payment.created", "payment.failed", "refund.created", ""}[m.rng.IntN(4)],
	}
	var to []queue.Route
	if endpoint == "crm" {
		to = routesTo("crm")
	} else {
		for _, destination := range modelDestinations[:3] {
			if m.rng.IntN(2) == 0 {
				to = append(to, queue.Route{Destination: dest(destination), Ordered: destination == "pay/billing", OrderKey: fmt.Sprint(m.n % 3)})
			}
		}
	}
	_, err := m.store.Accept(m.Context(), msg, queue.Identity{Key: testKey(uint32(m.n)), Window: time.Hour}, to...)
	m.ok(err)
	mm := &modelMessage{msg.ID, m.now, endpoint, msg.EventID, msg.EventType, make(map[string]*modelDelivery)}
	for _, r := range to {
		mm.deliveries[r.Destination.String()] = &modelDelivery{state: queue.StateWaiting}
	}
	if len(to) == 0 {
		mm.deliveries[endpoint] = &modelDelivery{state: queue.StateUnrouted}
	}
	m.messages[msg.ID] = mm
}

func (m *model) claim() {
	l, err := m.store.destination(dest(modelDestinations[m.rng.IntN(len(modelDestinations))]))
	m.ok(err)
	for {
		c, wait, err := m.store.tryClaim(l)
		m.ok(err)
		if wait != nil {
			l.Lock()
			l.UnwaitLocked(wait)
			l.Unlock()
			return
		}
		if c != nil {
			d := m.messages[c.delivery.Message.ID].deliveries[l.name.String()]
			if d.state != queue.StateWaiting || d.claimed || c.delivery.Attempts != d.attempts {
				m.Fatalf("claimed %+v, after %d attempts", d, c.delivery.Attempts)
			}
			d.claimed = true
			m.held = append(m.held, heldClaim{c, d})
			return
		}
	}
}

func (m *model) end() {
	if len(m.held) == 0 {
		return
	}
	i := m.rng.IntN(len(m.held))
	c := m.held[i]
	m.held = slices.Delete(m.held, i, i+1)
	c.d.claimed = false
	a := queue.Attempt{At: m.now, Duration: time.Second, Status: 500, Failure: queue.Status, Error: "status 500", Excerpt: "oh"}
	switch m.rng.IntN(5) {
	case 0:
		m.ok(c.Release())
		return
	case 1:
		m.ok(c.Retry(m.now.Add(time.Duration(m.rng.IntN(100))*time.Second), a))
	case 2:
		m.ok(c.Bury(a))
		c.d.state = queue.StateDead
	default:
		m.ok(c.Done(queue.Attempt{At: m.now, Status: 200}))
		c.d.state = queue.StateDelivered
	}
	c.d.attempts++
}

// operate does what a person may do, to a message by chance.
func (m *model) operate() {
	ids := slices.SortedFunc(maps.Keys(m.messages), func(a, b queue.ID) int { return bytes.Compare(a[:], b[:]) })
	if len(ids) == 0 {
		return
	}
	mm := m.messages[ids[m.rng.IntN(len(ids))]]
	destinations := slices.Sorted(maps.Keys(mm.deliveries))
	destination := destinations[m.rng.IntN(len(destinations))]
	d := mm.deliveries[destination]
	var err error
	var then func()
	switch m.rng.IntN(4) {
	case 0:
		err = m.store.Redeliver(m.Context(), mm.id, queue.Route{Destination: dest(destination), Ordered: destination == "pay/billing", OrderKey: "again"})
		then = func() { *d = modelDelivery{state: queue.StateWaiting} }
	case 1:
		err = m.store.Cancel(m.Context(), mm.id, dest(destination))
		then = func() { d.state = queue.StateCancelled }
	case 2:
		err = m.store.Bury(m.Context(), mm.id, dest(destination))
		then = func() { d.state = queue.StateDead }
	default:
		err = m.store.Purge(m.Context(), mm.id, dest(destination))
		then = func() {
			if delete(mm.deliveries, destination); len(mm.deliveries) == 0 {
				delete(m.messages, mm.id)
			}
		}
	}
	switch {
	case d.claimed && !errors.Is(err, queue.ErrBusy):
		m.Fatalf("a claimed one: %v", err)
	case err == nil:
		then()
	case !d.claimed && !errors.Is(err, queue.ErrState):
		m.Fatalf("%s of %+v: %v", destination, d, err)
	}
}

// compare holds every list against the model, in pages of several sizes.
func (m *model) compare() {
	m.Helper()
	all := []queue.State{queue.StateWaiting, queue.StateDead, queue.StateDelivered, queue.StateCancelled, queue.StateUnrouted}
	filters := []queue.Filter{{}, {States: all[1:4]}, {EventType: "*.created"}, {EventType: "pay*t.f*"}, {Endpoint: "pay"}, {Endpoint: "nobody"},
		{Destination: dest("pay/audit")}, {EventID: fmt.Sprint("evt", m.n/10)}, {EventID: fmt.Sprint("evt", m.n/10), Endpoint: "crm", States: all[:1]},
		{Since: m.now.Add(-2 * time.Minute), Until: m.now.Add(-time.Minute)}}
	for _, s := range all {
		filters = append(filters, queue.Filter{States: []queue.State{s}},
			queue.Filter{States: []queue.State{s}, Endpoint: "pay", Since: m.now.Add(-3 * time.Minute)},
			queue.Filter{States: []queue.State{s}, Destination: dest("pay/billing"), EventType: "*.created"})
	}
	for _, f := range filters {
		want, wantMessages := m.expect(f)
		for _, n := range []int{3, 1000} {
			got := m.page(f, n)
			gotSorted := slices.Sorted(slices.Values(got))
			if !slices.Equal(gotSorted, want) {
				m.Fatalf("%+v by %d:\ngot  %d %v\nwant %d %v", f, n, len(got), gotSorted, len(want), want)
			}
			if gotMessages := m.messagePage(f, n); !slices.Equal(gotMessages, wantMessages) {
				m.Fatalf("%+v by %d:\ngot  %d %v\nwant %d %v", f, n, len(gotMessages), gotMessages, len(wantMessages), wantMessages)
			}
		}
	}
}

func (m *model) expect(f queue.Filter) (deliveries, messages []string) {
	byReceipt := slices.SortedFunc(maps.Values(m.messages), func(a, b *modelMessage) int { return bytes.Compare(b.id[:], a.id[:]) })
	for _, mm := range byReceipt {
		if f.Endpoint != "" && mm.endpoint != f.Endpoint || f.EventID != "" && mm.eventID != f.EventID ||
			f.EventType != "" && !queue.Match(f.EventType, mm.eventType) ||
			!f.Since.IsZero() && mm.received.Before(f.Since) || !f.Until.IsZero() && !mm.received.Before(f.Until) {
			continue
		}
		any := false
		for destination, d := range mm.deliveries {
			if (f.Destination == (queue.Destination{}) || dest(destination) == f.Destination) && (len(f.States) == 0 || slices.Contains(f.States, d.state)) {
				deliveries = append(deliveries, fmt.Sprint(mm.id, " ", destination, " ", d.state, " ", d.attempts, " ", d.claimed))
				any = true
			}
		}
		if any {
			messages = append(messages, mm.id.String())
		}
	}
	slices.Sort(deliveries)
	return deliveries, messages
}

// page reads a list to its end and holds it against the order that it has.
func (m *model) page(f queue.Filter, n int) (all []string) {
	m.Helper()
	var before *queue.Entry
	var after queue.Cursor
	for range 100_000 {
		p, err := m.store.Deliveries(m.Context(), f, after, n)
		m.ok(err)
		if len(p.Entries) > n {
			m.Fatalf("%d entries instead of %d", len(p.Entries), n)
		}
		for _, e := range p.Entries {
			if e.Err != nil || (e.Last == nil) != (e.Attempts == 0 && e.Redelivered.IsZero()) && e.Attempts > 0 {
				m.Fatalf("%+v", e)
			}
			if before != nil && !m.ordered(f, before, &e) {
				m.Fatalf("%+v: %+v before %+v", f, before, e)
			}
			before = &e
			all = append(all, fmt.Sprint(e.ID, " ", e.Destination, " ", e.State, " ", e.Attempts, " ", e.Claimed))
		}
		if after = p.Next; after == "" {
			return all
		}
	}
	m.Fatal("the list has no end")
	return nil
}

func (m *model) ordered(f queue.Filter, a, b *queue.Entry) bool {
	byReceipt := bytes.Compare(b.ID[:], a.ID[:])
	if len(f.States) != 1 || f.EventID != "" {
		return byReceipt <= 0
	}
	switch f.States[0] {
	case queue.StateWaiting:
		aLine, bLine := a.Destination == dest("pay/billing"), b.Destination == dest("pay/billing")
		return aLine && bLine || !aLine && bLine || aLine == bLine && !a.Next.After(b.Next)
	case queue.StateDead:
		return byReceipt <= 0
	}
	return cmp.Or(b.Ended.Compare(a.Ended), byReceipt) <= 0
}

func (m *model) messagePage(f queue.Filter, n int) (all []string) {
	m.Helper()
	var after queue.Cursor
	for {
		p, err := m.store.Messages(m.Context(), f, after, n)
		m.ok(err)
		for _, e := range p.Messages {
			if mm := m.messages[e.ID]; mm == nil || len(mm.deliveries) != len(e.Deliveries) || e.Endpoint != mm.endpoint || e.EventID != mm.eventID {
				m.Fatalf("%+v, want %+v", e, mm)
			}
			all = append(all, e.ID.String())
		}
		if after = p.Next; after == "" {
			return all
		}
	}
}

// check has the closed folder checked and held against the model.
func (m *model) check() {
	m.Helper()
	report, err := check.Run(check.Options{FS: m.fs, Dir: "queue", Keys: m.keys, Now: m.now})
	m.ok(err)
	if !report.Sound() {
		m.Fatalf("%+v", report)
	}
	want := make(map[string]map[queue.State]int64)
	for _, mm := range m.messages {
		for destination, d := range mm.deliveries {
			if want[destination] == nil {
				want[destination] = make(map[queue.State]int64)
			}
			want[destination][d.state]++
		}
	}
	for _, d := range report.Destinations {
		if len(d.Deliveries) > 0 && !maps.Equal(d.Deliveries, want[d.Name]) {
			m.Fatalf("%s: got %v, want %v", d.Name, d.Deliveries, want[d.Name])
		}
		delete(want, d.Name)
	}
	if len(want) != 0 || report.Messages != int64(len(m.messages)) {
		m.Fatalf("missing %v; %d messages instead of %d", want, report.Messages, len(m.messages))
	}
}

// TestModel does random things to a store, opens it again now and then, with
// other keys, too, and holds the lists and the check of the closed folder against
// a model.
func TestModel(t *testing.T) {
	seeds := uint64(4)
	if raced {
		seeds = 2
	}
	for seed := range seeds {
		m := &model{T: t, rng: newRand(seed), fs: vfs.NewMem(), messages: make(map[queue.ID]*modelMessage), now: time.Date(2026, 4, 5, 6, 7, 8, 0, time.UTC)}
		rings := [][][]byte{nil, {testSealKey(1)}, {testSealKey(2), testSealKey(1)}}
		for round := range rings {
			m.keys = rings[max(round, int(seed)%2)]
			m.open()
			for range 100 {
				m.step()
			}
			m.compare()
			for len(m.held) > 0 {
				m.end()
			}
			m.ok(m.store.Close())
			m.check()
		}
	}
}
