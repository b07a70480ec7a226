package window

import (
	"container/heap"

	"github.com/hookwicket/hookwicket/queue"
)

// rule has the order keys that one order rule has made. A destination has one rule, unless
// its order was changed while deliveries waited. The window's lock guards it.
type rule struct {
	keys   earliest // all of them
	barred earliest // those that are ready but for the deliveries of other rules
}

// enter adds an order key that has been opened to those of its rule.
func (o *ordered) enter(k *orderKey) {
	r := o.rules[k.order.Rule()]
	if r == nil {
		if o.rules == nil {
			o.rules = make(map[OrderRule]*rule)
		}
		r = &rule{keys: earliest{index: rankOf}, barred: earliest{index: atOf}}
		o.rules[k.order.Rule()] = r
	}
	heap.Push(&r.keys, k)
}

// depart removes an order key that is over. It is not ready.
func (o *ordered) depart(k *orderKey) {
	r := o.rules[k.order.Rule()]
	heap.Remove(&r.keys, int(k.rank))
	if r.keys.Len() == 0 {
		delete(o.rules, k.order.Rule())
	}
}

// from sets the ID of the first waiting delivery of an order key, which is not ready.
func (o *ordered) from(k *orderKey, id queue.ID) {
	k.id = id
	heap.Fix(&o.rules[k.order.Rule()].keys, int(k.rank))
}

// bars reports whether a delivery of a rule has to wait for others that were received
// before it. plain is the receipt, in milliseconds, of the earliest waiting delivery
// without an order key. It is known to a minute, so the delivery can also wait for plain
// ones of its own minute that came after it.
func (o *ordered) bars(of OrderRule, id queue.ID, plain int64) bool {
	if plain < receivedMilli(id) {
		return true
	}
	for other, r := range o.rules {
		if other != of && before(r.keys.all[0].id, id) {
			return true
		}
	}
	return false
}

// first returns the order key whose head is due first and is not barred; nil: none is
// known.
func (o *ordered) first(plain int64) *orderKey {
	for id, r := range o.rules {
		for len(r.barred.all) > 0 && !o.bars(id, r.barred.all[0].id, plain) {
			k := heap.Pop(&r.barred).(*orderKey)
			k.barred = false
			heap.Push(&o.ready, k)
		}
	}
	for len(o.ready) > 0 {
		k := o.ready[0]
		if !o.bars(k.order.Rule(), k.id, plain) {
			return k
		}
		heap.Pop(&o.ready)
		k.barred = true
		heap.Push(&o.rules[k.order.Rule()].barred, k)
	}
	return nil
}

// unready takes an order key whose head is known out of the heap in which it is.
func (o *ordered) unready(k *orderKey) {
	if k.barred {
		k.barred = false
		heap.Remove(&o.rules[k.order.Rule()].barred, int(k.at))
		return
	}
	heap.Remove(&o.ready, int(k.at))
}

// anyBarred reports whether the end of a delivery can free an order key.
func (o *ordered) anyBarred() bool {
	for _, r := range o.rules {
		if len(r.barred.all) > 0 {
			return true
		}
	}
	return false
}

// earliest is a heap of order keys by the ID of their first waiting delivery.
type earliest struct {
	all   []*orderKey
	index func(*orderKey) *int32 // the field for the index of an order key in the heap
}

func rankOf(k *orderKey) *int32 { return &k.rank }
func atOf(k *orderKey) *int32   { return &k.at }

// Len, Less, Swap, Push and Pop implement [heap.Interface].
func (h *earliest) Len() int { return len(h.all) }

func (h *earliest) Less(i, j int) bool { return before(h.all[i].id, h.all[j].id) }

func (h *earliest) Swap(i, j int) {
	h.all[i], h.all[j] = h.all[j], h.all[i]
	*h.index(h.all[i]), *h.index(h.all[j]) = int32(i), int32(j)
}

func (h *earliest) Push(x any) {
	k := x.(*orderKey)
	*h.index(k) = int32(len(h.all))
	h.all = append(h.all, k)
}

func (h *earliest) Pop() any {
	last := len(h.all) - 1
	k := h.all[last]
	h.all[last] = nil
	h.all = h.all[:last]
	*h.index(k) = -1
	return k
}
