package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/window"
)

var (
	// errUnrouted: the message has no delivery yet but the one that stands for being unrouted.
	errUnrouted = errors.New("the message is unrouted")
	errNotOwner = errors.New("another node owns the destination")
	errNoAnswer = errors.New("no node owns the destination yet, or its owner has not answered in time")
)

// Redeliver implements [queue.Inspector].
func (s *Store) Redeliver(ctx context.Context, id queue.ID, to queue.Route, only ...queue.State) error {
	for {
		err := s.operate(ctx, to.Destination, request{Do: "redeliver", ID: id, To: targets(to), Only: only})
		if !errors.Is(err, errUnrouted) {
			return err
		}
		if err = s.Reroute(ctx, id, to); !errors.Is(err, queue.ErrState) {
			return err
		}
		// Somebody else has routed it meanwhile.
	}
}

// Reroute implements [queue.Inspector].
func (s *Store) Reroute(ctx context.Context, id queue.ID, to ...queue.Route) error {
	if err := s.ready(); err != nil {
		return err
	}
	var endpoint string
	err := s.pool.QueryRow(ctx, s.sql("select endpoint from {s}.message where id = $1"), uuid.UUID(id)).Scan(&endpoint)
	if errors.Is(err, pgx.ErrNoRows) {
		return s.gone(ctx, id)
	}
	if err != nil {
		return unavailable(err)
	}
	return s.operate(ctx, queue.Destination{Endpoint: endpoint}, request{Do: "reroute", ID: id, To: targets(to...)})
}

// Cancel implements [queue.Inspector]. A cancelled delivery stays cancelled.
func (s *Store) Cancel(ctx context.Context, id queue.ID, destination queue.Destination, only ...queue.State) error {
	return s.operate(ctx, destination, request{Do: "cancel", ID: id, Only: only})
}

// Bury implements [queue.Inspector]. A dead letter stays one.
func (s *Store) Bury(ctx context.Context, id queue.ID, destination queue.Destination, only ...queue.State) error {
	return s.operate(ctx, destination, request{Do: "bury", ID: id, Only: only})
}

// Purge implements [queue.Inspector].
func (s *Store) Purge(ctx context.Context, id queue.ID, destination queue.Destination, only ...queue.State) error {
	return s.operate(ctx, destination, request{Do: "purge", ID: id, Only: only})
}

// Pause implements [queue.Inspector]. Another node that owns the destination hears of it within
// its next renewal of the lease.
func (s *Store) Pause(ctx context.Context, name queue.Destination, paused bool) error {
	if err := s.ready(); err != nil {
		return err
	}
	d, err := s.destinationNamed(ctx, name)
	if err != nil {
		return err
	}
	if _, err := s.pool.Exec(ctx, s.sql("update {s}.destination set paused = $2 where id = $1"), d.id, paused); err != nil {
		return unavailable(err)
	}
	d.mu.Lock()
	d.others.paused = paused
	d.mu.Unlock()
	if t := d.tenure.Load(); t != nil {
		t.Lock()
		if !t.leaving {
			t.PauseLocked(paused)
		}
		t.Unlock()
		return nil
	}
	_, _ = s.pool.Exec(ctx, "select pg_notify($1, 'node')", s.options.Schema) // lost, it takes effect a second later
	return nil
}

