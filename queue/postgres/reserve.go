package postgres

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/window"
)

// reserved are the reservations of this node.
type reserved struct {
	mu       sync.Mutex
	open     map[*reservation]bool // to be renewed
	dropped  []*reservation        // to be deleted
	dropping chan struct{}
}

// reservation is a row in the table of keys for each of its keys. It holds while the node renews
// it, by the database's clock. It need not be durable, so its statements do not wait for the disk.
//
// A node that stands still for longer than the lease loses its reservations to twins. Its
// upstream has the event nevertheless, so Take records the keys all the same.
type reservation struct {
	store  *Store
	id     queue.Identity
	keys   []uuid.UUID // id.Exclusive
	now    time.Time
	holder int64
	ended  sync.Once
}

// The pauses between two looks at another node's reservation.
const (
	firstLook = 5 * time.Millisecond
	lastLook  = 100 * time.Millisecond
)

// Reserve implements [queue.Store].
func (s *Store) Reserve(ctx context.Context, id queue.Identity, now time.Time) (queue.Verdict, queue.Reservation, error) {
	if err := s.ready(); err != nil {
		return 0, nil, err
	}
	r := &reservation{store: s, id: id.Recorded(), now: now, holder: rand.Int64()}
	for _, k := range id.Exclusive() {
		r.keys = append(r.keys, uuid.UUID(k))
	}
	type decision struct {
		verdict queue.Verdict
		err     error
	}
	decided := make(chan decision, 1)
	go func() { // statements are not cancelled: that would cost a connection
		verdict, err := r.decide(ctx)
		decided <- decision{verdict, err}
	}()
	select {
	case d := <-decided:
		if d.err != nil || !r.id.GoesOn(d.verdict) {
			r.Drop()
			return d.verdict, nil, d.err
		}
		return d.verdict, r, nil
	case <-ctx.Done():
		go func() { <-decided; r.Drop() }()
		return 0, nil, context.Cause(ctx)
	}
}

// decide reserves the keys, or finds out that the event is known. Meanwhile it waits for twins.
func (r *reservation) decide(ctx context.Context) (queue.Verdict, error) {
	s := r.store
	for {
		all, err := r.try()
		if err != nil {
			return 0, unavailable(err)
		}
		if all && (r.id.Digest == (queue.Key{}) || r.id.RefuseReplays) {
			return queue.New, nil
		}
		// What is known is renewed, and durable.
		verdict, err := s.Seen(ctx, r.id, r.now)
		if all || err != nil || !r.id.GoesOn(verdict) {
			return verdict, err
		}
		if err := r.await(ctx); err != nil {
			return 0, err
		}
	}
}

// try reserves all keys or none. A key that another transaction is writing makes it wait for the
// end of that one, when the key is durable.
func (r *reservation) try() (all bool, err error) {
	if len(r.keys) == 0 {
		return true, nil
	}
	s := r.store
	s.reserved.mu.Lock()
	s.reserved.open[r] = true // renews what the statement writes, however late its answer comes
	s.reserved.mu.Unlock()
	var got []uuid.UUID
	err = s.pool.QueryRow(s.running, s.sql(`with quick as (select set_config('synchronous_commit', 'off', true)),
		made as (insert into {s}.key as t (key, expires, until, holder)
			select k, 0, clock_timestamp() + $3 * interval '1 microsecond', $4 from quick, unnest($1::uuid[]) k order by k
			on conflict (key) do update set expires = 0, until = excluded.until, holder = excluded.holder
			where t.expires <= $2 and (t.until is null or t.until < clock_timestamp()) returning t.key)
		select coalesce(array_agg(key), '{}') from made`), r.keys, window.Nanos(r.now), s.options.Lease.Microseconds(), r.holder).Scan(&got)
	if err != nil || len(got) == len(r.keys) {
		return err == nil, err
	}
	r.forget()
	if len(got) > 0 { // a twin has the other one
		err = s.deleteReservations(s.running, []*reservation{r})
	}
	return false, err
}

// await waits until a twin's reservation has ended, or ctx.
func (r *reservation) await(ctx context.Context) error {
	s := r.store
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		select {
		case <-time.After(pause):
		case <-s.running.Done():
			return unavailable(errClosed)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		var busy bool
		err := s.pool.QueryRow(s.running, s.sql(`select exists (select from {s}.key where key = any($1) and expires <= $2 and until > clock_timestamp())`),
			r.keys, window.Nanos(r.now)).Scan(&busy)
		if err != nil {
			return unavailable(err)
		}
		if !busy {
			return nil
		}
	}
}

