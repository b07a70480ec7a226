package window

import (
	"container/heap"

	"github.com/hookwicket/hookwicket/queue"
)

// ordered are the waiting deliveries of a destination that have an order key. Those of one
// order key are sorted by message ID and therefore by receipt. Only the first of them, the
// head, may be claimed. While the head waits for its next attempt, the others wait too.
//
// Only the head of each order key is in memory (about 100 bytes), so memory grows with the
// number of order keys and not with the backlog. When the head has ended, the next
// one is searched in the index without the window's lock. The search remembers deliveries
// that arrive meanwhile. The window's lock guards all of it, so every method here is
// called with that lock held.
//
// While a destination has order keys of several rules, or deliveries without an order key, a head
// can be barred: it waits for deliveries of other rules that were received before it.
// The order of receipt is total, so the earliest delivery is never barred.
//
// Invariants:
//
//   - An order key is in all while one of its deliveries waits or is claimed.
//   - An order key in state orderReady is in exactly one heap: ready, or its rule's barred.
//   - orderKey.id is the ID of the head, or not after it while the head is not known.
//   - holders is positive exactly in state orderHeld.
type ordered struct {
	all      map[OrderKey]*orderKey
	rules    map[OrderRule]*rule
	ready    readyKeys
	queued   []*orderKey // to be searched; order keys no longer in orderQueued are skipped
	searches map[*orderKey]*search
}

// orderKey stands for the waiting deliveries of one order key.
type orderKey struct {
	order   OrderKey
	id      queue.ID // of the head; no delivery waits before it if the head is not known
	due     int64    // of the head
	fresh   Fresh    // the head's message, if it is in memory since its acceptance
	at      int32    // place in the heap of the ready, or in that of the barred
	rank    int32    // place in the rule's heap
	barred  bool     // ready, but deliveries of other rules come first
	holders uint16   // claims of its deliveries
	state   orderState
	more    bool // deliveries may wait behind the head
}

type orderState uint8

const (
	orderReady     orderState = iota // the head is known, and no delivery of the order key is claimed
	orderHeld                        // a delivery of the order key is claimed or being changed
	orderQueued                      // the head must be searched in the index
	orderSearching                   // the head is being searched
	orderOver                        // no delivery waits: the order key is removed from memory
)

// search is one search for the head of an order key.
type search struct {
	key     *orderKey
	from    queue.ID
	void    bool      // the result must be dropped
	arrived *Position // of the deliveries that came meanwhile, the first of the order key
	more    bool      // others came as well

	// The result, which is set before searched.
	found []Position // the first deliveries of the order key in the index
	rest  bool       // there are more
}

// insert adds a durable delivery to its order key. It returns the message that need not stay
// in memory: that of the delivery, or of the former head.
func (o *ordered) insert(p Waiting, fresh Fresh) (unused Fresh) {
	k := o.all[*p.Order]
	if k == nil {
		o.lead(o.open(*p.Order, p.ID), p.Position, fresh)
		return nil
	}
	switch k.state {
	case orderReady:
		k.more = true
		if before(p.ID, k.id) {
			unused = k.fresh
			o.unready(k)
			o.lead(k, p.Position, fresh)
			return unused
		}
	case orderQueued:
		k.more = true
		if !before(k.id, p.ID) {
			o.lead(k, p.Position, fresh)
			return nil
		}
	case orderSearching:
		o.searches[k].arrive(p.Position)
		o.lower(k, p.ID)
	case orderHeld:
		k.more = true
		o.lower(k, p.ID)
	}
	return fresh
}

func (r *search) arrive(p Position) {
	if r.arrived != nil {
		r.more = r.more || r.arrived.ID != p.ID
		if !before(p.ID, r.arrived.ID) {
			return
		}
	}
	r.arrived = &p
}

func (o *ordered) lower(k *orderKey, id queue.ID) {
	if before(id, k.id) {
		o.from(k, id)
	}
}

// open makes an order key without a known head. The caller sets its state.
func (o *ordered) open(order OrderKey, id queue.ID) *orderKey {
	if o.all == nil {
		o.all = make(map[OrderKey]*orderKey)
	}
	k := &orderKey{order: order, id: id, at: -1, state: orderOver}
	o.all[order] = k
	o.enter(k)
	return k
}

// over removes an order key. Without order keys, no memory is kept.
func (o *ordered) over(k *orderKey) {
	k.state = orderOver
	o.depart(k)
	if delete(o.all, k.order); len(o.all) == 0 {
		*o = ordered{}
	}
}

// lead makes a delivery the head.
func (o *ordered) lead(k *orderKey, p Position, fresh Fresh) {
	o.from(k, p.ID)
	k.due, k.fresh, k.state = p.Due, fresh, orderReady
	heap.Push(&o.ready, k)
}

// ask puts an order key among those to be searched.
func (o *ordered) ask(k *orderKey) {
	k.state = orderQueued
	o.queued = append(o.queued, k)
}

// head is the delivery at the head of an order key whose head is known.
func (k *orderKey) head() Waiting {
	return Waiting{Position: Position{Due: k.due, ID: k.id}, Order: &k.order}
}

