package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

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

// attend reads answers for this node, and the inbox and the commands of its destinations.
func (s *Store) attend(ctx context.Context) error {
	if err := s.readAnswers(ctx); err != nil {
		return err
	}
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
		rows, err := s.pool.Query(ctx, s.sql(`select i.seq, i.asks, x.id, x.epoch, `+rowColumns+` from {s}.inbox i join {s}.delivery d using (destination, message)
			join {s}.destination x on x.id = i.destination where x.id = any($1) and x.owner = $2 order by i.seq limit 1000`), ids, s.node)
		if err != nil {
			return err
		}
		type arrival struct {
			seq, epoch  int64
			asks        *int32
			destination int32
			row         row
		}
		found, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (a arrival, err error) {
			return a, r.Scan(append([]any{&a.seq, &a.asks, &a.destination, &a.epoch}, a.row.fields()...)...)
		})
		if err != nil || len(found) == 0 {
			return err
		}
		var read []int64
		var refused []refusal // senders that get no answer
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
			if !s.admit(t, &a.row, a.asks) && a.asks != nil {
				refused = append(refused, refusal{a.row.message, *a.asks})
			}
		}
		if _, err := s.pool.Exec(ctx, s.sql("delete from {s}.inbox where seq = any($1)"), read); err != nil {
			return err
		}
		clear(s.admitted)
		s.refuse(ctx, refused)
		if len(found) < 1000 {
			return nil
		}
	}
}

// admit brings a delivery of the inbox into memory. asks is the node at which its sender waits;
// held: the first attempt is made for that sender.
func (s *Store) admit(t *tenure, r *row, asks *int32) (held bool) {
	f := s.attemptFor.Load()
	hold := asks != nil && f != nil && r.version == 0 && s.asked.enter()
	t.Lock()
	var c *claim
	if r.state == unrouted {
		t.countLocked(r, 1)
	} else {
		c = t.admitLocked(r, hold)
	}
	t.Unlock()
	if c != nil {
		s.tasks.Go(func() { s.attemptAsked(c, *asks, *f) })
	} else if hold {
		s.asked.leave()
	}
	return c != nil
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
