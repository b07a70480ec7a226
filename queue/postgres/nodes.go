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

// register makes this process a node. The database's clock counts the lease.
func (s *Store) register(ctx context.Context) error {
	var id int32
	if err := s.pool.QueryRow(ctx, s.sql("insert into {s}.node (name, keys) values ($1, $2) returning id"), text(s.options.Node), keyNames(s.seal.Ring())).Scan(&id); err != nil {
		return err
	}
	s.mu.Lock()
	s.node = id
	s.mu.Unlock()
	return nil
}

// beats renews the lease, and starts a node whose database was away at first.
func (s *Store) beats() {
	timer := time.NewTimer(s.options.beatEvery())
	defer timer.Stop()
	for {
		select {
		case <-s.running.Done():
			return
		case <-s.poke:
		case <-timer.C:
		}
		var err error
		if s.started.Load() {
			ctx, cancel := context.WithTimeout(s.running, s.options.Lease)
			if err = s.beat(ctx); err == nil {
				err = s.countCopies(ctx)
			}
			cancel()
			s.surveys() // also when commits fail: it says what they wait for
			s.warn()
		} else if err = s.start(); err == nil {
			s.options.Logger.Info("the database is there")
		}
		if s.running.Err() == nil {
			s.note(err)
		}
		timer.Reset(s.options.beatEvery())
	}
}

// guard ends the tenures of a node that could not renew its lease for three quarters of it. The
// others take its destinations over after the whole lease, so two owners are never at work by
// their own belief. The monotonic clock counts.
func (s *Store) guard() {
	tick := time.NewTicker(s.options.Lease / 16)
	defer tick.Stop()
	for {
		select {
		case <-s.running.Done():
			return
		case <-tick.C:
		}
		s.mu.RLock()
		late := !s.beaten.IsZero() && time.Since(s.beaten) > s.options.Lease*3/4
		s.mu.RUnlock()
		if !late {
			continue
		}
		for _, d := range s.all() {
			if d.tenure.Load() != nil {
				d.lose()
				s.options.Logger.Warn("no contact with the database: the deliveries go to another node", "destination", d.name)
			}
		}
	}
}

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

