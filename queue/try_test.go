package queue

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestTry: an attempt on demand is marked, observed and reported like any other.
func TestTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, shared := newBacklog(0), NewLimit(1)
		var observed []Outcome
		w := &Worker{Store: s, Shared: shared, Observe: func(a Attempted) { observed = append(observed, a.Outcome) }}
		w.Attempt = func(context.Context, *Delivery) (Answer, error) { return Answer{}, errDown }
		stop := runs(t, w)
		done, ok := w.Try(t.Context(), s.held(), nil)
		if a := <-done; !ok || a.Outcome != Retrying || a.Attempt.Status != 503 || a.Attempt.Number != 1 {
			t.Errorf("%t, %+v", ok, a)
		}
		done, ok = w.Try(t.Context(), s.held(), func(context.Context, *Delivery) (Answer, error) {
			return Answer{Status: 202, Excerpt: []byte("ok")}, nil
		})
		if a := <-done; !ok || a.Outcome != Delivered || a.Attempt.Status != 202 || a.Attempt.Excerpt != "ok" {
			t.Errorf("%t, %+v", ok, a)
		}
		done, ok = w.Try(t.Context(), s.held(), func(context.Context, *Delivery) (Answer, error) { panic("oh") })
		if a := <-done; !ok || a.Outcome != Retrying || a.Attempt.Failure != Broken {
			t.Errorf("%t, %+v", ok, a)
		}
		cut, cancel := context.WithCancel(t.Context())
		done, ok = w.Try(cut, s.held(), func(ctx context.Context, _ *Delivery) (Answer, error) {
			<-ctx.Done()
			return Answer{}, ctx.Err()
		})
		cancel()
		if a := <-done; !ok || a.Outcome != Released || a.Attempt.Failure != Aborted {
			t.Errorf("%t, %+v", ok, a)
		}
		stop()
		// What was released is Run's then.
		if want := []Outcome{Retrying, Delivered, Retrying, Released}; len(observed) < 4 || !slices.Equal(observed[:4], want) {
			t.Errorf("observed %v, want %v first", observed, want)
		}
		if shared.free != 1 {
			t.Error("a slot has not come back")
		}
	})
}

// TestTryRefused: each limit refuses an attempt that would have to wait, which
// gives the claim back uncounted, and takes nothing.
func TestTryRefused(t *testing.T) {
	succeeds := func(context.Context, *Delivery) (Answer, error) { return Answer{}, nil }
	for _, test := range []struct {
		name string
		w    *Worker
		use  func(t *testing.T, w *Worker, s *backlog)
		wait time.Duration // after which it would be let through; 0: never
	}{
		{"concurrency", &Worker{Policy: Policy{Concurrency: 2}}, func(t *testing.T, w *Worker, s *backlog) {
			for range 2 {
				hold(t, w, s, time.Minute)
			}
		}, time.Minute},
		{"shared", &Worker{Shared: NewLimit(1)}, func(t *testing.T, w *Worker, s *backlog) {
			hold(t, w, s, time.Minute) // the first is free
		}, time.Minute},
		{"rate", &Worker{Policy: Policy{Rate: Rate{Events: 1, Per: time.Minute}}}, func(t *testing.T, w *Worker, s *backlog) {
			hold(t, w, s, 0)
		}, time.Minute},
		{"circuit", &Worker{Policy: Policy{Circuit: Circuit{Consecutive: 1, Open: time.Minute}}}, func(t *testing.T, w *Worker, s *backlog) {
			done, _ := w.Try(t.Context(), s.held(), func(context.Context, *Delivery) (Answer, error) { return Answer{}, errDown })
			<-done
		}, time.Minute},
		{"a probe under way", &Worker{Policy: Policy{Circuit: Circuit{Consecutive: 1}}}, func(t *testing.T, w *Worker, s *backlog) {
			done, _ := w.Try(t.Context(), s.held(), func(context.Context, *Delivery) (Answer, error) { return Answer{}, errDown })
			<-done
			time.Sleep(5 * time.Second)
			hold(t, w, s, time.Minute)
		}, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newBacklog(0)
				w := &Worker{Store: s, Attempt: succeeds, Policy: test.w.Policy, Shared: test.w.Shared}
				test.use(t, w, s)
				synctest.Wait()
				before, free := w.Health(), slots(w.Shared)
				if _, ok := w.Try(t.Context(), s.held(), nil); ok {
					t.Fatal("it was let through")
				}
				if s.left != 1 || s.outcomes[Released] != 1 || w.Health() != before || slots(w.Shared) != free {
					t.Errorf("%s, %+v", s.counts(), w.Health())
				}
				time.Sleep(test.wait)
				synctest.Wait()
				done, ok := w.Try(t.Context(), s.held(), nil)
				if !ok {
					t.Fatal("it was not let through later")
				}
				if a := <-done; a.Outcome != Delivered {
					t.Errorf("%+v", a)
				}
			})
		})
	}
}

