package pebble

import (
	"container/heap"

	"github.com/hookwicket/hookwicket/queue"
)

// rule is the lines of one order rule. There is one, unless a destination's order was changed while deliveries
// waited. The lane's lock guards it.
type rule struct {
	lines  earliest // all of them
	barred earliest // those that are ready but for the deliveries of other rules
}

// enter adds a line that has been opened to those of its rule.
func (s *lines) enter(l *line) {
	r := s.rules[l.order.rule()]
	if r == nil {
		if s.rules == nil {
			s.rules = make(map[ruleID]*rule)
		}
		r = &rule{lines: earliest{place: rankOf}, barred: earliest{place: atOf}}
		s.rules[l.order.rule()] = r
	}
	heap.Push(&r.lines, l)
}

// depart removes a line that is over. It is not ready.
func (s *lines) depart(l *line) {
	r := s.rules[l.order.rule()]
	heap.Remove(&r.lines, int(l.rank))
	if r.lines.Len() == 0 {
		delete(s.rules, l.order.rule())
	}
}

// from sets the ID from which on a line's deliveries wait. It is not ready.
func (s *lines) from(l *line, id queue.ID) {
	l.id = id
	heap.Fix(&s.rules[l.order.rule()].lines, int(l.rank))
}

// bars tells whether a delivery of a rule has to wait for others that were received
// before it. The receipts of deliveries without an order key are known to a minute, so the delivery can also
// wait for plain ones of its own minute that came after it. plain is the receipt, in milliseconds, of the earliest that waits in no
// line.
func (s *lines) bars(of ruleID, id queue.ID, plain int64) bool {
	if plain < milliOf(id) {
		return true
	}
	for other, r := range s.rules {
		if other != of && before(r.lines.all[0].id, id) {
			return true
		}
	}
	return false
}

// first is the line whose head is due first of those that are not barred; nil: none
// is known.
func (s *lines) first(plain int64) *line {
	for id, r := range s.rules {
		for len(r.barred.all) > 0 && !s.bars(id, r.barred.all[0].id, plain) {
			l := heap.Pop(&r.barred).(*line)
			l.barred = false
			heap.Push(&s.ready, l)
		}
	}
	for len(s.ready) > 0 {
		l := s.ready[0]
		if !s.bars(l.order.rule(), l.id, plain) {
			return l
		}
		heap.Pop(&s.ready)
		l.barred = true
		heap.Push(&s.rules[l.order.rule()].barred, l)
	}
	return nil
}

// unready takes a line whose head is known out of the heap in which it is.
func (s *lines) unready(l *line) {
	if l.barred {
		l.barred = false
		heap.Remove(&s.rules[l.order.rule()].barred, int(l.at))
		return
	}
	heap.Remove(&s.ready, int(l.at))
}

// anyBarred tells whether the end of a delivery can let a line go on.
func (s *lines) anyBarred() bool {
	for _, r := range s.rules {
		if len(r.barred.all) > 0 {
			return true
		}
	}
	return false
}

// earliest is a heap of lines by the ID from which on their deliveries wait.
type earliest struct {
	all   []*line
	place func(*line) *int32 // where a line keeps its place
}

func rankOf(l *line) *int32 { return &l.rank }
func atOf(l *line) *int32   { return &l.at }

// Len, Less, Swap, Push and Pop implement [heap.Interface].
func (h *earliest) Len() int { return len(h.all) }

func (h *earliest) Less(i, j int) bool { return before(h.all[i].id, h.all[j].id) }

func (h *earliest) Swap(i, j int) {
	h.all[i], h.all[j] = h.all[j], h.all[i]
	*h.place(h.all[i]), *h.place(h.all[j]) = int32(i), int32(j)
}

func (h *earliest) Push(x any) {
	l := x.(*line)
	*h.place(l) = int32(len(h.all))
	h.all = append(h.all, l)
}

func (h *earliest) Pop() any {
	last := len(h.all) - 1
	l := h.all[last]
	h.all[last] = nil
	h.all = h.all[:last]
	*h.place(l) = -1
	return l
}
