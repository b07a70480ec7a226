package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/move"
	"github.com/hookwicket/hookwicket/queue/window"
)

// moveTarget fills the empty tables of a database in one transaction. It collects rows, and copies
// them when there are enough.
type moveTarget struct {
	*moving
	now   int64
	names map[queue.Destination]int32
	rows  map[string][][]any // by table
	bytes int
	count int
}

// copied are the tables that a move fills by COPY, in this order, with their columns. The tables
// destination and secret are written row by row.
var copied = []struct {
	table   string
	columns []string
}{
	{"message", []string{"id", "endpoint", "event_id", "event_type", "size", "record"}},
	{"delivery", []string{"message", "destination", "state", "due", "size", "ord", "attempts", "written", "ended", "redelivered", "last"}},
	{"attempt", []string{"message", "destination", "number", "record"}},
	{"gone", []string{"id", "at", "why"}},
	{"key", []string{"key", "expires"}},
}

// NewTarget opens a database that is to be filled, and makes its tables where there are none. The
// error of its Begin wraps [move.ErrRunning] while a gateway uses it.
func NewTarget(ctx context.Context, o Options) (move.Target, error) {
	o = o.withDefaults()
	m, err := openMoving(ctx, o, !o.NoMigrate)
	if err != nil {
		return nil, err
	}
	return &moveTarget{moving: m, now: window.Nanos(o.Now()), names: make(map[queue.Destination]int32), rows: make(map[string][][]any)}, nil
}

// Place implements [move.Target].
func (t *moveTarget) Place() string { return t.place }

// Close implements [move.Target].
func (t *moveTarget) Close() error { t.end(); return nil }

// Begin implements [move.Target].
func (t *moveTarget) Begin(ctx context.Context, origin string) (done bool, err error) {
	var from *string
	if err := t.conn.QueryRow(ctx, t.store.sql("select moved_from from {s}.meta")).Scan(&from); err != nil {
		return false, plain(err)
	}
	if from != nil && *from == origin {
		return true, nil
	}
	if err := t.begin(ctx, pgx.ReadCommitted); err != nil {
		return false, err
	}
	var full bool
	err = t.tx.QueryRow(ctx, t.store.sql(`select exists (select from {s}.message) or exists (select from {s}.delivery) or exists (select from {s}.attempt)
		or exists (select from {s}.gone) or exists (select from {s}.key) or exists (select from {s}.secret) or exists (select from {s}.destination where paused)`)).Scan(&full)
	switch {
	case err != nil:
		return false, plain(err)
	case full:
		return false, fmt.Errorf("%w: name another schema with --schema, or drop this one", move.ErrNotEmpty)
	}
	if err := t.store.checkKeysIn(ctx, t.tx, t.store.seal.Ring(), true); err != nil {
		return false, plain(err)
	}
	if _, err := t.tx.Exec(ctx, t.store.sql("update {s}.meta set moved_from = $1"), origin); err != nil {
		return false, plain(err)
	}
	rows, err := t.tx.Query(ctx, t.store.sql("select id, name from {s}.destination"))
	if err != nil {
		return false, plain(err)
	}
	var id int32
	var name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error { t.names[queue.ParseDestination(name)] = id; return nil })
	if err != nil {
		return false, plain(err)
	}
	return false, nil
}

// add collects a row. The copy follows at the end of a record, so that rows of one message are
// together.
func (t *moveTarget) add(table string, bytes int, row ...any) {
	t.rows[table] = append(t.rows[table], row)
	t.bytes += bytes
	t.count++
}

// full copies the collected rows if there are enough.
func (t *moveTarget) full(ctx context.Context) error {
	if t.bytes < movingBytes && t.count < 10*movingRows {
		return nil
	}
	return t.flush(ctx)
}

func (t *moveTarget) flush(ctx context.Context) error {
	for _, c := range copied {
		rows := t.rows[c.table]
		if len(rows) == 0 {
			continue
		}
		if _, err := t.tx.CopyFrom(ctx, pgx.Identifier{t.store.options.Schema, c.table}, c.columns, pgx.CopyFromRows(rows)); err != nil {
			return plain(err)
		}
		delete(t.rows, c.table)
	}
	t.bytes, t.count = 0, 0
	return nil
}

// destination returns the number of a destination, which it makes known if it is new.
func (t *moveTarget) destination(ctx context.Context, d queue.Destination) (id int32, err error) {
	if id, ok := t.names[d]; ok {
		return id, nil
	}
	if err := t.tx.QueryRow(ctx, t.store.sql("insert into {s}.destination (name) values ($1) returning id"), d.String()).Scan(&id); err != nil {
		return 0, plain(err)
	}
	t.names[d] = id
	return id, nil
}