// take holds the order key of a delivery that has just been accepted and is not inserted.
// It returns false if the delivery has to wait: it is not the head, or it is barred.
// A delivery without an order key can always be taken.
func (o *ordered) take(p Waiting, plain int64) bool {
	if p.Order == nil {
		return true
	}
	if o.bars(p.Order.Rule(), p.ID, plain) {
		return false
	}
	k := o.all[*p.Order]
	if k == nil {
		k = o.open(*p.Order, p.ID)
		k.state, k.holders = orderHeld, 1
		return true
	}
	if k.state != orderReady || before(k.id, p.ID) {
		return false
	}
	drop(o.hold(p))
	return true
}

// hold blocks the order key while one of its deliveries is being attempted or changed. A
// worker holds the head, a person can hold any delivery. It returns the head's message
// if that need not stay in memory.
func (o *ordered) hold(p Waiting) (unused Fresh) {
	order, id := *p.Order, p.ID
	k := o.all[order]
	if k == nil { // in the index but not in memory: the write of another delivery has failed
		k = o.open(order, id)
		k.more = true
	}
	if k.id != id {
		k.more = true
		o.lower(k, id)
	}
	switch k.state {
	case orderReady:
		o.unready(k)
		unused, k.fresh = k.fresh, nil
	case orderSearching:
		k.more = true
		o.searches[k].void = true
	case orderQueued:
		k.more = true
	}
	k.state = orderHeld
	k.holders++
	return unused
}

// release ends a hold. The caller inserts the delivery again if it still waits.
func (o *ordered) release(order OrderKey) {
	k := o.all[order]
	if k == nil || k.state != orderHeld {
		return // cannot happen
	}
	if k.holders--; k.holders > 0 {
		k.more = true
		return
	}
	if !k.more {
		o.over(k)
		return
	}
	o.ask(k)
}

// forget drops the head of an order key if it is behind p, and starts a search. It is not
// known whether the delivery at p is in the index.
func (o *ordered) forget(p Waiting) (unused Fresh) {
	order, id := *p.Order, p.ID
	k := o.all[order]
	if k == nil {
		k = o.open(order, id)
		o.ask(k)
	}
	k.more = true
	if k.state == orderReady && before(id, k.id) {
		o.unready(k)
		unused, k.fresh = k.fresh, nil
		o.ask(k)
	}
	if k.state == orderSearching {
		o.searches[k].void = true
	}
	if k.state != orderReady {
		o.lower(k, id)
	}
	return unused
}

// toSearch reports whether an order key has to be searched.
func (o *ordered) toSearch() bool {
	for len(o.queued) > 0 && o.queued[0].state != orderQueued {
		o.pop()
	}
	return len(o.queued) > 0
}

func (o *ordered) pop() *orderKey {
	k := o.queued[0]
	o.queued[0] = nil
	if o.queued = o.queued[1:]; len(o.queued) == 0 {
		o.queued = nil
	}
	return k
}

// search begins a search. The caller has checked toSearch.
func (o *ordered) search() *search {
	k := o.pop()
	k.state, k.more = orderSearching, false
	if o.searches == nil {
		o.searches = make(map[*orderKey]*search)
	}
	r := &search{key: k, from: k.id}
	o.searches[k] = r
	return r
}

// searched ends a search that has read its result. Deliveries for which busy is true are
// being accepted: they are inserted when they are durable.
func (o *ordered) searched(r *search, err error, busy func(queue.ID) bool) {
	k := r.key
	if o.searches[k] != r {
		return // another has begun, or the database was replaced
	}
	delete(o.searches, k)
	if k.state != orderSearching {
		k.more = true // release queues the order key for another search
		return
	}
	if err != nil || r.void {
		o.ask(k)
		return
	}
	// A delivery that arrived may be among those r.found, at any place.
	head, more := r.arrived, r.more || r.rest
	for _, p := range r.found {
		switch {
		case busy(p.ID):
		case head == nil:
			head = &p
		case p.ID != head.ID:
			more = true
			if before(p.ID, head.ID) {
				head = &p
			}
		}
	}
	switch {
	case r.rest && (head == nil || before(r.found[len(r.found)-1].ID, head.ID)):
		// All r.found deliveries are being accepted, and others may wait before the arrived
		// one: search on behind them.
		o.from(k, r.found[len(r.found)-1].ID)
		o.ask(k)
	case head == nil:
		o.over(k)
	default:
		k.more = more
		o.lead(k, *head, nil)
	}
}

// readyKeys is a heap of the order keys whose head may be claimed, by when it is due.
type readyKeys []*orderKey

func (h readyKeys) Len() int { return len(h) }

func (h readyKeys) Less(i, j int) bool {
	return h[i].due < h[j].due || h[i].due == h[j].due && before(h[i].id, h[j].id)
}

func (h readyKeys) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = int32(i), int32(j)
}

// Push implements [heap.Interface].
func (h *readyKeys) Push(x any) {
	k := x.(*orderKey)
	k.at = int32(len(*h))
	*h = append(*h, k)
}

// Pop implements [heap.Interface].
func (h *readyKeys) Pop() any {
	old := *h
	k := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	k.at = -1
	return k
}
