package postgres_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

// on opens a store on a server of the test's own.
func on(t *testing.T, dsn string, lease time.Duration) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(postgres.Options{DSN: dsn, Lease: lease, Settings: queue.DefaultSettings()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Abandon)
	return s
}

// accept tries until an event is accepted, each time as an event of its own.
func accept(t *testing.T, s *postgres.Store, to queue.Destination) queue.ID {
	t.Helper()
	var id queue.ID
	until(t, "an event is accepted", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		m := &queue.Message{ReceivedAt: time.Now(), Endpoint: to.Endpoint, Method: "POST", Body: []byte("body")}
		_, err := s.Accept(ctx, m, queue.Identity{}, queue.To(to)...)
		if err != nil && !errors.Is(err, queue.ErrUnavailable) {
			t.Fatal(err)
		}
		id = m.ID
		return err == nil
	})
	return id
}

// claim waits for a delivery.
func claim(t *testing.T, s *postgres.Store, to queue.Destination) queue.Claim {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		c, err := s.Claim(ctx, to)
		if err == nil {
			return c
		}
		if ctx.Err() != nil {
			t.Fatal("there is no delivery: ", err)
		}
	}
}

// TestLostMarks: outcomes that a crash of the database has taken back are repeated, although the
// node has kept its lease.
func TestLostMarks(t *testing.T) {
	a := pgtest.NewHost(t, "a", "wal_writer_delay=10s")
	s := on(t, a.DSN(), 20*time.Second)
	to := queue.Destination{Endpoint: "e"}
	for name, crash := range map[string]func(){
		"a process":  a.Crash,
		"the server": func() { a.Kill(); a.Start() },
	} {
		t.Run(name, func(t *testing.T) {
			lost := int64(0)
			for lost == 0 { // a renewal of the lease just before brings the marks to the disk
				for range 5 {
					accept(t, s, to)
				}
				for range 5 {
					if err := claim(t, s, to).Done(queue.Attempt{}); err != nil {
						t.Fatal(err)
					}
				}
				crash()
				lost = a.Int("select count(*) from hookwicket.delivery where state = 0")
			}
			for range lost {
				if err := claim(t, s, to).Done(queue.Attempt{}); err != nil {
					t.Error(err)
				}
			}
			if n := s.Stats().Destinations[to].Waiting; n != 0 {
				t.Errorf("%d deliveries wait in the end", n)
			}
		})
	}
}

// TestFrozenPrimary: a primary that stands still is replaced by a standby. The statements that hang
// there end, and nothing goes to the former primary when it moves again.
func TestFrozenPrimary(t *testing.T) {
	a := pgtest.NewHost(t, "a")
	b := a.Standby("b")
	a.WaitFor("ANY 1 (b)", b)
	s := on(t, pgtest.Hosts(a, b), time.Second)
	to := queue.Destination{Endpoint: "e"}
	want := map[queue.ID]bool{accept(t, s, to): true}
	a.Freeze()
	t.Cleanup(a.Thaw)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var hanging sync.WaitGroup
	for range 20 {
		hanging.Go(func() {
			m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte("body")}
			if _, err := s.Accept(ctx, m, queue.Identity{}, queue.To(to)...); err != nil && !errors.Is(err, queue.ErrUnavailable) || ctx.Err() != nil {
				t.Error("an acceptance that hung: ", err)
			}
		})
	}
	began := time.Now()
	b.Promote()
	want[accept(t, s, to)] = true
	t.Logf("accepting goes on %v after the freeze", time.Since(began).Round(time.Millisecond))
	hanging.Wait()
	for len(want) > 0 {
		c := claim(t, s, to)
		delete(want, c.Delivery().Message.ID)
		if err := c.Done(queue.Attempt{}); err != nil && !errors.Is(err, queue.ErrLost) {
			t.Error(err)
		}
	}

	closing := on(t, b.DSN(), time.Minute)
	b.WaitFor("ANY 1 (x)") // which does not exist
	go closing.Accept(ctx, &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST"}, queue.Identity{}, queue.To(to)...)
	until(t, "a commit waits", func() bool { return b.Int(waitsForStandby, "accept_1") == 1 })
	closed := make(chan error, 1)
	go func() { closed <- closing.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("a commit that waits for a standby keeps the store from closing")
	}
	b.WaitFor("")

	a.Thaw()
	a.WaitFor("") // it would acknowledge now
	before := a.Int("select count(*) from hookwicket.message")
	for range 3 {
		b.Int("select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid() and datname = 'postgres'")
		accept(t, s, to)
	}
	if n := a.Int("select count(*) from hookwicket.message"); n != before {
		t.Errorf("the former primary got %d events", n-before)
	}
}

// TestStandbyAlone: a database that can only be read is one that is away. The store uses it once
// it is promoted.
func TestStandbyAlone(t *testing.T) {
	a := pgtest.NewHost(t, "a")
	b := a.Standby("b")
	s := on(t, b.DSN()+" target_session_attrs=any", time.Second)
	m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST"}
	if _, err := s.Accept(t.Context(), m, queue.Identity{}, queue.To(queue.Destination{Endpoint: "e"})...); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if st := s.Stats(); st.Available || !strings.Contains(st.Cause, "cannot be written to") {
		t.Errorf("%+v", st)
	}
	a.Kill()
	b.Promote()
	accept(t, s, queue.Destination{Endpoint: "e"})
}

// TestPasswordAfterFailover: a new primary that refuses the password is one that is away, until the
// role gets it.
func TestPasswordAfterFailover(t *testing.T) {
	a := pgtest.NewHost(t, "a")
	a.Exec("create role gw login superuser password 'another'")
	b := a.Standby("b")
	a.WaitFor("ANY 1 (b)", b)
	b.Require("gw")
	s := on(t, strings.Replace(pgtest.Hosts(a, b), "user=postgres", "user=gw password=geheim", 1), time.Second)
	to := queue.Destination{Endpoint: "e"}
	accept(t, s, to)
	a.Kill()
	b.Promote()
	until(t, "the cause is named", func() bool {
		st := s.Stats()
		if strings.Contains(st.Cause, "geheim") {
			t.Fatal("the cause contains the password")
		}
		return !st.Available && strings.Contains(st.Cause, "28P01")
	})
	b.Exec("alter role gw password 'geheim'")
	accept(t, s, to)
}

// TestAwayMemory: events that are refused while the database is away need no memory afterwards.
func TestAwayMemory(t *testing.T) {
	a := pgtest.NewHost(t, "a")
	for name, away := range map[string]func(){"frozen": a.Freeze, "killed": a.Kill} {
		t.Run(name, func(t *testing.T) {
			s := on(t, a.DSN(), 4*time.Second)
			to := queue.Destination{Endpoint: "e"}
			accept(t, s, to)
			away()
			defer func() {
				a.Kill()
				a.Start()
			}()
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			const size, many = 256 << 10, 2000
			for range many / 200 {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				var all sync.WaitGroup
				for range 200 {
					all.Go(func() {
						m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: make([]byte, size)}
						if _, err := s.Accept(ctx, m, queue.Identity{}, queue.To(to)...); !errors.Is(err, queue.ErrUnavailable) {
							t.Errorf("got %v", err)
						}
					})
				}
				all.Wait()
				cancel()
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > many*size/16 {
				t.Errorf("%d MiB are kept of %d MiB", kept>>20, many*size>>20)
			}
		})
	}
}
