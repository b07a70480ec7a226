package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// links are the connections of a store. A statement that writes an event is never cancelled, so
// one that the server will not answer any more has to end with its connection: the server is
// frozen, has been replaced by another one, or the store closes.
type links struct {
	mu     sync.Mutex
	open   map[*link]bool
	closed bool // the store closes: nothing is cancelled

	// The newest history of the database that was met. A standby that is promoted begins a new
	// timeline, so a lower one is that of a former primary.
	system   string
	timeline uint64
}

// link is one connection. The lock of its links guards it.
type link struct {
	links  *links
	dial   pgconn.DialFunc
	conn   net.Conn
	server int64 // when its server was started, in microseconds since 1970; 0: not known yet
	ready  bool
	firm   bool // its statement must not be cancelled
}

var errFirm = errors.New("the statement is not cancelled")

// watch makes a pool report its connections.
func (s *links) watch(c *pgxpool.Config) {
	s.open = make(map[*link]bool)
	c.BeforeConnect = func(_ context.Context, x *pgx.ConnConfig) error { s.attach(&x.Config); return nil }
	c.BeforeClose = func(c *pgx.Conn) {
		if l := linkOf(c); l != nil {
			s.mu.Lock()
			delete(s.open, l)
			s.mu.Unlock()
		}
	}
}

// attach makes the configuration of one connection report it.
func (s *links) attach(c *pgconn.Config) {
	l, check := &link{links: s, dial: c.DialFunc}, c.ValidateConnect
	c.DialFunc = l.connect
	c.ValidateConnect = func(ctx context.Context, x *pgconn.PgConn) error {
		if err := check(ctx, x); err != nil {
			l.close()
			return err
		}
		if err := l.identify(ctx, x); err != nil {
			l.close()
			return err
		}
		x.CustomData()["link"] = l
		return nil
	}
}

func linkOf(c *pgx.Conn) *link {
	l, _ := c.PgConn().CustomData()["link"].(*link)
	return l
}

// connect dials one host after another until one is ready. After that, pgx dials in order to
// cancel a statement.
func (l *link) connect(ctx context.Context, network, address string) (net.Conn, error) {
	l.links.mu.Lock()
	ready, refuse := l.ready, l.ready && (l.firm || l.links.closed)
	l.links.mu.Unlock()
	if refuse {
		return nil, errFirm
	}
	conn, err := l.dial(ctx, network, address)
	if err != nil || ready {
		return conn, err
	}
	l.links.mu.Lock()
	defer l.links.mu.Unlock()
	l.conn, l.links.open[l] = conn, true
	return conn, nil
}

func (l *link) close() {
	l.links.mu.Lock()
	defer l.links.mu.Unlock()
	delete(l.links.open, l)
}

// hold keeps the statement that follows from being cancelled.
func (l *link) hold(firm bool) {
	if l == nil { // of the host that target_session_attrs does not prefer
		return
	}
	l.links.mu.Lock()
	defer l.links.mu.Unlock()
	l.firm = firm
}

// started selects when the server was started.
const started = "(extract(epoch from pg_postmaster_start_time()) * 1e6)::bigint"

// identify finds out which server answers, and refuses one that was the primary in former times.
func (l *link) identify(ctx context.Context, x *pgconn.PgConn) error {
	row, err := selected(ctx, x, "select "+started+", (pg_control_system()).system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8)")
	var refused *pgconn.PgError
	if errors.As(err, &refused) { // some services do not tell the timeline
		row, err = selected(ctx, x, "select "+started)
	}
	if err != nil {
		return err
	}
	s := l.links
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(row) == 3 {
		system, timeline := string(row[1]), string(row[2])
		n, err := strconv.ParseUint(timeline, 16, 64)
		switch {
		case err != nil:
		case s.system == system && n < s.timeline:
			return fmt.Errorf("this server was the primary in former times: it is on timeline %d, and the gateway has used timeline %d; if a backup was restored, restart the gateway", n, s.timeline)
		default:
			s.system, s.timeline = system, n
		}
	}
	l.server, _ = strconv.ParseInt(string(row[0]), 10, 64)
	l.ready = true
	return nil
}

// selected returns the one row of a query.
func selected(ctx context.Context, x *pgconn.PgConn, query string) ([][]byte, error) {
	r := x.ExecParams(ctx, query, nil, nil, nil, nil).Read()
	if r.Err != nil {
		return nil, r.Err
	}
	if len(r.Rows) != 1 {
		return nil, fmt.Errorf("%d rows from %s", len(r.Rows), query)
	}
	return r.Rows[0], nil
}

// cut closes connections without cancelling their statements. keep is the server whose
// connections stay; 0: none.
func (s *links) cut(keep int64) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.open {
		if !l.ready || keep != 0 && l.server == keep {
			continue
		}
		l.firm = true
		_ = l.conn.Close()
		delete(s.open, l)
		n++
	}
	return n
}

// close keeps statements from being cancelled from now on.
func (s *links) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// probe connects anew and returns when the server that answers was started.
func (s *Store) probe(ctx context.Context) (server int64, err error) {
	c := s.pool.Config().ConnConfig
	s.links.attach(&c.Config)
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	l := linkOf(conn)
	if l == nil {
		return 0, errAway
	}
	defer l.close()
	return l.server, nil
}

// unhang ends the statements that nobody answers any more, after an exchange that has taken too
// long. A server that takes connections is at work: a statement that waits there waits for a lock or a standby.
func (s *Store) unhang() {
	ctx, cancel := context.WithTimeout(s.running, s.options.Lease+4*connectTimeout)
	defer cancel()
	server, err := s.probe(ctx)
	if s.running.Err() != nil {
		return
	}
	if n := s.links.cut(server); n > 0 {
		s.options.Logger.Warn("the database does not answer: its connections are closed", "connections", n, "error", plain(err))
	}
}
