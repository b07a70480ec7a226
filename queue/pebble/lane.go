package pebble

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

const (
	// windowSize is how many waiting deliveries of one destination are in memory.
	windowSize = 512
	// longestTimer bounds a timer, because the wall clock decides which deliveries are
	// due and may be set while a timer runs.
	longestTimer = time.Minute
)

// entry is a waiting delivery in memory.
type entry struct {
	place
	fresh *fresh // nil: to be read from disk
}

// place is the position of a waiting delivery in the index.
type place struct {
	position
	order *orderID // nil: the delivery has no order key
}

// fresh is a delivery without an attempt whose message is still in memory since its
// acceptance.
type fresh struct {
	flight  *flight
	size    int64
	touched bool // the standing has a record on disk
}

func (f *fresh) drop() {
	if f != nil {
		f.flight.drop()
	}
}

// lane is the part of the store in memory for one destination. It decides which
// delivery is claimed next.
//
// Invariants for deliveries without an order key (lines has those of the others):
//
//   - A waiting delivery before bound is in the window or in busy. One at or after
//     bound is in the index on disk, and in the window not.
//   - The window is sorted. It is filled by a scan of the index when it is empty.
//   - busy contains every delivery that is being accepted (nil) or claimed. Nothing
//     else can claim it.
//   - waiting, dead, bytes and ages count exactly the committed deliveries.
//
// A scan reads the index without the lane's lock, and Pebble shows a batch before it
// is durable. Three sets make up for it: busy contains the deliveries that a scan must
// pass over, arrived those that came during the scan, departed those that ended
// during it. Therefore no delivery is claimed before it is durable, claimed twice or
// lost.
type lane struct {
	name  string
	id    laneID
	named atomic.Bool  // the name is on disk
	clock func() int64 // the due clock; see steady

	mu       sync.Mutex
	paused   bool // by a person
	lines    lines
	window   []entry // sorted
	bound    position
	busy     map[queue.ID]*claim // nil: being accepted
	scanning bool
	void     bool                  // the result of the scan under way must be dropped
	arrived  []entry               // during a scan, at or after bound
	departed map[position]struct{} // during a scan
	waiters  []chan struct{}
	timer    *time.Timer
	armed    int64 // the due time that the timer waits for; 0: none

	retention atomic.Int64 // nanoseconds that ended deliveries stay; 0 or less: not at all
	first     atomic.Int64 // no ended delivery on disk ended before this; MaxInt64: there is none

	waiting, claimed, dead, bytes int64
	ages                          ages
}

func newLane(name string, id laneID, clock func() int64) *lane {
	return &lane{
		name: name, id: id, clock: clock,
		bound: end, busy: make(map[queue.ID]*claim),
	}
}

// begin notes a delivery that is about to be written, so that scans pass over it.
func (l *lane) begin(id queue.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy[id] = nil
}

// accepted ends an acceptance that begin began. Without an error the delivery is
// durable, and with hold it is claimed at once if the order allows it. After an error
// it may be on disk or not, so that part of the index is read again.
func (l *lane) accepted(e entry, size int64, hold bool, err error) *claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, e.id)
	if err != nil {
		l.forgetLocked(e.place)
		return nil
	}
	l.waiting++
	l.bytes += size
	l.ages.add(e.id, e.order != nil)
	if hold && !l.paused && l.lines.take(e.place, l.ages.plain()) {
		return l.claimLocked(e.place)
	}
	l.insertLocked(e)
	return nil
}

// insertLocked adds a durable delivery to its line or to the window. One at or after
// bound stays on disk alone.
func (l *lane) insertLocked(e entry) {
	switch {
	case e.order != nil:
		l.lines.insert(e.place, e.fresh).drop()
	case e.before(l.bound):
		l.putLocked(e)
		l.trimLocked()
	default:
		e.fresh.drop()
		if l.scanning {
			l.arrived = append(l.arrived, entry{place: e.place})
		}
		return
	}
	l.stirLocked()
}

func (l *lane) putLocked(e entry) {
	if n := len(l.window); n == 0 || l.window[n-1].before(e.position) {
		l.window = append(l.window, e)
		return
	}
	i, found := l.findLocked(e.position)
	if !found {
		l.window = slices.Insert(l.window, i, e)
	}
}

// trimLocked keeps the window within its size. During a scan it must not lower bound,
// because the scan started there.
func (l *lane) trimLocked() {
	if l.scanning || len(l.window) <= windowSize {
		return
	}
	// Half of the window is cut, as otherwise each arrival would cut one entry.
	keep := windowSize / 2
	l.bound = l.window[keep].position
	for i := range l.window[keep:] {
		l.window[keep+i].fresh.drop()
	}
	clear(l.window[keep:])
	l.window = l.window[:keep]
}

// forgetLocked drops the window from p on, or the head of p's line. They are read from
// disk again, since it is not known whether the delivery at p is there.
func (l *lane) forgetLocked(p place) {
	if p.order != nil {
		l.lines.forget(p).drop()
		l.stirLocked()
		return
	}
	if !p.before(l.bound) {
		return
	}
	i, _ := l.findLocked(p.position)
	for _, e := range l.window[i:] {
		e.fresh.drop()
	}
	clear(l.window[i:])
	l.window = l.window[:i]
	l.bound = p.position
	l.void = l.scanning
	l.stirLocked()
}

func (l *lane) findLocked(p position) (i int, found bool) {
	return slices.BinarySearchFunc(l.window, p, func(e entry, p position) int { return e.compare(p) })
}

