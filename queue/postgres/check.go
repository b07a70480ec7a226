package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/queue"
)

// Report is what [Check] has found.
type Report struct {
	Database string       `json:"database"` // hosts, database and schema
	Server   string       `json:"server"`   // address and version of the server in use
	Format   int          `json:"format"`
	Copies   int64        `json:"copies"` // for which a commit stands, by the settings
	Standbys []StandbyRow `json:"standbys"`
	Settings []Setting    `json:"settings"`
	Nodes    []NodeRow    `json:"nodes"`

	Messages     int64            `json:"messages"`
	Bytes        int64            `json:"bytes"`
	Keys         int64            `json:"keys"` // dedupe keys, estimated by the database
	Deliveries   map[string]int64 `json:"deliveries"`
	DeadRows     int64            `json:"dead_rows"`
	Snapshot     float64          `json:"oldest_transaction_seconds"` // -1: hidden from this role
	SnapshotBy   string           `json:"oldest_transaction_by,omitempty"`
	Skew         float64          `json:"clock_skew_seconds"` // this machine's clock minus the database's
	PoolMode     string           `json:"pool_mode"`          // session, transaction, statement or unknown; empty: there is no pooler
	Warnings     []string         `json:"warnings"`
	Inconsistent []Inconsistency  `json:"problems"`
}

// StandbyRow is a server to which the database replicates.
type StandbyRow struct {
	Name string `json:"name"`
	Sync string `json:"sync"`
}

// Setting is a setting of the database on which an acknowledgement depends.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// NodeRow is a gateway in the tables.
type NodeRow struct {
	Name   string  `json:"name"`
	Silent float64 `json:"seen_seconds_ago"`
	Owns   int64   `json:"forwards"`
	alive  bool
}

// Inconsistency are rows that belong to nothing, or that nothing belongs to.
type Inconsistency struct {
	What  string `json:"what"`
	Count int64  `json:"count"`
}

// Sound reports whether nothing is wrong. Warnings are no fault of the tables.
func (r *Report) Sound() bool { return len(r.Inconsistent) == 0 }

// consistency are the rules that hold in each snapshot of the tables. Each statement counts the
// rows that break one.
var consistency = []struct{ what, sql string }{
	{"deliveries without their message", "select count(*) from {s}.delivery d where not exists (select from {s}.message m where m.id = d.message)"},
	{"messages without a delivery", "select count(*) from {s}.message m where not exists (select from {s}.delivery d where d.message = m.id)"},
	{"deliveries of an unknown forward", "select count(*) from {s}.delivery d where not exists (select from {s}.destination x where x.id = d.destination)"},
	{"attempts without their delivery", "select count(*) from {s}.attempt a where not exists (select from {s}.delivery d where d.message = a.message and d.destination = a.destination)"},
	{"removed messages that are still there", "select count(*) from {s}.gone g join {s}.message m using (id)"},
	{"deliveries in a state that is not known", "select count(*) from {s}.delivery where state not between 0 and 4"},
}

// doubtful are the settings that make an acknowledgement worth less, and why.
var doubtful = []struct{ name, want, why string }{
	{"fsync", "on", "a power failure of the database loses acknowledged events, or the whole database"},
	{"full_page_writes", "on", "a power failure can tear pages of the database"},
	{"statement_timeout", "0", "a commit that waits for a standby is cancelled, and its event answered with 503 although it can be delivered"},
	{"synchronous_commit", "on", ""},
	{"synchronous_standby_names", "", ""},
	{"server_version", "", ""},
}

// Check reads the tables of a database and the settings that matter, and changes nothing. Gateways
// may be at work meanwhile: all counts are of one snapshot.
func Check(ctx context.Context, o Options) (*Report, error) {
	s, close, err := o.visitor(ctx, false)
	if err != nil {
		return nil, err
	}
	defer close()
	about, err := Describe(o)
	if err != nil {
		return nil, err
	}
	r := &Report{Database: about.Place, Deliveries: make(map[string]int64), Standbys: []StandbyRow{}, Nodes: []NodeRow{}, Warnings: []string{}, Inconsistent: []Inconsistency{}}
	found, err := s.checkFormat(ctx, s.pool)
	if err != nil {
		return nil, plain(err)
	}
	r.Format = found.format
	if err := s.checkServer(ctx, r); err != nil {
		return nil, plain(err)
	}
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error { return s.checkTables(ctx, tx, r) })
	if err != nil {
		return nil, plain(err)
	}
	return r, nil
}

