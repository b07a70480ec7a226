package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// backlog is a store with so many deliveries that are always due.
type backlog struct {
	Store
	mu       sync.Mutex
	left     int
	more     chan struct{}
	claims   int
	outcomes map[Outcome]int
}

func newBacklog(n int) *backlog {
	return &backlog{left: n, more: make(chan struct{}, 1), outcomes: make(map[Outcome]int)}
}

func (s *backlog) Claim(ctx context.Context, _ Destination) (Claim, error) {
	for {
		s.mu.Lock()
		if s.left > 0 {
			s.left--
			s.claims++
			s.mu.Unlock()
			return s.held(), nil
		}
		s.mu.Unlock()
		select {
		case <-s.more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// held is a claim as Accept hands it out.
func (s *backlog) held() Claim {
	return &backlogClaim{s, &Delivery{Message: &Message{ReceivedAt: time.Now()}, Destination: dest("a")}}
}

func (s *backlog) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left += n
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// counts returns the claims made and the outcomes marked.
func (s *backlog) counts() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("%d claims, %d delivered, %d retried, %d dead, %d released",
		s.claims, s.outcomes[Delivered], s.outcomes[Retrying], s.outcomes[DeadLetter], s.outcomes[Released])
}

func (s *backlog) delivered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outcomes[Delivered]
}

type backlogClaim struct {
	s *backlog
	d *Delivery
}

func (c *backlogClaim) end(o Outcome) error {
	if o == Released {
		c.s.add(1)
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.outcomes[o]++
	return nil
}

func (c *backlogClaim) Context() context.Context       { return context.Background() }
func (c *backlogClaim) Delivery() *Delivery            { return c.d }
func (c *backlogClaim) Done(Attempt) error             { return c.end(Delivered) }
func (c *backlogClaim) Retry(time.Time, Attempt) error { return c.end(Retrying) }
func (c *backlogClaim) Bury(Attempt) error             { return c.end(DeadLetter) }
func (c *backlogClaim) Release() error                 { return c.end(Released) }

// runs starts a worker in the bubble; stop ends it, and cuts off what is in flight.
func runs(t *testing.T, w *Worker) (stop func()) {
	t.Helper()
	w.Destination = dest("a")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(ctx, ctx) }()
	return func() {
		cancel()
		<-ended
		if h := w.Health(); h.InFlight != 0 {
			t.Errorf("%d attempts in flight after the end", h.InFlight)
		}
	}
}

// upstream answers as it is told, each time after a second, and notes when.
type upstream struct {
	mu      sync.Mutex
	began   time.Time
	err     error
	at      []time.Duration
	running int
	most    []int // at once, since it was asked last
}

func newUpstream(err error) *upstream { return &upstream{began: time.Now(), err: err} }

func (u *upstream) set(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
}

func (u *upstream) attempt(ctx context.Context, _ *Delivery) (Answer, error) {
	u.mu.Lock()
	u.running++
	u.at = append(u.at, time.Since(u.began))
	u.most = append(u.most, u.running)
	u.mu.Unlock()
	sleep(ctx, time.Second)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.running--
	return Answer{}, u.err
}

// times returns when attempts began since it was called last, and how many of
// them ran at once.
func (u *upstream) times() (at []time.Duration, most int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	at, most = u.at, slices.Max(append(u.most, 0))
	u.at, u.most = nil, nil
	return at, most
}

var errDown = StatusError{503}

// TestCircuitDead: a dead upstream costs a probe for each pause, however much
// waits for it, and nothing is claimed that is not attempted.
func TestCircuitDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, u := newBacklog(1e6), newUpstream(errDown)
		var told []CircuitState
		w := &Worker{Store: s, Attempt: u.attempt, Policy: Policy{Concurrency: 1}, OnCircuit: func(s CircuitState, h Health) {
			if s != h.Circuit {
				t.Errorf("told of %s with %+v", s, h)
			}
			told = append(told, s)
		}}
		stop := runs(t, w)
		time.Sleep(time.Hour)
		h := w.Health()
		stop()
		at, _ := u.times()
		// 10 in a row, then probes after 5, 10, 20, 40 and each 60 seconds. Each takes
		// a second.
		want := []time.Duration{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 26, 47, 88}
		for next := 149; next < 3600; next += 61 {
			want = append(want, time.Duration(next))
		}
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(at, want) {
			t.Errorf("attempts at %v,\nwant %v", at, want)
		}
		if got, want := s.counts(), fmt.Sprintf("%d claims, 0 delivered, %[1]d retried, 0 dead, 0 released", len(want)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if h.Circuit != CircuitOpen || h.Allowed != 0 || h.Last != "HTTP status 503" || !h.Probe.After(time.Now().Add(-time.Minute)) {
			t.Errorf("%+v", h)
		}
		for i, s := range told {
			if want := []CircuitState{CircuitOpen, CircuitHalfOpen}[i%2]; s != want {
				t.Fatalf("change %d was to %s, want %s", i, s, want)
			}
		}
	})
}