// resetLocked empties the lane before it is loaded from a new database. The old one
// has no users, so no scan is under way. Claims stay in busy.
func (l *lane) resetLocked() {
	for _, e := range l.window {
		e.fresh.drop()
	}
	for _, x := range l.lines.all {
		x.fresh.drop()
	}
	l.window, l.bound, l.lines = nil, start, lines{}
	l.waiting, l.dead, l.bytes, l.ages = 0, 0, 0, ages{}
	l.first.Store(0)
}

// foremostLocked returns the delivery in memory that is due first: in the window or at
// the head of a line.
func (l *lane) foremostLocked() (e entry, ok bool) {
	x := l.lines.first(l.ages.plain())
	switch {
	case len(l.window) > 0 && (x == nil || l.window[0].due <= x.due):
		return l.window[0], true
	case x != nil:
		return entry{x.head(), x.fresh}, true
	}
	return entry{}, false
}

// nextLocked claims the first delivery if it is due.
func (l *lane) nextLocked(now int64) (*claim, *fresh) {
	e, ok := l.foremostLocked()
	if !ok || l.paused || e.due > now {
		return nil, nil
	}
	if e.order != nil {
		l.lines.hold(e.place)
	} else {
		l.window[0] = entry{}
		if l.window = l.window[1:]; len(l.window) == 0 {
			l.window = nil // an idle lane keeps no memory
		}
	}
	c := l.claimLocked(e.place)
	l.stirLocked()
	return c, e.fresh
}

// claimLocked makes the claim of a delivery that was removed from the window or whose
// line is held.
func (l *lane) claimLocked(p place) *claim {
	c := &claim{lane: l, place: p}
	l.busy[p.id] = c
	l.claimed++
	return c
}

// starvedLocked reports whether a scan is needed: the window is empty and the index may
// contain more.
func (l *lane) starvedLocked() bool {
	return len(l.window) == 0 && l.bound != end && !l.scanning && !l.paused
}

// searchLocked begins the search for the head of a line; nil: all heads are known.
func (l *lane) searchLocked() *search {
	if l.paused || !l.lines.toSearch() {
		return nil
	}
	r := l.lines.search()
	l.stirLocked()
	return r
}

// searchedLocked ends a search with the deliveries that it found.
func (l *lane) searchedLocked(r *search, found []position, rest bool, err error) {
	l.lines.searched(r, found, rest, err, func(id queue.ID) bool { _, busy := l.busy[id]; return busy })
	l.stirLocked()
}

// scannedLocked ends a scan. rest becomes the new bound. A void scan began after a
// position that forgetLocked has dropped meanwhile; its result is ignored.
func (l *lane) scannedLocked(found []position, rest position, err error) {
	if err == nil && !l.void {
		for _, p := range found {
			if _, busy := l.busy[p.id]; busy {
				continue
			}
			if _, gone := l.departed[p]; gone {
				continue
			}
			l.putLocked(entry{place: place{position: p}})
		}
		l.bound = rest
		for _, e := range l.arrived {
			if e.before(rest) {
				l.putLocked(e)
			}
		}
	}
	l.scanning, l.void, l.arrived, l.departed = false, false, nil, nil
	l.trimLocked()
	l.stirLocked()
}

// endedLocked removes a claim from busy and releases its message and its line.
func (l *lane) endedLocked(c *claim) {
	if l.busy[c.id] == c {
		delete(l.busy, c.id)
	}
	l.claimed--
	if c.flight != nil {
		c.flight.leave()
		c.flight = nil
	}
	if c.order != nil {
		l.lines.release(*c.order)
		l.stirLocked() // a waiting Claim searches the next head of the line
		return
	}
	if l.scanning {
		if l.departed == nil {
			l.departed = make(map[position]struct{})
		}
		l.departed[c.position] = struct{}{}
	}
}

// stirLocked wakes one waiting Claim if there is work for it: a due delivery, a scan or
// a search. Otherwise it sets the timer to the next due time. Every change of the lane
// ends with it; the woken Claim calls it again for the next waiter.
func (l *lane) stirLocked() {
	if len(l.waiters) == 0 || l.paused {
		return
	}
	if l.starvedLocked() || l.lines.toSearch() {
		l.wakeLocked()
		return
	}
	e, ok := l.foremostLocked()
	if !ok {
		return
	}
	due := e.due
	wait := time.Duration(due - l.clock())
	if wait <= 0 {
		l.wakeLocked()
		return
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(min(wait, longestTimer), l.tick)
	} else if l.armed != due {
		l.timer.Reset(min(wait, longestTimer))
	}
	l.armed = due
}

func (l *lane) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = 0
	l.stirLocked()
}

func (l *lane) wakeLocked() {
	w := l.waiters[0]
	l.waiters[0] = nil
	l.waiters = l.waiters[1:]
	close(w)
}

func (l *lane) wakeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiters) > 0 {
		l.wakeLocked()
	}
}

// waitLocked adds a waiter and returns its channel, which is closed to wake it.
func (l *lane) waitLocked() chan struct{} {
	w := make(chan struct{})
	l.waiters = append(l.waiters, w)
	l.stirLocked()
	return w
}

// unwaitLocked removes a waiter. One that was woken already wakes another in its place.
func (l *lane) unwaitLocked(w chan struct{}) {
	if i := slices.Index(l.waiters, w); i >= 0 {
		l.waiters = slices.Delete(l.waiters, i, i+1)
		return
	}
	l.stirLocked()
}