// Message implements [move.Sink].
func (t *moveTarget) Message(ctx context.Context, m *move.Message) error {
	id, s := m.Message.ID, t.store
	record := s.seal.Message(make([]byte, 0, queue.EncodedSize(m.Message)+s.seal.Overhead()), id, func(b []byte) []byte { return queue.AppendMessage(b, m.Message) })
	size := int64(len(record))
	t.add("message", len(record), uuid.UUID(id), text(m.Message.Endpoint), text(m.Message.EventID), text(m.Message.EventType), size, record)
	for i := range m.Deliveries {
		d := &m.Deliveries[i]
		destination, err := t.destination(ctx, d.Destination)
		if err == nil {
			err = t.delivery(id, destination, d, m.SizeOf(d, size))
		}
		if err != nil {
			return err
		}
	}
	return t.full(ctx)
}

func (t *moveTarget) delivery(id queue.ID, destination int32, d *move.Delivery, size int64) error {
	state := slices.Index(states[:], d.State)
	if state < 0 {
		return fmt.Errorf("message %s: a delivery to %s is in the state %q, which is not known", id, d.Destination, d.State)
	}
	box, history := t.store.seal.For(id), d.Kept()
	var last []byte
	for i, a := range history {
		record := encodeAttempt(a, box)
		t.add("attempt", len(record), uuid.UUID(id), destination, int32(i+1), record)
		if i == len(history)-1 {
			a.Excerpt = ""
			last = encodeAttempt(a, box)
		}
	}
	t.add("delivery", len(last), uuid.UUID(id), destination, int16(state), max(0, d.Due), size, ordOfKey(d.Order), int32(d.Attempts), int32(len(history)),
		window.Nanos(d.Ended), window.Nanos(d.Redelivered), last)
	return nil
}

// ordOfKey is the reverse of keyOf.
func ordOfKey(k *window.OrderKey) *int64 {
	if k == nil {
		return nil
	}
	n := int64(binary.BigEndian.Uint64(k[:]))
	return &n
}

// Gone implements [move.Sink].
func (t *moveTarget) Gone(ctx context.Context, g *queue.GoneError) error {
	why := slices.Index(reasons[:], g.Why)
	if why < 0 {
		return fmt.Errorf("message %s was removed for a reason that is not known: %q", g.ID, g.Why)
	}
	t.add("gone", 0, uuid.UUID(g.ID), window.Nanos(g.At), int16(why))
	return t.full(ctx)
}

// Key implements [move.Sink].
func (t *moveTarget) Key(ctx context.Context, k move.Key) error {
	t.add("key", 0, uuid.UUID(k.Key), k.Expires)
	return t.full(ctx)
}

// Secret implements [move.Sink].
func (t *moveTarget) Secret(ctx context.Context, l move.Secret) error {
	x := storeSecret(t.store.seal, l.Endpoint, l.Secret)
	_, err := t.tx.Exec(ctx, t.store.sql("insert into {s}.secret (endpoint, digest, secret, sealed) values ($1, $2, $3, $4)"), x.Endpoint, x.Digest, x.Secret, x.Sealed)
	if err != nil {
		return plain(err)
	}
	return nil
}

// Paused implements [move.Sink].
func (t *moveTarget) Paused(ctx context.Context, d queue.Destination) error {
	id, err := t.destination(ctx, d)
	if err != nil {
		return err
	}
	if _, err := t.tx.Exec(ctx, t.store.sql("update {s}.destination set paused = true where id = $1"), id); err != nil {
		return plain(err)
	}
	return nil
}

// Commit implements [move.Target].
func (t *moveTarget) Commit(ctx context.Context, want move.Counts) error {
	if err := t.flush(ctx); err != nil {
		return err
	}
	got, err := t.countsOf(ctx, t.now)
	if err == nil {
		err = got.Check(want)
	}
	if err == nil {
		err = t.sound(ctx)
	}
	if err != nil {
		return err
	}
	if err := t.analyze(ctx); err != nil {
		return err
	}
	err = t.commit(ctx)
	if errors.Is(err, errLocal) {
		err = fmt.Errorf("%w; run the command again when they are there", err)
	}
	return err
}

// analyze lets the database count, so that the first queries of a gateway are planned well. A role
// that does not own the tables gets a warning of the database.
func (t *moveTarget) analyze(ctx context.Context) error {
	for _, c := range copied {
		if _, err := t.tx.Exec(ctx, "analyze "+t.store.schema+"."+c.table); err != nil {
			return plain(err)
		}
	}
	return nil
}
