package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed schema.sql
var schemaSQL string

// format is the version of the tables and functions that this program uses.
const format = 1

var errFormat = errors.New("the tables are of another format")

// Statements are those that make the tables and functions in the schema of the options.
func Statements(o Options) string {
	name := pgx.Identifier{o.withDefaults().Schema}.Sanitize()
	return strings.NewReplacer("{s}", name, "{name}", strings.ReplaceAll(name, "'", "''")).Replace(schemaSQL)
}

// Migrate makes the tables where there are none, and opens no store. made is false if they were
// there already. Tables of another format are an error.
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

// migrate creates the tables where there are none, and checks their format. Concurrent nodes
// do it one after another.
func (s *Store) migrate(ctx context.Context) (made bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1, 0)", s.class); err != nil {
			return err
		}
		var found int
		err := s.checkFormat(ctx, tx, &found)
		if !errors.Is(err, errNoTables) {
			return err
		}
		if s.options.NoMigrate {
			return fmt.Errorf("%w, and migrate is off: run `caddy webhook migrate`", err)
		}
		made = true
		_, err = tx.Exec(ctx, Statements(s.options), pgx.QueryExecModeSimpleProtocol)
		if lacksRight(err) {
			return fmt.Errorf("%w; the owner of the schema can make the tables with `caddy webhook migrate`", plain(err))
		}
		return err
	})
	return made && err == nil, err
}

// lacksRight reports whether the role may not do something.
func lacksRight(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501"
}
