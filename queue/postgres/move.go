package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/move"
)

// A move reads all tables, or fills them, in one transaction. It holds a lock on the table node,
// in which each gateway has to write before it begins: a gateway that is started meanwhile waits.

// moving is the database of a move.
type moving struct {
	store *Store
	close func()
	place string
	conn  *pgx.Conn
	give  func() // the connection back
	tx    pgx.Tx
}

const (
	// movingLock is how long a move waits for the lock.
	movingLock = "10s"
	// movingSilence is the silence after which a gateway counts as stopped. One that is stopped in
	// an orderly way has no row.
	movingSilence = time.Minute
)

// openMoving connects to the database and checks the format of its tables. With migrate it makes
// them where there are none.
func openMoving(ctx context.Context, o Options, migrate bool) (m *moving, err error) {
	o = o.withDefaults()
	about, err := Describe(o)
	if err != nil {
		return nil, err
	}
	m = &moving{place: "postgres:" + about.Place}
	fail := func(err error) (*moving, error) {
		m.end()
		return nil, fmt.Errorf("%s: %w", m.place, plain(err))
	}
	if m.store, m.close, err = o.visitor(ctx, true); err != nil {
		return fail(err)
	}
	if migrate {
		if _, err := m.store.migrate(ctx); err != nil {
			return fail(err)
		}
	}
	found, err := m.store.checkFormat(ctx, m.store.pool)
	if err == nil && found.format > m.store.options.format() { // a gateway can use them, but a move would leave out their new parts
		err = fmt.Errorf("%w: schema %q has format %d, and this version moves format %d: run the command of a newer version", errFormat, o.Schema, found.format, m.store.options.format())
	}
	if err != nil {
		return fail(err)
	}
	conn, err := m.store.pool.Acquire(ctx)
	if err != nil {
		return fail(err)
	}
	m.conn, m.give = conn.Conn(), conn.Release
	return m, nil
}

// end rolls back an unfinished move.
func (m *moving) end() {
	if m.tx != nil {
		_ = m.tx.Rollback(context.Background())
		m.tx = nil
	}
	if m.give != nil {
		m.give()
		m.give = nil
	}
	if m.close != nil {
		m.close()
		m.close = nil
	}
}

// begin begins the transaction, with the gateways kept away.
func (m *moving) begin(ctx context.Context, level pgx.TxIsoLevel) (err error) {
	if m.tx, err = m.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: level}); err != nil {
		return plain(err)
	}
	// A transaction of a million events takes its time. Before the lock there must be no snapshot, so
	// this is a list of statements that take none.
	for _, sql := range []string{
		"set local lock_timeout = '" + movingLock + "'", "set local statement_timeout = 0", "set local idle_in_transaction_session_timeout = 0",
		m.store.sql("lock table {s}.node in share row exclusive mode"), "set local lock_timeout = 0",
		"do $$ begin if exists (select from pg_settings where name = 'transaction_timeout') then set local transaction_timeout = 0; end if; end $$",
	} {
		if _, err := m.tx.Exec(ctx, sql); isLockTimeout(err) {
			return errors.New("another program has locked the tables for longer than " + movingLock + "; another move may be at work")
		} else if err != nil {
			return plain(err)
		}
	}
	var name string
	var silent float64
	err = m.tx.QueryRow(ctx, m.store.sql(`select name, extract(epoch from clock_timestamp() - seen)::float8 from {s}.node
		where seen > clock_timestamp() - $1 * interval '1 microsecond' order by seen desc limit 1`), movingSilence.Microseconds()).Scan(&name, &silent)
	if err == nil {
		return fmt.Errorf("%w: %s was there %.0f s ago. Stop all gateways of this database first. One that was killed counts as running for a minute", move.ErrRunning, printable(name), silent)
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return plain(err)
	}
	return m.store.checkMoved(ctx, m.tx)
}

func isLockTimeout(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "55P03"
}

// checkMoved returns an error that wraps [queue.ErrMoved] if everything in the tables was moved.
func (s *Store) checkMoved(ctx context.Context, q querier) error {
	var to *string
	if err := q.QueryRow(ctx, s.sql("select moved_to from {s}.meta")).Scan(&to); err != nil || to == nil {
		return err
	}
	return fmt.Errorf("%w to %s: name that one in the configuration. To go back to this schema although its events may have been delivered since, run `update %s.meta set moved_to = null`", queue.ErrMoved, *to, s.schema)
}

// commit commits, and returns an error if the standbys were not waited for.
func (m *moving) commit(ctx context.Context) error {
	data := m.conn.PgConn().CustomData()
	delete(data, "local")
	err := m.tx.Commit(ctx)
	m.tx = nil
	if err == nil && data["local"] == true {
		err = errLocal
	}
	if err != nil {
		err = plain(err)
	}
	return err
}

// countsOf counts the rows that a move copies. Keys that have expired by now are not among them.
func (m *moving) countsOf(ctx context.Context, now int64) (c move.Counts, err error) {
	var parts []string
	for state, name := range states {
		parts = append(parts, fmt.Sprintf("(select count(*) from {s}.delivery where state = %d) as %s", state, name))
	}
	err = m.tx.QueryRow(ctx, m.store.sql(`select (select count(*) from {s}.message), (select count(*) from {s}.attempt), (select count(*) from {s}.gone),
		(select count(*) from {s}.key where expires > $1), (select count(*) from {s}.secret), (select count(*) from {s}.destination where paused), `+strings.Join(parts, ", ")), now).
		Scan(&c.Messages, &c.Attempts, &c.Gone, &c.Keys, &c.Secrets, &c.Paused, &c.Waiting, &c.Delivered, &c.DeadLetters, &c.Cancelled, &c.Unrouted)
	if err != nil {
		return c, plain(err)
	}
	return c, nil
}

// sound returns an error if rows belong to nothing.
func (m *moving) sound(ctx context.Context) error {
	for _, rule := range consistency {
		var n int64
		if err := m.tx.QueryRow(ctx, m.store.sql(rule.sql)).Scan(&n); err != nil {
			return plain(err)
		}
		if n > 0 {
			return fmt.Errorf("something is wrong in the tables: %s: %d; `caddy webhook check` lists all", rule.what, n)
		}
	}
	return nil
}
