package pebble

import (
	"bytes"
	"container/heap"
	"crypto/sha256"

	"github.com/hookwicket/hookwicket/queue"
)

// orderOf returns the digest of an order key that is used in keys. Two order keys with
// one digest share a line, which only costs time.
func orderOf(rule, key string) (o orderID) {
	byRule, byKey := sha256.Sum256([]byte(rule)), sha256.Sum256([]byte(key))
	n := copy(o[:], byRule[:len(ruleID{})])
	copy(o[n:], byKey[:])
	return o
}

// lines are the waiting deliveries of a lane that have an order key. Each order key
// has a line, sorted by message ID and therefore by receipt. Only the head of a line
// may be claimed. While the head waits for its next attempt, the whole line waits.
//
// Only the head of each line is in memory (about 100 bytes), so memory grows with the
// number of order keys and not with the backlog. When the head has ended, the next
// one is searched on disk without the lane's lock. The search remembers deliveries
// that arrive meanwhile. The lane's lock guards all of it, so every method here is
// called with that lock held.
//
// While a lane has lines of several rules, or deliveries without an order key, a head
// can be barred: it waits for deliveries of other rules that were received before it.
// The order of receipt is total, so the earliest delivery is never barred.
//
// Invariants:
//
//   - A line is in all while a delivery of it waits or is claimed.
//   - A line in state lineReady is in exactly one heap: ready, or its rule's barred.
//   - line.id is the ID of the head, or not after it while the head is not known.
//   - holders is positive exactly in state lineHeld.
type lines struct {
	all      map[orderID]*line
	rules    map[ruleID]*rule
	ready    readyLines
	queued   []*line // to be searched; lines no longer in lineQueued are skipped
	searches map[*line]*search
}

// line is the waiting deliveries of one order key.
type line struct {
	order   orderID
	id      queue.ID // of the head; no delivery waits before it if the head is not known
	due     int64    // of the head
	fresh   *fresh   // the head's message, if it is in memory since its acceptance
	at      int32    // place in the heap of the ready, or in that of the barred
	rank    int32    // place in the rule's heap
	barred  bool     // ready, but deliveries of other rules come first
	holders uint16   // claims of its deliveries
	state   lineState
	more    bool // deliveries may wait behind the head
}

type lineState uint8

const (
	lineReady     lineState = iota // the head is known, and no delivery of the line is claimed
	lineHeld                       // a delivery of the line is claimed or being changed
	lineQueued                     // the head must be searched on disk
	lineSearching                  // the head is being searched
	lineOver                       // no delivery waits: the line is removed from memory
)

// search is one search for the head of a line.
type search struct {
	line    *line
	from    queue.ID
	void    bool      // the result must be dropped
	arrived *position // of the deliveries that came meanwhile, the first in line
	more    bool      // others came as well
}

// insert adds a durable delivery to its line. It returns the message that need not stay
// in memory: that of the delivery, or of the former head.
func (s *lines) insert(p place, fresh *fresh) (unused *fresh) {
	l := s.all[*p.order]
	if l == nil {
		s.lead(s.open(*p.order, p.id), p.position, fresh)
		return nil
	}
	switch l.state {
	case lineReady:
		l.more = true
		if before(p.id, l.id) {
			unused = l.fresh
			s.unready(l)
			s.lead(l, p.position, fresh)
			return unused
		}
	case lineQueued:
		l.more = true
		if !before(l.id, p.id) {
			s.lead(l, p.position, fresh)
			return nil
		}
	case lineSearching:
		s.searches[l].arrive(p.position)
		s.lower(l, p.id)
	case lineHeld:
		l.more = true
		s.lower(l, p.id)
	}
	return fresh
}

func (r *search) arrive(p position) {
	if r.arrived != nil {
		r.more = r.more || r.arrived.id != p.id
		if !before(p.id, r.arrived.id) {
			return
		}
	}
	r.arrived = &p
}

func (s *lines) lower(l *line, id queue.ID) {
	if before(id, l.id) {
		s.from(l, id)
	}
}

// open makes a line without a known head. The caller sets its state.
func (s *lines) open(order orderID, id queue.ID) *line {
	if s.all == nil {
		s.all = make(map[orderID]*line)
	}
	l := &line{order: order, id: id, at: -1, state: lineOver}
	s.all[order] = l
	s.enter(l)
	return l
}

// over removes a line. Without lines, no memory is kept.
func (s *lines) over(l *line) {
	l.state = lineOver
	s.depart(l)
	if delete(s.all, l.order); len(s.all) == 0 {
		*s = lines{}
	}
}

// lead makes a delivery the head.
func (s *lines) lead(l *line, p position, fresh *fresh) {
	s.from(l, p.id)
	l.due, l.fresh, l.state = p.due, fresh, lineReady
	heap.Push(&s.ready, l)
}

// ask puts a line among those to be searched.
func (s *lines) ask(l *line) {
	l.state = lineQueued
	s.queued = append(s.queued, l)
}

// head is the delivery at the head of a line whose head is known.
func (l *line) head() place { return place{position{l.due, l.id}, &l.order} }

