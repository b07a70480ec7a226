package window

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

// orderModel plays the disk and the workers around order keys.
type orderModel struct {
	*testing.T
	rand     *rand.Rand
	ordered  ordered
	disk     map[OrderKey][]Position // sorted; what a search sees
	busy     map[queue.ID]OrderKey   // being accepted: on disk already
	waiting  map[queue.ID]OrderKey   // accepted, not ended
	held     map[queue.ID]OrderKey
	searches []*search
	last     uint32
	rules    int // by which order keys are made
}

func orderedID(n uint32) (id queue.ID) {
	id[2], id[3], id[4], id[5] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return id
}

func (m *orderModel) write(o OrderKey, p Position) {
	at, found := slices.BinarySearchFunc(m.disk[o], p.ID, func(q Position, id queue.ID) int { return slices.Compare(q.ID[:], id[:]) })
	if found {
		m.disk[o][at] = p
		return
	}
	m.disk[o] = slices.Insert(m.disk[o], at, p)
}

func (m *orderModel) remove(o OrderKey, id queue.ID) {
	m.disk[o] = slices.DeleteFunc(m.disk[o], func(p Position) bool { return p.ID == id })
}

// any picks a key of a map.
func (m *orderModel) any(of map[queue.ID]OrderKey) (queue.ID, OrderKey, bool) {
	if len(of) == 0 {
		return queue.ID{}, OrderKey{}, false
	}
	ids := make([]queue.ID, 0, len(of))
	for id := range of {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b queue.ID) int { return slices.Compare(a[:], b[:]) })
	id := ids[m.rand.IntN(len(ids))]
	return id, of[id], true
}

func (m *orderModel) insert(o OrderKey, p Position) {
	m.ordered.insert(Waiting{Position: p, Order: &o}, nil)
}

func (m *orderModel) step(orders int) {
	switch m.rand.IntN(12) {
	case 0, 1: // written, and not yet durable
		m.last++
		id, o := orderedID(m.last), OrderKeyOf(fmt.Sprint(m.rand.IntN(m.rules)), fmt.Sprint(m.rand.IntN(orders)))
		m.busy[id] = o
		m.write(o, Position{Due: int64(m.rand.IntN(5)), ID: id})
	case 2, 3: // durable
		if id, o, ok := m.any(m.busy); ok {
			delete(m.busy, id)
			m.waiting[id] = o
			due := m.disk[o][slices.IndexFunc(m.disk[o], func(p Position) bool { return p.ID == id })].Due
			if m.rand.IntN(8) == 0 {
				m.ordered.forget(Waiting{Position: Position{Due: 0, ID: id}, Order: &o}) // it is on disk, but who wrote it was told of an error
			} else if taken := m.ordered.take(Waiting{Position: Position{Due: 0, ID: id}, Order: &o}, math.MaxInt64); m.rand.IntN(4) > 0 && taken {
				m.claimed(o, id)
			} else if taken {
				m.ordered.release(o)
				m.insert(o, Position{Due: due, ID: id})
			} else {
				m.insert(o, Position{Due: due, ID: id})
			}
		}
	case 4, 5:
		m.claim()
	case 6, 7:
		m.end()
	case 8: // a person takes any
		if id, o, ok := m.any(m.waiting); ok {
			if _, held := m.held[id]; !held {
				m.ordered.hold(Waiting{Position: Position{Due: 0, ID: id}, Order: &o})
				m.held[id] = o
			}
		}
	case 9:
		m.search()
	default:
		m.answer()
	}
}

func (m *orderModel) claim() {
	k := m.ordered.first(math.MaxInt64)
	if k == nil {
		return
	}
	p := k.head()
	m.ordered.hold(p)
	m.claimed(*p.Order, p.ID)
}

// claimed checks that a delivery may be claimed now.
func (m *orderModel) claimed(o OrderKey, id queue.ID) {
	m.Helper()
	if m.waiting[id] != o {
		m.Fatalf("%v does not wait", id)
	}
	for other, order := range m.waiting {
		if (order == o || order.Rule() != o.Rule()) && before(other, id) {
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

func (m *orderModel) end() {
	id, o, ok := m.any(m.held)
	if !ok {
		return
	}
	delete(m.held, id)
	if m.rand.IntN(3) > 0 {
		delete(m.waiting, id)
		m.remove(o, id)
		m.ordered.release(o)
		return
	}
	p := Position{Due: int64(m.rand.IntN(5)), ID: id}
	m.write(o, p)
	m.ordered.release(o)
	m.insert(o, p)
}

func (m *orderModel) search() {
	if !m.ordered.toSearch() {
		return
	}
	a := m.ordered.search()
	for _, p := range m.disk[a.key.order] {
		switch {
		case before(p.ID, a.from):
		case len(a.found) == 2:
			a.rest = true
		default:
			a.found = append(a.found, p)
		}
	}
	m.searches = append(m.searches, a)
}

func (m *orderModel) answer() {
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
	m.ordered.searched(a, err, func(id queue.ID) bool { return m.busy[id] != OrderKey{} })
}

// TestOrdered lets deliveries come and go in any order of events, and looks for
// one that is claimed out of its order, beside another, or never.
func TestOrdered(t *testing.T) {
	for seed := range uint64(1000) {
		m := &orderModel{
			T: t, rules: 1 + int(seed/4%3), rand: rand.New(rand.NewPCG(seed, 1)), disk: make(map[OrderKey][]Position),
			busy: make(map[queue.ID]OrderKey), waiting: make(map[queue.ID]OrderKey), held: make(map[queue.ID]OrderKey),
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
				m.ordered.forget(Waiting{Position: Position{Due: 0, ID: id}, Order: &o})
			}
			m.search()
			m.answer()
			m.claim()
			m.end()
		}
		for len(m.searches) > 0 || m.ordered.toSearch() {
			m.search()
			m.answer()
		}
		if m.ordered.all != nil || m.ordered.rules != nil || len(m.ordered.ready) != 0 {
			t.Fatalf("seed %d: %d lines are left", seed, len(m.ordered.all))
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// BenchmarkOrdered reports the memory that a million order keys take.
func BenchmarkOrdered(b *testing.B) {
	const n = 1_000_000
	for range b.N {
		var s ordered
		var empty, full runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&empty)
		for i := range uint32(n) {
			o := OrderKeyOf("", fmt.Sprint(i))
			s.insert(Waiting{Position: Position{Due: int64(i), ID: orderedID(i)}, Order: &o}, nil)
		}
		runtime.GC()
		runtime.ReadMemStats(&full)
		b.ReportMetric(float64(full.HeapAlloc-empty.HeapAlloc)/n, "B/key")
		runtime.KeepAlive(s)
	}
}
