package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/hookwicket/hookwicket/queue"
)

// survey is what the database says of itself. It is read from its statistics: no table of the
// queue is scanned.
type survey struct {
	at       time.Time
	server   string
	standbys []queue.Standby
	hidden   bool
	deadRows int64
	snapshot time.Duration // -1: unknown
}

// surveys reads a survey if the last one is old. Nothing but the display depends on it: what
// cannot be read is unknown.
func (s *Store) surveys() {
	if v := s.surveyed.Load(); v != nil && time.Since(v.at) < s.options.surveyEvery() {
		return
	}
	ctx, cancel := context.WithTimeout(s.running, time.Second)
	defer cancel()
	v, err := s.survey(ctx)
	if err != nil {
		v = &survey{at: time.Now(), hidden: true, deadRows: -1, snapshot: -1}
		s.options.Logger.Debug("the statistics of the database cannot be read", "error", plain(err))
	}
	s.surveyed.Store(v)
}

// survey reads the statistics. A role that may not see other sessions sees neither standbys
// nor the age of transactions.
func (s *Store) survey(ctx context.Context) (*survey, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	v := &survey{at: time.Now()}
	var version string
	var keys, oldest int64
	err = conn.QueryRow(ctx, s.sql(`select current_setting('server_version'), m.keys, not pg_has_role(current_user, 'pg_read_all_stats', 'usage'),
		coalesce((select sum(n_dead_tup) from pg_stat_user_tables where schemaname = $1), 0)::bigint,
		coalesce((select extract(epoch from max(clock_timestamp() - at)) * 1e6 from (
			select xact_start as at from pg_stat_activity where datname = current_database() and (backend_xmin is not null or backend_xid is not null)
				and pid <> pg_backend_pid() and backend_type <> 'autovacuum worker'
			union all select prepared from pg_prepared_xacts where database = current_database()) x), 0)::bigint
		from {s}.meta m`), s.options.Schema).Scan(&version, &keys, &v.hidden, &v.deadRows, &oldest)
	if err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, "select coalesce(application_name, ''), coalesce(sync_state, '') from pg_stat_replication order by 1, pid")
	if err != nil {
		return nil, err
	}
	if v.standbys, err = pgx.CollectRows(rows, pgx.RowToStructByPos[queue.Standby]); err != nil {
		return nil, err
	}
	if v.snapshot = time.Duration(oldest) * time.Microsecond; v.hidden {
		v.standbys, v.snapshot = nil, -1
	}
	v.server = address(conn.Conn().PgConn()) + " PostgreSQL " + version
	s.keys.Store(keys)
	return v, nil
}

// address says which of the DSN's hosts is in use.
func address(c *pgconn.PgConn) string { return c.Conn().RemoteAddr().String() }