// checkServer reads what the server says of itself.
func (s *Store) checkServer(ctx context.Context, r *Report) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	values := make(map[string]string)
	for _, x := range doubtful {
		var v string
		if err := conn.QueryRow(ctx, "select current_setting($1)", x.name).Scan(&v); err != nil {
			return err
		}
		values[x.name] = v
		r.Settings = append(r.Settings, Setting{x.name, v})
		if x.why != "" && v != x.want {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s is %s: %s", x.name, v, x.why))
		}
	}
	r.Server = address(conn.Conn().PgConn()) + " PostgreSQL " + values["server_version"]
	if r.Copies = copies(values["fsync"], values["synchronous_commit"], values["synchronous_standby_names"]); r.Copies == 0 {
		r.Warnings = append(r.Warnings, "a 2xx stands for no copy on a disk: set fsync and synchronous_commit to on")
	}
	sent := time.Now()
	var clock time.Time
	var recovering bool
	if err := conn.QueryRow(ctx, "select clock_timestamp(), pg_is_in_recovery()").Scan(&clock, &recovering); err != nil {
		return err
	}
	r.Skew = sent.Add(time.Since(sent) / 2).Sub(clock).Seconds()
	if max(r.Skew, -r.Skew) > s.options.Lease.Seconds() {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the clock of this machine is off by %.1f s from the database's: use NTP", r.Skew))
	}
	mode, err := s.poolMode(ctx)
	if err == nil && mode == poolStatement {
		err = errStatements // the tables are read in a transaction
	}
	if err != nil {
		return err
	}
	r.PoolMode = string(mode)
	if text := mode.warning(); text != "" {
		r.Warnings = append(r.Warnings, text)
	}
	if recovering {
		r.Warnings = append(r.Warnings, "this server is a standby that cannot be written to: name the other hosts in the DSN as well")
	}
	v, err := s.survey(ctx)
	if err != nil {
		return err
	}
	for _, x := range v.standbys {
		r.Standbys = append(r.Standbys, StandbyRow(x))
	}
	r.DeadRows, r.Snapshot, r.Keys = v.deadRows, -1, s.keys.Load()
	if v.hidden {
		r.Warnings = append(r.Warnings, "this role sees neither standbys nor other transactions: grant pg_read_all_stats to it")
		return nil
	}
	r.Snapshot = v.snapshot.Seconds()
	if v.snapshot > longSnapshot {
		err := conn.QueryRow(ctx, `select coalesce(usename, '') || ' ' || coalesce(application_name, '') || ' (' || coalesce(client_addr::text, 'local') || ', pid ' || pid || ')'
			from pg_stat_activity where datname = current_database() and xact_start is not null and pid <> pg_backend_pid() order by xact_start limit 1`).Scan(&r.SnapshotBy)
		if err != nil && err != pgx.ErrNoRows {
			return err
		}
		r.Warnings = append(r.Warnings, fmt.Sprintf("a transaction has been open for %v and keeps removed rows from being cleared away: %s",
			v.snapshot.Round(time.Second), printable(strings.TrimSpace(r.SnapshotBy))))
	}
	return nil
}

// longSnapshot is the age from which a transaction is worth a warning.
const longSnapshot = 5 * time.Minute

// checkTables counts in one snapshot.
func (s *Store) checkTables(ctx context.Context, tx pgx.Tx, r *Report) error {
	if err := tx.QueryRow(ctx, s.sql("select count(*), coalesce(sum(size), 0)::bigint from {s}.message")).Scan(&r.Messages, &r.Bytes); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, s.sql("select state, count(*) from {s}.delivery where state between 0 and 4 group by state"))
	if err != nil {
		return err
	}
	var state int16
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&state, &n}, func() error { r.Deliveries[string(states[state])] = n; return nil }); err != nil {
		return err
	}
	rows, err = tx.Query(ctx, s.sql(`select name, extract(epoch from clock_timestamp() - seen)::float8, (select count(*) from {s}.destination where owner = n.id),
		seen > clock_timestamp() - $1 * interval '1 microsecond' from {s}.node n order by name, id`), s.options.Lease.Microseconds())
	if err != nil {
		return err
	}
	r.Nodes, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (x NodeRow, err error) {
		err = row.Scan(&x.Name, &x.Silent, &x.Owns, &x.alive)
		x.Name = printable(x.Name)
		return x, err
	})
	if err != nil {
		return err
	}
	alive := 0
	for _, x := range r.Nodes {
		if x.alive {
			alive++
		}
	}
	if waiting := r.Deliveries[string(queue.StateWaiting)]; alive == 0 && waiting > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d deliveries wait, and no gateway is running", waiting))
	}
	var old int64
	if err := tx.QueryRow(ctx, s.sql("select count(*) from {s}.command where reply is null and at < clock_timestamp() - interval '1 minute'")).Scan(&old); err != nil {
		return err
	}
	if old > 0 && alive > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d commands have waited for more than a minute for the gateway that owns their forward", old))
	}
	for _, rule := range consistency {
		if err := tx.QueryRow(ctx, s.sql(rule.sql)).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			r.Inconsistent = append(r.Inconsistent, Inconsistency{rule.what, n})
		}
	}
	return nil
}