// operate carries a request out, here or by the owner of the destination.
func (s *Store) operate(ctx context.Context, name queue.Destination, q request) error {
	if err := s.ready(); err != nil {
		return err
	}
	d, err := s.destinationNamed(ctx, name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := errNotOwner
		if t := d.tenure.Load(); t != nil {
			err = s.execute(ctx, t, q)
		} else if d.counts().owned {
			err = s.ask(ctx, d, q)
		}
		if !errors.Is(err, errNotOwner) {
			return err
		}
		pokeIt(s.poke)
		select {
		case <-ctx.Done():
			return unavailable(errNoAnswer)
		case <-s.running.Done():
			return unavailable(errClosed)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// execute carries a request out for a destination of this node.
func (s *Store) execute(ctx context.Context, t *tenure, q request) error {
	if !t.enter() {
		return errNotOwner
	}
	defer t.leave()
	if q.Do == "reroute" {
		return s.reroute(ctx, t, q)
	}
	for range 10 {
		err := s.tryExecute(ctx, t, q)
		if !errors.Is(err, errVersion) {
			return err
		}
	}
	return queue.ErrBusy
}

func (s *Store) tryExecute(ctx context.Context, t *tenure, q request) error {
	d := t.destination
	from := row{message: q.ID, state: gone}
	var there bool
	err := s.pool.QueryRow(ctx, s.sql("select exists (select from {s}.message where id = $1)"), uuid.UUID(q.ID)).Scan(&there)
	if err == nil && !there {
		return s.gone(ctx, q.ID)
	}
	if err == nil {
		err = s.pool.QueryRow(ctx, s.sql("select "+rowColumns+" from {s}.delivery d where message = $1 and destination = $2"), uuid.UUID(q.ID), d.id).Scan(from.fields()...)
	}
	absent := errors.Is(err, pgx.ErrNoRows)
	if err != nil && !absent {
		return unavailable(err)
	}
	to, err := s.transition(&from, absent, q, d)
	if err != nil {
		return err
	}
	c, err := t.hold(&from)
	if err != nil {
		return err
	}
	if absent {
		err = s.join(ctx, t, &to)
	} else if to.state != from.state || to.state == waits {
		m := &marking{destination: d, from: from, to: to, why: gonePurged, sync: true}
		err = s.change(m)
		to = m.to
	}
	t.Lock()
	defer t.Unlock()
	if c != nil {
		t.EndedLocked(c)
	} else {
		t.abandonLocked(q.ID)
	}
	if err != nil {
		if c != nil { // what it is now, the tables say: it may not wait any more
			t.ForgetLocked(c.Waiting)
		}
		return err
	}
	if !absent {
		t.countLocked(&from, -1)
	}
	t.countLocked(&to, 1)
	if to.state == waits {
		t.InsertLocked(window.Entry{Waiting: to.waiting()})
	}
	return nil
}

// transition returns a delivery as an operation leaves it, or why the operation is refused.
func (s *Store) transition(from *row, absent bool, q request, d *destination) (to row, err error) {
	state := queue.StateNone
	if !absent {
		state = states[from.state]
	}
	if len(q.Only) > 0 && !slices.Contains(q.Only, state) {
		if absent {
			return to, queue.ErrNotFound
		}
		return to, queue.ErrState
	}
	to = *from
	if q.Do == "redeliver" {
		to.state, to.due, to.ended, to.redelivered, to.attempts = waits, s.now(), 0, s.now(), 0
		to.ord = q.To[0].Ord
		return to, nil
	}
	if absent {
		return to, queue.ErrNotFound
	}
	switch q.Do {
	case "purge":
		to.state = gone
		return to, nil
	case "cancel":
		to.state = cancelled
	case "bury":
		to.state = dead
	}
	if from.state != waits {
		if from.state == to.state {
			return to, nil
		}
		return to, queue.ErrState
	}
	to.ended = s.now()
	if to.state == cancelled && s.retention(d.name) <= 0 {
		to.state = gone
	}
	return to, nil
}

// hold keeps a delivery from workers and other operations. It returns the claim of one that waits.
func (t *tenure) hold(r *row) (*window.Claim, error) {
	t.Lock()
	defer t.Unlock()
	if _, busy := t.HolderLocked(r.message); busy {
		return nil, queue.ErrBusy
	}
	if r.state != waits {
		t.BeginLocked(r.message)
		return nil, nil
	}
	c := new(window.Claim)
	t.GrabLocked(c, r.waiting())
	return c, nil
}

// join gives a message a delivery to one more destination.
func (s *Store) join(ctx context.Context, t *tenure, to *row) error {
	d := t.destination
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock_shared($1, $2)", s.class, d.id); err != nil {
			return err
		}
		var mine bool
		if err := tx.QueryRow(ctx, s.sql("select owner is not distinct from $2 and epoch = $3 from {s}.destination where id = $1"), d.id, s.node, t.epoch).Scan(&mine); err != nil {
			return err
		}
		if !mine {
			return errNotOwner
		}
		err := tx.QueryRow(ctx, s.sql("select size from {s}.message where id = $1 for update"), uuid.UUID(to.message)).Scan(&to.size)
		if errors.Is(err, pgx.ErrNoRows) {
			return s.gone(ctx, to.message)
		}
		if err != nil {
			return err
		}
		var n int64
		var routed bool
		if err := tx.QueryRow(ctx, s.sql("select count(*), coalesce(bool_and(state <> 4), true) from {s}.delivery where message = $1"), uuid.UUID(to.message)).Scan(&n, &routed); err != nil {
			return err
		}
		if !routed {
			return errUnrouted
		}
		to.size /= n + 1
		to.version, to.written, to.last = 0, 0, nil
		tag, err := tx.Exec(ctx, s.sql(`insert into {s}.delivery (message, destination, state, due, size, ord, redelivered)
			values ($1, $2, 0, $3, $4, $5, $6) on conflict do nothing`), uuid.UUID(to.message), d.id, to.due, to.size, to.ord, to.redelivered)
		if err == nil && tag.RowsAffected() == 0 {
			return errVersion
		}
		return err
	})
	return s.outcome(err)
}

