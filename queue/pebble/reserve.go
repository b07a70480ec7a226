package pebble

import (
	"context"
	"sync"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// reservations are the events under way. They are in memory alone: after a crash nothing
// is under way.
type reservations struct {
	mu    sync.Mutex
	byKey map[queue.Key]*reservation
}

// reservation implements [queue.Reservation].
type reservation struct {
	store *Store
	id    queue.Identity
	keys  []queue.Key // id.Exclusive
	now   time.Time
	ended sync.Once
	over  chan struct{} // closed when the keys are free
}

// Reserve implements [queue.Store].
func (s *Store) Reserve(ctx context.Context, id queue.Identity, now time.Time) (queue.Verdict, queue.Reservation, error) {
	r := &reservation{store: s, id: id.Recorded(), keys: id.Exclusive(), now: now, over: make(chan struct{})}
	for {
		if err := ctx.Err(); err != nil {
			return 0, nil, context.Cause(ctx)
		}
		twin := s.reservations.add(r)
		if twin == nil {
			break
		}
		select {
		case <-twin.over:
		case <-s.engine.Running().Done():
			_, err := s.Seen(ctx, id, now)
			return 0, nil, err
		case <-ctx.Done():
		}
	}
	verdict, err := s.Seen(ctx, id, now)
	if err != nil || !id.GoesOn(verdict) {
		r.Drop()
		return verdict, nil, err
	}
	return verdict, r, nil
}

// add reserves the keys of r, or returns a twin that has one of them.
func (a *reservations) add(r *reservation) (twin *reservation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range r.keys {
		if twin := a.byKey[k]; twin != nil {
			return twin
		}
	}
	for _, k := range r.keys {
		a.byKey[k] = r
	}
	return nil
}

// Take implements [queue.Reservation].
func (r *reservation) Take(ctx context.Context) (err error) {
	r.ended.Do(func() {
		defer r.free()
		if r.id.Key != (queue.Key{}) || r.id.Digest != (queue.Key{}) {
			err = r.store.take(ctx, r)
		}
	})
	return err
}

// Drop implements [queue.Reservation].
func (r *reservation) Drop() { r.ended.Do(r.free) }

func (r *reservation) free() {
	a := &r.store.reservations
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range r.keys {
		delete(a.byKey, k)
	}
	close(r.over)
}
