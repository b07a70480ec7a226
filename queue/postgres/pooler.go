package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// poolMode is how long a pooler before the database keeps a connection for one client, in the
// words of PgBouncer.
type poolMode string

const (
	noPooler        poolMode = ""
	poolUnknown     poolMode = "unknown"
	poolSession     poolMode = "session"
	poolTransaction poolMode = "transaction"
	poolStatement   poolMode = "statement"
)

var (
	errPooler     = errors.New("there is a pooler in transaction mode before the database, which passes no notifications on: write `listen off` in `store postgres`, or let the pooler work in session mode")
	errStatements = errors.New("there is a pooler in statement mode before the database, in which transactions are not possible: let it work in session mode, or in transaction mode and write `listen off` in `store postgres`")
)

// checkPooler returns an error if a pooler does not fit the options.
func (s *Store) checkPooler(ctx context.Context) error {
	mode, err := s.poolMode(ctx)
	switch {
	case err != nil:
		return err
	case mode == poolStatement:
		return errStatements
	case mode == poolTransaction && !s.options.NoListen:
		return errPooler
	}
	return nil
}

// poolProbes is how often poolMode looks for a connection that has changed hands.
const poolProbes = 4

// poolMode finds out whether there is a pooler, and how it works. A pooler makes up the process ID
// that it tells a client. In session mode, the process that answers a client stays the same, and
// no other client is answered by it.
func (s *Store) poolMode(ctx context.Context) (poolMode, error) {
	first, err := s.pool.Acquire(ctx)
	if err != nil {
		return "", err
	}
	defer first.Release()
	pid, err := backend(ctx, first)
	if err != nil || pid == first.Conn().PgConn().PID() {
		return noPooler, err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second) // for a pooler that has no connection to spare
	defer cancel()
	second, err := s.pool.Acquire(ctx)
	if err != nil {
		return poolUnknown, nil
	}
	defer second.Release()
	for range poolProbes {
		shared := false
		err := pgx.BeginFunc(ctx, second, func(tx pgx.Tx) error {
			other, err := backend(ctx, tx)
			if shared = other == pid; shared || err != nil {
				return err
			}
			// A pooler in transaction mode now gives the first client a process that is free.
			again, err := backend(ctx, first)
			shared = again != pid && err == nil
			return err
		})
		switch {
		case shared:
			return poolTransaction, nil
		case refusesTransactions(err):
			return poolStatement, nil
		case err != nil:
			return poolUnknown, nil
		}
	}
	return poolSession, nil
}

// refusesTransactions reports whether an error is that of a pooler in statement mode. Its code is
// that of any violation of the protocol.
func refusesTransactions(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "08P01" && strings.Contains(pg.Message, "statement pooling")
}

// backend returns the ID of the process that runs a statement. It prepares nothing.
func backend(ctx context.Context, q querier) (pid uint32, err error) {
	err = q.QueryRow(ctx, "select pg_backend_pid()", pgx.QueryExecModeExec).Scan(&pid)
	return pid, err
}

// sharePrepared makes connections fit for a pooler in transaction mode: it may give each statement
// another connection to the database, where nothing has been prepared.
func sharePrepared(c *pgxpool.Config) {
	if c.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
}

// misprepared reports whether an error is that of a prepared statement on another connection.
func misprepared(pg *pgconn.PgError) bool {
	return pg.Code == "26000" || pg.Code == "42P05"
}

// warning describes the consequences of a pooler for the gateways behind it; empty: none.
func (m poolMode) warning() string {
	switch m {
	case poolUnknown:
		return "there is a pooler before the database, whose mode cannot be found out: in transaction mode, the gateways behind it need `listen off`"
	case poolTransaction:
		return "there is a pooler in transaction mode before the database: the gateways behind it need `listen off`"
	}
	return ""
}
