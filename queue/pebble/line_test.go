package pebble

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/hookwicket/hookwicket/queue"
)

// lineModel plays the disk and the workers around lines.
type lineModel struct {
	*testing.T
	rand     *rand.Rand
	lines    lines
	disk     map[orderID][]position // sorted; what a search sees
	busy     map[queue.ID]orderID   // being accepted: on disk already
	waiting  map[queue.ID]orderID   // accepted, not ended
	held     map[queue.ID]orderID
	searches []lineAnswer
	last     uint32
	rules    int // by which order keys are made
}

// lineAnswer is what a search has read, to be told later.
type lineAnswer struct {
	search *search
	found  []position
	rest   bool
}

func lineID(n uint32) (id queue.ID) {
	id[2], id[3], id[4], id[5] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return id
}

func (m *lineModel) write(o orderID, p position) {
	at, found := slices.BinarySearchFunc(m.disk[o], p.id, func(q position, id queue.ID) int { return slices.Compare(q.id[:], id[:]) })
	if found {
		m.disk[o][at] = p
		return
	}
	m.disk[o] = slices.Insert(m.disk[o], at, p)
}

func (m *lineModel) remove(o orderID, id queue.ID) {
	m.disk[o] = slices.DeleteFunc(m.disk[o], func(p position) bool { return p.id == id })
}

// any picks a key of a map.
func (m *lineModel) any(of map[queue.ID]orderID) (queue.ID, orderID, bool) {
	if len(of) == 0 {
		return queue.ID{}, orderID{}, false
	}
	ids := make([]queue.ID, 0, len(of))
	for id := range of {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b queue.ID) int { return slices.Compare(a[:], b[:]) })
	id := ids[m.rand.IntN(len(ids))]
	return id, of[id], true
}

func (m *lineModel) insert(o orderID, p position) {
	m.lines.insert(place{p, &o}, nil)
}

func (m *lineModel) step(orders int) {
	switch m.rand.IntN(12) {
	case 0, 1: // written, and not yet durable
		m.last++
		id, o := lineID(m.last), orderOf(fmt.Sprint(m.rand.IntN(m.rules)), fmt.Sprint(m.rand.IntN(orders)))
		m.busy[id] = o
		m.write(o, position{int64(m.rand.IntN(5)), id})
	case 2, 3: // durable
		if id, o, ok := m.any(m.busy); ok {
			delete(m.busy, id)
			m.waiting[id] = o
			due := m.disk[o][slices.IndexFunc(m.disk[o], func(p position) bool { return p.id == id })].due
			if m.rand.IntN(8) == 0 {
				m.lines.forget(place{position{0, id}, &o}) // it is on disk, but who wrote it was told of an error
			} else if taken := m.lines.take(place{position{0, id}, &o}, math.MaxInt64); m.rand.IntN(4) > 0 && taken {
				m.claimed(o, id)
			} else if taken {
				m.lines.release(o)
				m.insert(o, position{due, id})
			} else {
				m.insert(o, position{due, id})
			}
		}
	case 4, 5:
		m.claim()
	case 6, 7:
		m.end()
	case 8: // a person takes any
		if id, o, ok := m.any(m.waiting); ok {
			if _, held := m.held[id]; !held {
				m.lines.hold(place{position{0, id}, &o})
				m.held[id] = o
			}
		}
	case 9:
		m.search()
	default:
		m.answer()
	}
}

func (m *lineModel) claim() {
	l := m.lines.first(math.MaxInt64)
	if l == nil {
		return
	}
	p := l.head()
	m.lines.hold(p)
	m.claimed(*p.order, p.id)
}

// claimed checks that a delivery may be claimed now.
func (m *lineModel) claimed(o orderID, id queue.ID) {
	m.Helper()
	if m.waiting[id] != o {
		m.Fatalf("%v does not wait", id)
	}
	for other, order := range m.waiting {
		if (order == o || order.rule() != o.rule()) && before(other, id) {
			m.Fatalf("%v was claimed before %v", id, other)
		}
	}
	for other, order := range m.held {
		if order == o {
			m.Fatalf("%v was claimed beside %v", id, other)
		}
	}
	m.held[id] = o
}

func (m *lineModel) end() {
	id, o, ok := m.any(m.held)
	if !ok {
		return
	}
	delete(m.held, id)
	if m.rand.IntN(3) > 0 {
		delete(m.waiting, id)
		m.remove(o, id)
		m.lines.release(o)
		return
	}
	p := position{int64(m.rand.IntN(5)), id}
	m.write(o, p)
	m.lines.release(o)
	m.insert(o, p)
}

func (m *lineModel) search() {
	if !m.lines.toSearch() {
		return
	}
	a := lineAnswer{search: m.lines.search()}
	for _, p := range m.disk[a.search.line.order] {
		switch {
		case before(p.id, a.search.from):
		case len(a.found) == 2:
			a.rest = true
		default:
			a.found = append(a.found, p)
		}
	}
	m.searches = append(m.searches, a)
}

func (m *lineModel) answer() {
	if len(m.searches) == 0 {
		return
	}
	i := m.rand.IntN(len(m.searches))
	a := m.searches[i]
	m.searches = slices.Delete(m.searches, i, i+1)
	var err error
	if m.rand.IntN(8) == 0 {
		a.found, err = nil, errors.New("no answer")
	}
	m.lines.searched(a.search, a.found, a.rest, err, func(id queue.ID) bool { return m.busy[id] != orderID{} })
}

// TestLines lets deliveries come and go in any order of events, and looks for
// one that is claimed out of its order, beside another, or never.
func TestLines(t *testing.T) {
	for seed := range uint64(1000) {
		m := &lineModel{
			T: t, rules: 1 + int(seed/4%3), rand: rand.New(rand.NewPCG(seed, 1)), disk: make(map[orderID][]position),
			busy: make(map[queue.ID]orderID), waiting: make(map[queue.ID]orderID), held: make(map[queue.ID]orderID),
		}
		for range 400 {
			m.step(int(1 + seed%4))
		}
		for steps := 0; len(m.waiting)+len(m.busy) > 0; steps++ {
			if steps > 100_000 {
				t.Fatalf("seed %d: %d deliveries are never claimed", seed, len(m.waiting))
			}
			if id, o, ok := m.any(m.busy); ok {
				delete(m.busy, id)
				m.waiting[id] = o
				m.lines.forget(place{position{0, id}, &o})
			}
			m.search()
			m.answer()
			m.claim()
			m.end()
		}
		for len(m.searches) > 0 || m.lines.toSearch() {
			m.search()
			m.answer()
		}
		if m.lines.all != nil || m.lines.rules != nil || len(m.lines.ready) != 0 {
			t.Fatalf("seed %d: %d lines are left", seed, len(m.lines.all))
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// BenchmarkLines reports the memory that a million order keys take.
func BenchmarkLines(b *testing.B) {
	const n = 1_000_000
	for range b.N {
		var s lines
		var empty, full runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&empty)
		for i := range uint32(n) {
			o := orderOf("", fmt.Sprint(i))
			s.insert(place{position{int64(i), lineID(i)}, &o}, nil)
		}
		runtime.GC()
		runtime.ReadMemStats(&full)
		b.ReportMetric(float64(full.HeapAlloc-empty.HeapAlloc)/n, "B/key")
		runtime.KeepAlive(s)
	}
}
