package postgres_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

// sealed gives a node encryption keys.
func sealed(keys ...byte) func(*postgres.Options) {
	return func(o *postgres.Options) { o.Settings = sealedBy(keys...) }
}

func sealedBy(keys ...byte) queue.Settings {
	set := queue.DefaultSettings()
	for _, n := range keys {
		set.Keys = append(set.Keys, bytes.Repeat([]byte{n}, 32))
	}
	return set
}

// connect opens a connection beside the stores.
func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func execute(t *testing.T, c *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := c.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// watched notes each row that is ever written to a table of the schema, also what is removed
// again at once. The function that it returns reads them.
func watched(t *testing.T, schema string) (rows func() string) {
	t.Helper()
	c := connect(t)
	found, err := c.Query(t.Context(), "select tablename from pg_tables where schemaname = $1", schema)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(tables, "message") || !slices.Contains(tables, "command") || !slices.Contains(tables, "secret") {
		t.Fatalf("tables: %q", tables)
	}
	execute(t, c, "create schema seen_"+schema)
	execute(t, c, "create table seen_"+schema+".row (name text, content text)")
	execute(t, c, "create function seen_"+schema+".note() returns trigger language plpgsql as $$ begin insert into seen_"+schema+
		".row values (tg_table_name, new::text); return null; end $$")
	for _, table := range tables {
		execute(t, c, fmt.Sprintf("create trigger seen after insert or update on %s.%s for each row execute function seen_%s.note()", schema, table, schema))
	}
	return func() string {
		t.Helper()
		found, err := c.Query(t.Context(), "select name || ' ' || content from seen_"+schema+".row")
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(found, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "\n")
	}
}

// TestNothingInTheClear: with a key, no row of any table ever contains a byte of a request, of
// an upstream's answer or of a secret, as text or in a binary column. Without one they do,
// which shows that the test finds them. An order key is never there.
func TestNothingInTheClear(t *testing.T) {
	for _, keys := range [][]byte{nil, {1}} {
		t.Run(fmt.Sprint(len(keys), " keys"), func(t *testing.T) {
			schema := pgtest.Schema(t)
			owner, other := node(t, schema, "gw1", sealed(keys...)), node(t, schema, "gw2", sealed(keys...))
			rows := watched(t, schema)
			a, b := queue.Destination{Endpoint: "pay", Forward: "a"}, queue.Destination{Endpoint: "pay", Forward: "b"}
			route := queue.Route{Destination: a, Ordered: true, OrderKey: "order-of-mallory"}
			again := queue.Route{Destination: b, Ordered: true, OrderKey: "order-of-mallory"}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			do := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			accept := func(s *postgres.Store, body string, to ...queue.Route) queue.ID {
				t.Helper()
				m := &queue.Message{
					ReceivedAt: time.Now(), Endpoint: "pay", EventID: "evt_visible", EventType: "type.visible", Method: "POST",
					URI: "/in?customer=uri-4711", Host: "host.confidential", RemoteAddr: "203.0.113.77:1", ClientIP: "203.0.113.78",
					Header: http.Header{"X-Customer": {"header-mallory"}}, Body: []byte(body),
				}
				_, err := s.Accept(ctx, m, queue.Identity{}, to...)
				do(err)
				return m.ID
			}
			big := strings.Repeat("large body ", 1<<17)
			for i := range 3 {
				accept(owner, "body-confidential", route)
				accept(other, "body-confidential"+big[:i<<20/2], route)
			}
			unrouted := accept(other, "body-confidential")
			for range 6 {
				c, err := owner.Claim(ctx, a)
				do(err)
				id := c.Delivery().Message.ID
				do(c.Retry(time.Now(), queue.Attempt{At: time.Now(), Error: "error-confidential", Excerpt: "excerpt-confidential"}))
				c, err = owner.Claim(ctx, a)
				do(err)
				if last := c.Delivery().Last; c.Delivery().Message.ID != id || last == nil || last.Error != "error-confidential" {
					t.Fatalf("claimed with %+v", last)
				}
				do(c.Bury(queue.Attempt{At: time.Now(), Error: "error-confidential"}))
				do(other.Redeliver(ctx, id, route)) // through the mailbox
				do(other.Redeliver(ctx, id, again))
				do(other.Cancel(ctx, id, a))
			}
			for _, s := range []*postgres.Store{owner, other} {
				do(s.Reroute(ctx, unrouted, again))
				unrouted = accept(s, "body-confidential")
				do(s.Learn(ctx, "pay", "secret-confidential of "+fmt.Sprintf("%p", s)))
			}
			all := rows()
			contains := func(what string) bool {
				return strings.Contains(all, what) || strings.Contains(all, hex.EncodeToString([]byte(what)))
			}
			for _, what := range []string{"evt_visible", "type.visible", "pay/a"} {
				if !contains(what) {
					t.Errorf("%q is in no row, but the store has to find it", what)
				}
			}
			if !strings.Contains(all, "command ") || !strings.Contains(all, "redeliver") {
				t.Error("no operation went through the mailbox")
			}
			if contains("order-of-mallory") {
				t.Error("an order key is in the tables")
			}
			for _, what := range []string{
				"body-confidential", "large body", "uri-4711", "host.confidential", "203.0.113.77", "203.0.113.78", "X-Customer", "header-mallory",
				"error-confidential", "excerpt-confidential", "secret-confidential",
			} {
				if contains(what) != (keys == nil) {
					t.Errorf("%q is in the tables: %v", what, keys != nil)
				}
			}
			for _, n := range keys {
				if contains(strings.Repeat(string(rune(n)), 8)) {
					t.Error("the key itself is in the tables")
				}
			}
		})
	}
}

// TestWrongKey: a database that is encrypted takes a new key only beside one that it knows.
func TestWrongKey(t *testing.T) {
	schema := pgtest.Schema(t)
	node(t, schema, "gw1", sealed(1)).Close()
	_, err := postgres.Open(postgres.Options{DSN: pgtest.DSN(t), Schema: schema, Settings: sealedBy(2)})
	if err == nil || !strings.Contains(err.Error(), "encrypted with another key") {
		t.Errorf("got %v", err)
	}
	_, err = postgres.Open(postgres.Options{DSN: pgtest.DSN(t), Schema: schema, Settings: queue.Settings{Keys: [][]byte{[]byte("too short")}}})
	if err == nil || !strings.Contains(err.Error(), "key 1 has 9 bytes") || strings.Contains(err.Error(), "too short") {
		t.Errorf("got %v", err)
	}
	node(t, schema, "gw1", sealed(2, 1)).Close()
	node(t, schema, "gw1", sealed(2)).Close()
	node(t, schema, "gw1", sealed()).Close()
}

// TestWrongKeyLately: a node whose database was away at first, and is encrypted with another
// key, accepts nothing, says why, and goes on when it gets the right one.
func TestWrongKeyLately(t *testing.T) {
	schema := pgtest.Schema(t)
	node(t, schema, "gw1", sealed(1)).Close()
	w, dsn := through(t, pgtest.DSN(t))
	w.hold(true)
	s := node(t, schema, "gw1", func(o *postgres.Options) { o.DSN, o.Settings = dsn+" connect_timeout=1", sealedBy(2) })
	if s.Stats().Available {
		t.Fatal("the database is not away")
	}
	w.hold(false)
	until(t, "it says why", func() bool {
		st := s.Stats()
		return !st.Available && strings.Contains(st.Cause, "encrypted with another key")
	})
	m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte("body")}
	if _, err := s.Accept(t.Context(), m, queue.Identity{}, queue.To(queue.Destination{Endpoint: "e"})...); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("accepting: %v", err)
	}
	if err := s.Configure(sealedBy(2, 1)); err != nil {
		t.Fatal(err)
	}
	until(t, "it goes on", func() bool { return s.Stats().Available })
	if _, err := s.Accept(t.Context(), m, queue.Identity{}, queue.To(queue.Destination{Endpoint: "e"})...); err != nil {
		t.Error(err)
	}
}

