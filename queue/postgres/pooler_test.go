package postgres_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/postgres"
	"github.com/hookwicket/hookwicket/queue/queuetest"
)

// TestPooler: a store works behind PgBouncer in session mode, and in transaction mode without
// listening. A mode that does not fit is refused with the way out. The check names the mode.
func TestPooler(t *testing.T) {
	for _, c := range []struct {
		mode           string
		deaf           bool   // listen off
		refused, warns string // empty: not
	}{
		{mode: "session"},
		{mode: "session", deaf: true},
		{mode: "transaction", refused: "transaction mode before the database, which passes no notifications on: write `listen off`", warns: "need `listen off`"},
		{mode: "transaction", deaf: true, warns: "need `listen off`"},
		{mode: "statement", refused: "statement mode"},
		{mode: "statement", deaf: true, refused: "statement mode"},
	} {
		listen := "listen on"
		if c.deaf {
			listen = "listen off"
		}
		t.Run(c.mode+", "+listen, func(t *testing.T) {
			o := postgres.Options{
				DSN: pgtest.PgBouncer(t, c.mode, 40), Schema: pgtest.Schema(t), Node: "gw", NoListen: c.deaf, Lease: time.Second, Settings: queue.DefaultSettings(),
			}
			s, err := postgres.Open(o)
			if err == nil {
				defer s.Close()
			}
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("it was opened, or the error does not say what to do: %v", err)
				}
			} else if err != nil {
				t.Fatal(err)
			} else {
				deliversOne(t, s)
			}
			if _, err := postgres.Migrate(t.Context(), o); (err != nil) != (c.mode == "statement") {
				t.Errorf("the command migrate: %v", err)
			}
			if c.mode == "statement" { // for the check, by another way
				if _, err := postgres.Migrate(t.Context(), postgres.Options{DSN: pgtest.DSN(t), Schema: o.Schema}); err != nil {
					t.Fatal(err)
				}
			}
			r, err := postgres.Check(t.Context(), o)
			if c.mode == "statement" {
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("the check: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			warned := slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, c.warns) && strings.Contains(w, "pooler") })
			if r.PoolMode != c.mode || warned != (c.warns != "") {
				t.Errorf("the check says %q, and %q", r.PoolMode, r.Warnings)
			}
		})
	}
}

// deliversOne lets a store accept and deliver an event.
func deliversOne(t *testing.T, s *postgres.Store) {
	t.Helper()
	to := queue.Destination{Endpoint: "e"}
	m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte("body")}
	if _, err := s.Accept(t.Context(), m, queue.Identity{}, queue.To(to)...); err != nil {
		t.Fatal(err)
	}
	c, err := s.Claim(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Done(queue.Attempt{}); err != nil {
		t.Error(err)
	}
}

// TestPooledNodes runs the suite for several nodes behind PgBouncer in transaction mode. It has far
// fewer connections than the nodes, so each statement of a node gets another one.
func TestPooledNodes(t *testing.T) {
	dsn := pgtest.PgBouncer(t, "transaction", 10)
	queuetest.RunNodes(t, opener(func(t *testing.T, o postgres.Options) queue.Store {
		o.DSN, o.NoListen = dsn, true
		return openWired(t, o)
	}))
}
