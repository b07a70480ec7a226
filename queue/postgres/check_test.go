package postgres_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

// TestCheck: a store at work is sound, and each fault of the tables is found.
func TestCheck(t *testing.T) {
	schema := pgtest.Schema(t)
	s := node(t, schema, "gw", nil)
	to := queue.Destination{Endpoint: "e"}
	for i := range 6 {
		m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte("body")}
		if _, err := s.Accept(t.Context(), m, queue.Identity{Key: queue.Key{byte(i + 1)}, Window: time.Hour}, queue.To(to)...); err != nil {
			t.Fatal(err)
		}
	}
	for _, end := range []func(queue.Claim) error{
		func(c queue.Claim) error { return c.Done(queue.Attempt{}) },
		func(c queue.Claim) error { return c.Bury(queue.Attempt{}) },
		func(c queue.Claim) error { return c.Retry(time.Now().Add(time.Hour), queue.Attempt{}) },
	} {
		c, err := s.Claim(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		if err := end(c); err != nil {
			t.Fatal(err)
		}
	}
	o := postgres.Options{DSN: pgtest.DSN(t), Schema: schema}
	r, err := postgres.Check(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Sound() || r.Messages == 0 || r.Deliveries["waiting"] != 4 || r.Deliveries["dead_letter"] != 1 || len(r.Nodes) != 1 || r.Nodes[0].Name != "gw" || r.PoolMode != "" {
		t.Errorf("at work: %+v", r)
	}
	if r.Copies != 0 || !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.HasPrefix(w, "fsync is off: ") }) {
		t.Errorf("the tests' database syncs nothing: %d copies, %q", r.Copies, r.Warnings)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	for _, x := range []struct{ what, sql string }{
		{"deliveries without their message", "delete from {s}.message where id = (select message from {s}.delivery where state = 0 limit 1)"},
		{"messages without a delivery", "delete from {s}.delivery where message = (select message from {s}.delivery where state = 0 limit 1)"},
		{"deliveries of an unknown forward", "update {s}.delivery set destination = 999 where message = (select message from {s}.delivery where state = 2)"},
		{"attempts without their delivery", "insert into {s}.attempt values (gen_random_uuid(), 1, 1, '')"},
		{"removed messages that are still there", "insert into {s}.gone select id, 1, 0 from {s}.message limit 1"},
		{"deliveries in a state that is not known", "update {s}.delivery set state = 9 where message = (select message from {s}.delivery where state = 0 limit 1)"},
	} {
		t.Run(x.what, func(t *testing.T) {
			broken := pgtest.Schema(t)
			copySchema(t, c, schema, broken)
			if _, err := c.Exec(t.Context(), strings.ReplaceAll(x.sql, "{s}", broken)); err != nil {
				t.Fatal(err)
			}
			r, err := postgres.Check(t.Context(), postgres.Options{DSN: pgtest.DSN(t), Schema: broken})
			if err != nil {
				t.Fatal(err)
			}
			if r.Sound() || !slices.ContainsFunc(r.Inconsistent, func(p postgres.Inconsistency) bool { return p.What == x.what && p.Count == 1 }) {
				t.Errorf("%+v", r.Inconsistent)
			}
			if !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "no gateway is running") }) {
				t.Errorf("%q", r.Warnings)
			}
		})
	}
	if _, err := postgres.Check(t.Context(), postgres.Options{DSN: pgtest.DSN(t), Schema: pgtest.Schema(t)}); err == nil || !strings.Contains(err.Error(), "no tables") {
		t.Errorf("a schema without tables: %v", err)
	}
}

// copySchema makes the tables of a store anew with the rows of another.
func copySchema(t *testing.T, c *pgx.Conn, from, to string) {
	t.Helper()
	if _, err := postgres.Migrate(t.Context(), postgres.Options{DSN: pgtest.DSN(t), Schema: to}); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"destination", "message", "delivery", "attempt"} {
		if _, err := c.Exec(t.Context(), "insert into "+to+"."+table+" overriding system value select * from "+from+"."+table); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSecrets: what a gateway has learnt is read and forgotten beside it.
func TestSecrets(t *testing.T) {
	schema := pgtest.Schema(t)
	s := node(t, schema, "gw", nil)
	if err := s.Learn(t.Context(), "e", "one"); err != nil {
		t.Fatal(err)
	}
	if err := s.Learn(t.Context(), "e", "two"); err != nil {
		t.Fatal(err)
	}
	v, err := postgres.OpenSecrets(t.Context(), postgres.Options{DSN: pgtest.DSN(t), Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if got, err := v.Learnt(t.Context(), "e"); err != nil || !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("%q, %v", got, err)
	}
	if err := v.Forget(t.Context(), "e", "one"); err != nil {
		t.Error(err)
	}
	if got, err := s.Learnt(t.Context(), "e"); err != nil || !slices.Equal(got, []string{"two"}) {
		t.Errorf("%q, %v", got, err)
	}
	if n := len(s.Stats().Cluster.Nodes); n != 1 {
		t.Errorf("%d nodes: whoever looks is none", n)
	}
	if _, err := postgres.OpenSecrets(t.Context(), postgres.Options{DSN: pgtest.DSN(t), Schema: pgtest.Schema(t)}); err == nil {
		t.Error("a schema without tables was opened")
	}
}
