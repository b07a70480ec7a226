package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/window"
)

// mine reports whether this node should own a destination: by rendezvous hashing among the
// nodes that have workers for it, or among all while none has.
func (s *Store) mine(d *destination) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	among := func(serving bool) (best int32) {
		var top uint64
		for _, p := range s.alive {
			if serving && !slices.Contains(p.serves, d.id) && !(p.id == s.node && s.serves[d.name]) {
				continue
			}
			h := fnv.New64a()
			fmt.Fprint(h, d.name, "/", p.id)
			x := h.Sum64()
			x ^= x >> 33
			x *= 0xff51afd7ed558ccd
			x ^= x >> 33
			if x >= top {
				top, best = x, p.id
			}
		}
		return best
	}
	best := among(true)
	if best == 0 {
		best = among(false)
	}
	return best == s.node
}

// published is the row of a destination.
type published struct {
	ID                                      int32
	Name                                    string
	Owner                                   *int32
	Epoch                                   int64
	Paused                                  bool
	Waiting, Claimed, Dead, Bytes, Retained int64
	Oldest                                  *time.Time
}

func (s *Store) readDestinations(ctx context.Context) ([]published, error) {
	rows, err := s.pool.Query(ctx, s.sql("select id, name, owner, epoch, paused, waiting, claimed, dead, bytes, retained, oldest from {s}.destination"))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[published])
}

// tend keeps, takes or gives a destination, and publishes the counts of this node's. The row was
// read at the given time or later.
func (s *Store) tend(ctx context.Context, p *published, read time.Time) error {
	d := s.known(p.ID, queue.ParseDestination(p.Name))
	c := counts{
		waiting: p.Waiting, claimed: p.Claimed, dead: p.Dead, bytes: p.Bytes, retained: p.Retained,
		paused: p.Paused, owned: p.Owner != nil && s.lives(*p.Owner),
	}
	if p.Owner != nil {
		c.owner = *p.Owner
	}
	if p.Oldest != nil {
		c.oldest = *p.Oldest
	}
	d.mu.Lock()
	d.others = c
	d.mu.Unlock()
	t := d.tenure.Load()
	owner := p.Owner != nil && *p.Owner == s.node
	switch wanted := s.mine(d); {
	case t != nil && (!owner || t.epoch != p.Epoch):
		// Not merely an older reading. A database that came back from a backup, or from a standby
		// that lacked the last commits, has an older epoch for good.
		if t.epoch < p.Epoch || t.takenBefore(read) {
			d.lose()
		}
	case t != nil && wanted:
		d.pause(t, p.Paused)
		return s.publish(ctx, d, t)
	case t != nil:
		return s.give(ctx, d, t)
	case owner, wanted && !c.owned:
		return s.take(ctx, d)
	}
	return nil
}

// take makes this node the owner of a destination, unless a living one is. It reads the
// backlog while nobody can accept for the destination.
func (s *Store) take(ctx context.Context, d *destination) error {
	s.beating.Lock()
	defer s.beating.Unlock()
	if d.tenure.Load() != nil || s.running.Err() != nil {
		return nil
	}
	d.mu.Lock()
	past := d.past
	d.mu.Unlock()
	if past != nil {
		past.Lock()
		operations := past.operations
		past.Unlock()
		if operations > 0 {
			return nil // with the next renewal
		}
	}
	s.mu.RLock()
	node := s.node
	s.mu.RUnlock()
	t := &tenure{Window: window.New(s.now), destination: d, claims: make(map[queue.ID]*claim), passed: make(map[queue.ID]window.Entry)}
	t.context, t.end = context.WithCancel(s.running)
	var asked []refusal // senders whose events are in the backlog now
	var silent *int32   // the owner before; nil: it has given the destination back, or there was none
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1, $2)", s.class, d.id); err != nil {
			return err
		}
		var paused bool
		err := tx.QueryRow(ctx, s.sql(`with before as (select owner from {s}.destination where id = $2)
			update {s}.destination set owner = $1, epoch = epoch + 1
			where id = $2 and (owner is null or owner = $1 or
				not exists (select from {s}.node n where n.id = owner and n.seen > clock_timestamp() - $3 * interval '1 microsecond'))
			returning epoch, paused, (select owner from before)`),
			node, d.id, s.options.Lease.Microseconds()).Scan(&t.epoch, &paused, &silent)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, s.sql("with read as (delete from {s}.inbox where destination = $1 returning message, asks) select message, asks from read where asks is not null"), d.id)
		if err != nil {
			return err
		}
		asked, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (x refusal, err error) { return x, r.Scan((*uuid.UUID)(&x.message), &x.node) })
		if err != nil {
			return err
		}
		if err := s.load(ctx, tx, t, past, paused); err != nil {
			return err
		}
		t.follow(past)
		// Before the commit: events accepted afterwards have to find the window.
		d.tenure.Store(t)
		return nil
	})
	if err != nil {
		t.end()
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // another node was faster
	}
	if err != nil {
		d.lose()
		return err
	}
	t.taken.Store(int64(time.Since(processStart)))
	if silent != nil && *silent != node {
		s.takeOvers.Add(1)
	}
	if len(asked) > 0 {
		go s.refuse(s.running, asked)
	}
	d.wake()
	pokeIt(s.keyed) // the owner before may not have had the key of some
	return nil
}

