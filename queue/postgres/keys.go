package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// querier is a connection or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Begin(ctx context.Context) (pgx.Tx, error)
}

// durably runs one statement on one connection without a deadline. It returns an error if the
// database committed it without waiting for its standbys.
func (s *Store) durably(run func(context.Context, querier) error) error {
	ctx := context.Background()
	conn, err := s.pool.Acquire(s.running)
	if err != nil {
		return unsent{err}
	}
	defer conn.Release()
	data := conn.Conn().PgConn().CustomData()
	delete(data, "local")
	l := linkOf(conn.Conn())
	l.hold(true)
	if err := run(ctx, conn); err != nil {
		if !conn.Conn().IsClosed() {
			l.hold(false)
		}
		return err
	}
	l.hold(false)
	if data["local"] == true {
		return errLocal
	}
	return nil
}

// unsent is the error of a statement that never reached the database.
type unsent struct{ error }

func (e unsent) Unwrap() error { return e.error }

// undone reports whether an error means that the statement has changed nothing and will not. A
// server that shuts down while a commit waits for its standbys says so by FATAL, and the commit stands.
func undone(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.SeverityUnlocalized == "ERROR" || refused.SeverityUnlocalized == "" && refused.Severity == "ERROR"
	}
	var never unsent
	return errors.As(err, &never) || pgconn.SafeToRetry(err)
}

// text makes a string fit for a column, which cannot contain a zero byte or invalid UTF-8.
func text(s string) string {
	const most = 256
	s = strings.ReplaceAll(strings.ToValidUTF8(s[:min(len(s), most)], "\uFFFD"), "\x00", "\uFFFD")
	return s
}

// Seen implements [queue.Store].
func (s *Store) Seen(ctx context.Context, id queue.Identity, now time.Time) (verdict queue.Verdict, err error) {
	if err := s.ready(); err != nil {
		return 0, err
	}
	id = id.Recorded()
	if id.Key == (queue.Key{}) && id.Digest == (queue.Key{}) {
		return queue.New, nil
	}
	var known []uuid.UUID
	err = s.durably(func(_ context.Context, q querier) error {
		// The renewal commits behind whatever has written the key, which is durable then. It waits for a
		// transaction that is writing the row.
		return q.QueryRow(ctx, s.sql(`with known as (
			update {s}.key set expires = case when expires < $2 + $3::bigint / 2 then $2 + $3 else expires end
			where key = any(array(select key from {s}.key where key in ($1, $4) and expires > $2 order by key for update)) returning key)
			select coalesce(array_agg(key), '{}') from known`), column(id.Key), window.Nanos(now), int64(id.Window), column(id.Digest)).Scan(&known)
	})
	if err != nil {
		return 0, unavailable(err)
	}
	verdict = queue.New
	for _, k := range known {
		switch {
		case queue.Key(k) == id.Key:
			return queue.Duplicate, nil
		case queue.Key(k) == id.Digest:
			verdict = queue.Replayed
		}
	}
	return verdict, nil
}

// ForgetKey implements [queue.Inspector].
func (s *Store) ForgetKey(ctx context.Context, key queue.Key) (bool, error) {
	if err := s.ready(); err != nil {
		return false, err
	}
	tag, err := s.pool.Exec(ctx, s.sql("delete from {s}.key where key = $1 and expires > $2"), uuid.UUID(key), s.now())
	if err != nil {
		return false, unavailable(err)
	}
	return tag.RowsAffected() > 0, nil
}

// manyKeys is the number of dedupe keys from which the database's estimate of it is used.
const manyKeys = 100_000

// countKeys writes the number of dedupe keys for all nodes. Many are not counted one by one.
func (s *Store) countKeys(ctx context.Context) error {
	var n int64
	err := s.pool.QueryRow(ctx, s.sql(`with estimate as (select n_live_tup as n from pg_stat_user_tables where schemaname = $1 and relname = 'key')
		update {s}.meta set keys = case when (select n from estimate) > $2 then (select n from estimate) else (select count(*) from {s}.key) end returning keys`),
		s.options.Schema, manyKeys).Scan(&n)
	if err == nil {
		s.keys.Store(n)
	}
	return err
}

// Learn implements [queue.Keeper].
func (s *Store) Learn(ctx context.Context, endpoint, secret string) error {
	if err := s.ready(); err != nil {
		return err
	}
	learn := func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1, $2)", s.class, lockSecrets); err != nil {
			return err
		}
		x := storeSecret(s.seal, endpoint, secret)
		var n int
		var known bool
		err := tx.QueryRow(ctx, s.sql("select count(*), coalesce(bool_or(digest = $2), false) from {s}.secret where endpoint = $1"), endpoint, x.Digest).Scan(&n, &known)
		if err != nil || known {
			return err
		}
		if n >= queue.MaxLearnt {
			return queue.ErrTooMany
		}
		_, err = tx.Exec(ctx, s.sql("insert into {s}.secret (endpoint, digest, secret, sealed) values ($1, $2, $3, $4)"), endpoint, x.Digest, x.Secret, x.Sealed)
		return err
	}
	err := s.durably(func(_ context.Context, q querier) error { return pgx.BeginFunc(ctx, q, learn) })
	if err == nil || errors.Is(err, queue.ErrTooMany) {
		return err
	}
	return unavailable(err)
}

// Learnt implements [queue.Keeper].
func (s *Store) Learnt(ctx context.Context, endpoint string) ([]string, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, s.sql("select endpoint, digest, secret, sealed from {s}.secret where endpoint = $1 order by seq"), endpoint)
	if err != nil {
		return nil, unavailable(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[storedSecret])
	if err != nil {
		return nil, unavailable(err)
	}
	secrets := make([]string, 0, len(all))
	for _, x := range all {
		switch secret, err := x.open(s.seal); {
		case err == nil:
			secrets = append(secrets, secret)
		case errors.Is(err, seal.ErrDamaged):
			// The others still verify.
			s.options.Logger.Error("a learnt secret is damaged", "endpoint", endpoint)
		default:
			return nil, unavailable(err)
		}
	}
	return secrets, nil
}

// Forget implements [queue.Keeper].
func (s *Store) Forget(ctx context.Context, endpoint, secret string) error {
	if err := s.ready(); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(secret))
	if _, err := s.pool.Exec(ctx, s.sql("delete from {s}.secret where endpoint = $1 and digest = $2"), endpoint, sum[:]); err != nil {
		return unavailable(err)
	}
	return nil
}
