package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// register makes this process a node. The database's clock counts the lease.
func (s *Store) register(ctx context.Context) error {
	var id int32
	err := s.pool.QueryRow(ctx, s.sql("insert into {s}.node (name, keys, format) select $1, $2, $3 from {s}.meta where moved_to is null returning id"),
		text(s.options.Node), keyNames(s.seal.Ring()), s.options.format()).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		if moved := s.checkMoved(ctx, s.pool); moved != nil {
			err = moved
		}
	}
	if err != nil {
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
			if errors.Is(err, context.DeadlineExceeded) {
				s.unhang()
			}
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

// beat renews the lease, publishes the counts, and takes or gives destinations.
func (s *Store) beat(ctx context.Context) error {
	began := time.Now()
	if err := s.renew(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.beaten = began
	s.mu.Unlock()
	read := time.Now()
	all, err := s.readDestinations(ctx)
	if err != nil {
		return err
	}
	for i := range all {
		if err := s.tend(ctx, &all[i], read); err != nil {
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
	began := time.Now()
	var server int64
	err := s.pool.QueryRow(ctx, s.sql("update {s}.node set seen = clock_timestamp(), serves = $2, skew = $3, keys = $4, follows = $5 where id = $1 returning "+started),
		node, serves, s.skew.Load(), keyNames(s.seal.Ring()), s.followers.Load() > 0).Scan(&server)
	if errors.Is(err, pgx.ErrNoRows) { // the others have given this node up
		for _, d := range s.all() {
			d.lose()
		}
		return s.register(ctx)
	}
	if err != nil {
		return err
	}
	if err := s.met(ctx, server, began); err != nil {
		return err
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
