package queue

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Defaults of a [Worker].
const (
	DefaultConcurrency = 64
	DefaultShared      = 1024
	DefaultTimeout     = 30 * time.Second
)

// ErrAborted, wrapped by the error of an attempt, means that the gateway cut the attempt
// off. It is not counted, and the delivery is due at once.
var ErrAborted = errors.New("the attempt was cut off")

// Worker delivers the messages of one destination. Its exported fields must not change
// once it is in use.
//
// Invariant: inFlight counts the attempts between enter and exit, and Run returns only
// when it is zero. telling is taken before mu.
type Worker struct {
	Store       Store
	Destination Destination
	// Attempt makes one attempt; without an error the upstream has accepted the message.
	// Its context ends with the attempting one of Run, with the claim's, and after the
	// policy's Timeout. A panic counts as an error.
	Attempt func(context.Context, *Delivery) (Answer, error)

	Policy Policy
	Shared *Limit // of attempts of all workers together; nil: none
	Now    func() time.Time
	// Observe, unless nil, is called for each attempt after its outcome was marked, by
	// several goroutines at once.
	Observe func(Attempted)
	// OnCircuit, unless nil, is called for each change of the circuit, in their order.
	OnCircuit func(CircuitState, Health)
	// Trouble, unless nil, is called with errors of the store.
	Trouble func(error)

	once    sync.Once
	policy  Policy // with its defaults
	limiter *rate.Limiter
	share   share         // of Shared
	freed   chan struct{} // an attempt has ended or the circuit has changed: ready checks again

	telling  sync.Mutex // held while OnCircuit is called
	mu       sync.Mutex
	changes  []Health // of the circuit, not yet reported to OnCircuit
	breaker  breaker
	idle     sync.Cond // nothing is in flight
	inFlight int
	stopped  bool
}

// Outcome is the result of an attempt.
type Outcome int

// The outcomes.
const (
	Delivered  Outcome = iota
	Retrying           // failed, to be repeated
	DeadLetter         // failed for the last time
	Released           // cut off and not counted
)

// String returns the word for logs and metrics.
func (o Outcome) String() string {
	return [...]string{"delivered", "retry", "dead_letter", "released"}[o]
}

// Attempted describes one attempt.
type Attempted struct {
	Destination Destination
	Delivery    *Delivery // Attempts is without this one
	Outcome     Outcome
	Attempt     Attempt   // as it is kept
	Err         error     // of the attempt
	MarkErr     error     // the outcome could not be written: the attempt will be repeated
	Next        time.Time // of a retry
}

// PanicError is the error of an attempt that panicked.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string {
	if e.Value == http.ErrAbortHandler { // a proxy panics with it
		return fmt.Sprintf("the answer was cut off (%v)", e.Value)
	}
	return fmt.Sprintf("panic: %v", e.Value)
}

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// The pauses while the store fails.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 5 * time.Second
)

// Run claims deliveries until claiming is done, and returns when the attempts
// then in flight have ended, those of Try included. When attempting is done the
// attempts of Run are cut off, which releases their deliveries without counting. So is
// each attempt whose claim's context is done.
//
// The worker waits for its circuit, rate and concurrency before it claims a delivery,
// and takes a slot of Shared only afterwards. So a waiting worker holds neither.
func (w *Worker) Run(claiming, attempting context.Context) {
	w.init()
	// An end of everything is also an end of claiming.
	claiming, cancel := context.WithCancel(claiming)
	defer cancel()
	defer context.AfterFunc(attempting, cancel)()

	w.start()
	defer w.stop()
	for w.ready(claiming) {
		claim := w.claim(claiming)
		if claim == nil {
			return
		}
		// Only now, because a worker without a delivery must not hold a slot.
		if !w.Shared.take(claiming, &w.share) {
			w.trouble(claim.Release())
			return
		}
		turn, ok := w.enter()
		if !ok { // since ready, Try was quicker or the circuit has opened
			w.Shared.give(&w.share)
			w.trouble(claim.Release())
			continue
		}
		go w.deliver(attempting, claim, turn, w.Attempt, nil)
	}
}

// Try makes one attempt of a claim that the caller holds, in a goroutine of its own, if
// the policy and Shared allow it without waiting. The outcome is marked and observed as
// in Run, and then sent on done. Otherwise, and once Run is ending, ok is false and the
// claim is released: the delivery is due at once.
//
// The attempt is cut off when attempting is done. Without an attempt function it
// is the worker's own.
func (w *Worker) Try(attempting context.Context, c Claim,
	attempt func(context.Context, *Delivery) (Answer, error),
) (done <-chan Attempted, ok bool) {
	w.init()
	if attempt == nil {
		attempt = w.Attempt
	}
	if !w.Shared.try(&w.share) {
		w.trouble(c.Release())
		return nil, false
	}
	turn, ok := w.enter()
	if !ok {
		w.Shared.give(&w.share)
		w.trouble(c.Release())
		return nil, false
	}
	ended := make(chan Attempted, 1)
	go w.deliver(attempting, c, turn, attempt, ended)
	return ended, true
}