// load reads the backlog of a destination into a new tenure.
func (s *Store) load(ctx context.Context, tx pgx.Tx, t *tenure, past *tenure, paused bool) error {
	held := past.held()
	t.waits = make(map[queue.ID]bool)
	// One statement reads one moment: marks are written meanwhile.
	rows, err := tx.Query(ctx, s.sql(`select state, message, due, size, ord, 1::bigint from {s}.delivery where destination = $1 and state = 0
		union all select state, null, 0, sum(size)::bigint, null, count(*) from {s}.delivery where destination = $1 and state <> 0 group by state`), t.destination.id)
	if err != nil {
		return err
	}
	var b window.Backlog
	var r row
	var id *uuid.UUID
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&r.state, &id, &r.due, &r.size, &r.ord, &n}, func() error {
		switch r.state {
		case waits:
			r.message = queue.ID(*id)
			b.Add(r.waiting(), false)
			t.bytes += r.size
			if held[r.message] != nil {
				t.waits[r.message] = true
			}
		case dead:
			t.dead += n
			t.bytes += r.size
		default:
			t.retained += r.size
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.Lock()
	t.AdoptLocked(&b, paused)
	t.Unlock()
	return nil
}

// held returns the deliveries that are claimed.
func (t *tenure) held() map[queue.ID]*claim {
	if t == nil {
		return nil
	}
	t.Lock()
	defer t.Unlock()
	return maps.Clone(t.claims)
}

// follow takes over the claims of the tenure before. Its deliveries may still be attempted here,
// and must not be given to another worker of this node.
func (t *tenure) follow(past *tenure) {
	if past == nil {
		return
	}
	past.Lock()
	defer past.Unlock()
	t.Lock()
	defer t.Unlock()
	for id, c := range past.claims {
		if !t.waits[id] {
			continue // another node has ended it
		}
		past.EndedLocked(&c.Claim)
		delete(past.claims, id)
		t.GrabLocked(&c.Claim, c.Waiting)
		t.claims[id] = c
		c.tenure.Store(t)
	}
	t.waits = nil
}

// give makes the destination another node's when no attempt is under way any more.
func (s *Store) give(ctx context.Context, d *destination, t *tenure) error {
	t.Lock()
	if !t.leaving {
		t.leaving = true
		t.PauseLocked(true)
	}
	claimed := t.StatsLocked().Claimed
	t.Unlock()
	if claimed > 0 {
		return s.publish(ctx, d, t)
	}
	return s.disown(ctx, d, t)
}

// disown ends a tenure in the database and in memory.
func (s *Store) disown(ctx context.Context, d *destination, t *tenure) error {
	s.beating.Lock()
	defer s.beating.Unlock()
	if err := s.publish(ctx, d, t); err != nil {
		return err
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1, $2)", s.class, d.id); err != nil {
			return err
		}
		s.mu.RLock()
		node := s.node
		s.mu.RUnlock()
		_, err := tx.Exec(ctx, s.sql("update {s}.destination set owner = null where id = $1 and owner = $2 and epoch = $3"), d.id, node, t.epoch)
		return err
	})
	if err == nil {
		d.lose()
		pokeIt(s.tell)
	}
	return err
}

// leave gives all destinations back, when the store closes.
func (s *Store) leave(ctx context.Context) {
	for _, d := range s.all() {
		if t := d.tenure.Load(); t != nil {
			if err := s.disown(ctx, d, t); err != nil {
				s.options.Logger.Warn("giving the destinations to the other nodes; they take them after the lease", "error", plain(err))
				return
			}
		}
	}
	// An earlier process of this name that was killed is not missing either, once this one goes.
	_, _ = s.pool.Exec(ctx, s.sql("delete from {s}.node where id = $1 or name = $2 and seen < clock_timestamp() - $3 * interval '1 microsecond'"),
		s.node, text(s.options.Node), s.options.Lease.Microseconds())
	_, _ = s.pool.Exec(ctx, "select pg_notify($1, 'node')", s.options.Schema)
}

// lose ends the tenure in memory. Attempts under way are cut off, which takes time; the fence
// decides on their marks.
func (d *destination) lose() {
	d.mu.Lock()
	t := d.tenure.Swap(nil)
	if t != nil {
		d.past = t
	}
	d.mu.Unlock()
	if t != nil {
		t.end()
		t.Lock()
		t.leaving = true
		t.PauseLocked(true)
		t.Unlock()
		t.WakeAll()
	}
}

// pause brings the database's state of a destination into its tenure.
func (d *destination) pause(t *tenure, paused bool) {
	t.Lock()
	defer t.Unlock()
	if t.leaving {
		t.leaving = false // it is to stay after all
	}
	if t.StatsLocked().Paused != paused {
		t.PauseLocked(paused)
	}
}

// publish writes the counts of a tenure for the other nodes.
func (s *Store) publish(ctx context.Context, d *destination, t *tenure) error {
	t.Lock()
	c := t.countsLocked()
	t.Unlock()
	d.mu.Lock()
	known := d.others
	d.mu.Unlock()
	c.paused, c.owned, c.owner = known.paused, known.owned, known.owner
	if c == known {
		return nil
	}
	var oldest *time.Time
	if !c.oldest.IsZero() {
		oldest = &c.oldest
	}
	_, err := s.pool.Exec(ctx, s.sql(`update {s}.destination set waiting = $2, claimed = $3, dead = $4, bytes = $5, retained = $6, oldest = $7
		where id = $1 and epoch = $8`), d.id, c.waiting, c.claimed, c.dead, c.bytes, c.retained, oldest, t.epoch)
	return err
}
