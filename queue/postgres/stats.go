package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/queue"
)

// Stats implements [queue.Store]. Destinations of other nodes are counted as their owners have
// written it, about a second ago.
func (s *Store) Stats() queue.Stats {
	st := queue.Stats{
		Limit: max(s.limit.Load(), 0), Available: true, Free: -1, Keys: s.keys.Load(),
		Destinations: make(map[queue.Destination]queue.DestinationStats), Cluster: s.cluster(),
	}
	if err := s.ready(); err != nil {
		st.Available, st.Cause, st.Retained = false, err.Error(), -1
		return st
	}
	if err := s.trouble.Load(); err != nil {
		st.Available, st.Cause = false, (*err).Error()
	}
	if err := s.safe(); err != nil {
		st.Available, st.Cause = false, err.Error()
	}
	for _, d := range s.all() {
		c := d.counts()
		st.Bytes += c.bytes
		st.Retained += c.retained
		owner, here := d.owner()
		st.Destinations[d.name] = queue.DestinationStats{
			Waiting: c.waiting, Claimed: c.claimed, DeadLetters: c.dead, Bytes: c.bytes, Paused: c.paused, Oldest: c.oldest,
			Owner: s.nameOf(owner), Elsewhere: !here,
		}
	}
	return st
}

// Backlog implements [queue.Store].
func (s *Store) Backlog(destinations ...queue.Destination) (bytes int64) {
	for _, name := range destinations {
		s.mu.RLock()
		d := s.byName[name]
		s.mu.RUnlock()
		if d != nil {
			bytes += d.counts().bytes
		}
	}
	return bytes
}

// backlog is the bytes of all destinations.
func (s *Store) backlog() (bytes int64) {
	for _, d := range s.all() {
		bytes += d.counts().bytes
	}
	return bytes
}

// Retain implements [queue.Store].
func (s *Store) Retain(destination queue.Destination, age time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retains[destination] = age
}

func (s *Store) retention(destination queue.Destination) time.Duration {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if age, ok := s.retains[destination]; ok {
		return age
	}
	return time.Duration(s.keeping.Load())
}

// sweepEvery is the pause between two removals of what is over.
const sweepEvery = time.Minute

func (s *Store) sweeps() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.running.Done():
			return
		case <-tick.C:
		}
		if _, err := s.Sweep(s.running); err != nil && s.running.Err() == nil {
			s.options.Logger.Warn("sweeping the queue", "error", plain(err))
		}
	}
}

// sweepBatch is how many rows one statement removes.
const sweepBatch = 1000

// Sweep removes ended deliveries of this node's destinations whose retention is over, or that
// are too many. One node also removes the expired dedupe keys. It returns their number.
func (s *Store) Sweep(ctx context.Context) (n int, err error) {
	if err := s.ready(); err != nil {
		return 0, err
	}
	if s.first() {
		if n, err = s.sweepKeys(ctx); err != nil {
			return n, err
		}
	}
	now := s.now()
	for _, d := range s.all() {
		k, err := s.retire(ctx, d, now-int64(s.retention(d.name)), goneAged)
		if n += k; err != nil {
			return n, err
		}
	}
	until, err := s.crowded(ctx)
	if err != nil || until == 0 {
		return n, err
	}
	for _, d := range s.all() {
		k, err := s.retire(ctx, d, until, goneCrowded)
		if n += k; err != nil {
			return n, err
		}
	}
	return n, nil
}

// sweepKeys removes expired keys, old records of removed messages, nodes that are gone, and
// answers and commands that nobody has waited for.
func (s *Store) sweepKeys(ctx context.Context) (n int, err error) {
	for {
		tag, err := s.pool.Exec(ctx, s.sql(`delete from {s}.key where ctid = any(array(select ctid from {s}.key
			where expires <= $1 and (until is null or until < clock_timestamp()) limit 10000)) and expires <= $1 and (until is null or until < clock_timestamp())`), s.now())
		if err != nil {
			return n, unavailable(err)
		}
		n += int(tag.RowsAffected())
		if tag.RowsAffected() < 10_000 {
			break
		}
	}
	for _, sql := range []string{
		"delete from {s}.node where seen < clock_timestamp() - interval '10 minutes'",
		"delete from {s}.answer where at < clock_timestamp() - interval '10 minutes'",
		"delete from {s}.command where at < clock_timestamp() - interval '10 minutes'",
	} {
		if _, err := s.pool.Exec(ctx, s.sql(sql)); err != nil {
			return n, unavailable(err)
		}
	}
	if _, err := s.pool.Exec(ctx, s.sql("delete from {s}.gone where at < $1"), s.now()-int64(30*24*time.Hour)); err != nil {
		return n, unavailable(err)
	}
	if err := s.countKeys(ctx); err != nil {
		return n, unavailable(err)
	}
	return n, nil
}

// crowded returns the time of end up to which ended deliveries have to go so that the others
// keep within MaxRetained; 0: none.
func (s *Store) crowded(ctx context.Context) (until int64, err error) {
	limit := s.maxRetained.Load()
	var bytes int64
	for _, d := range s.all() {
		bytes += d.counts().retained
	}
	if limit <= 0 || bytes <= limit {
		return 0, nil
	}
	err = s.pool.QueryRow(ctx, s.sql(`select coalesce(max(ended), 0) from (
		select ended, sum(size) over (order by ended desc, message desc) as upto from {s}.delivery where state in (1, 3, 4)) x where upto > $1`), limit).Scan(&until)
	if err != nil {
		return 0, unavailable(err)
	}
	return until, nil
}

// retire removes the deliveries of a destination that ended at or before a time.
func (s *Store) retire(ctx context.Context, d *destination, until int64, why int16) (n int, err error) {
	t := d.tenure.Load()
	if t == nil || !t.enter() {
		return 0, nil
	}
	defer t.leave()
	for {
		rows, err := s.pool.Query(ctx, s.sql("select "+rowColumns+` from {s}.delivery d
			where d.destination = $1 and d.state in (1, 3, 4) and d.ended <= $2 order by d.ended, d.message limit $3`), d.id, until, sweepBatch)
		if err != nil {
			return n, unavailable(err)
		}
		over, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (x row, err error) { return x, r.Scan(x.fields()...) })
		if err != nil {
			return n, unavailable(err)
		}
		removed := 0
		for part := over; len(part) > 0; {
			batch := part[:min(len(part), maxBatch)]
			part = part[len(batch):]
			marks := make([]*marking, len(batch))
			for i, r := range batch {
				m := &marking{destination: d, from: r, to: r, why: why, done: make(chan error, 1)}
				m.to.state = gone
				marks[i] = m
			}
			s.writeMarks(marks)
			for _, m := range marks {
				switch err := <-m.done; err {
				case nil:
					removed++
					t.Lock()
					t.countLocked(&m.from, -1)
					t.Unlock()
				case errVersion: // a person has redelivered it meanwhile
				default:
					return n + removed, err
				}
			}
		}
		n += removed
		if len(over) < sweepBatch || removed == 0 {
			return n, nil
		}
	}
}
