package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

// waitsForStandby selects the statements that have committed and wait for a standby.
const waitsForStandby = "select count(*) from pg_stat_activity where wait_event = 'SyncRep' and query like '%' || $1 || '%'"

// answer is the outcome of a call.
type answer struct {
	what    string
	verdict queue.Verdict
	err     error
}

// paid is an event and its identity.
func paid(id byte) (*queue.Message, queue.Identity) {
	m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte{id}}
	return m, queue.Identity{Key: queue.Key{id}, Window: time.Hour}
}

// TestStandbyTraps: with synchronous replication, an event that one disk has is neither
// acknowledged nor known to its twins, however it came there: by a cancelled wait, or by a crash
// of the primary during the wait.
func TestStandbyTraps(t *testing.T) {
	a := pgtest.NewHost(t, "a")
	s, err := postgres.Open(postgres.Options{DSN: a.DSN(), Schema: "hookwicket", Lease: time.Minute, Settings: queue.DefaultSettings()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Abandon)
	to := queue.To(queue.Destination{Endpoint: "e"})
	to[0].Hold = true // a claim for somebody who has left is given to the workers
	first, _ := paid(0)
	got, err := s.Accept(t.Context(), first, queue.Identity{}, to...)
	if err != nil || got.Held == nil {
		t.Fatal(got, err)
	}
	a.WaitFor("ANY 1 (b)") // which does not exist yet
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	answers := make(chan answer, 8)
	accept := func(id byte) {
		m, identity := paid(id)
		got, err := s.Accept(ctx, m, identity, to...)
		answers <- answer{"Accept", got.Verdict, err}
	}
	waiting := func(statement string, n int64) {
		t.Helper()
		until(t, statement+" waits for the standby", func() bool { return a.Int(waitsForStandby, statement) == n })
	}
	cancelWait := func(statement string) {
		t.Helper()
		waiting(statement, 1)
		if a.Int("select count(pg_cancel_backend(pid)) from pg_stat_activity where wait_event = 'SyncRep' and query like '%' || $1 || '%'", statement) != 1 {
			t.Fatal("nothing was cancelled")
		}
		if got := <-answers; !errors.Is(got.err, queue.ErrUnavailable) {
			t.Errorf("%s: its commit is on one disk, and it returned %v, %v", got.what, got.verdict, got.err)
		}
	}
	go accept(1)
	cancelWait("accept_1")
	go func() { answers <- answer{what: "Learn", err: s.Learn(ctx, "e", "secret")} }()
	cancelWait("commit")

	go accept(2)
	waiting("accept_1", 1)
	a.Kill()
	if got := <-answers; !errors.Is(got.err, queue.ErrUnavailable) {
		t.Errorf("the primary has crashed, and Accept returned %v, %v", got.verdict, got.err)
	}
	a.Start()
	if n := a.Int("select count(*) from hookwicket.message"); n != 3 {
		t.Fatalf("%d events are on the disk", n)
	}

	// The twins wait for a standby, too. They try again while the store connects anew.
	calls := []struct {
		what string
		call func(byte) (queue.Verdict, error)
	}{
		{"Accept", func(id byte) (queue.Verdict, error) {
			m, identity := paid(id)
			got, err := s.Accept(ctx, m, identity, to...)
			return got.Verdict, err
		}},
		{"Seen", func(id byte) (queue.Verdict, error) {
			_, identity := paid(id)
			return s.Seen(ctx, identity, time.Now())
		}},
		{"Reserve", func(id byte) (queue.Verdict, error) {
			_, identity := paid(id)
			v, _, err := s.Reserve(ctx, identity, time.Now())
			return v, err
		}},
	}
	for _, id := range []byte{1, 2} {
		for i, c := range calls {
			go func() {
				v, err := c.call(id)
				for errors.Is(err, queue.ErrUnavailable) && ctx.Err() == nil {
					time.Sleep(10 * time.Millisecond)
					v, err = c.call(id)
				}
				answers <- answer{c.what, v, err}
			}()
			until(t, c.what+" of a twin waits", func() bool {
				select {
				case got := <-answers:
					t.Fatalf("%s of a twin returned %v, %v, while no standby has the event", got.what, got.verdict, got.err)
				default:
				}
				const waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' or wait_event = 'SyncRep' and (query like '%accept_1%' or query like '%update %.key %')"
				return a.Int(waits) >= int64(len(calls)*int(id-1)+i+1)
			})
		}
	}
	b := a.Standby("b")
	for range 6 {
		select {
		case got := <-answers:
			if got.err != nil || got.verdict != queue.Duplicate {
				t.Errorf("with the standby, %s of a twin returned %v, %v", got.what, got.verdict, got.err)
			}
		case <-ctx.Done():
			t.Fatal("the twins still wait")
		}
	}
	for range 2 {
		claim(t, s, to[0].Destination)
	}
	a.Kill()
	b.Promote()
	if n := b.Int("select count(*) from hookwicket.message"); n != 3 {
		t.Errorf("the standby has %d events, want 3", n)
	}
}