// TestCircuitRecovers: after an outage the backlog comes back one at a time, then
// twice as many with each success, and no faster.
func TestCircuitRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, u := newBacklog(1e6), newUpstream(errDown)
		w := &Worker{Store: s, Attempt: u.attempt, Policy: Policy{Concurrency: 16}}
		stop := runs(t, w)
		defer stop()
		time.Sleep(time.Minute) // probes at 6 and 17, then at 38
		u.times()
		u.set(nil)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		at, most := u.times()
		// The probe at 79 s has succeeded at 80: one, at 81 two, of which the first to
		// end makes four and the other eight, and the next all.
		if want := 79 * time.Second; at[0] != want {
			t.Errorf("the probe at %v, want %v", at[0], want)
		}
		if w.Health().Circuit != CircuitClosed || most != 1 {
			t.Errorf("%d at once, %+v", most, w.Health())
		}
		for i, want := range []int{2, 8, 16, 16} {
			time.Sleep(time.Second)
			synctest.Wait()
			if _, most := u.times(); most != want {
				t.Errorf("second %d: %d at once, want %d", i, most, want)
			}
		}
	})
}

// TestCircuitProbedNow: a person need not wait for the end of a pause. Only an open
// circuit is probed.
func TestCircuitProbedNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, u := newBacklog(1e6), newUpstream(errDown)
		w := &Worker{Store: s, Attempt: u.attempt, Policy: Policy{Concurrency: 1}}
		if w.Probe() {
			t.Error("a closed circuit was probed")
		}
		stop := runs(t, w)
		defer stop()
		time.Sleep(30 * time.Second) // the next probe is at 47 s
		u.times()
		for _, err := range []error{errDown, nil} {
			u.set(err)
			if !w.Probe() {
				t.Fatal("an open circuit was not probed")
			}
			synctest.Wait()
			if at, _ := u.times(); len(at) != 1 || at[0] != time.Since(u.began) {
				t.Fatalf("attempts at %v, want one at %v", at, time.Since(u.began))
			}
			if w.Probe() {
				t.Error("a circuit was probed twice at once")
			}
			time.Sleep(1500 * time.Millisecond)
		}
		if h := w.Health(); h.Circuit != CircuitClosed {
			t.Errorf("%+v", h)
		}
	})
}

// TestHealthOfRate: the health says when the rate allows the next attempt.
func TestHealthOfRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, u := newBacklog(2), newUpstream(nil)
		w := &Worker{Store: s, Attempt: u.attempt, Policy: Policy{Rate: Rate{Events: 1, Per: time.Minute}}}
		if h := w.Health(); !h.Rate.IsZero() {
			t.Errorf("before the first attempt: %+v", h)
		}
		stop := runs(t, w)
		defer stop()
		time.Sleep(20 * time.Second)
		if h := w.Health(); h.Rate.Sub(u.began).Round(time.Second) != time.Minute {
			t.Errorf("the next attempt may go at %v, want a minute", h.Rate.Sub(u.began))
		}
	})
}

// TestCircuitFallsBack: a failure during the recovery begins it anew.
func TestCircuitFallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, u := newBacklog(1e6), newUpstream(errDown)
		w := &Worker{Store: s, Attempt: u.attempt, Policy: Policy{Concurrency: 16, Circuit: Circuit{Consecutive: 5}}}
		stop := runs(t, w)
		defer stop()
		time.Sleep(5 * time.Second)
		u.set(nil)
		time.Sleep(2500 * time.Millisecond) // the probe at 6 s, and one at 7
		for _, step := range []struct {
			err     error
			allowed int
		}{{nil, 2}, {errDown, 1}, {nil, 2}, {nil, 8}, {nil, 16}, {errDown, 0}} {
			u.set(step.err)
			time.Sleep(time.Second)
			synctest.Wait()
			if h := w.Health(); h.Allowed != step.allowed {
				t.Errorf("%v: %d allowed, want %d", step, h.Allowed, step.allowed)
			}
		}
	})
}

