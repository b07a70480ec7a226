package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hookwicket/hookwicket/queue"
)

// connectTimeout is for each host of the DSN that has no connect_timeout.
const connectTimeout = 3 * time.Second

var (
	errClosed = errors.New("the store is closed")
	errAway   = errors.New("the database has not been reached yet")
	errRead   = errors.New("the database cannot be written to: it is a standby, or read-only. Name the primary, or all hosts, in the DSN")
	errLocal  = errors.New("the database committed without waiting for its standbys")
)

// config reads a DSN. Its error does not contain the DSN, which can contain a password.
func (o *Options) config() (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(o.DSN)
	if err != nil {
		return nil, errors.New("the DSN cannot be read: write postgres://user@host:5432/database?sslmode=verify-full, or a list such as host=… dbname=…")
	}
	c.MaxConns = int32(o.Pool)
	if o.NoListen {
		sharePrepared(c)
	}
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = connectTimeout
	}
	// Also if the DSN has other wishes: a standby cannot be used.
	wishes := c.ConnConfig.ValidateConnect
	c.ConnConfig.ValidateConnect = func(ctx context.Context, x *pgconn.PgConn) error {
		if err := writable(ctx, x); err != nil || wishes == nil {
			return err
		}
		return wishes(ctx, x)
	}
	d := &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 3},
		Control:         giveUp,
	}
	c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if network == "unix" {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		return d.DialContext(ctx, network, address)
	}
	// A commit whose wait for the standbys is cancelled stands, and only a warning tells so.
	c.ConnConfig.OnNotice = func(c *pgconn.PgConn, n *pgconn.Notice) {
		if n.Routine == "SyncRepWaitForLSN" {
			c.CustomData()["local"] = true
		}
	}
	return c, nil
}

// writable refuses a server that cannot be written to, so that the next host of the DSN is tried.
func writable(ctx context.Context, c *pgconn.PgConn) error {
	results, err := c.Exec(ctx, "show transaction_read_only").ReadAll()
	if err != nil {
		return err
	}
	if len(results) == 1 && len(results[0].Rows) == 1 && string(results[0].Rows[0][0]) == "on" {
		return errRead
	}
	return nil
}

// Description is what a DSN says.
type Description struct {
	Place string // hosts, database and schema, without user and password
	Plain bool   // a host elsewhere can be reached without TLS, or without knowing that it is the right one
}

// Describe reads a DSN and connects to nothing. Its error does not contain the DSN.
func Describe(o Options) (d Description, err error) {
	o = o.withDefaults()
	c, err := o.config()
	if err != nil {
		return d, err
	}
	x := c.ConnConfig
	hosts := []*pgconn.FallbackConfig{{Host: x.Host, Port: x.Port, TLSConfig: x.TLSConfig}}
	var places []string
	for _, h := range append(hosts, x.Fallbacks...) {
		if place := net.JoinHostPort(h.Host, strconv.Itoa(int(h.Port))); !slices.Contains(places, place) {
			places = append(places, place)
		}
		local := strings.HasPrefix(h.Host, "/") || h.Host == "localhost" || net.ParseIP(h.Host).IsLoopback()
		d.Plain = d.Plain || !local && (h.TLSConfig == nil || h.TLSConfig.InsecureSkipVerify && h.TLSConfig.VerifyPeerCertificate == nil)
	}
	d.Place = strings.Join(places, ",") + "/" + x.Database + "/" + o.Schema
	return d, nil
}

// sql puts the schema into a statement.
func (s *Store) sql(text string) string {
	if v, ok := s.statements.Load(text); ok {
		return v.(string)
	}
	made := strings.ReplaceAll(text, "{s}", s.schema)
	s.statements.Store(text, made)
	return made
}

// class returns the number space of this schema's advisory locks.
func class(schema string) int32 {
	h := fnv.New32a()
	h.Write([]byte("hookwicket " + schema))
	return int32(h.Sum32())
}

// permanent reports whether an error does not go away by waiting: wrong password, rights,
// database or tables.
func permanent(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code[:2] {
		case "28", "3D", "3F", "42":
			return !misprepared(pg)
		}
	}
	return errors.Is(err, errPooler) || errors.Is(err, errStatements) || errors.Is(err, errFormat) || errors.Is(err, errNoTables) || errors.Is(err, errWrongKey) || errors.Is(err, queue.ErrMoved)
}

// plain makes the error of a connection fit for logs: without addresses of the DSN's form, and
// without the connection string.
func plain(err error) error {
	var connect *pgconn.ConnectError
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && misprepared(pg):
		return fmt.Errorf("the database says: %s (SQLSTATE %s); a pooler in transaction mode needs `listen off` in `store postgres`", pg.Message, pg.Code)
	case errors.As(err, &pg):
		return fmt.Errorf("the database says: %s (SQLSTATE %s)", pg.Message, pg.Code)
	case errors.As(err, &connect):
		return fmt.Errorf("connecting to the database: %w", connect.Unwrap())
	}
	return err
}

func unavailable(err error) error {
	if errors.Is(err, queue.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", queue.ErrUnavailable, plain(err))
}
