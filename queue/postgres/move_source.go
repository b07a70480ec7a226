package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/move"
	"github.com/hookwicket/hookwicket/queue/window"
)

// moveSource reads all tables of a database in one snapshot.
type moveSource struct {
	*moving
	identity string
	counts   move.Counts
	now      int64
	names    map[int32]queue.Destination
}

// OpenSource opens a database whose gateways are stopped, to move its contents elsewhere. The
// error wraps [move.ErrRunning] while one is not, and [queue.ErrMoved] if they were moved already.
func OpenSource(ctx context.Context, o Options) (move.Source, error) {
	o = o.withDefaults()
	m, err := openMoving(ctx, o, false)
	if err != nil {
		return nil, err
	}
	s := &moveSource{moving: m, now: window.Nanos(o.Now()), names: make(map[int32]queue.Destination)}
	if err := s.open(ctx); err != nil {
		m.end()
		return nil, fmt.Errorf("%s: %w", m.place, plain(err))
	}
	return s, nil
}

func (s *moveSource) open(ctx context.Context) error {
	if err := s.begin(ctx, pgx.RepeatableRead); err != nil {
		return err
	}
	if err := s.sound(ctx); err != nil {
		return err
	}
	rows, err := s.tx.Query(ctx, s.store.sql("select id, name from {s}.destination"))
	if err != nil {
		return err
	}
	var id int32
	var name string
	if _, err := pgx.ForEachRow(rows, []any{&id, &name}, func() error { s.names[id] = queue.ParseDestination(name); return nil }); err != nil {
		return err
	}
	if s.counts, err = s.countsOf(ctx, s.now); err != nil {
		return err
	}
	// Each start of a gateway takes a number from the sequence.
	return s.tx.QueryRow(ctx, s.store.sql(`select format('postgres %s %s %s %s %s %s',
		case when has_function_privilege('pg_control_system()', 'execute') then (select system_identifier from pg_control_system()) end,
		(select oid from pg_database where datname = current_database()), to_regnamespace($1)::oid,
		pg_sequence_last_value(pg_get_serial_sequence($1 || '.node', 'id')::regclass),
		(select count(*) from {s}.message), (select id from {s}.message order by id desc limit 1))`), s.store.schema).Scan(&s.identity)
}

// Place implements [move.Source].
func (s *moveSource) Place() string { return s.place }

// Identity implements [move.Source].
func (s *moveSource) Identity() string { return s.identity }

// Counts implements [move.Source].
func (s *moveSource) Counts() move.Counts { return s.counts }

// Close implements [move.Source].
func (s *moveSource) Close() error { s.end(); return nil }

// Retire implements [move.Source]. A node that has been silent finds its row gone, and must not
// register again.
func (s *moveSource) Retire(ctx context.Context, to string) error {
	for _, sql := range []string{"delete from {s}.node", "update {s}.destination set owner = null where owner is not null"} {
		if _, err := s.tx.Exec(ctx, s.store.sql(sql)); err != nil {
			return plain(err)
		}
	}
	if _, err := s.tx.Exec(ctx, s.store.sql("update {s}.meta set moved_to = $1"), to); err != nil {
		return plain(err)
	}
	return s.commit(ctx)
}

// Copy implements [move.Source].
func (s *moveSource) Copy(ctx context.Context, to move.Sink) error {
	for _, pass := range []func(context.Context, move.Sink) error{s.messages, s.gone, s.keys, s.secrets, s.paused} {
		if err := pass(ctx, to); err != nil {
			return plain(err)
		}
	}
	return nil
}

const (
	movingRows  = 1000    // of one query
	movingBytes = 8 << 20 // of messages in memory, or one message
)

// listedMessage is a message that is to be read.
type listedMessage struct {
	ID   uuid.UUID
	Size int64
}

// messages hands the messages over. It lists their sizes first, so that it knows how many of them
// to hold in memory.
func (s *moveSource) messages(ctx context.Context, to move.Sink) error {
	var last uuid.UUID
	for {
		rows, err := s.tx.Query(ctx, s.store.sql("select id, size from {s}.message where id > $1 order by id limit $2"), last, movingRows)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[listedMessage])
		if err != nil || len(list) == 0 {
			return err
		}
		last = list[len(list)-1].ID
		for len(list) > 0 {
			n, size := 1, list[0].Size
			for n < len(list) && size+list[n].Size <= movingBytes {
				size += list[n].Size
				n++
			}
			if err := s.some(ctx, to, list[:n]); err != nil {
				return err
			}
			list = list[n:]
		}
	}
}

