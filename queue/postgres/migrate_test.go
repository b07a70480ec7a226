package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

// TestMigrate: a role that may not create tables works with those that the owner has made, by
// either way, and with the rights that the manual names.
func TestMigrate(t *testing.T) {
	c, err := pgx.Connect(t.Context(), pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	exec := func(sql string) {
		t.Helper()
		if _, err := c.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
	}
	for _, way := range []string{"command", "statements"} {
		t.Run(way, func(t *testing.T) {
			schema := pgtest.Schema(t)
			role := "role_" + schema
			exec("create role " + role + " login")
			o := postgres.Options{DSN: strings.Replace(pgtest.DSN(t), "user=postgres", "user="+role, 1), Schema: schema, Node: "gw", NoMigrate: true, Settings: queue.DefaultSettings()}
			if s, err := postgres.Open(o); err == nil {
				s.Close()
				t.Fatal("a store without tables was opened")
			}
			owner := postgres.Options{DSN: pgtest.DSN(t), Schema: schema}
			if way == "statements" {
				exec("begin;" + postgres.Statements(owner) + "commit")
			} else if made, err := postgres.Migrate(t.Context(), owner); err != nil || !made {
				t.Fatal(made, err)
			}
			if made, err := postgres.Migrate(t.Context(), owner); err != nil || made {
				t.Errorf("once more: %v, %v", made, err)
			}
			exec("grant usage on schema " + schema + " to " + role +
				"; grant select, insert, update, delete on all tables in schema " + schema + " to " + role +
				"; grant usage on all sequences in schema " + schema + " to " + role +
				"; grant execute on all functions in schema " + schema + " to " + role)
			s, err := postgres.Open(o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte("body")}
			to := queue.To(queue.Destination{Endpoint: "e"})
			if _, err := s.Accept(t.Context(), m, queue.Identity{Key: queue.Key{1}, Window: 1e9}, to...); err != nil {
				t.Fatal(err)
			}
			claim, err := s.Claim(t.Context(), queue.Destination{Endpoint: "e"})
			if err != nil {
				t.Fatal(err)
			}
			if err := claim.Done(queue.Attempt{}); err != nil {
				t.Error(err)
			}
			exec("update " + schema + ".meta set format = 99, oldest = 98")
			if _, err := postgres.Migrate(t.Context(), owner); err == nil || !strings.Contains(err.Error(), "format 99") || !strings.Contains(err.Error(), "update this gateway") {
				t.Errorf("tables of another format: %v", err)
			}
		})
	}
}
