// Package window decides in memory which delivery of a destination is claimed next. The
// stores share it; each gives it an [Index] of its waiting deliveries.
//
// Start with [Window]. It contains the waiting deliveries of one destination that are due
// first, the head of each order key (ordered.go, rule.go), the claims, and the waiting
// calls of [queue.Store.Claim]. The rest of the backlog is in the index of the store alone.
//
// A method whose name ends in Locked must be called with the window's lock held. The
// store may guard its own counts and the state of its claims by the same lock.
package window

import (
	"slices"
	"sync"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

const (
	// Size is how many waiting deliveries of one destination are in memory.
	Size = 512
	// lookAhead is how many deliveries of an order key a search reads. One is the head, one
	// shows that there are more, and the others allow for deliveries being accepted.
	lookAhead = 8
	// longestTimer bounds a timer, because the wall clock decides which deliveries are
	// due and may be set while a timer runs.
	longestTimer = time.Minute
)

// An Index reads the waiting deliveries of one destination from the store.
type Index interface {
	// Scan returns the first n deliveries without an order key at or after a position, in
	// their order. rest is the position of the next one, or [Last].
	Scan(from Position, n int) (found []Position, rest Position, err error)
	// Search returns the first n deliveries of an order key whose ID is from or later, in the
	// order of their IDs, and whether there are more.
	Search(order OrderKey, from queue.ID, n int) (found []Position, more bool, err error)
}

// Fresh is a delivery without an attempt whose message is still in memory since its
// acceptance. Drop is called when the window does not need the message any more, unless
// [Window.NextLocked] has returned it. The window has no other use for it.
type Fresh interface{ Drop() }

func drop(f Fresh) {
	if f != nil {
		f.Drop()
	}
}

// Entry is a waiting delivery in memory.
type Entry struct {
	Waiting
	Fresh Fresh // nil: to be read from the store
}

// Claim is a delivery that a worker or an operation holds. The window's lock guards it.
type Claim struct {
	Waiting      // changed by AdoptLocked
	Gone    bool // not waiting in the store any more; set by AdoptLocked
}

// Window is the waiting deliveries of one destination, as far as they are in memory.
//
// Invariants for deliveries without an order key (ordered has those of the others):
//
//   - A waiting delivery before bound is in the window or in busy. One at or after
//     bound is in the index of the store, and in the window not.
//   - The window is sorted. It is filled by a scan of the index when it is empty.
//   - busy contains every delivery that is being accepted (nil) or claimed. Nothing
//     else can claim it.
//   - waiting and ages count exactly the committed deliveries.
//
// A scan reads the index without the window's lock, and a store may show a commit before it
// is durable. Three sets make up for it: busy contains the deliveries that a scan must
// pass over, arrived those that came during the scan, departed those that ended
// during it. Therefore no delivery is claimed before it is durable, claimed twice or
// lost.
type Window struct {
	sync.Mutex
	clock func() int64 // of the due times

	paused   bool // by a person
	ordered  ordered
	window   []Entry // sorted
	bound    Position
	busy     map[queue.ID]*Claim // nil: being accepted
	scanning bool
	void     bool                  // the result of the scan under way must be dropped
	arrived  []Entry               // during a scan, at or after bound
	departed map[Position]struct{} // during a scan
	waiters  []chan struct{}
	timer    *time.Timer
	armed    int64 // the due time that the timer waits for; 0: none

	waiting, claimed int64
	ages             ages
}

// New returns an empty window. clock is the time by which deliveries are due, in nanoseconds.
func New(clock func() int64) *Window {
	return &Window{clock: clock, bound: Last, busy: make(map[queue.ID]*Claim)}
}

// Begin notes a delivery that is about to be written, so that scans pass over it.
func (w *Window) Begin(id queue.ID) {
	w.Lock()
	defer w.Unlock()
	w.BeginLocked(id)
}

// BeginLocked is Begin with the lock held. An operation also keeps a delivery that does not
// wait from others with it.
func (w *Window) BeginLocked(id queue.ID) { w.busy[id] = nil }

// AcceptedLocked ends an acceptance that Begin began. Without an error the delivery is
// durable, and with a claim it is claimed at once if the order allows it and the
// destination is not paused; held reports that. After an error it may be in the store or
// not, so that part of the index is read again.
func (w *Window) AcceptedLocked(e Entry, c *Claim, err error) (held bool) {
	delete(w.busy, e.ID)
	if err != nil {
		w.ForgetLocked(e.Waiting)
		return false
	}
	w.CountLocked(e.Waiting, 1)
	if c != nil && !w.paused && w.ordered.take(e.Waiting, w.ages.plain()) {
		w.claimLocked(c, e.Waiting)
		return true
	}
	w.InsertLocked(e)
	return false
}

// AbandonLocked ends what Begin began. The caller inserts or forgets the delivery.
func (w *Window) AbandonLocked(id queue.ID) { delete(w.busy, id) }

// CountLocked counts a waiting delivery, or with -1 one that waits no longer.
func (w *Window) CountLocked(p Waiting, sign int64) {
	w.waiting += sign
	if sign > 0 {
		w.ages.add(p.ID, p.Order != nil)
		return
	}
	w.ages.remove(p.ID, p.Order != nil)
	if w.ordered.anyBarred() {
		w.StirLocked()
	}
}

// InsertLocked adds a durable delivery to those of its order key or to the window. One at or after
// bound stays in the index alone.
func (w *Window) InsertLocked(e Entry) {
	switch {
	case e.Order != nil:
		drop(w.ordered.insert(e.Waiting, e.Fresh))
	case e.Before(w.bound):
		w.putLocked(e)
		w.trimLocked()
	default:
		drop(e.Fresh)
		if w.scanning {
			w.arrived = append(w.arrived, Entry{Waiting: e.Waiting})
		}
		return
	}
	w.StirLocked()
}

func (w *Window) putLocked(e Entry) {
	if n := len(w.window); n == 0 || w.window[n-1].Before(e.Position) {
		w.window = append(w.window, e)
		return
	}
	i, found := w.findLocked(e.Position)
	if !found {
		w.window = slices.Insert(w.window, i, e)
	}
}

// trimLocked keeps the window within its size. During a scan it must not lower bound,
// because the scan started there.
func (w *Window) trimLocked() {
	if w.scanning || len(w.window) <= Size {
		return
	}
	// Half of the window is cut, as otherwise each arrival would cut one entry.
	keep := Size / 2
	w.bound = w.window[keep].Position
	for i := range w.window[keep:] {
		drop(w.window[keep+i].Fresh)
	}
	clear(w.window[keep:])
	w.window = w.window[:keep]
}

// ForgetLocked drops the window from p on, or the head of p's order key. They are read from
// the index again, since it is not known whether the delivery at p is there.
func (w *Window) ForgetLocked(p Waiting) {
	if p.Order != nil {
		drop(w.ordered.forget(p))
		w.StirLocked()
		return
	}
	if !p.Before(w.bound) {
		return
	}
	i, _ := w.findLocked(p.Position)
	for _, e := range w.window[i:] {
		drop(e.Fresh)
	}
	clear(w.window[i:])
	w.window = w.window[:i]
	w.bound = p.Position
	w.void = w.scanning
	w.StirLocked()
}

func (w *Window) findLocked(p Position) (i int, found bool) {
	return slices.BinarySearchFunc(w.window, p, func(e Entry, p Position) int { return e.Compare(p) })
}

// foremostLocked returns the delivery in memory that is due first: in the window or at
// the head of an order key.
func (w *Window) foremostLocked() (e Entry, ok bool) {
	x := w.ordered.first(w.ages.plain())
	switch {
	case len(w.window) > 0 && (x == nil || w.window[0].Due <= x.due):
		return w.window[0], true
	case x != nil:
		return Entry{x.head(), x.fresh}, true
	}
	return Entry{}, false
}

// NextLocked makes the claim of the first delivery if it is due; nil: none is. The caller
// becomes the owner of the message in memory.
func (w *Window) NextLocked(now int64, claim func() *Claim) (*Claim, Fresh) {
	e, ok := w.foremostLocked()
	if !ok || w.paused || e.Due > now {
		return nil, nil
	}
	if e.Order != nil {
		w.ordered.hold(e.Waiting)
	} else {
		w.window[0] = Entry{}
		if w.window = w.window[1:]; len(w.window) == 0 {
			w.window = nil // an idle destination keeps no memory
		}
	}
	c := claim()
	w.claimLocked(c, e.Waiting)
	w.StirLocked()
	return c, e.Fresh
}

// GrabLocked claims a delivery that waits and that nobody holds.
func (w *Window) GrabLocked(c *Claim, p Waiting) {
	if p.Order != nil {
		drop(w.ordered.hold(p))
		w.claimLocked(c, p)
		return
	}
	w.removeLocked(p.Position)
	w.claimLocked(c, p)
}

// TakeLocked claims a durable delivery at once that nobody holds, in place of InsertLocked, if
// the order allows it and the destination is not paused. It was counted before.
func (w *Window) TakeLocked(c *Claim, p Waiting) bool {
	if w.paused || !w.ordered.take(p, w.ages.plain()) {
		return false
	}
	if p.Order == nil {
		w.removeLocked(p.Position) // a scan may have found it
	}
	w.claimLocked(c, p)
	return true
}

// removeLocked removes a delivery without an order key from memory.
func (w *Window) removeLocked(p Position) {
	if i, found := w.findLocked(p); found {
		drop(w.window[i].Fresh)
		w.window = slices.Delete(w.window, i, i+1)
	}
	w.arrived = slices.DeleteFunc(w.arrived, func(e Entry) bool { return e.Position == p })
}

// claimLocked makes the claim of a delivery that was removed from the window or whose
// order key is held.
func (w *Window) claimLocked(c *Claim, p Waiting) {
	c.Waiting = p
	w.busy[p.ID] = c
	w.claimed++
}

// EndedLocked removes a claim from busy and releases its order key. The caller inserts the
// delivery again if it still waits.
func (w *Window) EndedLocked(c *Claim) {
	if w.busy[c.ID] == c {
		delete(w.busy, c.ID)
	}
	w.claimed--
	if c.Order != nil {
		w.ordered.release(*c.Order)
		w.StirLocked() // a waiting Claim searches the next head of the order key
		return
	}
	if w.scanning {
		if w.departed == nil {
			w.departed = make(map[Position]struct{})
		}
		w.departed[c.Position] = struct{}{}
	}
}

// HolderLocked returns the claim of a delivery. busy also reports one that is being
// accepted, which has no claim.
func (w *Window) HolderLocked(id queue.ID) (c *Claim, busy bool) {
	c, busy = w.busy[id]
	return c, busy
}

// FillLocked reads the index if more deliveries must be in memory before the next one can
// be claimed: one head of an order key, or a window. It reports whether it has read. The
// lock is released while it reads.
func (w *Window) FillLocked(index Index) (read bool, err error) {
	if r := w.searchLocked(); r != nil {
		w.Unlock()
		r.found, r.rest, err = index.Search(r.key.order, r.from, lookAhead)
		w.Lock()
		w.searchedLocked(r, err)
		return true, err
	}
	if !w.starvedLocked() {
		return false, nil
	}
	w.scanning = true
	from := w.bound
	w.Unlock()
	found, rest, err := index.Scan(from, Size)
	w.Lock()
	w.scannedLocked(found, rest, err)
	return true, err
}

// starvedLocked reports whether a scan is needed: the window is empty and the index may
// contain more.
func (w *Window) starvedLocked() bool {
	return len(w.window) == 0 && w.bound != Last && !w.scanning && !w.paused
}

// searchLocked begins the search for the head of an order key; nil: all heads are known.
func (w *Window) searchLocked() *search {
	if w.paused || !w.ordered.toSearch() {
		return nil
	}
	r := w.ordered.search()
	w.StirLocked()
	return r
}

// searchedLocked ends a search with the deliveries that it found.
func (w *Window) searchedLocked(r *search, err error) {
	w.ordered.searched(r, err, func(id queue.ID) bool { _, busy := w.busy[id]; return busy })
	w.StirLocked()
}

// scannedLocked ends a scan. rest becomes the new bound. A void scan began after a
// position that ForgetLocked has dropped meanwhile; its result is ignored.
func (w *Window) scannedLocked(found []Position, rest Position, err error) {
	if err == nil && !w.void {
		for _, p := range found {
			if _, busy := w.busy[p.ID]; busy {
				continue
			}
			if _, gone := w.departed[p]; gone {
				continue
			}
			w.putLocked(Entry{Waiting: Waiting{Position: p}})
		}
		w.bound = rest
		for _, e := range w.arrived {
			if e.Before(rest) {
				w.putLocked(e)
			}
		}
	}
	w.scanning, w.void, w.arrived, w.departed = false, false, nil, nil
	w.trimLocked()
	w.StirLocked()
}

// StirLocked wakes one Entry Claim if there is work for it: a due delivery, a scan or
// a search. Otherwise it sets the timer to the next due time. Every change of the destination
// ends with it; the woken Claim calls it again for the next waiter.
func (w *Window) StirLocked() {
	if len(w.waiters) == 0 || w.paused {
		return
	}
	if w.starvedLocked() || w.ordered.toSearch() {
		w.wakeLocked()
		return
	}
	e, ok := w.foremostLocked()
	if !ok {
		return
	}
	due := e.Due
	wait := time.Duration(due - w.clock())
	if wait <= 0 {
		w.wakeLocked()
		return
	}
	if w.timer == nil {
		w.timer = time.AfterFunc(min(wait, longestTimer), w.tick)
	} else if w.armed != due {
		w.timer.Reset(min(wait, longestTimer))
	}
	w.armed = due
}

func (w *Window) tick() {
	w.Lock()
	defer w.Unlock()
	w.armed = 0
	w.StirLocked()
}

func (w *Window) wakeLocked() {
	c := w.waiters[0]
	w.waiters[0] = nil
	w.waiters = w.waiters[1:]
	close(c)
}

// WakeAll wakes all waiting calls.
func (w *Window) WakeAll() {
	w.Lock()
	defer w.Unlock()
	for len(w.waiters) > 0 {
		w.wakeLocked()
	}
}

// WaitLocked adds a waiter and returns its channel, which is closed to wake it.
func (w *Window) WaitLocked() chan struct{} {
	c := make(chan struct{})
	w.waiters = append(w.waiters, c)
	w.StirLocked()
	return c
}

// UnwaitLocked removes a waiter. One that was woken already wakes another in its place.
func (w *Window) UnwaitLocked(c chan struct{}) {
	if i := slices.Index(w.waiters, c); i >= 0 {
		w.waiters = slices.Delete(w.waiters, i, i+1)
		return
	}
	w.StirLocked()
}

// PauseLocked pauses or resumes the destination. While it is paused, nothing is claimed.
func (w *Window) PauseLocked(paused bool) {
	w.paused = paused
	w.StirLocked()
}

// EachHeadLocked calls f for the heads of order keys that can be claimed when they are due.
func (w *Window) EachHeadLocked(f func(Position)) {
	for _, k := range w.ordered.ready {
		f(Position{k.due, k.id})
	}
}

// Stats are the counts of a window.
type Stats struct {
	Waiting   int64     // claimed deliveries included
	Claimed   int64     // by workers and operations
	Oldest    time.Time // when the oldest waiting message was received; zero: none waits
	Paused    bool
	OrderKeys int // in memory
	Busy      int // deliveries that are claimed or being accepted
	Waiters   int // calls that wait for a delivery
}

// StatsLocked counts without reading the store.
func (w *Window) StatsLocked() Stats {
	return Stats{
		Waiting: w.waiting, Claimed: w.claimed, Oldest: w.ages.oldest(), Paused: w.paused,
		OrderKeys: len(w.ordered.all), Busy: len(w.busy), Waiters: len(w.waiters),
	}
}