// reroute gives an unrouted message its deliveries. The owner of the unrouted one carries it out.
func (s *Store) reroute(ctx context.Context, t *tenure, q request) error {
	var to []part
	for i, r := range q.To {
		if slices.ContainsFunc(q.To[:i], func(o target) bool { return o.Destination == r.Destination }) {
			continue
		}
		d, err := s.destinationNamed(ctx, r.Destination)
		if err != nil {
			return err
		}
		to = append(to, part{destination: d, row: row{message: q.ID, due: s.now(), redelivered: s.now(), ord: r.Ord}})
	}
	if len(to) == 0 {
		return queue.ErrState
	}
	locks := slices.Clone(to)
	slices.SortFunc(locks, func(a, b part) int { return int(a.destination.id - b.destination.id) })
	var size int64
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		for _, p := range locks {
			if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock_shared($1, $2)", s.class, p.destination.id); err != nil {
				return err
			}
		}
		var one int
		err := tx.QueryRow(ctx, s.sql("select 1 from {s}.message where id = $1 for update"), uuid.UUID(q.ID)).Scan(&one)
		if errors.Is(err, pgx.ErrNoRows) {
			return s.gone(ctx, q.ID)
		}
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, s.sql("delete from {s}.delivery where message = $1 and destination = $2 and state = 4 returning size"), uuid.UUID(q.ID), t.destination.id).Scan(&size)
		if errors.Is(err, pgx.ErrNoRows) {
			return queue.ErrState
		}
		if err != nil {
			return err
		}
		for i := range to {
			p := &to[i]
			p.row.size = share(size, i, len(to))
			err := tx.QueryRow(ctx, s.sql(`with made as (insert into {s}.delivery (message, destination, state, due, size, ord, redelivered) values ($1, $2, 0, $3, $4, $5, $6)),
				own as (select case when owner = $7 then epoch else 0 end as mine from {s}.destination where id = $2),
				told as (insert into {s}.inbox (destination, message) select $2, $1 from own where mine = 0) select mine from own`),
				uuid.UUID(q.ID), p.destination.id, p.row.due, p.row.size, p.row.ord, p.row.redelivered, s.node).Scan(&p.epoch)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return s.outcome(err)
	}
	t.Lock()
	t.retained -= size
	t.Unlock()
	for i := range to {
		p := &to[i]
		if u := p.destination.tenure.Load(); u != nil && u.epoch == p.epoch {
			u.Lock()
			u.admitLocked(&p.row, false)
			u.Unlock()
		} else {
			pokeIt(s.tell)
		}
	}
	return nil
}

// outcome wraps the error of an operation's transaction.
func (s *Store) outcome(err error) error {
	for _, known := range []error{nil, queue.ErrNotFound, queue.ErrState, queue.ErrBusy, queue.ErrUnavailable, errVersion, errUnrouted, errNotOwner} {
		if errors.Is(err, known) {
			return err
		}
	}
	return unavailable(err)
}

// gone is the error for a message that is not there.
func (s *Store) gone(ctx context.Context, id queue.ID) error {
	var at int64
	var why int16
	err := s.pool.QueryRow(ctx, s.sql("select at, why from {s}.gone where id = $1"), uuid.UUID(id)).Scan(&at, &why)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return queue.ErrNotFound
	case err != nil:
		return unavailable(err)
	}
	return &queue.GoneError{ID: id, At: fromNanos(at), Why: reasons[why]}
}
