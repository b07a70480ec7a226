package queue

import (
	"context"
	"slices"
	"sync"
)

// Limit bounds the attempts of all workers that share it. An eighth of it is kept
// for workers with few in flight: the fewer, the more of that eighth they may
// have. One attempt is allowed to a worker that has none, beyond the limit if need
// be, so that as many may be exceeded as there are destinations. So those that
// hang never keep others from being delivered to, and who has the fewest in flight
// comes first.
type Limit struct {
	mu      sync.Mutex
	free    int
	step    int       // a worker with k in flight leaves k steps free, and at most few of them
	waiting []*waiter // in the order of their coming
}

const (
	few   = 8
	steps = 8 * few // in a limit
)

// share is what one worker has of a limit, which guards it.
type share struct{ taken int }

type waiter struct {
	share    *share
	admitted chan struct{}
}

// NewLimit returns a limit; n ≤ 0 stands for the default, 1,024.
func NewLimit(n int) *Limit {
	if n <= 0 {
		n = DefaultShared
	}
	return &Limit{free: n, step: n / steps}
}

// try takes a slot if there is one for this worker now.
func (l *Limit) try(s *share) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grantLocked(s)
}

// take waits for a slot until ctx is done.
func (l *Limit) take(ctx context.Context, s *share) bool {
	if l == nil || ctx.Err() != nil {
		return ctx.Err() == nil
	}
	l.mu.Lock()
	if l.grantLocked(s) {
		l.mu.Unlock()
		return true
	}
	w := &waiter{s, make(chan struct{})}
	l.waiting = append(l.waiting, w)
	l.mu.Unlock()
	select {
	case <-w.admitted:
		return true
	case <-ctx.Done():
		l.leave(w)
		return false
	}
}

// leave takes a waiter out, or gives back what it was granted just now.
func (l *Limit) leave(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, w); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		return
	}
	l.backLocked(w.share)
}

// give returns a slot.
func (l *Limit) give(s *share) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.backLocked(s)
}

// The rest is called with the lock held.

func (l *Limit) grantLocked(s *share) bool {
	if s.taken > 0 && l.free <= l.step*min(s.taken, few) {
		return false
	}
	s.taken++
	l.free--
	return true
}

// backLocked returns a slot and hands out what may be had now. Afterwards nobody waits
// who may have a slot, which is why grant need not look at who waits.
func (l *Limit) backLocked(s *share) {
	s.taken--
	l.free++
	if s.taken == 0 { // whose worker may have one more in any case
		if i := slices.IndexFunc(l.waiting, func(w *waiter) bool { return w.share == s }); i >= 0 {
			l.admitLocked(i)
		}
	}
	for l.free > 0 && len(l.waiting) > 0 {
		least := 0
		for i, w := range l.waiting {
			if w.share.taken < l.waiting[least].share.taken {
				least = i
			}
		}
		if !l.admitLocked(least) {
			return
		}
	}
}

// admitLocked grants a slot to a waiter, if it may have one.
func (l *Limit) admitLocked(i int) bool {
	w := l.waiting[i]
	if !l.grantLocked(w.share) {
		return false
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	close(w.admitted)
	return true
}