func slots(l *Limit) int {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.free
}

// hold makes an attempt by Try that takes so long.
func hold(t *testing.T, w *Worker, s *backlog, d time.Duration) {
	t.Helper()
	if _, ok := w.Try(t.Context(), s.held(), func(context.Context, *Delivery) (Answer, error) {
		time.Sleep(d)
		return Answer{}, nil
	}); !ok {
		t.Fatal("not let through")
	}
}

// TestTryStops: Run does not end before attempts on demand have, and afterwards
// there are none.
func TestTryStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBacklog(0)
		w := &Worker{Store: s}
		began := time.Now()
		claiming, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); w.Run(claiming, t.Context()) }()
		hold(t, w, s, time.Minute)
		cancel()
		synctest.Wait()
		if _, ok := w.Try(t.Context(), s.held(), nil); ok {
			t.Error("an attempt began after the end")
		}
		<-ended
		if took := time.Since(began); took != time.Minute {
			t.Errorf("ended after %v", took)
		}
		if got, want := s.counts(), "0 claims, 1 delivered, 0 retried, 0 dead, 1 released"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// TestTryBesideRun: both together keep to the limits, lose nothing and leak
// nothing, whoever is the quicker.
func TestTryBesideRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const deliveries = 2000
		s, shared := newBacklog(deliveries), NewLimit(8)
		var running, most, done atomic.Int32
		w := &Worker{Store: s, Shared: shared, Policy: Policy{Concurrency: 5, Rate: Rate{Events: 1000}}}
		w.Attempt = func(context.Context, *Delivery) (Answer, error) {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			time.Sleep(time.Duration(1+done.Add(1)%7) * time.Millisecond)
			return Answer{}, nil
		}
		stop := runs(t, w)
		var wg sync.WaitGroup
		tried := 0
		for range 20 {
			wg.Go(func() {
				for range 100 {
					w.Try(t.Context(), s.held(), nil)
					time.Sleep(time.Millisecond)
				}
			})
			tried += 100
		}
		wg.Wait()
		for s.delivered() < deliveries+tried {
			time.Sleep(time.Second)
		}
		stop()
		if most.Load() != 5 || shared.free != 8 || s.left != 0 {
			t.Errorf("%d at once, %d slots free, %s", most.Load(), shared.free, s.counts())
		}
	})
}

// TestOverdue: an attempt whose time is over is a timeout, however it shows.
func TestOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			err  any // nil: it answers all the same
			want Failure
		}{
			{http.ErrAbortHandler, Timeout},
			{"oh", Timeout},
			{StatusError{500}, Status},
			{nil, ""},
		} {
			w := &Worker{Policy: Policy{Timeout: time.Second}}
			w.Attempt = func(ctx context.Context, _ *Delivery) (Answer, error) {
				<-ctx.Done()
				if status, ok := test.err.(StatusError); ok {
					return Answer{}, status
				}
				if test.err != nil {
					panic(test.err)
				}
				return Answer{}, nil
			}
			done, _ := w.Try(t.Context(), newBacklog(0).held(), nil)
			if a := <-done; a.Attempt.Failure != test.want || a.Attempt.Duration != time.Second {
				t.Errorf("%v: %+v", test.err, a.Attempt)
			}
		}
	})
}
