package queue

import (
	"context"
	"slices"
	"sync"
)

// Limit bounds the attempts of all workers that share it. A hanging destination must not
// stop the others, so slots are shared unevenly:
//
//   - One eighth of the slots is reserved for workers with few attempts running; the
//     fewer, the larger their share.
//   - A worker without a running attempt always gets one. The limit can therefore be
//     exceeded by one attempt for each destination.
//   - Of the waiting workers, the one with the fewest running attempts comes first.
//
// Invariant: between two calls, no worker waits that could have a slot.
type Limit struct {
	mu      sync.Mutex
	free    int
	step    int       // a worker with k running attempts leaves min(k, few) × step slots free
	waiting []*waiter // in the order of arrival
}

const (
	few   = 8
	steps = 8 * few // in a limit
)

// share counts the slots of one worker. The lock of the limit guards it.
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

// leave removes a waiter, or returns the slot that it has just been granted.
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

func (l *Limit) grantLocked(s *share) bool {
	if s.taken > 0 && l.free <= l.step*min(s.taken, few) {
		return false
	}
	s.taken++
	l.free--
	return true
}

// backLocked returns a slot and grants free slots to waiters. Afterwards no waiter could
// have a slot, so grantLocked need not look at the waiters.
func (l *Limit) backLocked(s *share) {
	s.taken--
	l.free++
	if s.taken == 0 { // a worker without a running attempt always gets one
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
