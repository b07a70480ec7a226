package pebble

import (
	"bytes"
	"container/heap"
	"crypto/sha256"

	"github.com/hookwicket/hookwicket/queue"
)

// orderOf stands for an order key in the keys. Two order keys of one digest
// would wait for each other, which costs time and nothing else.
func orderOf(rule, key string) (o orderID) {
	byRule, byKey := sha256.Sum256([]byte(rule)), sha256.Sum256([]byte(key))
	n := copy(o[:], byRule[:len(ruleID{})])
	copy(o[n:], byKey[:])
	return o
}

// lines are the deliveries of a lane that wait in line: a line for each order
// key, sorted by message ID and thus by receipt, of which only the head may be
// claimed. While the head waits for its next attempt, the whole line does.
//
// Memory holds of each line its head alone, some hundred bytes. It so grows with
// the number of order keys under which something waits, not with how much waits.
// Who is next in a line is looked up on disk when its head has ended. That
// happens without the lane's lock, so what arrives and what is taken meanwhile is
// remembered until the search ends. All of it is guarded by the lane's lock.
//
// While lines of several rules wait, or deliveries that are in no line, a head is
// barred until those that were received before it and are not of its rule have
// ended. The order of receipt is total, so the earliest is never barred.
type lines struct {
	all      map[orderID]*line
	rules    map[ruleID]*rule
	ready    readyLines
	queued   []*line // to be searched; those no longer in that state are passed over
	searches map[*line]*search
}

// line is what waits under one order key.
type line struct {
	order   orderID
	id      queue.ID // of the head; nothing waits before it where the head is not known
	due     int64    // of the head
	fresh   *fresh   // the head's message, if it is in memory since its acceptance
	at      int32    // place in the heap of the ready, or in that of the barred
	rank    int32    // place in the rule's heap
	barred  bool     // ready, but for deliveries of other rules
	holders uint16   // claims of its deliveries
	state   lineState
	more    bool // something may wait behind the head
}

type lineState uint8

const (
	lineReady     lineState = iota // the head is known and nobody holds a delivery
	lineHeld                       // somebody does
	lineQueued                     // the head is to be looked up
	lineSearching                  // and is being looked up
	lineOver                       // nothing waits: the line is forgotten
)

// search is what a line remembers while it is searched.
type search struct {
	line    *line
	from    queue.ID
	void    bool      // the answer is of no use
	arrived *position // the first in line of those that came
	more    bool      // others came
}

// insert puts a delivery that is on disk into its line. It returns the message
// that need not be kept in memory: the one that came, or that of the head whose
// place it took.
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

// open makes a line of which nothing is known yet.
func (s *lines) open(order orderID, id queue.ID) *line {
	if s.all == nil {
		s.all = make(map[orderID]*line)
	}
	l := &line{order: order, id: id, at: -1, state: lineOver}
	s.all[order] = l
	s.enter(l)
	return l
}

// over forgets a line. Without any, no memory is kept.
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

// take is hold for a delivery that has just been accepted and is not inserted. It
// fails where the delivery waits in line and is not the head.
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

// hold keeps everything of a line from being claimed while one of its deliveries
// is in somebody's hands: the head in those of a worker, any in those of a
// person. It returns the head's message if that is let go of by this.
func (s *lines) hold(p place) (unused *fresh) {
	order, id := *p.order, p.id
	l := s.all[order]
	if l == nil { // on disk, yet unknown here: another's write has failed
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

// release ends a hold. A delivery that still waits is inserted again after that.
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

// forget gives up what is known of a line from id on: it is unknown what became
// of that delivery.
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

// toSearch tells whether some line has to be searched.
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

// search begins a search; toSearch has said that there is one.
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

// searched ends a search that found these deliveries, from the beginning on, and
// tells whether there are more. Those that busy knows are being accepted: they
// are inserted when they are durable.
func (s *lines) searched(r *search, found []position, rest bool, err error, busy func(queue.ID) bool) {
	l := r.line
	if s.searches[l] != r {
		return // another has begun, or the database was replaced
	}
	delete(s.searches, l)
	if l.state != lineSearching {
		l.more = true // it will be asked again when it is let go of
		return
	}
	if err != nil || r.void {
		s.ask(l)
		return
	}
	// What arrived may have been found as well, and may be anywhere among it.
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
		// All that was found is being accepted, and others may wait before what arrived.
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