// Take implements [queue.Reservation].
func (r *reservation) Take(ctx context.Context) (err error) {
	r.ended.Do(func() {
		result := make(chan error, 1)
		go func() {
			err := r.record()
			r.forget()
			result <- err
		}()
		select {
		case err = <-result:
		case <-ctx.Done():
			err = unavailable(context.Cause(ctx))
		}
	})
	return err
}

// record writes the keys durably.
func (r *reservation) record() error {
	var keys []uuid.UUID
	for _, k := range []queue.Key{r.id.Key, r.id.Digest} {
		if k != (queue.Key{}) {
			keys = append(keys, uuid.UUID(k))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	s := r.store
	if err := s.ready(); err != nil {
		return err
	}
	err := s.durably(func(ctx context.Context, q querier) error {
		var n int
		return q.QueryRow(ctx, s.sql(`with made as (insert into {s}.key as t (key, expires) select k, $2 from unnest($1::uuid[]) k order by k
			on conflict (key) do update set expires = greatest(t.expires, excluded.expires), until = null, holder = null returning 1) select count(*) from made`),
			keys, window.Nanos(r.now.Add(r.id.Window))).Scan(&n)
	})
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// Drop implements [queue.Reservation].
func (r *reservation) Drop() {
	r.ended.Do(func() {
		if !r.forget() {
			return // nothing was written
		}
		a := &r.store.reserved
		a.mu.Lock()
		a.dropped = append(a.dropped, r)
		a.mu.Unlock()
		pokeIt(a.dropping)
	})
}

// forget ends the renewal.
func (r *reservation) forget() (was bool) {
	a := &r.store.reserved
	a.mu.Lock()
	defer a.mu.Unlock()
	was = a.open[r]
	delete(a.open, r)
	return was
}

// reserves renews this node's reservations and deletes those that were dropped.
func (s *Store) reserves() {
	tick := time.NewTicker(s.options.Lease / 4)
	defer tick.Stop()
	for {
		act := s.dropReservations
		select {
		case <-s.running.Done():
			return
		case <-s.reserved.dropping:
		case <-tick.C:
			act = s.renewReservations
		}
		ctx, cancel := context.WithTimeout(s.running, s.options.Lease)
		act(ctx)
		cancel()
	}
}

// renewReservations renews the reservations. One that could not be renewed ends by itself.
func (s *Store) renewReservations(ctx context.Context) {
	a := &s.reserved
	a.mu.Lock()
	list := make([]*reservation, 0, len(a.open))
	for r := range a.open {
		list = append(list, r)
	}
	a.mu.Unlock()
	keys, holders := columns(list)
	if len(keys) == 0 {
		return
	}
	_, err := s.pool.Exec(ctx, s.sql(`with quick as (select set_config('synchronous_commit', 'off', true)),
		mine as (select t.key from {s}.key t join unnest($1::uuid[], $2::bigint[]) x(k, h) on t.key = x.k and t.holder = x.h order by t.key for update of t)
		update {s}.key t set until = clock_timestamp() + $3 * interval '1 microsecond' from quick, mine where t.key = mine.key`),
		keys, holders, s.options.Lease.Microseconds())
	s.note(err)
}

// dropReservations deletes the reservations that were dropped. If that fails they end by themselves.
func (s *Store) dropReservations(ctx context.Context) {
	a := &s.reserved
	a.mu.Lock()
	list := a.dropped
	a.dropped = nil
	a.mu.Unlock()
	if len(list) > 0 {
		s.note(s.deleteReservations(ctx, list))
	}
}

func (s *Store) deleteReservations(ctx context.Context, list []*reservation) error {
	keys, holders := columns(list)
	_, err := s.pool.Exec(ctx, s.sql(`with quick as (select set_config('synchronous_commit', 'off', true)),
		mine as (select t.key from {s}.key t join unnest($1::uuid[], $2::bigint[]) x(k, h) on t.key = x.k and t.holder = x.h where t.expires = 0 order by t.key for update of t)
		delete from {s}.key t using quick, mine where t.key = mine.key`), keys, holders)
	return err
}

// columns returns the rows of reservations.
func columns(list []*reservation) (keys []uuid.UUID, holders []int64) {
	for _, r := range list {
		for _, k := range r.keys {
			keys, holders = append(keys, k), append(holders, r.holder)
		}
	}
	return keys, holders
}
