package window

import "github.com/hookwicket/hookwicket/queue"

// Backlog collects the waiting deliveries that a store finds when it opens. The zero Backlog
// is empty.
type Backlog struct {
	waiting int64
	ages    ages
	ordered ordered
	held    map[queue.ID]Waiting
}

// Add counts a delivery. held says that somebody holds it by a claim of the window that
// gets the backlog.
func (b *Backlog) Add(p Waiting, held bool) {
	b.waiting++
	b.ages.add(p.ID, p.Order != nil)
	if held {
		if b.held == nil {
			b.held = make(map[queue.ID]Waiting)
		}
		b.held[p.ID] = p
	}
	if p.Order != nil {
		b.ordered.insert(p, nil)
	}
}

// Newest is about when the youngest delivery was received, in nanoseconds; 0: there is none.
func (b *Backlog) Newest() int64 { return b.ages.newest() }

// AdoptLocked replaces the content of the window by a backlog, which must not be used any
// more. No scan or search may be under way. Claims stay: their positions become those of the
// backlog, since the marks of the last moments before a failure may have been kept or not.
func (w *Window) AdoptLocked(b *Backlog, paused bool) {
	for _, e := range w.window {
		drop(e.Fresh)
	}
	for _, k := range w.ordered.all {
		drop(k.fresh)
	}
	w.window, w.bound = nil, First
	w.waiting, w.ages, w.ordered, w.paused = b.waiting, b.ages, b.ordered, paused
	for id, c := range w.busy {
		if c == nil {
			continue
		}
		p, ok := b.held[id]
		if c.Gone = !ok; c.Gone {
			p.Position = c.Position
		}
		if c.Waiting = p; p.Order != nil {
			w.ordered.hold(p)
		}
	}
}

// HeldLocked returns the deliveries that are claimed or being accepted.
func (w *Window) HeldLocked() map[queue.ID]bool {
	held := make(map[queue.ID]bool, len(w.busy))
	for id := range w.busy {
		held[id] = true
	}
	return held
}
