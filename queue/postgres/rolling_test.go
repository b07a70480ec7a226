package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

// nextFormat is a step as a later version may have one. It cannot be made twice.
const nextFormat = `alter table {s}.delivery add column reason text not null default '';
	create table {s}.once (one int);
	create function {s}.accept_2() returns int language sql as 'select 2';`

// TestRollingFormat: two gateways of the next version start at once beside one of this version that
// is under load. One of them makes the step, the gateway of this version goes on and can be started
// again, and all events are delivered once.
func TestRollingFormat(t *testing.T) {
	o := postgres.Options{DSN: pgtest.DSN(t), Schema: pgtest.Schema(t), Node: "old", Lease: 2 * time.Second, Settings: queue.DefaultSettings()}
	open := func(o postgres.Options) *postgres.Store {
		s, err := postgres.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	to := queue.Destination{Endpoint: "e"}
	var taken, unsure sync.Map // unsure: those whose mark may not have been made
	ctx, cancel := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	work := func(s *postgres.Store) {
		workers.Go(func() {
			for {
				c, err := s.Claim(ctx, to)
				if err != nil {
					return
				}
				id := c.Delivery().Message.ID
				n, _ := taken.LoadOrStore(id, new(atomic.Int32))
				n.(*atomic.Int32).Add(1)
				switch err := c.Done(queue.Attempt{}); {
				case errors.Is(err, queue.ErrUnavailable): // its store closes
					unsure.Store(id, true)
				case err != nil:
					t.Error(err)
				}
			}
		})
	}
	var accepted []queue.ID
	send := func(s *postgres.Store) {
		t.Helper()
		m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte("body")}
		if _, err := s.Accept(t.Context(), m, queue.Identity{}, queue.To(to)...); err != nil {
			t.Fatal(err)
		}
		accepted = append(accepted, m.ID)
	}
	old := open(o)
	work(old)
	send(old)

	next := postgres.WithStep(o, nextFormat, 1)
	next.Node = "new"
	var both sync.WaitGroup
	var done atomic.Int32
	newer := make([]*postgres.Store, 2)
	for i := range newer {
		both.Go(func() {
			defer done.Add(1)
			newer[i], _ = postgres.Open(next)
		})
	}
	for done.Load() < 2 {
		send(old)
	}
	both.Wait()
	for _, s := range newer {
		if s == nil {
			t.Fatal("a gateway of the next version was not opened")
		}
		t.Cleanup(func() { s.Close() })
		until(t, "the tables are ready", func() bool { return s.Stats().Available })
		work(s)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(o) // of this version, with the tables of the next one
	work(again)
	for range 20 {
		for _, s := range append(newer, again) {
			send(s)
		}
	}
	if made, err := postgres.Migrate(t.Context(), o); made || err != nil {
		t.Errorf("migrate of this version: %v, %v", made, err)
	}
	r, err := postgres.Check(t.Context(), o)
	if err != nil || r.Format != 2 {
		t.Errorf("check of this version: %+v, %v", r, err)
	}
	until(t, "all are delivered", func() bool {
		for _, id := range accepted {
			if _, ok := taken.Load(id); !ok {
				return false
			}
		}
		return true
	})
	for _, id := range accepted {
		n, _ := taken.Load(id)
		if _, ok := unsure.Load(id); n.(*atomic.Int32).Load() != 1 && !ok {
			t.Errorf("%v was delivered %d times", id, n.(*atomic.Int32).Load())
		}
	}
	t.Logf("%d accepted, lost 0", len(accepted))
}

// TestFormats: each program says what to do with tables that it cannot use, and changes nothing.
func TestFormats(t *testing.T) {
	o := postgres.Options{DSN: pgtest.DSN(t), Schema: pgtest.Schema(t), Node: "gw-old", Lease: 2 * time.Second, Settings: queue.DefaultSettings()}
	refuses := func(o postgres.Options, want ...string) {
		t.Helper()
		s, err := postgres.Open(o)
		if err == nil {
			s.Close()
			t.Fatalf("it was opened; want %q", want)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%v does not say %q", err, w)
			}
		}
	}
	old, err := postgres.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	apart := postgres.WithStep(o, nextFormat, 2) // this version cannot use its tables
	apart.Node = "gw-new"
	hand := apart
	hand.NoMigrate = true
	refuses(hand, "has format 1", "needs format 2", "run `caddy webhook migrate`", "migrate is off")
	refuses(apart, "gateway gw-old is at work with format 1", "stop it")
	deliversOne(t, old)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Check(t.Context(), apart); err == nil || !strings.Contains(err.Error(), "needs format 2") {
		t.Errorf("check of the next version: %v", err)
	}

	// A step waits for a table for a moment only, since the gateways at work wait behind it.
	conn, err := pgx.Connect(t.Context(), pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), "select count(*) from "+o.Schema+".delivery")
	}
	if err != nil {
		t.Fatal(err)
	}
	newer, err := postgres.Open(apart)
	if err != nil {
		t.Fatal(err)
	}
	defer newer.Close()
	if st := newer.Stats(); st.Available || !strings.Contains(st.Cause, "lock timeout") {
		t.Errorf("while somebody reads the table: %+v", st)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "it is ready afterwards", func() bool { return newer.Stats().Available })
	deliversOne(t, newer)
	refuses(o, "has format 2", "this version has format 1", "update this gateway")
}