func (w *Worker) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = false
}

// stop refuses further attempts and waits for those in flight.
func (w *Worker) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	for w.inFlight > 0 {
		w.idle.Wait()
	}
}

// init applies the defaults of the policy. Every exported method calls it.
func (w *Worker) init() {
	w.once.Do(func() {
		w.policy = w.Policy.WithDefaults()
		w.limiter = w.policy.Rate.limiter()
		w.breaker = newBreaker(w.policy.Circuit, w.policy.Concurrency, w.now())
		w.freed = make(chan struct{}, 1)
		w.idle.L = &w.mu
	})
}

func (w *Worker) now() time.Time {
	if w.Now == nil {
		return time.Now()
	}
	return w.Now()
}

func (w *Worker) trouble(err error) {
	if err != nil && w.Trouble != nil {
		w.Trouble(err)
	}
}

// claim waits for the next delivery, through errors of the store, until ctx is
// done.
func (w *Worker) claim(ctx context.Context) Claim {
	pause := firstPause
	for ctx.Err() == nil {
		c, err := w.Store.Claim(ctx, w.Destination)
		if err == nil {
			return c
		}
		if ctx.Err() != nil {
			break
		}
		w.trouble(fmt.Errorf("claiming for %s: %w", w.Destination, err))
		sleep(ctx, pause)
		pause = min(2*pause, lastPause)
	}
	return nil
}

// deliver runs one attempt and marks its outcome. The shared slot is free again
// before the mark, which may have to wait for the disk.
func (w *Worker) deliver(attempting context.Context, c Claim, turn int,
	attempt func(context.Context, *Delivery) (Answer, error), done chan<- Attempted,
) {
	defer w.exit()
	a := Attempted{Destination: w.Destination, Delivery: c.Delivery()}
	ctx, cancel := context.WithCancel(attempting)
	defer cancel()
	defer context.AfterFunc(c.Context(), cancel)() // its node has lost the destination
	began := w.now()
	answer, err := w.attempt(ctx, a.Delivery, attempt)
	ended := w.now()
	if err != nil && ctx.Err() != nil && !errors.Is(err, ErrAborted) {
		err = fmt.Errorf("%w: %w", ErrAborted, err)
	}
	a.Err = err
	a.Attempt = kept(a.Delivery.Attempts+1, began, ended, answer, err)
	w.learn(turn, a.Attempt)

	mark := func() error { return c.Done(a.Attempt) }
	switch {
	case a.Err == nil:
		a.Outcome = Delivered
	case a.Attempt.Failure == Aborted:
		a.Outcome, mark = Released, c.Release
		// An attempt that aborts by itself would otherwise be repeated without a pause.
		sleep(attempting, firstPause)
	default:
		var again bool
		a.Next, again = w.policy.Backoff.Next(a.Delivery, ended, a.Err)
		if again {
			a.Outcome, mark = Retrying, func() error { return c.Retry(a.Next, a.Attempt) }
		} else {
			a.Outcome, mark = DeadLetter, func() error { return c.Bury(a.Attempt) }
		}
	}
	a.MarkErr = w.mark(attempting, mark)
	if a.MarkErr != nil && a.Outcome != Released {
		// The attempt will be repeated.
		w.trouble(c.Release())
	}
	if w.Observe != nil {
		w.Observe(a)
	}
	if done != nil {
		done <- a
	}
}

// attempt makes one attempt within its timeout and turns a panic into an error.
func (w *Worker) attempt(attempting context.Context, d *Delivery,
	attempt func(context.Context, *Delivery) (Answer, error),
) (answer Answer, err error) {
	defer w.Shared.give(&w.share)
	ctx := attempting
	if w.policy.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(attempting, w.policy.Timeout)
		defer cancel()
	}
	defer func() {
		if v := recover(); v != nil {
			answer, err = Answer{}, &PanicError{v, debug.Stack()}
		}
		if ctx.Err() == context.DeadlineExceeded && attempting.Err() == nil { //nolint:errorlint // a context's error is bare
			err = overdue(err, w.policy.Timeout)
		}
	}()
	return attempt(ctx, d)
}

// overdue marks an error as a timeout. When its time is over the gateway closes the
// connection, so the error looks like a broken connection.
func overdue(err error, within time.Duration) error {
	switch FailureOf(err) {
	case Refused, Reset, Broken:
		return Fail(Timeout, fmt.Errorf("no complete answer within %v: %w", within, err))
	}
	return err
}

// mark repeats a mark while the store is unavailable. The attempt counts as running
// meanwhile, so that no attempts are made whose outcome cannot be written.
func (w *Worker) mark(ctx context.Context, mark func() error) error {
	pause := firstPause
	for {
		err := mark()
		if err == nil {
			return nil
		}
		w.trouble(fmt.Errorf("marking for %s: %w", w.Destination, err))
		if !errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		sleep(ctx, pause)
		pause = min(2*pause, lastPause)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
