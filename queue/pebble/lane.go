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
		l.forget(e.place)
		return nil
	}
	l.waiting++
	l.bytes += size
	l.ages.add(e.id, e.order != nil)
	if hold && !l.paused && l.lines.take(e.place, l.ages.plain()) {
		return l.claim(e.place)
	}
	l.insert(e)
	return nil
}

// insert puts a delivery that is on disk where it belongs.
func (l *lane) insert(e entry) {
	switch {
	case e.order != nil:
		l.lines.insert(e.place, e.fresh).drop()
	case e.before(l.bound):
		l.put(e)
		l.trim()
	default:
		e.fresh.drop()
		if l.scanning {
			l.arrived = append(l.arrived, entry{place: e.place})
		}
		return
	}
	l.stir()
}

func (l *lane) put(e entry) {
	if n := len(l.window); n == 0 || l.window[n-1].before(e.position) {
		l.window = append(l.window, e)
		return
	}
	i, found := l.find(e.position)
	if !found {
		l.window = slices.Insert(l.window, i, e)
	}
}

// trim keeps the window within its size. During a scan it may not lower the
// bound that the scan started from.
func (l *lane) trim() {
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

// forget gives up what memory knows from p on, to be read from disk again.
func (l *lane) forget(p place) {
	if p.order != nil {
		l.lines.forget(p).drop()
		l.stir()
		return
	}
	if !p.before(l.bound) {
		return
	}
	i, _ := l.find(p.position)
	for _, e := range l.window[i:] {
		e.fresh.drop()
	}
	clear(l.window[i:])
	l.window = l.window[:i]
	l.bound = p.position
	l.void = l.scanning
	l.stir()
}

func (l *lane) find(p position) (i int, found bool) {
	return slices.BinarySearchFunc(l.window, p, func(e entry, p position) int { return e.compare(p) })
}

// reset makes the lane start over from the files. Nothing else uses the
// database meanwhile, so no scan is under way.
func (l *lane) reset() {
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

// foremost is what is due first of all that memory knows: in the window or at the
// head of a line.
func (l *lane) foremost() (e entry, ok bool) {
	x := l.lines.first(l.ages.plain())
	switch {
	case len(l.window) > 0 && (x == nil || l.window[0].due <= x.due):
		return l.window[0], true
	case x != nil:
		return entry{x.head(), x.fresh}, true
	}
	return entry{}, false
}

// next claims the first delivery if it is due.
func (l *lane) next(now int64) (*claim, *fresh) {
	e, ok := l.foremost()
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
	c := l.claim(e.place)
	l.stir()
	return c, e.fresh
}

// claim marks a delivery busy that nobody else can find any more.
func (l *lane) claim(p place) *claim {
	c := &claim{lane: l, place: p}
	l.busy[p.id] = c
	l.claimed++
	return c
}

// starved: only the disk knows what comes next.
func (l *lane) starved() bool {
	return len(l.window) == 0 && l.bound != end && !l.scanning && !l.paused
}

// search begins to look for the head of a line; nil: all are known.
func (l *lane) search() *search {
	if l.paused || !l.lines.toSearch() {
		return nil
	}
	r := l.lines.search()
	l.stir()
	return r
}

// searched ends it.
func (l *lane) searched(r *search, found []position, rest bool, err error) {
	l.lines.searched(r, found, rest, err, func(id queue.ID) bool { _, busy := l.busy[id]; return busy })
	l.stir()
}

// scanned ends a scan that found these deliveries and would go on at rest. A
// void one has begun after a place that was forgotten meanwhile.
func (l *lane) scanned(found []position, rest position, err error) {
	if err == nil && !l.void {
		for _, p := range found {
			if _, busy := l.busy[p.id]; busy {
				continue
			}
			if _, gone := l.departed[p]; gone {
				continue
			}
			l.put(entry{place: place{position: p}})
		}
		l.bound = rest
		for _, e := range l.arrived {
			if e.before(rest) {
				l.put(e)
			}
		}
	}
	l.scanning, l.void, l.arrived, l.departed = false, false, nil, nil
	l.trim()
	l.stir()
}

// ended takes a claim out of the busy ones.
func (l *lane) ended(c *claim) {
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
		l.stir() // for who waits to look up the next of the line
		return
	}
	if l.scanning {
		if l.departed == nil {
			l.departed = make(map[position]struct{})
		}
		l.departed[c.position] = struct{}{}
	}
}

// stir wakes one waiter if there is something for it to do, or sees to it that
// one is woken when there will be.
func (l *lane) stir() {
	if len(l.waiters) == 0 || l.paused {
		return
	}
	if l.starved() || l.lines.toSearch() {
		l.wake()
		return
	}
	e, ok := l.foremost()
	if !ok {
		return
	}
	due := e.due
	wait := time.Duration(due - l.clock())
	if wait <= 0 {
		l.wake()
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
	l.stir()
}

func (l *lane) wake() {
	w := l.waiters[0]
	l.waiters[0] = nil
	l.waiters = l.waiters[1:]
	close(w)
}

func (l *lane) wakeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiters) > 0 {
		l.wake()
	}
}

// wait enters the queue of those who wait.
func (l *lane) wait() chan struct{} {
	w := make(chan struct{})
	l.waiters = append(l.waiters, w)
	l.stir()
	return w
}

// unwait leaves it. Who was woken just now passes that on.
func (l *lane) unwait(w chan struct{}) {
	if i := slices.Index(l.waiters, w); i >= 0 {
		l.waiters = slices.Delete(l.waiters, i, i+1)
		return
	}
	l.stir()
}
