package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fakeStore holds deliveries in memory and notes what becomes of them.
type fakeStore struct {
	Store
	due     chan *Delivery
	mu      sync.Mutex
	marks   []string
	failing atomic.Int32    // so many calls still fail
	owns    context.Context // of the next claims; nil: for ever
}

func (s *fakeStore) owned() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owns == nil {
		return context.Background()
	}
	return s.owns
}

func newFakeStore(bodies ...string) *fakeStore {
	s := &fakeStore{due: make(chan *Delivery, 1000)}
	for _, b := range bodies {
		s.due <- &Delivery{Message: &Message{ReceivedAt: time.Now(), Body: []byte(b)}, Destination: dest("a")}
	}
	return s
}

func (s *fakeStore) fail() error {
	if s.failing.Add(-1) >= 0 {
		return fmt.Errorf("%w: as told", ErrUnavailable)
	}
	return nil
}

func (s *fakeStore) Claim(ctx context.Context, _ Destination) (Claim, error) {
	if err := s.fail(); err != nil {
		return nil, err
	}
	select {
	case d := <-s.due:
		return &fakeClaim{s, d, s.owned()}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *fakeStore) marked() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(s.marks)
}

type fakeClaim struct {
	s   *fakeStore
	d   *Delivery
	ctx context.Context
}

func (c *fakeClaim) mark(format string, args ...any) error {
	if err := c.s.fail(); err != nil {
		return err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.marks = append(c.s.marks, fmt.Sprintf(format, args...))
	return nil
}

func (c *fakeClaim) Delivery() *Delivery      { return c.d }
func (c *fakeClaim) Context() context.Context { return c.ctx }
func (c *fakeClaim) Done(Attempt) error       { return c.mark("done %s", c.d.Message.Body) }
func (c *fakeClaim) Release() error           { return c.mark("release %s", c.d.Message.Body) }
func (c *fakeClaim) Retry(at time.Time, a Attempt) error {
	return c.mark("retry %s in %v: %s", c.d.Message.Body, time.Until(at), a.Error)
}
func (c *fakeClaim) Bury(a Attempt) error {
	return c.mark("bury %s: %s", c.d.Message.Body, a.Error)
}

// runWorker runs w in a bubble of its own time until nothing moves any more.
func runWorker(t *testing.T, w *Worker, s *fakeStore) (seen []Attempted) {
	t.Helper()
	var mu sync.Mutex
	w.Store, w.Destination = s, dest("a")
	w.Observe = func(a Attempted) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, a)
	}
	w.Policy.Backoff.Random = func() float64 { return 0.5 }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(ctx, t.Context()) }()
	time.Sleep(time.Minute) // of the bubble: nothing waits
	cancel()
	<-ended
	return seen
}

// answering is an upstream that gives one answer.
func answering(status int) func(context.Context, *Delivery) (Answer, error) {
	return func(context.Context, *Delivery) (Answer, error) { return Answer{Status: status}, StatusError{status} }
}

func never(int) bool { return false }

// TestWorkerLosesDestination: an attempt whose node has lost the destination is cut off and not
// counted. Others go on.
func TestWorkerLosesDestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeStore("lost", "kept")
		owns, lose := context.WithCancel(t.Context())
		s.owns = owns
		w := &Worker{Policy: Policy{Concurrency: 1}, Attempt: func(ctx context.Context, d *Delivery) (Answer, error) {
			if string(d.Message.Body) == "kept" {
				return Answer{Status: 200}, ctx.Err()
			}
			time.AfterFunc(time.Second, func() {
				s.mu.Lock()
				s.owns = nil
				s.mu.Unlock()
				lose()
			})
			<-ctx.Done()
			return Answer{}, context.Cause(ctx)
		}}
		seen := runWorker(t, w, s)
		if got := s.marked(); got != "[release lost done kept]" {
			t.Errorf("got %s", got)
		}
		if len(seen) != 2 || seen[0].Outcome != Released || !errors.Is(seen[0].Err, ErrAborted) {
			t.Errorf("observed %+v", seen)
		}
	})
}

