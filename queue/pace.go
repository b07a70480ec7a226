package queue

import (
	"context"
	"fmt"
	"math"
	"time"

	"golang.org/x/time/rate"
)

// longestWait bounds the timer of a worker that is held back, since the clock on
// the wall may be set meanwhile and a machine may sleep.
const longestWait = time.Minute

// limiter makes a rate; nil: no limit.
func (r Rate) limiter() *rate.Limiter {
	if r.Events <= 0 {
		return nil
	}
	if r.Per <= 0 {
		r.Per = time.Second
	}
	if r.Burst <= 0 {
		r.Burst = r.Events
	}
	return rate.NewLimiter(rate.Limit(float64(r.Events)/r.Per.Seconds()), r.Burst)
}

// Follow makes the circuit begin where that of the worker before stands, so that
// a new configuration does not make a storm for an upstream that is down. A pause
// is over at once, since what was in the way may have been mended. It is called
// before the worker is used.
func (w *Worker) Follow(before *Worker) {
	before.init()
	before.mu.Lock()
	was := before.breaker
	before.mu.Unlock()
	w.init()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.breaker.follow(&was, w.now())
}

// ready waits until nothing of the worker's own holds it back: circuit,
// concurrency and rate. It takes nothing, so a worker may wait for its next
// delivery afterwards for as long as it likes.
func (w *Worker) ready(ctx context.Context) bool {
	for ctx.Err() == nil {
		wait, ok := w.gate()
		if ok {
			return true
		}
		w.await(ctx, wait)
	}
	return false
}

// await returns when the wait is over, 0 being none, or when something has ended.
func (w *Worker) await(ctx context.Context, wait time.Duration) {
	var over <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(min(wait, longestWait))
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-w.freed:
	case <-ctx.Done():
	}
}

// gate tells whether an attempt could begin, and otherwise how long it is until
// it is worth asking again; 0: until an attempt has ended.
func (w *Worker) gate() (wait time.Duration, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if wait, ok := w.breaker.admits(now, w.inFlight); !ok {
		return wait, false
	}
	if w.limiter == nil {
		return 0, true
	}
	missing := 1 - w.limiter.TokensAt(now)
	if missing <= 0 {
		return 0, true
	}
	return time.Duration(math.Ceil(missing / float64(w.limiter.Limit()) * float64(time.Second))), false
}

// enter begins an attempt if it may begin now.
func (w *Worker) enter() (turn int, ok bool) {
	w.mu.Lock()
	defer w.unlock()
	now := w.now()
	if w.stopped {
		return 0, false
	}
	if _, ok := w.breaker.admits(now, w.inFlight); !ok {
		return 0, false
	}
	if w.limiter != nil && !w.limiter.AllowN(now, 1) {
		return 0, false
	}
	w.inFlight++
	turn, changed := w.breaker.begin(now)
	w.turnedLocked(changed)
	return turn, true
}

// learn tells the circuit what an attempt came to.
func (w *Worker) learn(turn int, a Attempt) {
	reason := a.Error
	if a.Failure != "" {
		reason = fmt.Sprintf("%s: %s", a.Failure, a.Error)
	}
	w.mu.Lock()
	defer w.unlock()
	w.turnedLocked(w.breaker.end(w.now(), turn, evidenceOf(a), reason))
	w.nudge()
}

// exit ends an attempt.
func (w *Worker) exit() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inFlight--
	if w.inFlight == 0 {
		w.idle.Broadcast()
	}
	w.nudge()
}

// nudge makes ready ask again.
func (w *Worker) nudge() {
	select {
	case w.freed <- struct{}{}:
	default:
	}
}

// turnedLocked notes a change of the circuit, to be told by unlock.
func (w *Worker) turnedLocked(changed bool) {
	if changed && w.OnCircuit != nil {
		w.changes = append(w.changes, w.healthLocked())
	}
}

// unlock unlocks mu and tells of the circuit's changes, one after another and in
// their order.
func (w *Worker) unlock() {
	tell := len(w.changes) > 0
	w.mu.Unlock()
	if !tell {
		return
	}
	w.telling.Lock()
	defer w.telling.Unlock()
	w.mu.Lock()
	changes := w.changes
	w.changes = nil
	w.mu.Unlock()
	for _, h := range changes {
		w.OnCircuit(h.Circuit, h)
	}
}

// Health tells how the worker is doing. It is cheap.
func (w *Worker) Health() Health {
	w.init()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.healthLocked()
}

func (w *Worker) healthLocked() Health {
	b := &w.breaker
	return Health{
		Circuit: b.state, Since: b.since, Probe: b.probe,
		InFlight: w.inFlight, Allowed: b.allowed, Last: b.last,
	}
}
