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
	position
	fresh *fresh // nil: to be read from disk
}

// fresh is a delivery that was not attempted yet and whose message is still in
// memory since its acceptance.
type fresh struct {
	record  []byte
	size    int64
	touched bool // there is a record of where it stands
}

// lane holds the deliveries of one destination. Of those that wait it knows the
// first few: every delivery before bound is either in the window or busy, and
// those at or after bound are only in the index on disk, from which the window
// is filled when it has run empty.
//
// The index is read without the lane's lock, and Pebble shows a batch before it
// is durable. So what is being accepted and what is claimed stands in busy, and
// what comes and goes during a scan is remembered until the scan ends; a
// delivery so is never handed out before it is durable, nor twice, nor lost.
type lane struct {
	name  string
	id    laneID
	named atomic.Bool // the name is on disk
	clock func() time.Time
	cache *budget

	mu       sync.Mutex
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

func newLane(name string, id laneID, clock func() time.Time, cache *budget) *lane {
	return &lane{
		name: name, id: id, clock: clock, cache: cache,
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
// what became of it.
func (l *lane) accepted(e entry, size int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, e.id)
	if err != nil {
		l.forget(e.position)
		return
	}
	l.waiting++
	l.bytes += size
	l.ages.add(e.id)
	l.insert(e)
}

// insert puts a delivery that is on disk where it belongs.
func (l *lane) insert(e entry) {
	if !e.before(l.bound) {
		l.drop(e)
		e.fresh = nil
		if l.scanning {
			l.arrived = append(l.arrived, e)
		}
		return
	}
	l.place(e)
	l.trim()
	l.stir()
}

func (l *lane) place(e entry) {
	if n := len(l.window); n == 0 || l.window[n-1].before(e.position) {
		l.window = append(l.window, e)
		return
	}
	i, found := slices.BinarySearchFunc(l.window, e.position, func(a entry, p position) int { return a.compare(p) })
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
		l.drop(l.window[keep+i])
	}
	clear(l.window[keep:])
	l.window = l.window[:keep]
}

func (l *lane) drop(e entry) {
	if e.fresh != nil {
		l.cache.give(len(e.fresh.record))
	}
}

// forget gives up what memory knows from p on, to be read from disk again.
func (l *lane) forget(p position) {
	if !p.before(l.bound) {
		return
	}
	i, _ := slices.BinarySearchFunc(l.window, p, func(a entry, p position) int { return a.compare(p) })
	for _, e := range l.window[i:] {
		l.drop(e)
	}
	clear(l.window[i:])
	l.window = l.window[:i]
	l.bound = p
	l.void = l.scanning
	l.stir()
}

// reset makes the lane start over from the files. Nothing else uses the
// database meanwhile, so no scan is under way.
func (l *lane) reset() {
	for _, e := range l.window {
		l.drop(e)
	}
	l.window, l.bound = nil, start
	l.waiting, l.dead, l.bytes, l.ages = 0, 0, 0, ages{}
	l.first.Store(0)
}

// next takes the first due delivery out of the window and marks it busy.
func (l *lane) next(now int64) (*claim, entry, bool) {
	if len(l.window) == 0 || l.window[0].due > now {
		return nil, entry{}, false
	}
	e := l.window[0]
	l.window[0] = entry{}
	if l.window = l.window[1:]; len(l.window) == 0 {
		l.window = nil // an idle lane keeps no memory
	}
	c := &claim{lane: l, position: e.position}
	l.busy[e.id] = c
	l.claimed++
	l.stir()
	return c, e, true
}

// starved: only the disk knows what comes next.
func (l *lane) starved() bool { return len(l.window) == 0 && l.bound != end && !l.scanning }

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
			l.place(entry{position: p})
		}
		l.bound = rest
		for _, e := range l.arrived {
			if e.before(rest) {
				l.place(e)
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
	if len(l.waiters) == 0 || l.scanning {
		return
	}
	if l.starved() {
		l.wake()
		return
	}
	if len(l.window) == 0 {
		return
	}
	due := l.window[0].due
	wait := time.Duration(due - nanos(l.clock()))
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

// budget bounds the memory of all fresh messages together.
type budget struct{ left atomic.Int64 }

func (b *budget) take(n int) bool {
	if b.left.Add(-int64(n)) >= 0 {
		return true
	}
	b.left.Add(int64(n))
	return false
}

func (b *budget) give(n int) { b.left.Add(int64(n)) }