func TestWorkerOutcomes(t *testing.T) {
	down := errors.New("the upstream is down")
	for _, test := range []struct {
		name    string
		attempt func(context.Context, *Delivery) (Answer, error)
		backoff Backoff
		want    string
		outcome Outcome
	}{
		{"delivered", func(context.Context, *Delivery) (Answer, error) { return Answer{Status: 200}, nil }, Backoff{}, "[done x]", Delivered},
		{"failed", func(context.Context, *Delivery) (Answer, error) { return Answer{}, down }, Backoff{}, "[retry x in 2.75s: the upstream is down]", Retrying},
		{"asked to wait", func(context.Context, *Delivery) (Answer, error) { return Answer{}, RetryAfter(down, time.Minute) }, Backoff{}, "[retry x in 1m0s: the upstream is down (retry after 1m0s)]", Retrying},
		{"asked to wait for ever", func(context.Context, *Delivery) (Answer, error) { return Answer{}, RetryAfter(down, 1e6*time.Hour) }, Backoff{}, "[retry x in 1h0m0s: the upstream is down (retry after 1000000h0m0s)]", Retrying},
		{"panicked", func(context.Context, *Delivery) (Answer, error) { panic("oh") }, Backoff{}, "[retry x in 2.75s: panic: oh]", Retrying},
		{"timed out", func(ctx context.Context, _ *Delivery) (Answer, error) { <-ctx.Done(); return Answer{}, ctx.Err() }, Backoff{}, "[retry x in 2.75s: context deadline exceeded]", Retrying},
		{"too often", func(context.Context, *Delivery) (Answer, error) { return Answer{}, down }, Backoff{MaxAttempts: 1}, "[bury x: the upstream is down]", DeadLetter},
		{"asked to wait, and not listened to", func(context.Context, *Delivery) (Answer, error) { return Answer{}, RetryAfter(down, time.Minute) }, Backoff{RetryAfterMax: -1}, "[retry x in 2.75s: the upstream is down (retry after 1m0s)]", Retrying},
		{"asked to wait a while", func(context.Context, *Delivery) (Answer, error) { return Answer{}, RetryAfter(down, time.Hour) }, Backoff{RetryAfterMax: time.Minute}, "[retry x in 1m0s: the upstream is down (retry after 1h0m0s)]", Retrying},
		{"gone", answering(410), Backoff{}, "[bury x: HTTP status 410]", DeadLetter},
		{"gone, and not final", answering(410), Backoff{Final: never}, "[retry x in 2.75s: HTTP status 410]", Retrying},
		{"final", answering(404), Backoff{Final: func(status int) bool { return status == 404 }}, "[bury x: HTTP status 404]", DeadLetter},
		{"a proxy's status is not final", func(context.Context, *Delivery) (Answer, error) {
			return Answer{}, fmt.Errorf("%w (%w)", syscall.ECONNREFUSED, StatusError{502})
		}, Backoff{Final: func(status int) bool { return status == 502 }}, "[retry x in 2.75s: connection refused (HTTP status 502)]", Retrying},
		{"too old", func(context.Context, *Delivery) (Answer, error) { return Answer{}, down }, Backoff{MaxAge: time.Second}, "[bury x: the upstream is down]", DeadLetter},
		{"aborted", func(context.Context, *Delivery) (Answer, error) {
			return Answer{}, fmt.Errorf("stopping: %w", ErrAborted)
		}, Backoff{}, "[release x]", Released},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newFakeStore("x")
				seen := runWorker(t, &Worker{Attempt: test.attempt, Policy: Policy{Backoff: test.backoff}}, s)
				if got := s.marked(); got != test.want {
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
				if len(seen) != 1 || seen[0].Outcome != test.outcome || (seen[0].Err == nil) != (test.outcome == Delivered) {
					t.Errorf("observed %+v", seen)
				}
			})
		})
	}
}

// TestWorkerStoreFails: neither claims nor marks give up while the store is
// unavailable, and a successful attempt is not repeated for it.
func TestWorkerStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeStore("x")
		s.failing.Store(5)
		attempts := 0
		runWorker(t, &Worker{Attempt: func(context.Context, *Delivery) (Answer, error) {
			attempts++
			s.failing.Store(4)
			return Answer{}, nil
		}}, s)
		if attempts != 1 || s.marked() != "[done x]" {
			t.Errorf("%d attempts, %s", attempts, s.marked())
		}
	})
}

