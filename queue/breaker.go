package queue

import "time"

func (c Circuit) withDefaults() Circuit {
	if c.Consecutive == 0 {
		c.Consecutive = 10
	}
	if c.Share == 0 {
		c.Share = 0.5
	}
	if c.Minimum <= 0 {
		c.Minimum = 20
	}
	if c.Window <= 0 {
		c.Window = time.Minute
	}
	if c.Open <= 0 {
		c.Open = 5 * time.Second
	}
	if c.OpenMax <= 0 {
		c.OpenMax = max(time.Minute, c.Open)
	}
	if c.Probes <= 0 {
		c.Probes = 1
	}
	return c
}

// breaker is the state of a circuit. It decides whether an attempt may begin, and
// counts those that end. It has no clock and no lock: the worker passes the time and
// holds Worker.mu.
//
//   - Closed, it counts failures.
//   - Open, it refuses attempts until the pause is over.
//   - Half-open, it admits probes. One failed probe opens it again for twice as long;
//     Probes successful ones close it.
//
// A circuit that closes admits one attempt at once and doubles that with each success,
// so that the backlog does not overload the upstream again. A failure starts this anew.
// At full concurrency the pause returns to its first length.
//
// Invariant: the results of an attempt count only in the turn in which it began.
type breaker struct {
	Circuit
	most int // attempts at once when all is well

	state   CircuitState
	since   time.Time
	turn    int // number of the state; results of attempts of earlier turns are ignored
	allowed int // attempts at once now

	failed int // in a row
	window window

	pause           time.Duration // the last one; 0: none since the full concurrency was reached
	probe           time.Time     // while open: when it is over
	probing, passed int           // while half-open: probes under way, and those that succeeded
	last            string        // the error that opened it
}

func newBreaker(c Circuit, most int, now time.Time) breaker {
	c = c.withDefaults()
	c.Probes = min(c.Probes, most)
	return breaker{
		Circuit: c, most: most, state: CircuitClosed, since: now, allowed: most,
		window: window{width: max(c.Window/buckets, 1), began: now},
	}
}

// follow takes over the state of another circuit of the same upstream. A pause ends at
// once, because the new configuration may have repaired the fault: a probe shows it.
func (b *breaker) follow(was *breaker, now time.Time) {
	if b.Off || was.Off {
		return
	}
	b.pause, b.last = was.pause, was.last
	switch {
	case was.state != CircuitClosed:
		b.state, b.since, b.probe, b.allowed = CircuitOpen, was.since, now, 0
	case was.allowed < was.most:
		b.allowed = min(was.allowed, b.most)
	}
}

// admits reports whether another attempt may begin beside those in flight. Otherwise
// wait is the time until it may; 0: until one of those in flight ends.
func (b *breaker) admits(now time.Time, inFlight int) (wait time.Duration, ok bool) {
	switch b.state {
	case CircuitOpen:
		if now.Before(b.probe) {
			return b.probe.Sub(now), false
		}
	case CircuitHalfOpen:
		if b.probing+b.passed >= b.Probes {
			return 0, false
		}
	case CircuitClosed:
		return 0, inFlight < b.allowed
	}
	return 0, inFlight < b.most
}

// begin notes an attempt that was admitted. It reports the turn, for end, and
// whether the state has changed.
func (b *breaker) begin(now time.Time) (turn int, changed bool) {
	if b.state == CircuitOpen {
		b.turnTo(CircuitHalfOpen, now)
		b.allowed = b.Probes
		changed = true
	}
	if b.state == CircuitHalfOpen {
		b.probing++
	}
	return b.turn, changed
}

// evidence is the conclusion from an attempt about its upstream.
type evidence int

const (
	tellsNothing evidence = iota
	tellsAlive
	tellsDead
)

// evidenceOf judges an attempt. An answer such as 404 is no success, but shows that the
// upstream is alive.
func evidenceOf(a Attempt) evidence {
	switch {
	case a.Failure == Aborted:
		return tellsNothing
	case a.Failure == "", a.Failure == Status && a.Status != 429 && a.Status < 500:
		return tellsAlive
	}
	return tellsDead
}

// end counts an attempt that began in the given turn. It reports whether the state has
// changed.
func (b *breaker) end(now time.Time, turn int, e evidence, reason string) (changed bool) {
	if b.Off || turn != b.turn {
		return false
	}
	if b.state == CircuitHalfOpen {
		return b.probed(now, e, reason)
	}
	switch e {
	case tellsAlive:
		b.failed = 0
		b.window.add(now, false)
		b.allowed = min(2*b.allowed, b.most)
		if b.allowed == b.most {
			b.pause = 0
		}
	case tellsDead:
		b.failed++
		b.window.add(now, true)
		if b.trips() {
			b.open(now, reason)
			return true
		}
		if b.allowed < b.most {
			b.allowed = 1
		}
	}
	return false
}

func (b *breaker) trips() bool {
	if b.Consecutive > 0 && b.failed >= b.Consecutive {
		return true
	}
	failed, all := b.window.counts()
	return b.Share > 0 && all >= b.Minimum && float64(failed) >= b.Share*float64(all)
}

// probed ends a probe.
func (b *breaker) probed(now time.Time, e evidence, reason string) (changed bool) {
	b.probing--
	switch e {
	case tellsAlive:
		b.passed++
		if b.passed < b.Probes {
			return false
		}
		b.turnTo(CircuitClosed, now)
		b.allowed = 1
		return true
	case tellsDead:
		b.open(now, reason)
		return true
	}
	return false
}

func (b *breaker) open(now time.Time, reason string) {
	if b.pause == 0 {
		b.pause = min(b.Open, b.OpenMax)
	} else {
		b.pause = min(2*b.pause, b.OpenMax)
	}
	b.turnTo(CircuitOpen, now)
	b.probe, b.allowed, b.last = now.Add(b.pause), 0, reason
}

// turnTo begins a state with nothing counted.
func (b *breaker) turnTo(s CircuitState, now time.Time) {
	b.state, b.since = s, now
	b.turn++
	b.failed, b.probing, b.passed, b.probe = 0, 0, 0, time.Time{}
	b.window.clear()
}

// buckets is how finely a window slides: the oldest tenth goes at once.
const buckets = 10

// window counts the attempts of the last ten buckets of time. Its memory does not depend
// on their number.
type window struct {
	width       time.Duration // of a bucket
	began       time.Time     // of the count, so that the clock on the wall may be set
	newest      int64
	failed, all [buckets]int
}

func (w *window) add(now time.Time, failed bool) {
	n := int64(now.Sub(w.began) / w.width)
	switch {
	case n < 0: // the clock was set back to before the count
		w.clear()
		w.began, w.newest, n = now, 0, 0
	case n > w.newest+buckets, n < w.newest-buckets:
		w.clear()
		w.newest = n
	}
	for w.newest < n {
		w.newest++
		w.failed[w.newest%buckets], w.all[w.newest%buckets] = 0, 0
	}
	w.all[w.newest%buckets]++
	if failed {
		w.failed[w.newest%buckets]++
	}
}

func (w *window) counts() (failed, all int) {
	for i := range w.all {
		failed += w.failed[i]
		all += w.all[i]
	}
	return failed, all
}

func (w *window) clear() {
	w.failed, w.all = [buckets]int{}, [buckets]int{}
}