// beat renews the lease, publishes the counts, and takes or gives destinations.
func (s *Store) beat(ctx context.Context) error {
	began := time.Now()
	if err := s.renew(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.beaten = began
	s.mu.Unlock()
	rows, err := s.pool.Query(ctx, s.sql("select id, name, owner, epoch, paused, waiting, claimed, dead, bytes, retained, oldest from {s}.destination"))
	if err != nil {
		return err
	}
	type found struct {
		ID                                      int32
		Name                                    string
		Owner                                   *int32
		Epoch                                   int64
		Paused                                  bool
		Waiting, Claimed, Dead, Bytes, Retained int64
		Oldest                                  *time.Time
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[found])
	if err != nil {
		return err
	}
	for _, f := range all {
		d := s.known(f.ID, queue.ParseDestination(f.Name))
		c := counts{
			waiting: f.Waiting, claimed: f.Claimed, dead: f.Dead, bytes: f.Bytes, retained: f.Retained,
			paused: f.Paused, owned: f.Owner != nil && s.lives(*f.Owner),
		}
		if f.Owner != nil {
			c.owner = *f.Owner
		}
		if f.Oldest != nil {
			c.oldest = *f.Oldest
		}
		d.mu.Lock()
		d.others = c
		d.mu.Unlock()
		t := d.tenure.Load()
		owner := f.Owner != nil && *f.Owner == s.node
		switch wanted := s.mine(d); {
		case t != nil && (!owner || t.epoch != f.Epoch):
			if t.epoch < f.Epoch { // not merely an older reading
				d.lose()
			}
		case t != nil && wanted:
			d.pause(t, f.Paused)
			err = s.publish(ctx, d, t)
		case t != nil:
			err = s.give(ctx, d, t)
		case owner, wanted && !c.owned:
			err = s.take(ctx, d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// renew writes that this node lives, and reads which do.
func (s *Store) renew(ctx context.Context) error {
	serves := []int32{}
	s.mu.RLock()
	node := s.node
	for name := range s.serves {
		if d := s.byName[name]; d != nil {
			serves = append(serves, d.id)
		}
	}
	s.mu.RUnlock()
	tag, err := s.pool.Exec(ctx, s.sql("update {s}.node set seen = clock_timestamp(), serves = $2, skew = $3, keys = $4, follows = $5 where id = $1"), node, serves, s.skew.Load(), keyNames(s.seal.Ring()), s.followers.Load() > 0)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 { // the others have given this node up
		for _, d := range s.all() {
			d.lose()
		}
		return s.register(ctx)
	}
	if err := s.publishConfiguration(ctx, node); err != nil {
		return err
	}
	return s.readPeers(ctx)
}

func (s *Store) lives(node int32) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.ContainsFunc(s.alive, func(p *peer) bool { return p.id == node })
}

// first reports whether this node does the work that one has to do for all.
func (s *Store) first() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.alive) > 0 && s.alive[0].id == s.node
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
	var silent *int32 // the owner before; nil: it has given the destination back, or there was none
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
		if _, err := tx.Exec(ctx, s.sql("delete from {s}.inbox where destination = $1"), d.id); err != nil {
			return err
		}
		if err := s.load(ctx, tx, t, past, paused); err != nil {
			return err
		}
		t.follow(past)
		// Before the commit: what is accepted afterwards has to find the window.
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
	if silent != nil && *silent != node {
		s.takeOvers.Add(1)
	}
	d.wake()
	pokeIt(s.keyed) // the owner before may not have had the key of some
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

// pause applies what the database says of a destination to its tenure.
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

// attends looks for what other nodes have left for this one.
func (s *Store) attends() {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case <-s.running.Done():
			return
		case <-s.look:
		case <-tick.C:
		}
		if !s.started.Load() {
			continue
		}
		if err := s.attend(s.running); err != nil && s.running.Err() == nil {
			s.note(err)
		}
	}
}

// attend reads the inbox and the commands of this node's destinations.
func (s *Store) attend(ctx context.Context) error {
	var ids []int32
	for _, d := range s.all() {
		if d.tenure.Load() != nil {
			ids = append(ids, d.id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if err := s.readInbox(ctx, ids); err != nil {
		return err
	}
	return s.obey(ctx, ids)
}

// readInbox brings deliveries into memory that other nodes have accepted. A row is removed
// when its delivery is in memory: while there are rows, ordered deliveries that this node
// accepts itself go through the inbox too, behind them.
func (s *Store) readInbox(ctx context.Context, ids []int32) error {
	for {
		rows, err := s.pool.Query(ctx, s.sql(`select i.seq, x.id, x.epoch, `+rowColumns+` from {s}.inbox i join {s}.delivery d using (destination, message)
			join {s}.destination x on x.id = i.destination where x.id = any($1) and x.owner = $2 order by i.seq limit 1000`), ids, s.node)
		if err != nil {
			return err
		}
		type arrival struct {
			seq, epoch  int64
			destination int32
			row         row
		}
		found, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (a arrival, err error) {
			return a, r.Scan(append([]any{&a.seq, &a.destination, &a.epoch}, a.row.fields()...)...)
		})
		if err != nil || len(found) == 0 {
			return err
		}
		var read []int64
		for i := range found {
			a := &found[i]
			s.mu.RLock()
			d := s.byID[a.destination]
			s.mu.RUnlock()
			t := d.tenure.Load()
			if t == nil || t.epoch != a.epoch {
				continue // the next owner reads the whole backlog
			}
			read = append(read, a.seq)
			if s.admitted[a.seq] == t {
				continue // an earlier removal has failed
			}
			s.admitted[a.seq] = t
			t.Lock()
			if a.row.state == unrouted {
				t.countLocked(&a.row, 1)
			} else {
				t.admitLocked(&a.row)
			}
			t.Unlock()
		}
		if _, err := s.pool.Exec(ctx, s.sql("delete from {s}.inbox where seq = any($1)"), read); err != nil {
			return err
		}
		clear(s.admitted)
		if len(found) < 1000 {
			return nil
		}
	}
}

// tells notifies the other nodes, a few times a second at most and never inside an acceptance.
func (s *Store) tells() {
	for {
		select {
		case <-s.running.Done():
			return
		case <-s.tell:
		}
		if s.started.Load() {
			_, _ = s.pool.Exec(s.running, "select pg_notify($1, '')", s.options.Schema)
		}
		select {
		case <-s.running.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// listens waits for the other nodes' notifications. They may be lost: attends looks by itself.
func (s *Store) listens() {
	for s.running.Err() == nil {
		_ = s.listen()
		select {
		case <-s.running.Done():
		case <-time.After(time.Second):
		}
	}
}

func (s *Store) listen() error {
	conn, err := s.pool.Acquire(s.running)
	if err != nil {
		return err
	}
	own := conn.Hijack() // a connection that listens is not given back
	defer own.Close(context.Background())
	if _, err := own.Exec(s.running, "listen "+s.schema); err != nil {
		return err
	}
	for {
		n, err := own.WaitForNotification(s.running)
		if err != nil {
			return err
		}
		if n.Payload == "node" {
			pokeIt(s.poke)
		}
		pokeIt(s.look)
	}
}

// find looks whether the message of an acceptance was written, once its transaction is over.
func (s *Store) find(a *acceptance) (found bool, err error) {
	ids := make([]int32, 0, len(a.parts))
	for i := range a.parts {
		ids = append(ids, a.parts[i].destination.id)
	}
	slices.Sort(ids)
	err = pgx.BeginFunc(s.running, s.pool, func(tx pgx.Tx) error {
		for _, id := range ids {
			if _, err := tx.Exec(s.running, "select pg_advisory_xact_lock($1, $2)", s.class, id); err != nil {
				return err
			}
		}
		if err := tx.QueryRow(s.running, s.sql("select exists (select from {s}.message where id = $1)"), uuid.UUID(a.m.ID)).Scan(&found); err != nil || !found {
			return err
		}
		for i := range a.parts {
			p := &a.parts[i]
			err := tx.QueryRow(s.running, s.sql(`select case when owner = $2 and not exists (select from {s}.inbox where destination = $1 and message = $3) then epoch else 0 end
				from {s}.destination where id = $1`), p.destination.id, s.node, uuid.UUID(a.m.ID)).Scan(&p.epoch)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}
