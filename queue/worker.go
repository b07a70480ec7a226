package queue

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
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

// Worker delivers what a store holds for one destination.
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
	// Trouble, unless nil, is told of errors of the store.
	Trouble func(error)
}

// Limit bounds the attempts of all workers that share it.
type Limit struct{ slots chan struct{} }

// NewLimit returns a limit; n ≤ 0 stands for the default, 1,024.
func NewLimit(n int) *Limit {
	if n <= 0 {
		n = DefaultShared
	}
	return &Limit{make(chan struct{}, n)}
}

func (l *Limit) take(ctx context.Context) bool {
	if l == nil {
		return ctx.Err() == nil
	}
	select {
	case l.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (l *Limit) give() {
	if l != nil {
		<-l.slots
	}
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

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

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
// then in flight have ended. When attempting is done they are cut off, which
// releases their deliveries without counting an attempt.
func (w Worker) Run(claiming, attempting context.Context) {
	w = w.withDefaults()
	// An end of everything is also an end of claiming.
	claiming, cancel := context.WithCancel(claiming)
	defer cancel()
	defer context.AfterFunc(attempting, cancel)()

	var flying sync.WaitGroup
	defer flying.Wait()
	slots := &Limit{make(chan struct{}, w.Policy.Concurrency)}
	for slots.take(claiming) {
		claim := w.claim(claiming)
		if claim == nil {
			return
		}
		// Only now, since a worker with nothing to do must not keep others from it.
		if !w.Shared.take(claiming) {
			w.trouble(claim.Release())
			return
		}
		flying.Go(func() {
			defer slots.give()
			w.deliver(attempting, claim)
		})
	}
}

func (w Worker) withDefaults() Worker {
	if w.Policy.Concurrency <= 0 {
		w.Policy.Concurrency = DefaultConcurrency
	}
	if w.Policy.Timeout == 0 {
		w.Policy.Timeout = DefaultTimeout
	}
	if w.Now == nil {
		w.Now = time.Now
	}
	if w.Observe == nil {
		w.Observe = func(Attempted) {}
	}
	if w.Trouble == nil {
		w.Trouble = func(error) {}
	}
	return w
}

func (w Worker) trouble(err error) {
	if err != nil {
		w.Trouble(err)
	}
}

// claim waits for the next delivery, through errors of the store, until ctx is
// done.
func (w Worker) claim(ctx context.Context) Claim {
	pause := firstPause
	for ctx.Err() == nil {
		c, err := w.Store.Claim(ctx, w.Destination)
		if err == nil {
			return c
		}
		if ctx.Err() != nil {
			break
		}
		w.Trouble(fmt.Errorf("claiming for %s: %w", w.Destination, err))
		sleep(ctx, pause)
		pause = min(2*pause, lastPause)
	}
	return nil
}

// deliver runs one attempt and marks its outcome. The shared slot is free again
// before the mark, which may have to wait for the disk.
func (w Worker) deliver(attempting context.Context, c Claim) {
	a := Attempted{Destination: w.Destination, Delivery: c.Delivery()}
	began := w.Now()
	answer, err := w.attempt(attempting, a.Delivery)
	ended := w.Now()
	a.Err = err
	a.Attempt = kept(a.Delivery.Attempts+1, began, ended, answer, err)

	mark := func() error { return c.Done(a.Attempt) }
	switch {
	case a.Err == nil:
		a.Outcome = Delivered
	case attempting.Err() != nil || errors.Is(a.Err, ErrAborted):
		a.Outcome, mark = Released, c.Release
		// Who aborts without being told to would be handed the same delivery at once.
		sleep(attempting, firstPause)
	default:
		var again bool
		a.Next, again = w.Policy.Backoff.Next(a.Delivery, ended, a.Err)
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
	w.Observe(a)
}

// attempt runs Attempt within its time and turns whatever it does into an error.
func (w Worker) attempt(ctx context.Context, d *Delivery) (answer Answer, err error) {
	defer w.Shared.give()
	if w.Policy.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.Policy.Timeout)
		defer cancel()
	}
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{v, debug.Stack()}
		}
	}()
	return w.Attempt(ctx, d)
}

// mark repeats a mark while the store is unavailable. The worker's slot stays
// taken meanwhile, so that it does not make attempts whose outcome nobody can
// keep.
func (w Worker) mark(ctx context.Context, mark func() error) error {
	pause := firstPause
	for {
		err := mark()
		if err == nil {
			return nil
		}
		w.Trouble(fmt.Errorf("marking for %s: %w", w.Destination, err))
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