// TestCircuitFlapping: an upstream that only answers probes is left alone for
// longer each time.
func TestCircuitFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBacklog(1e6)
		n, probes := 0, 0
		var opened []time.Time
		w := &Worker{Store: s, Policy: Policy{Concurrency: 1, Circuit: Circuit{Consecutive: 3}}, OnCircuit: func(s CircuitState, h Health) {
			switch s {
			case CircuitOpen:
				opened = append(opened, h.Since)
			case CircuitHalfOpen:
				probes++
			}
			n = 0
		}}
		w.Attempt = func(context.Context, *Delivery) (Answer, error) {
			n++
			if w.Health().Circuit == CircuitHalfOpen {
				return Answer{}, nil // only ever while it is probed
			}
			return Answer{}, errDown
		}
		stop := runs(t, w)
		time.Sleep(time.Hour)
		stop()
		var pauses []time.Duration
		for i := range opened[1:] {
			pauses = append(pauses, opened[i+1].Sub(opened[i]))
		}
		if want := []time.Duration{5, 10, 20, 40, 60, 60, 60}; len(pauses) < 50 {
			t.Errorf("%d pauses", len(pauses))
		} else {
			for i := range want {
				if pauses[i] != want[i]*time.Second {
					t.Errorf("pause %d is %v, want %vs", i, pauses[i], want[i])
				}
			}
		}
		if got, want := s.counts(), fmt.Sprintf("%d claims, %d delivered, %d retried, 0 dead, 0 released", 3+4*probes, probes, 3+3*probes); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// TestCircuitOpens: what opens a circuit and what does not.
func TestCircuitOpens(t *testing.T) {
	failing := func(n int) func(int) error { // of each hundred, the first n
		return func(i int) error {
			if i%100 < n {
				return errDown
			}
			return nil
		}
	}
	always := func(err error) func(int) error { return func(int) error { return err } }
	for _, test := range []struct {
		name    string
		circuit Circuit
		fails   func(int) error
		opens   int // after so many attempts; 0: never
	}{
		{"ten in a row", Circuit{}, always(errDown), 10},
		{"three in a row", Circuit{Consecutive: 3}, always(errDown), 3},
		{"nine in a row", Circuit{}, failing(9), 0},
		{"not in a row", Circuit{Consecutive: -1, Share: -1}, always(errDown), 0},
		{"off", Circuit{Off: true}, always(errDown), 0},
		{"the share", Circuit{Consecutive: -1}, always(errDown), 20},
		{"half", Circuit{}, func(i int) error { return []error{nil, errDown}[i%2] }, 20},
		{"less than half", Circuit{}, func(i int) error { return []error{nil, nil, errDown}[i%3] }, 0},
		{"a share of its own", Circuit{Share: 0.3, Minimum: 10}, func(i int) error { return []error{nil, nil, errDown}[i%3] }, 12},
		{"out of the window", Circuit{Consecutive: -1, Window: 5 * time.Second}, always(errDown), 0},
		{"throttled", Circuit{}, always(StatusError{429}), 10},
		{"broken routes", Circuit{}, always(errors.New("no route")), 10},
		{"answers that are no success", Circuit{}, always(StatusError{404}), 0},
		{"gone", Circuit{}, always(StatusError{410}), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newBacklog(1000)
				n, opens := 0, 0
				w := &Worker{Store: s, Policy: Policy{Concurrency: 1, Circuit: test.circuit}}
				w.OnCircuit = func(CircuitState, Health) {
					if opens == 0 {
						opens = n
					}
				}
				w.Attempt = func(context.Context, *Delivery) (Answer, error) {
					time.Sleep(time.Second / 2)
					n++
					return Answer{}, test.fails(n - 1)
				}
				stop := runs(t, w)
				time.Sleep(5 * time.Minute)
				stop()
				if opens != test.opens {
					t.Errorf("opened after %d of %d attempts, want %d", opens, n, test.opens)
				}
			})
		})
	}
}

// TestCircuitStorm: a thousand dead upstreams, each with a backlog that is always
// due, cost what is in flight when their circuits open, and then their probes; and
// the one that is well does not notice.
func TestCircuitStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const upstreams = 1000
		shared := NewLimit(0)
		dead := make([]*backlog, upstreams)
		var stops []func()
		for i := range dead {
			dead[i] = newBacklog(1 << 30)
			w := &Worker{Store: dead[i], Shared: shared, Attempt: func(ctx context.Context, _ *Delivery) (Answer, error) {
				sleep(ctx, time.Second)
				return Answer{}, errDown
			}}
			stops = append(stops, runs(t, w))
		}
		well := newBacklog(0)
		stops = append(stops, runs(t, &Worker{Store: well, Shared: shared, Attempt: func(context.Context, *Delivery) (Answer, error) {
			return Answer{}, nil
		}}))
		time.Sleep(20 * time.Second) // ten thousand attempts of a second each, a thousand at once
		most, late := 0, 0
		for range 3 * 60 {
			well.add(1)
			time.Sleep(time.Second)
			synctest.Wait()
			well.mu.Lock()
			late = max(late, well.left)
			well.mu.Unlock()
		}
		for _, stop := range stops {
			stop()
		}
		for _, s := range dead {
			most = max(most, s.claims)
		}
		// 10 to open it, as many as 63 in flight beside them, and six probes.
		if most > 10+63+6 {
			t.Errorf("%d attempts for one of them in three minutes", most)
		}
		if late > 0 {
			t.Errorf("%d deliveries to the one that is well were late", late)
		}
	})
}

