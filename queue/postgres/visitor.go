package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/seal"
)

// visitor is a store for a command: it is no node, so it neither accepts nor delivers, and
// nobody waits for it. It makes no tables.
func (o Options) visitor(ctx context.Context) (s *Store, close func(), err error) {
	o = o.withDefaults()
	o.NoListen = true // a pooler may be in between
	sealed, err := seal.New(o.Settings.Keys)
	if err != nil {
		return nil, nil, err
	}
	config, err := o.config()
	if err != nil {
		return nil, nil, err
	}
	config.ConnConfig.ValidateConnect = nil // a standby can be looked at
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, plain(err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, nil, plain(err)
	}
	s = &Store{options: o, schema: pgx.Identifier{o.Schema}.Sanitize(), class: class(o.Schema), pool: pool, seal: sealed}
	s.running, s.stop = context.WithCancel(ctx)
	s.started.Store(true)
	return s, func() { s.stop(); pool.Close() }, nil
}

// Secrets are the learnt secrets in a database. Gateways may be at work meanwhile: they
// notice what is forgotten.
type Secrets interface {
	queue.Keeper
	io.Closer
}

type secrets struct {
	*Store
	close func()
}

func (s secrets) Close() error { s.close(); return nil }

// OpenSecrets opens the learnt secrets of a database.
func OpenSecrets(ctx context.Context, o Options) (Secrets, error) {
	s, close, err := o.visitor(ctx)
	if err != nil {
		return nil, err
	}
	var found int
	if err := s.checkFormat(ctx, s.pool, &found); err != nil {
		close()
		return nil, plain(err)
	}
	return secrets{s, close}, nil
}

// checkFormat returns an error unless the tables are of this program's format.
func (s *Store) checkFormat(ctx context.Context, q querier, found *int) error {
	var there bool
	if err := q.QueryRow(ctx, "select exists (select from pg_tables where schemaname = $1 and tablename = 'meta')", s.options.Schema).Scan(&there); err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("%w: schema %q", errNoTables, s.options.Schema)
	}
	if err := q.QueryRow(ctx, s.sql("select format from {s}.meta")).Scan(found); err != nil {
		return err
	}
	if *found != format {
		return fmt.Errorf("%w: schema %q has format %d, this version reads format %d", errFormat, s.options.Schema, *found, format)
	}
	return nil
}

// errNoTables: nobody has made the tables of the queue.
var errNoTables = errors.New("there are no tables of the gateway")
