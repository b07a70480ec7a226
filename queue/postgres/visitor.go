package postgres

import (
	"context"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/seal"
)

// visitor is a store for a command: it is no node, so it neither accepts nor delivers, and
// nobody waits for it. It makes no tables. Unless it writes, a standby is good enough.
func (o Options) visitor(ctx context.Context, writes bool) (s *Store, close func(), err error) {
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
	if !writes {
		config.ConnConfig.ValidateConnect = nil
	}
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
	s, close, err := o.visitor(ctx, false)
	if err != nil {
		return nil, err
	}
	if _, err := s.checkFormat(ctx, s.pool); err != nil {
		close()
		return nil, plain(err)
	}
	return secrets{s, close}, nil
}
