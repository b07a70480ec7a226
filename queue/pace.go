package queue

import (
	"context"
	"fmt"
	"math"
	"time"

	"golang.org/x/time/rate"
)

// longestWait bounds the timer of a waiting worker, because the wall clock may be set
// meanwhile and a machine may sleep.
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

// Follow takes over the circuit of the worker before, so that a new configuration does
// not flood an upstream that is down. A pause ends at once, because the fault may have
// been repaired. Call it before the worker is used.
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

// ready waits until circuit, concurrency and rate allow an attempt. It reserves nothing,
// so the worker can wait for its next delivery afterwards as long as it must.
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

// await returns after wait, if that is not 0, or when an attempt has ended.
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

// gate reports whether an attempt could begin. Otherwise wait is the time until the next
// check; 0: until an attempt has ended.
func (w *Worker) gate() (wait time.Duration, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if wait, ok := w.breaker.admits(now, w.inFlight); !ok {
		return wait, false
	}
	wait = w.rateLocked(now)
	return wait, wait == 0
}

// rateLocked returns the time until the rate allows an attempt; 0: now.
func (w *Worker) rateLocked(now time.Time) time.Duration {
	if w.limiter == nil {
		return 0
	}
	missing := 1 - w.limiter.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(missing / float64(w.limiter.Limit()) * float64(time.Second)))
}

// Probe ends the pause of an open circuit: the next due delivery is attempted at once.
// It reports whether the circuit is open.
func (w *Worker) Probe() bool {
	w.init()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.breaker.state != CircuitOpen {
		return false
	}
	if now := w.now(); now.Before(w.breaker.probe) {
		w.breaker.probe = now
	}
	w.nudge()
	return true
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

// learn passes the result of an attempt to the circuit.
func (w *Worker) learn(turn int, a Attempt) {
	reason := a.Error
	if a.Failure != "" && a.Failure != Status { // whose error has the word
		reason = fmt.Sprintf("%s: %s", a.Failure, a.Error)
	}
	w.mu.Lock()
	defer w.unlock()
	b := &w.breaker
	state, allowed, probes := b.state, b.allowed, b.probing+b.passed
	w.turnedLocked(b.end(w.now(), turn, evidenceOf(a), reason))
	// Otherwise no attempt can begin before this one exits, and waking ready is in vain.
	if b.state != state || b.allowed != allowed || b.probing+b.passed != probes {
		w.nudge()
	}
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

// nudge makes ready check again.
func (w *Worker) nudge() {
	select {
	case w.freed <- struct{}{}:
	default:
	}
}

// turnedLocked notes a change of the circuit, which unlock reports.
func (w *Worker) turnedLocked(changed bool) {
	if changed && w.OnCircuit != nil {
		w.changes = append(w.changes, w.healthLocked())
	}
}

// unlock unlocks mu and reports the circuit's changes in their order. telling is taken
// before mu, so that OnCircuit runs without mu and one change at a time.
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

// Health returns the state of the worker. It is cheap.
func (w *Worker) Health() Health {
	w.init()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.healthLocked()
}

func (w *Worker) healthLocked() Health {
	b := &w.breaker
	h := Health{
		Circuit: b.state, Since: b.since, Probe: b.probe,
		InFlight: w.inFlight, Allowed: b.allowed, Last: b.last,
	}
	now := w.now()
	if wait := w.rateLocked(now); wait > 0 {
		h.Rate = now.Add(wait)
	}
	return h
}