// take holds the line of a delivery that has just been accepted and is not inserted.
// It returns false if the delivery has to wait: it is not the head, or it is barred.
// A delivery without an order key can always be taken.
func (s *lines) take(p place, plain int64) bool {
	if p.order == nil {
		return true
	}
	if s.bars(p.order.rule(), p.id, plain) {
		return false
	}
	l := s.all[*p.order]
	if l == nil {
		l = s.open(*p.order, p.id)
		l.state, l.holders = lineHeld, 1
		return true
	}
	if l.state != lineReady || before(l.id, p.id) {
		return false
	}
	s.hold(p).drop()
	return true
}

// hold blocks the line while one of its deliveries is being attempted or changed. A
// worker holds the head, a person can hold any delivery. It returns the head's message
// if that need not stay in memory.
func (s *lines) hold(p place) (unused *fresh) {
	order, id := *p.order, p.id
	l := s.all[order]
	if l == nil { // on disk but not in memory: the write of another delivery has failed
		l = s.open(order, id)
		l.more = true
	}
	if l.id != id {
		l.more = true
		s.lower(l, id)
	}
	switch l.state {
	case lineReady:
		s.unready(l)
		unused, l.fresh = l.fresh, nil
	case lineSearching:
		l.more = true
		s.searches[l].void = true
	case lineQueued:
		l.more = true
	}
	l.state = lineHeld
	l.holders++
	return unused
}

// release ends a hold. The caller inserts the delivery again if it still waits.
func (s *lines) release(order orderID) {
	l := s.all[order]
	if l == nil || l.state != lineHeld {
		return // cannot happen
	}
	if l.holders--; l.holders > 0 {
		l.more = true
		return
	}
	if !l.more {
		s.over(l)
		return
	}
	s.ask(l)
}

// forget drops the head of a line if it is behind p, and starts a search. It is not
// known whether the delivery at p is on disk.
func (s *lines) forget(p place) (unused *fresh) {
	order, id := *p.order, p.id
	l := s.all[order]
	if l == nil {
		l = s.open(order, id)
		s.ask(l)
	}
	l.more = true
	if l.state == lineReady && before(id, l.id) {
		s.unready(l)
		unused, l.fresh = l.fresh, nil
		s.ask(l)
	}
	if l.state == lineSearching {
		s.searches[l].void = true
	}
	if l.state != lineReady {
		s.lower(l, id)
	}
	return unused
}

// toSearch reports whether a line has to be searched.
func (s *lines) toSearch() bool {
	for len(s.queued) > 0 && s.queued[0].state != lineQueued {
		s.pop()
	}
	return len(s.queued) > 0
}

func (s *lines) pop() *line {
	l := s.queued[0]
	s.queued[0] = nil
	if s.queued = s.queued[1:]; len(s.queued) == 0 {
		s.queued = nil
	}
	return l
}

// search begins a search. The caller has checked toSearch.
func (s *lines) search() *search {
	l := s.pop()
	l.state, l.more = lineSearching, false
	if s.searches == nil {
		s.searches = make(map[*line]*search)
	}
	r := &search{line: l, from: l.id}
	s.searches[l] = r
	return r
}

// searched ends a search. found are the first deliveries of the line on disk, and rest
// is true if there are more. Deliveries for which busy is true are being accepted: they
// are inserted when they are durable.
func (s *lines) searched(r *search, found []position, rest bool, err error, busy func(queue.ID) bool) {
	l := r.line
	if s.searches[l] != r {
		return // another has begun, or the database was replaced
	}
	delete(s.searches, l)
	if l.state != lineSearching {
		l.more = true // release queues the line for another search
		return
	}
	if err != nil || r.void {
		s.ask(l)
		return
	}
	// A delivery that arrived may be among those found, at any place.
	head, more := r.arrived, r.more || rest
	for _, p := range found {
		switch {
		case busy(p.id):
		case head == nil:
			head = &p
		case p.id != head.id:
			more = true
			if before(p.id, head.id) {
				head = &p
			}
		}
	}
	switch {
	case rest && (head == nil || before(found[len(found)-1].id, head.id)):
		// All found deliveries are being accepted, and others may wait before the arrived
		// one: search on behind them.
		s.from(l, found[len(found)-1].id)
		s.ask(l)
	case head == nil:
		s.over(l)
	default:
		l.more = more
		s.lead(l, *head, nil)
	}
}

func before(a, b queue.ID) bool { return bytes.Compare(a[:], b[:]) < 0 }

// readyLines is a heap of the lines whose head may be claimed, by when it is due.
type readyLines []*line

func (h readyLines) Len() int { return len(h) }

func (h readyLines) Less(i, j int) bool {
	return h[i].due < h[j].due || h[i].due == h[j].due && before(h[i].id, h[j].id)
}

func (h readyLines) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = int32(i), int32(j)
}

// Push implements [heap.Interface].
func (h *readyLines) Push(x any) {
	l := x.(*line)
	l.at = int32(len(*h))
	*h = append(*h, l)
}

// Pop implements [heap.Interface].
func (h *readyLines) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	l.at = -1
	return l
}
