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
	// longestTimer bounds a timer, since the clock on the wall, which says what is
	// due, may be set while a timer runs.
	longestTimer = time.Minute
)

// entry is a waiting delivery in memory.
type entry struct {
	place
	fresh *fresh // nil: to be read from disk
}

// place is where a waiting delivery stands in the index.
type place struct {
	position
	order *orderID // of one that waits in line; nil: it does not
}

// fresh is a delivery that was not attempted yet and whose message is still in
// memory since its acceptance.
type fresh struct {
	flight  *flight
	size    int64
	touched bool // there is a record of where it stands
}

func (f *fresh) drop() {
	if f != nil {
		f.flight.drop()
	}
}

// lane holds the deliveries of one destination. Of those that wait, other than in
// lines, it knows the first few: every delivery before bound is either in the
// window or busy, and those at or after bound are only in the index on disk, from
// which the window is filled when it has run empty.
//
// The index is read without the lane's lock, and Pebble shows a batch before it
// is durable. So what is being accepted and what is claimed stands in busy, and
// what comes and goes during a scan is remembered until the scan ends; a
// delivery so is never handed out before it is durable, nor twice, nor lost.
type lane struct {
	name  string
	id    laneID
	named atomic.Bool  // the name is on disk
	clock func() int64 // of what is due

	mu       sync.Mutex
	paused   bool // by a person
	lines    lines
	window   []entry // sorted
	bound    position
	busy     map[queue.ID]*claim // nil: being accepted
	scanning bool
	void     bool                  // the scan under way has lost its footing
	arrived  []entry               // during a scan, at or after bound
	departed map[position]struct{} // during a scan
	waiters  []chan struct{}
	timer    *time.Timer
	armed    int64 // what the timer waits for

	retention atomic.Int64 // how long what has ended stays; 0 or less: not at all
	first     atomic.Int64 // of what has ended and stays, none did before; MaxInt64: none stays

	waiting, claimed, dead, bytes int64
	ages                          ages
}

func newLane(name string, id laneID, clock func() int64) *lane {
	return &lane{
		name: name, id: id, clock: clock,
		bound: end, busy: make(map[queue.ID]*claim),
	}
}

// begin makes scans pass over a delivery that is about to be written.
func (l *lane) begin(id queue.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy[id] = nil
}

// accepted ends what begin began: the delivery is durable, or it is unknown
// what became of it. With hold it is claimed at once if it may be.
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

// insertLocked puts a delivery that is on disk where it belongs.
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

// trimLocked keeps the window within its size. During a scan it may not lower the
// bound that the scan started from.
func (l *lane) trimLocked() {
	if l.scanning || len(l.window) <= windowSize {
		return
	}
	// Cut more than need be, lest each arrival cut one.
	keep := windowSize / 2
	l.bound = l.window[keep].position
	for i := range l.window[keep:] {
		l.window[keep+i].fresh.drop()
	}
	clear(l.window[keep:])
	l.window = l.window[:keep]
}

// forgetLocked gives up what memory knows from p on, to be read from disk again.
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

// resetLocked makes the lane start over from the files. Nothing else uses the
// database meanwhile, so no scan is under way.
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

// foremostLocked is what is due first of all that memory knows: in the window or at the
// head of a line.
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

// claimLocked marks a delivery busy that nobody else can find any more.
func (l *lane) claimLocked(p place) *claim {
	c := &claim{lane: l, place: p}
	l.busy[p.id] = c
	l.claimed++
	return c
}

// starvedLocked: only the disk knows what comes next.
func (l *lane) starvedLocked() bool {
	return len(l.window) == 0 && l.bound != end && !l.scanning && !l.paused
}

// searchLocked begins to look for the head of a line; nil: all are known.
func (l *lane) searchLocked() *search {
	if l.paused || !l.lines.toSearch() {
		return nil
	}
	r := l.lines.search()
	l.stirLocked()
	return r
}

// searchedLocked ends it.
func (l *lane) searchedLocked(r *search, found []position, rest bool, err error) {
	l.lines.searched(r, found, rest, err, func(id queue.ID) bool { _, busy := l.busy[id]; return busy })
	l.stirLocked()
}

// scannedLocked ends a scan that found these deliveries and would go on at rest. A
// void one has begun after a place that was forgotten meanwhile.
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

// endedLocked takes a claim out of the busy ones.
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
		l.stirLocked() // for who waits to look up the next of the line
		return
	}
	if l.scanning {
		if l.departed == nil {
			l.departed = make(map[position]struct{})
		}
		l.departed[c.position] = struct{}{}
	}
}

// stirLocked wakes one waiter if there is something for it to do, or sees to it that
// one is woken when there will be.
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

// waitLocked enters the queue of those who wait.
func (l *lane) waitLocked() chan struct{} {
	w := make(chan struct{})
	l.waiters = append(l.waiters, w)
	l.stirLocked()
	return w
}

// unwaitLocked leaves it. Who was woken just now passes that on.
func (l *lane) unwaitLocked(w chan struct{}) {
	if i := slices.Index(l.waiters, w); i >= 0 {
		l.waiters = slices.Delete(l.waiters, i, i+1)
		return
	}
	l.stirLocked()
}
