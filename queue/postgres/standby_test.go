package postgres_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

// TestStandby: a store with a standby alone says that it needs the primary, and accepts nothing. With
// both hosts, in any order, it uses the primary. The check looks at the standby and names it as one.
func TestStandby(t *testing.T) {
	primary := pgtest.NewServer(t, "", "fsync = off")
	if _, err := postgres.Migrate(t.Context(), postgres.Options{DSN: primary.DSN()}); err != nil {
		t.Fatal(err)
	}
	standby := primary.Standby(t, "pg2")
	o := postgres.Options{DSN: standby.DSN(), Node: "gw", Lease: time.Second, Settings: queue.DefaultSettings()}
	s, err := postgres.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const want = "cannot be written to: it is a standby, or read-only. Name the primary, or all hosts, in the DSN"
	if st := s.Stats(); st.Available || !strings.Contains(st.Cause, want) {
		t.Errorf("a standby: %+v", st)
	}
	m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte("body")}
	if _, err := s.Accept(t.Context(), m, queue.Identity{}, queue.To(queue.Destination{Endpoint: "e"})...); !errors.Is(err, queue.ErrUnavailable) || !strings.Contains(err.Error(), want) {
		t.Errorf("accepting: %v", err)
	}
	until(t, "the standby has the tables", func() bool {
		r, err := postgres.Check(t.Context(), o)
		return err == nil && strings.Contains(strings.Join(r.Warnings, "\n"), "this server is a standby that cannot be written to: name the other hosts in the DSN as well")
	})
	host := func(s *pgtest.Server) string {
		dir, _, _ := strings.Cut(strings.TrimPrefix(s.DSN(), "host="), " ")
		return dir
	}
	o.DSN = "host=" + host(standby) + "," + host(primary) + " user=postgres dbname=postgres"
	both, err := postgres.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer both.Close()
	deliversOne(t, both)
}
