package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/window"
)

// A delivery whose message is encrypted with a key that is not given is parked, as in package
// pebble: it makes way for the others, and is tried again after keyPause, as soon as a key
// comes, or when a node begins to own its destination. Its due time distinguishes it from one
// that waits for a retry.

// keyPause is how long a delivery rests whose key is missing.
const keyPause = 5 * time.Minute

// parkedMark is what the due time of a parked delivery is beyond a whole millisecond, in
// nanoseconds. A retry has it one time in a million by chance, and then comes early at most.
const parkedMark = 777_777

func parkedAt(due int64) int64 {
	milli := int64(time.Millisecond)
	return due/milli*milli + parkedMark
}

func isParked(due int64) bool { return due%int64(time.Millisecond) == parkedMark }

// park lets the delivery wait for its key without counting an attempt.
func (c *claim) park() error {
	return c.mark("waiting for its key", nil, func(r *row) (why int16) {
		r.due = parkedAt(c.store.now() + int64(keyPause))
		return 0
	})
}

// lacksKey reports whether events wait whose key this node does not have. They are met anew
// after each pause.
func (s *Store) lacksKey() bool {
	met := s.keyless.Load()
	return met != 0 && s.now()-met < int64(keyPause+time.Minute)
}

// unparks makes parked deliveries due when there is a new key or a new tenure.
func (s *Store) unparks() {
	for {
		select {
		case <-s.running.Done():
			return
		case <-s.keyed:
		}
		for s.running.Err() == nil {
			err := s.unpark(s.running)
			if err == nil {
				break
			}
			s.note(err)
			select {
			case <-s.running.Done():
			case <-time.After(time.Second):
			}
		}
	}
}

// unpark makes the parked deliveries of this node's destinations due at once. Those whose key
// is still missing are parked again by the worker that meets them.
func (s *Store) unpark(ctx context.Context) error {
	rings := s.rings.Load()
	if len(s.seal.Ring()) == 0 {
		return nil
	}
	for _, d := range s.all() {
		t := d.tenure.Load()
		if t == nil || t.unparked == rings {
			continue
		}
		if err := t.unpark(ctx); err != nil {
			return err
		}
		t.unparked = rings
	}
	return nil
}

// unpark makes the parked deliveries of the destination due: the heads of order keys, which
// are in memory, and those without an order key.
func (t *tenure) unpark(ctx context.Context) error {
	if !t.enter() {
		return nil
	}
	defer t.leave()
	s, now := t.destination.store, t.destination.store.now()
	heads := []uuid.UUID{}
	t.Lock()
	t.EachHeadLocked(func(p window.Position) {
		if p.Due > now && isParked(p.Due) {
			heads = append(heads, uuid.UUID(p.ID))
		}
	})
	t.Unlock()
	for len(heads) > 0 {
		n := min(len(heads), maxBatch)
		found, err := t.rows(ctx, "d.message = any($2) and d.ord is not null", heads[:n])
		if err == nil {
			err = t.dueAt(now, found)
		}
		if err != nil {
			return err
		}
		heads = heads[n:]
	}
	last := row{due: now}
	for {
		found, err := t.rows(ctx, s.sql(`d.ord is null and d.due % 1000000 = $2 and (d.due, d.message) > ($3, $4) and d.due <= $5
			order by d.due, d.message limit $6`), parkedMark, last.due, uuid.UUID(last.message), now+int64(keyPause+time.Minute), maxBatch)
		if err == nil {
			err = t.dueAt(now, found)
		}
		if err != nil || len(found) < maxBatch {
			return err
		}
		last = found[len(found)-1]
	}
}

// rows reads waiting deliveries of the destination, which is $1.
func (t *tenure) rows(ctx context.Context, where string, args ...any) ([]row, error) {
	s := t.destination.store
	found, err := s.pool.Query(ctx, s.sql("select "+rowColumns+" from {s}.delivery d where d.destination = $1 and d.state = 0 and "+where),
		append([]any{t.destination.id}, args...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, func(r pgx.CollectableRow) (x row, err error) { return x, r.Scan(x.fields()...) })
}

// dueAt makes parked deliveries due, unless something else has become of them.
func (t *tenure) dueAt(now int64, list []row) (err error) {
	s := t.destination.store
	var marks []*marking
	var claims []*window.Claim
	for _, r := range list {
		if !isParked(r.due) {
			continue
		}
		c, err := t.hold(&r)
		if err != nil {
			continue // it is being attempted or changed
		}
		m := &marking{destination: t.destination, from: r, to: r, done: make(chan error, 1)}
		m.to.due = now
		marks, claims = append(marks, m), append(claims, c)
	}
	if len(marks) == 0 {
		return nil
	}
	s.writeMarks(marks)
	t.Lock()
	defer t.Unlock()
	for i, m := range marks {
		failed := <-m.done
		t.EndedLocked(claims[i])
		if failed != nil { // what it is now, the tables say
			t.ForgetLocked(claims[i].Waiting)
			if errors.Is(failed, queue.ErrUnavailable) {
				err = failed
			}
			continue
		}
		t.countLocked(&m.from, -1)
		t.countLocked(&m.to, 1)
		t.InsertLocked(window.Entry{Waiting: m.to.waiting()})
	}
	return err
}