// TestSwappedRows: whoever can write to the tables cannot pass one record off as another.
func TestSwappedRows(t *testing.T) {
	schema := pgtest.Schema(t)
	s := node(t, schema, "gw1", sealed(1))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	a := queue.Destination{Endpoint: "e"}
	var ids []queue.ID
	for i := range 2 {
		m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: fmt.Append(nil, i)}
		if _, err := s.Accept(ctx, m, queue.Identity{}, queue.To(a)...); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
		c, err := s.Claim(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Bury(queue.Attempt{Error: fmt.Sprint("error ", i)}); err != nil {
			t.Fatal(err)
		}
		if err := s.Learn(ctx, "e", fmt.Sprint("secret ", i)); err != nil {
			t.Fatal(err)
		}
	}
	c := connect(t)
	for _, sql := range []string{
		"update message m set record = o.record from message o where o.id <> m.id",
		"update attempt m set record = o.record from attempt o where o.message <> m.message",
		"update delivery m set last = o.last from delivery o where o.message <> m.message",
		"update secret m set secret = o.secret from secret o where o.digest <> m.digest",
	} {
		execute(t, c, "set search_path = "+schema)
		execute(t, c, sql)
	}
	for i, id := range ids {
		seen, err := s.Look(ctx, id)
		if err != nil || seen.Err == nil || seen.Message != nil {
			t.Fatalf("message %d: %+v, %v", i, seen, err)
		}
		if d := seen.Deliveries[0]; d.Err == nil || d.Last != nil || len(d.History) != 0 {
			t.Errorf("delivery %d: %+v", i, d)
		}
		if err := s.Redeliver(ctx, id, queue.Route{Destination: a}); err != nil {
			t.Fatal(err)
		}
	}
	if secrets, err := s.Learnt(ctx, "e"); err != nil || len(secrets) != 0 {
		t.Errorf("secrets: %q, %v", secrets, err)
	}
	m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte("behind them")}
	if _, err := s.Accept(ctx, m, queue.Identity{}, queue.To(a)...); err != nil {
		t.Fatal(err)
	}
	got, err := s.Claim(ctx, a)
	if err != nil || string(got.Delivery().Message.Body) != "behind them" {
		t.Fatalf("%v, %v", got, err)
	}
	if n := s.Stats().Destinations[a].DeadLetters; n != 2 {
		t.Errorf("%d dead letters", n)
	}
}

