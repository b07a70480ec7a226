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

// ErrAborted, wrapped by the error of an attempt, says that the attempt was cut
// off by this side. It is not counted and the delivery is due at once.
var ErrAborted = errors.New("the attempt was cut off")

// Worker delivers what a store holds for one destination. Its fields are not to be
// changed once it is in use.
type Worker struct {
	Store       Store
	Destination string
	// Attempt delivers once; without an error the upstream has taken it. Its context
	// ends with the attempting one of Run and after the policy's Timeout. A panic is
	// an error.
	Attempt func(context.Context, *Delivery) (Answer, error)

	Policy Policy
	Shared *Limit // of attempts of all workers together; nil: none
	Now    func() time.Time
	// Observe, unless nil, is told of each attempt when its outcome has been marked.
	// It is called by several goroutines at once.
	Observe func(Attempted)
	// OnCircuit, unless nil, is told of each change of the circuit, in their order.
	OnCircuit func(CircuitState, Health)
	// Trouble, unless nil, is told of errors of the store.
	Trouble func(error)

	once    sync.Once
	policy  Policy // with its defaults
	limiter *rate.Limiter
	share   share         // of Shared
	freed   chan struct{} // what Run waits for may have come about

	telling  sync.Mutex // held while OnCircuit is called
	mu       sync.Mutex
	changes  []Health // of the circuit, still to be told
	breaker  breaker
	idle     sync.Cond // nothing is in flight
	inFlight int
	stopped  bool
}

// Outcome is what an attempt came to.
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
	Destination string
	Delivery    *Delivery // Attempts is without this one
	Outcome     Outcome
	Attempt     Attempt   // as it is kept
	Err         error     // of the attempt
	MarkErr     error     // the outcome could not be kept: the attempt will be repeated
	Next        time.Time // of a retry
}

// PanicError is the error of an attempt that panicked.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string {
	if e.Value == http.ErrAbortHandler { // by which a proxy says so
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
// attempts of Run are cut off, which releases their deliveries without counting.
//
// What holds a worker back by its own policy, the circuit, the rate or the
// concurrency, does so before a delivery is claimed and without a slot of Shared.
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
		// Only now, since a worker with nothing to do must not keep others from it.
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

// Try makes one attempt of a claim that the caller holds, now and in a goroutine
// of its own, if the policy and Shared allow it without waiting. The outcome is
// marked and observed as those of Run are, and then sent on done. Without leave,
// and once Run has been told to end, ok is false and the claim is released: the
// delivery is due at once.
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

// stop lets no attempt begin any more and waits for those in flight.
func (w *Worker) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	for w.inFlight > 0 {
		w.idle.Wait()
	}
}

// init settles the policy. It is called by what may be called first.
func (w *Worker) init() {
	w.once.Do(func() {
		w.policy = w.Policy
		if w.policy.Concurrency <= 0 {
			w.policy.Concurrency = DefaultConcurrency
		}
		if w.policy.Timeout == 0 {
			w.policy.Timeout = DefaultTimeout
		}
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
	began := w.now()
	answer, err := w.attempt(attempting, a.Delivery, attempt)
	ended := w.now()
	if err != nil && attempting.Err() != nil && !errors.Is(err, ErrAborted) {
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
		// Who aborts without being told to would be handed the same delivery at once.
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
		// Whatever it was, it will be done again.
		w.trouble(c.Release())
	}
	if w.Observe != nil {
		w.Observe(a)
	}
	if done != nil {
		done <- a
	}
}

// attempt makes an attempt within its time and turns whatever it does into an
// error.
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

// overdue says that an attempt has failed because its time was over, which shows
// in the error as a connection that broke, since this side closed it.
func overdue(err error, within time.Duration) error {
	switch FailureOf(err) {
	case Refused, Reset, Broken:
		return Fail(Timeout, fmt.Errorf("no complete answer within %v: %w", within, err))
	}
	return err
}

// mark repeats a mark while the store is unavailable. The worker's slot stays
// taken meanwhile, so that it does not make attempts whose outcome nobody can
// keep.
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