// TestFollow: the worker of a new configuration goes on where the one before was:
// a dead upstream costs a probe, and one that is recovering is not run over.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, u := newBacklog(1e6), newUpstream(errDown)
		policy := Policy{Concurrency: 16, Circuit: Circuit{Consecutive: 2}}
		var w *Worker
		var stop func()
		reload := func() {
			before, end := w, stop
			w = &Worker{Store: s, Attempt: u.attempt, Policy: policy}
			w.Follow(before)
			end()
			stop = runs(t, w)
			synctest.Wait()
		}
		w = &Worker{Store: s, Attempt: u.attempt, Policy: policy}
		stop = runs(t, w)
		time.Sleep(2 * time.Second)
		opened := w.Health().Since
		u.times()
		reload()
		at, _ := u.times()
		if h := w.Health(); len(at) != 1 || h.Circuit != CircuitHalfOpen || h.Last == "" {
			t.Errorf("attempts at %v, %+v", at, h)
		}
		time.Sleep(9 * time.Second) // the probe has failed at 3 s: the pause is 10 s now
		if at, _ := u.times(); len(at) != 0 || w.Health().Circuit != CircuitOpen || !w.Health().Since.After(opened) {
			t.Errorf("attempts at %v, %+v", at, w.Health())
		}
		u.set(nil)
		time.Sleep(4500 * time.Millisecond) // the probe at 13 s, and one at 14
		synctest.Wait()
		if h := w.Health(); h.Circuit != CircuitClosed || h.Allowed != 2 {
			t.Errorf("%+v", h)
		}
		u.times()
		reload()
		if _, most := u.times(); most != 2 || w.Health().Allowed != 2 {
			t.Errorf("%d at once, %+v", most, w.Health())
		}
		time.Sleep(3 * time.Second)
		reload()
		if h := w.Health(); h.Allowed != 16 {
			t.Errorf("%+v", h)
		}
		stop()
	})
}

// TestCircuitProbes: so many probes at once, and all of them have to succeed. One
// that is cut off tells nothing and is made again.
func TestCircuitProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, u := newBacklog(1e6), newUpstream(errDown)
		w := &Worker{Store: s, Attempt: u.attempt, Policy: Policy{Circuit: Circuit{Probes: 3, Consecutive: 1}}}
		stop := runs(t, w)
		defer stop()
		time.Sleep(5500 * time.Millisecond) // 64 at once at first, and the first that ends opens it after 1 s
		u.times()
		u.set(ErrAborted)
		time.Sleep(2 * time.Second) // the probes at 6 s are cut off at 7
		at, most := u.times()
		if len(at) != 6 || most != 3 || w.Health().Circuit != CircuitHalfOpen {
			t.Errorf("probes at %v, %d at once, %+v", at, most, w.Health())
		}
		u.set(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if h := w.Health(); h.Circuit != CircuitClosed || h.Allowed != 1 || h.Last == "" {
			t.Errorf("%+v", h)
		}
	})
}

// TestRate: the rate holds over time, a pause saves up no more than the burst,
// and what waits for its turn is not claimed.
func TestRate(t *testing.T) {
	for _, test := range []struct {
		rate Rate
		want []int // attempts by the end of each minute; idle in the second
	}{
		{Rate{Events: 10}, []int{10 + 600, 10 + 600, 610 + 610}},
		{Rate{Events: 10, Burst: 1}, []int{1 + 600, 1 + 600, 601 + 601}},
		{Rate{Events: 90, Per: time.Minute, Burst: 5}, []int{5 + 90, 5 + 90, 95 + 95}},
		{Rate{Events: 300, Burst: 1}, []int{18001, 18001, 36002}},
	} {
		t.Run(fmt.Sprint(test.rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newBacklog(test.want[0])
				shared := NewLimit(1)
				w := &Worker{Store: s, Policy: Policy{Rate: test.rate}, Shared: shared, Attempt: func(context.Context, *Delivery) (Answer, error) {
					return Answer{}, nil
				}}
				stop := runs(t, w)
				for i, want := range test.want {
					if i == 2 {
						s.add(1e6)
					}
					time.Sleep(time.Minute)
					synctest.Wait()
					if got := s.delivered(); got < want-1 || got > want+1 {
						t.Errorf("minute %d: %d attempts, want %d", i+1, got, want)
					}
				}
				stop()
				n := s.delivered()
				if got, want := s.counts(), fmt.Sprintf("%d claims, %[1]d delivered, 0 retried, 0 dead, 0 released", n); got != want {
					t.Errorf("%s, want %s", got, want)
				}
				if shared.free != 1 {
					t.Error("the slot has not come back")
				}
			})
		})
	}
}
