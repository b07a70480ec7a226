package pebble

import (
	"context"
	"sync"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
)

// takes collects reservations, so that the keys of many are recorded in one commit.
type takes struct {
	mu    sync.Mutex
	group *takeGroup // the one that others can join; nil: none
}

// takeGroup is the reservations of one commit.
type takeGroup struct {
	all  []*reservation
	full chan struct{} // closed when nobody else may join
	done chan struct{} // closed with the outcome
	err  error         // set before done is closed
}

// A commit waits so long for others, unless it has so many.
const (
	takeLinger = 10 * time.Millisecond
	maxTakes   = 256
)

// take records the keys of a reservation durably.
func (s *Store) take(ctx context.Context, r *reservation) error {
	db, err := s.enter()
	if err != nil {
		return err
	}
	g, first := s.takes.join(r)
	if first {
		go s.takeGroup(db, g)
	} else {
		db.Leave()
	}
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return unavailable(context.Cause(ctx))
	}
}

// takeGroup commits a group once nobody else joins it, and leaves the database. Close waits
// for that.
func (s *Store) takeGroup(db *engine.Database, g *takeGroup) {
	defer close(g.done)
	linger := time.NewTimer(takeLinger)
	defer linger.Stop()
	select {
	case <-linger.C:
	case <-g.full:
	case <-s.engine.Running().Done():
	}
	s.takes.shut(g)
	g.err = s.takeAll(db, g.all)
}

func (t *takes) join(r *reservation) (g *takeGroup, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.group == nil {
		t.group, first = &takeGroup{full: make(chan struct{}), done: make(chan struct{})}, true
	}
	g = t.group
	if g.all = append(g.all, r); len(g.all) == maxTakes {
		t.group = nil
		close(g.full)
	}
	return g, first
}

// shut keeps others from joining a group.
func (t *takes) shut(g *takeGroup) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.group == g {
		t.group = nil
	}
}

// takeAll records the keys of reservations in one commit, and leaves the database.
func (s *Store) takeAll(db *engine.Database, all []*reservation) error {
	if s.engine.Refuses() || !s.engine.Take(int64(len(all))*roughKeys) {
		db.Leave()
		return unavailable(engine.ErrDiskFull)
	}
	keys := make([]queue.Key, 0, 2*len(all))
	for _, r := range all {
		for _, k := range [...]queue.Key{r.id.Key, r.id.Digest} {
			if k != (queue.Key{}) {
				keys = append(keys, k)
			}
		}
	}
	// A caller that does not wait any longer has left in take.
	ctx := context.Background()
	unlock, err := s.locks.lockAll(ctx, keys)
	if err != nil {
		db.Leave()
		return unavailable(err)
	}
	batch := db.NewBatch()
	writes := make([]write, 0, len(all))
	finish := func(err error) {
		for i := range writes {
			writes[i].finish(err)
		}
		unlock()
	}
	for _, r := range all {
		writes = append(writes, write{store: s, batch: batch, id: r.id})
		if err := writes[len(writes)-1].dedupe(r.now); err != nil {
			finish(err)
			db.Leave()
			return unavailable(err)
		}
	}
	return db.Commit(ctx, batch, true, finish)
}