// TestOwnerWithTheKey: what waits for a key on one node is delivered at once by a node that has
// it, when that becomes the owner.
func TestOwnerWithTheKey(t *testing.T) {
	schema := pgtest.Schema(t)
	first := node(t, schema, "gw1", sealed(1))
	lacking := node(t, schema, "gw2", sealed(2, 1))
	if err := lacking.Configure(sealedBy(2)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a := queue.Destination{Endpoint: "e"}
	claimed := make(chan queue.Claim, 1)
	go func() {
		if c, err := lacking.Claim(ctx, a); err == nil {
			claimed <- c
		}
	}()
	const count = 5
	for range count {
		m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte("body")}
		if _, err := first.Accept(ctx, m, queue.Identity{}, queue.To(a)...); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "they wait", func() bool {
		st := lacking.Stats()
		d := st.Destinations[a]
		return st.Cluster.Keyless && !d.Elsewhere && d.Waiting == count && d.Claimed == 0
	})
	until(t, "both nodes warn of the keys", func() bool {
		text := warnings(lacking)
		return strings.Contains(text, "events wait that cannot be read") && strings.Contains(text, "gw1 and this gateway encrypt with keys") &&
			strings.Contains(warnings(first), "gw2 and this gateway encrypt with keys")
	})
	if len(claimed) > 0 {
		t.Fatal("claimed without its key")
	}
	lacking.Close()
	limit, stop := context.WithTimeout(ctx, patience)
	defer stop()
	for range count {
		c, err := first.Claim(limit, a)
		if err == nil {
			err = c.Done(queue.Attempt{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestSomeEncrypt: a node that stores events in the clear beside one that encrypts is named on both.
func TestSomeEncrypt(t *testing.T) {
	schema := pgtest.Schema(t)
	with, without := node(t, schema, "gw1", sealed(1)), node(t, schema, "gw2", nil)
	until(t, "both warn", func() bool {
		return strings.Contains(warnings(with), "gw2 does not encrypt events, and this gateway does") &&
			strings.Contains(warnings(without), "gw1 encrypts events, and this gateway does not")
	})
	if err := without.Configure(sealedBy(1)); err != nil {
		t.Fatal(err)
	}
	if text := warnings(without); strings.Contains(text, "gw2") {
		t.Errorf("a node warns of itself: %s", text)
	}
	until(t, "both are content", func() bool { return warnings(with) == "" && warnings(without) == "" })
}
