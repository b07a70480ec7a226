package caddymodule

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

func init() {
	caddy.RegisterModule(&PostgresStore{})
}

// PostgresStore keeps events in a PostgreSQL database, which several gateways share. All of
// them need the same configuration.
type PostgresStore struct {
	// DSN says where the database is, as PostgreSQL's clients read it. Several hosts may be
	// named: the one that can be written to is used. Give the password by a placeholder, such
	// as {file./run/secrets/dsn} for the whole.
	DSN string `json:"dsn"`
	// Schema has the tables. Default: hookwicket.
	Schema string `json:"schema,omitempty"`
	// Node is a name of this gateway, for people. Default: the name of the host.
	Node string `json:"node,omitempty"`
	// Durability is the number of copies that a 2xx stands for: the database's own disk, and the
	// standbys for which it waits by synchronous_standby_names. With fewer, events are
	// answered with 503. Default: whatever the database does.
	Durability int `json:"durability,omitempty"`
	// Lease is the time after which the deliveries of a silent gateway go to another one. At
	// least 1s. Default: 4s.
	Lease caddy.Duration `json:"lease,omitempty"`
	// Pool is the largest number of connections. At least 4. Default: 12.
	Pool int `json:"pool,omitempty"`
	// NoListen polls every 250 ms instead of listening, for PgBouncer in transaction mode.
	NoListen bool `json:"no_listen,omitempty"`
	// NoMigrate refuses to start where the tables are missing, instead of creating them.
	NoMigrate bool `json:"no_migrate,omitempty"`

	options postgres.Options
	place   string
}

// CaddyModule returns the Caddy module information.
func (*PostgresStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "webhook_gateway.stores.postgres",
		New: func() caddy.Module { return new(PostgresStore) },
	}
}

// Provision resolves placeholders. It connects to nothing.
func (s *PostgresStore) Provision(ctx caddy.Context) error {
	o := postgres.Options{
		Durability: s.Durability, Lease: time.Duration(s.Lease), Pool: s.Pool, NoListen: s.NoListen, NoMigrate: s.NoMigrate,
	}
	node := s.Node
	if node == "" {
		node = "{system.hostname}"
	}
	for _, p := range []struct {
		text string
		to   *string
	}{{s.DSN, &o.DSN}, {s.Schema, &o.Schema}, {node, &o.Node}} {
		var err error
		if *p.to, err = resolve(p.text); err != nil {
			return err
		}
	}
	if o.DSN == "" {
		return errors.New("store postgres needs a DSN, such as postgres://hookwicket@db.example.com/hookwicket?sslmode=verify-full")
	}
	switch {
	case o.Durability < 0:
		return fmt.Errorf("durability is %d: it is a number of copies, 1 or more", o.Durability)
	case o.Lease != 0 && o.Lease < time.Second:
		return fmt.Errorf("lease is %v: it must be 1s or more", o.Lease)
	case o.Pool != 0 && (o.Pool < 4 || o.Pool > 1000):
		return fmt.Errorf("pool is %d: it must be from 4 to 1000", o.Pool)
	}
	if badName(o.Node) {
		return fmt.Errorf("node is %q: a name of at most 100 bytes, without space and slashes, not of dots alone", o.Node)
	}
	about, err := postgres.Describe(o)
	if err != nil {
		return err
	}
	s.options, s.place = o, about.Place
	if about.Plain {
		ctx.Logger().Warn("the connection to the database is not encrypted for certain: add sslmode=verify-full to its DSN", zap.String("database", about.Place))
	}
	if writtenPassword.MatchString(s.DSN) {
		ctx.Logger().Warn("the configuration contains the password of the database, which the admin API shows: put the DSN into a file and write {file./path}", zap.String("database", about.Place))
	}
	return nil
}

// writtenPassword finds a password in a DSN that is not a placeholder.
var writtenPassword = regexp.MustCompile(`://[^/@:]*:[^{@/][^@]*@|password\s*=\s*'?[^{'\s]`)

// Location is the database and the schema, without a password.
func (s *PostgresStore) Location() string { return "postgres:" + s.place }

// Opening implements [Reopener]: a reload with another password, lease or durability has to have
// an effect. The gateway is two nodes until the store of before has no more requests.
func (s *PostgresStore) Opening() string {
	o := s.options
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d %d %d %t %t", o.DSN, o.Schema, o.Node, o.Durability, o.Lease, o.Pool, o.NoListen, o.NoMigrate))
	return hex.EncodeToString(sum[:])
}

// Open connects to the database. One that is away does not make it fail.
func (s *PostgresStore) Open(logger *zap.Logger, settings queue.Settings) (queue.Store, error) {
	o := s.options
	o.Settings, o.Logger, o.Committed = settings, slog.New(zapslog.NewHandler(logger.Core())), collectors().committed
	return postgres.Open(o)
}

// UnmarshalCaddyfile reads `postgres <dsn> { … }`.
func (s *PostgresStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the store's name
	if !d.Args(&s.DSN) {
		return d.Err("which database? Write `store postgres <dsn>`, such as `store postgres {file./run/secrets/dsn}`")
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	_, err := postgresBlock.readAll(s, d, d.Nesting())
	return err
}

// postgresBlock is the block of `store postgres`.
var postgresBlock = block[*PostgresStore]{
	title: "store postgres: ",
	lines: []subdirective[*PostgresStore]{
		{name: "schema", read: func(s *PostgresStore, d *caddyfile.Dispenser) error { return oneArg(d, &s.Schema) }},
		{name: "node", read: func(s *PostgresStore, d *caddyfile.Dispenser) error { return oneArg(d, &s.Node) }},
		{name: "durability", read: func(s *PostgresStore, d *caddyfile.Dispenser) error { return count(d, &s.Durability, 1) }},
		{name: "lease", read: func(s *PostgresStore, d *caddyfile.Dispenser) error {
			var text string
			if err := oneArg(d, &text); err != nil {
				return err
			}
			lease, err := caddy.ParseDuration(text)
			if err != nil || lease < time.Second {
				return d.Errf("store postgres: lease is %q: write a duration of 1s or more, such as 4s", text)
			}
			s.Lease = caddy.Duration(lease)
			return nil
		}},
		{name: "pool", read: func(s *PostgresStore, d *caddyfile.Dispenser) error { return count(d, &s.Pool, 4) }},
		{name: "listen", read: func(s *PostgresStore, d *caddyfile.Dispenser) error { return switchArg(d, &s.NoListen, "on", "off") }},
		{name: "migrate", read: func(s *PostgresStore, d *caddyfile.Dispenser) error { return switchArg(d, &s.NoMigrate, "auto", "off") }},
	},
}

// switchArg reads one of two words. The second sets to.
func switchArg(d *caddyfile.Dispenser, to *bool, unset, set string) error {
	name := d.Val()
	var text string
	if err := oneArg(d, &text); err != nil {
		return err
	}
	if text != unset && text != set {
		return d.Errf("store postgres: %s is %q: write %s or %s", name, text, unset, set)
	}
	*to = text == set
	return nil
}

var (
	_ StoreModule           = (*PostgresStore)(nil)
	_ Reopener              = (*PostgresStore)(nil)
	_ caddy.Provisioner     = (*PostgresStore)(nil)
	_ caddyfile.Unmarshaler = (*PostgresStore)(nil)
)