// some hands neighbouring messages over.
func (s *moveSource) some(ctx context.Context, to move.Sink, list []listedMessage) error {
	first, last := list[0].ID, list[len(list)-1].ID
	history, err := s.histories(ctx, first, last)
	if err != nil {
		return err
	}
	deliveries, err := s.deliveries(ctx, first, last, history)
	if err != nil {
		return err
	}
	rows, err := s.tx.Query(ctx, s.store.sql("select id, record from {s}.message where id between $1 and $2 order by id"), first, last)
	if err != nil {
		return err
	}
	type message struct {
		ID     uuid.UUID
		Record []byte
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[message])
	if err != nil {
		return err
	}
	for i, x := range found {
		found[i].Record = nil
		id := queue.ID(x.ID)
		m := &move.Message{Size: int64(len(x.Record)), Deliveries: deliveries[id]}
		if m.Message, err = s.store.seal.OpenMessage(id, x.Record); err != nil {
			return unreadableMessage(id, err)
		}
		if err := to.Message(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// unreadableMessage adds the next step to an error of reading a message.
func unreadableMessage(id queue.ID, err error) error {
	return fmt.Errorf("message %s cannot be read: %w", id, err)
}

// deliveryID names a delivery.
type deliveryID struct {
	message     queue.ID
	destination int32
}

// deliveries reads those of a range of messages.
func (s *moveSource) deliveries(ctx context.Context, first, last uuid.UUID, history map[deliveryID][]queue.Attempt) (map[queue.ID][]move.Delivery, error) {
	rows, err := s.tx.Query(ctx, s.store.sql("select d.destination, "+rowColumns+" from {s}.delivery d where d.message between $1 and $2 order by d.message, d.destination"), first, last)
	if err != nil {
		return nil, err
	}
	all := make(map[queue.ID][]move.Delivery)
	var r row
	var destination int32
	_, err = pgx.ForEachRow(rows, append([]any{&destination}, r.fields()...), func() error {
		d := move.Delivery{
			Destination: s.names[destination], State: states[r.state], Size: r.size, Attempts: int(r.attempts),
			History: history[deliveryID{r.message, destination}], Redelivered: fromNanos(r.redelivered),
		}
		if r.state == waits {
			d.Due, d.Order = r.due, keyOf(r.ord)
		} else {
			d.Ended = fromNanos(r.ended)
		}
		all[r.message] = append(all[r.message], d)
		return nil
	})
	return all, err
}

// histories reads the attempts of a range of messages.
func (s *moveSource) histories(ctx context.Context, first, last uuid.UUID) (map[deliveryID][]queue.Attempt, error) {
	rows, err := s.tx.Query(ctx, s.store.sql("select message, destination, record from {s}.attempt where message between $1 and $2 order by message, destination, number"), first, last)
	if err != nil {
		return nil, err
	}
	all := make(map[deliveryID][]queue.Attempt)
	var message uuid.UUID
	var destination int32
	var record []byte
	_, err = pgx.ForEachRow(rows, []any{&message, &destination, &record}, func() error {
		id := queue.ID(message)
		a, err := decodeAttempt(record, s.store.seal.For(id))
		if err == nil && a == nil {
			err = errors.New("an attempt is empty")
		}
		if err != nil {
			return unreadableMessage(id, err)
		}
		of := deliveryID{id, destination}
		all[of] = append(all[of], *a)
		return nil
	})
	return all, err
}

func (s *moveSource) gone(ctx context.Context, to move.Sink) error {
	type removed struct {
		ID  uuid.UUID
		At  int64
		Why int16
	}
	var last uuid.UUID
	for {
		rows, err := s.tx.Query(ctx, s.store.sql("select id, at, why from {s}.gone where id > $1 order by id limit $2"), last, movingRows)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[removed])
		if err != nil || len(list) == 0 {
			return err
		}
		for _, x := range list {
			if err := to.Gone(ctx, &queue.GoneError{ID: queue.ID(x.ID), At: fromNanos(x.At), Why: reasons[x.Why]}); err != nil {
				return err
			}
		}
		last = list[len(list)-1].ID
	}
}

func (s *moveSource) keys(ctx context.Context, to move.Sink) error {
	type key struct {
		Key     uuid.UUID
		Expires int64
	}
	last := uuid.UUID{}
	for {
		rows, err := s.tx.Query(ctx, s.store.sql("select key, expires from {s}.key where key > $1 and expires > $2 order by key limit $3"), last, s.now, 10*movingRows)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[key])
		if err != nil || len(list) == 0 {
			return err
		}
		for _, x := range list {
			if err := to.Key(ctx, move.Key{Key: queue.Key(x.Key), Expires: x.Expires}); err != nil {
				return err
			}
		}
		last = list[len(list)-1].Key
	}
}

// secrets hands the learnt secrets over. There are at most [queue.MaxLearnt] for an endpoint.
func (s *moveSource) secrets(ctx context.Context, to move.Sink) error {
	rows, err := s.tx.Query(ctx, s.store.sql("select endpoint, digest, secret, sealed from {s}.secret order by endpoint, seq"))
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[storedSecret])
	if err != nil {
		return err
	}
	for _, x := range list {
		secret, err := x.open(s.store.seal)
		if err != nil {
			return fmt.Errorf("a secret that %s has learnt cannot be read: %w", x.Endpoint, err)
		}
		if err := to.Secret(ctx, move.Secret{Endpoint: x.Endpoint, Secret: secret}); err != nil {
			return err
		}
	}
	return nil
}

func (s *moveSource) paused(ctx context.Context, to move.Sink) error {
	rows, err := s.tx.Query(ctx, s.store.sql("select name from {s}.destination where paused order by name"))
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range list {
		if err := to.Paused(ctx, queue.ParseDestination(name)); err != nil {
			return err
		}
	}
	return nil
}