// TestWorkerStops: the end of claiming lets attempts finish; the end of
// attempting cuts them off and counts nothing.
func TestWorkerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeStore("x")
		claiming, stopClaiming := context.WithCancel(t.Context())
		attempting, stopAttempting := context.WithCancel(t.Context())
		w := &Worker{Store: s, Destination: dest("a"), Attempt: func(ctx context.Context, _ *Delivery) (Answer, error) {
			<-ctx.Done()
			return Answer{}, ctx.Err()
		}, Policy: Policy{Timeout: -1}}
		ended := make(chan struct{})
		go func() { defer close(ended); w.Run(claiming, attempting) }()
		synctest.Wait()
		stopClaiming()
		synctest.Wait()
		select {
		case <-ended:
			t.Fatal("Run did not wait for the attempt")
		default:
		}
		stopAttempting()
		<-ended
		if s.marked() != "[release x]" {
			t.Error(s.marked())
		}
	})
}

// TestWorkerLimits: neither limit is exceeded but for the first attempt of a
// worker, and idle workers do not use up the shared one.
func TestWorkerLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := NewLimit(3)
		ctx, cancel := context.WithCancel(t.Context())
		var running, most atomic.Int32
		attempt := func(ctx context.Context, _ *Delivery) (Answer, error) {
			n := running.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(time.Second)
			running.Add(-1)
			return Answer{}, nil
		}
		var wg sync.WaitGroup
		for range 10 {
			idle := newFakeStore()
			wg.Go(func() { (&Worker{Store: idle, Attempt: attempt, Shared: shared}).Run(ctx, t.Context()) })
		}
		one, two := newFakeStore("1", "2", "3", "4"), newFakeStore("5", "6", "7", "8")
		wg.Go(func() {
			(&Worker{Store: one, Attempt: attempt, Shared: shared, Policy: Policy{Concurrency: 2}}).Run(ctx, t.Context())
		})
		wg.Go(func() { (&Worker{Store: two, Attempt: attempt, Shared: shared}).Run(ctx, t.Context()) })
		time.Sleep(time.Minute)
		cancel()
		wg.Wait()
		if len(one.marks) != 4 || len(two.marks) != 4 {
			t.Errorf("%v, %v", one.marks, two.marks)
		}
		if n := most.Load(); n != 3 && n != 4 {
			t.Errorf("%d attempts at once, want 3 or 4", n)
		}
	})
}

func TestBackoff(t *testing.T) {
	for _, test := range []struct {
		b        Backoff
		attempts int
		random   float64
		want     time.Duration
	}{
		{Backoff{}, 1, 1, 5 * time.Second},
		{Backoff{}, 1, 0, 500 * time.Millisecond},
		{Backoff{}, 2, 1, 10 * time.Second},
		{Backoff{}, 5, 1, 80 * time.Second},
		{Backoff{}, 11, 1, time.Hour},
		{Backoff{}, 1 << 40, 1, time.Hour},
		{Backoff{Base: time.Second, Factor: 3, Cap: 8 * time.Second}, 2, 1, 3 * time.Second},
		{Backoff{Base: time.Second, Factor: 3, Cap: 8 * time.Second}, 3, 1, 8 * time.Second},
		{Backoff{Base: time.Second, Factor: 1}, 1 << 40, 1, time.Second},
		{Backoff{Base: time.Hour, Cap: time.Minute}, 1, 0, time.Minute},
		{Backoff{Base: 2 * time.Hour}, 9, 1, 2 * time.Hour},
		{Backoff{Factor: 1e300, Cap: 1<<63 - 1}, 9, 1, 1<<63 - 1},
	} {
		test.b.Random = func() float64 { return test.random }
		if got := test.b.Delay(test.attempts); got != test.want {
			t.Errorf("%+v after %d: %v, want %v", test.b, test.attempts, got, test.want)
		}
	}
}
