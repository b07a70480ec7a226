package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed schema.sql
var schemaSQL string

// firstFormat is the format of schema.sql: the version of its tables and functions.
const firstFormat = 1

// step brings the tables from one format to the next, while gateways of the format before are at
// work. So it only adds: a function that changes gets the next number in its name, and a
// new column may be null or has a default. A later step removes columns and functions that no program uses any more.
type step struct {
	sql    string // {s} is the schema
	oldest int    // format of the oldest programs that can use the tables afterwards
}

// steps lead from the first format to that of this program.
var steps []step

// lockLimit is how long a step waits for a table. Whoever uses the table later waits behind it, so
// that it must be less than a lease.
const lockLimit = 500 * time.Millisecond

var (
	errFormat   = errors.New("the tables are of another format")
	errNoTables = errors.New("there are no tables of the gateway") // nobody has made them
)

// Statements are those that make the tables and functions in the schema of the options.
func Statements(o Options) string {
	name := pgx.Identifier{o.withDefaults().Schema}.Sanitize()
	return strings.NewReplacer("{s}", name, "{name}", strings.ReplaceAll(name, "'", "''")).Replace(schemaSQL)
}

// Migrate makes the tables where there are none, or brings them to this program's format, and opens
// no store. made is false if there was nothing to do. Tables that this program cannot use are an error.
func Migrate(ctx context.Context, o Options) (made bool, err error) {
	o = o.withDefaults()
	o.NoListen = true // a pooler may be in between
	config, err := o.config()
	if err != nil {
		return false, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return false, plain(err)
	}
	defer pool.Close()
	s := &Store{options: o, schema: pgx.Identifier{o.Schema}.Sanitize(), class: class(o.Schema), pool: pool}
	if made, err = s.migrate(ctx); err != nil {
		return false, plain(err)
	}
	return made, nil
}

// migrate creates the tables or brings them to this program's format. Concurrent nodes do it one
// after another.
func (s *Store) migrate(ctx context.Context) (made bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1, 0)", s.class); err != nil {
			return err
		}
		found, err := s.findTables(ctx, tx)
		switch {
		case err != nil && !errors.Is(err, errNoTables):
			return err
		case found.format >= s.options.format():
			return s.fits(found)
		case s.options.NoMigrate && err != nil:
			return fmt.Errorf("%w, and migrate is off: run `caddy webhook migrate`", err)
		case s.options.NoMigrate:
			return fmt.Errorf("%w, and migrate is off", s.fits(found))
		}
		made = true
		err = s.step(ctx, tx, found.format)
		if lacksRight(err) {
			return fmt.Errorf("%w; the owner of the schema can make the tables with `caddy webhook migrate`", plain(err))
		}
		return err
	})
	return made && err == nil, err
}

// step brings the tables from a format to this program's. Format 0: there are none.
func (s *Store) step(ctx context.Context, tx pgx.Tx, from int) error {
	if from == 0 {
		if _, err := tx.Exec(ctx, Statements(s.options), pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		from = firstFormat
	}
	if from == s.options.format() {
		return nil
	}
	if _, err := tx.Exec(ctx, fmt.Sprintf("set local lock_timeout = %d", lockLimit.Milliseconds()), pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	oldest := firstFormat
	for _, next := range s.options.steps[from-firstFormat:] {
		oldest = max(oldest, next.oldest)
		if _, err := tx.Exec(ctx, s.sql(next.sql), pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	if err := s.refuseOlder(ctx, tx, oldest); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, s.sql("update {s}.meta set format = $1, oldest = greatest(oldest, $2)"), s.options.format(), oldest)
	return err
}

// refuseOlder returns an error if a gateway is at work that could not use the tables any more.
func (s *Store) refuseOlder(ctx context.Context, tx pgx.Tx, oldest int) error {
	var name string
	var its int
	err := tx.QueryRow(ctx, s.sql("select name, format from {s}.node where format < $1 and seen > clock_timestamp() - $2 * interval '1 microsecond' order by id limit 1"),
		oldest, s.options.Lease.Microseconds()).Scan(&name, &its)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%w: gateway %s is at work with format %d, and could not use the tables of format %d: stop it, or update it to a version between first",
			errFormat, printable(name), its, s.options.format())
	}
	return err
}

// tables are the formats of tables that were found.
type tables struct{ format, oldest int }

// findTables returns errNoTables where there are none.
func (s *Store) findTables(ctx context.Context, q querier) (found tables, err error) {
	var there bool
	if err := q.QueryRow(ctx, "select exists (select from pg_tables where schemaname = $1 and tablename = 'meta')", s.options.Schema).Scan(&there); err != nil {
		return found, err
	}
	if !there {
		return found, fmt.Errorf("%w: schema %q", errNoTables, s.options.Schema)
	}
	err = q.QueryRow(ctx, s.sql("select format, oldest from {s}.meta")).Scan(&found.format, &found.oldest)
	return found, err
}

// fits returns an error unless this program can use the tables.
func (s *Store) fits(found tables) error {
	switch own := s.options.format(); {
	case found.format < own:
		return fmt.Errorf("%w: schema %q has format %d, this version needs format %d: run `caddy webhook migrate` of this version", errFormat, s.options.Schema, found.format, own)
	case found.oldest > own:
		return fmt.Errorf("%w: schema %q has format %d, which versions with format %d or later can use, and this version has format %d: update this gateway",
			errFormat, s.options.Schema, found.format, found.oldest, own)
	}
	return nil
}

// checkFormat returns an error unless this program can use the tables as they are.
func (s *Store) checkFormat(ctx context.Context, q querier) (found tables, err error) {
	if found, err = s.findTables(ctx, q); err == nil {
		err = s.fits(found)
	}
	return found, err
}

// lacksRight reports whether the role may not do something.
func lacksRight(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501"
}
