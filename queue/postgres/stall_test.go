package postgres_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

// patience bounds the wait for what has to come.
const patience = 15 * time.Second

// wire lies between a node and the database. While it is cut, nothing goes through.
type wire struct {
	mu   sync.Mutex
	flow *sync.Cond
	held bool
}

// through returns the DSN by which the database is reached through a wire.
func through(t *testing.T, dsn string) (*wire, string) {
	dir, err := os.MkdirTemp("", "wire")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := new(wire)
	w.flow = sync.NewCond(&w.mu)
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); w.hold(false) })
	host, rest, _ := strings.Cut(dsn, " ")
	target := filepath.Join(strings.TrimPrefix(host, "host="), ".s.PGSQL.5432")
	go func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("unix", target)
			if err != nil {
				a.Close()
				continue
			}
			go w.pump(a, b)
			go w.pump(b, a)
		}
	}()
	return w, "host=" + dir + " " + rest
}

func (w *wire) pump(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		w.mu.Lock()
		for w.held {
			w.flow.Wait()
		}
		w.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil && !errors.Is(err, io.EOF) || err != nil {
			return
		}
	}
}

func (w *wire) hold(held bool) {
	w.mu.Lock()
	w.held = held
	w.mu.Unlock()
	w.flow.Broadcast()
}

// TestFence: a node that cannot reach the database for longer than its lease loses its
// destinations. What it marks afterwards changes nothing, and it delivers again later.
func TestFence(t *testing.T) {
	dsn, schema := pgtest.DSN(t), pgtest.Schema(t)
	open := func(dsn string) *postgres.Store {
		s, err := postgres.Open(postgres.Options{DSN: dsn, Schema: schema, Lease: time.Second, Settings: queue.DefaultSettings()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	w, slow := through(t, dsn)
	first := open(slow)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte("body")}
	a := queue.Destination{Endpoint: "e"}
	if _, err := first.Accept(ctx, m, queue.Identity{}, queue.To(a)...); err != nil {
		t.Fatal(err)
	}
	old, err := first.Claim(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	second := open(dsn)
	w.hold(true)
	c, err := second.Claim(ctx, a)
	if err != nil || c.Delivery().Message.ID != m.ID {
		t.Fatal("nobody took over: ", err)
	}
	if err := c.Bury(queue.Attempt{Error: "by the second"}); err != nil {
		t.Fatal(err)
	}
	w.hold(false)
	for {
		err = old.Done(queue.Attempt{})
		if !errors.Is(err, queue.ErrUnavailable) {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	if !errors.Is(err, queue.ErrLost) {
		t.Errorf("a former owner has marked: %v", err)
	}
	if err := old.Release(); err != nil {
		t.Error(err)
	}
	seen, err := first.Look(ctx, m.ID)
	if err != nil || seen.Deliveries[0].State != queue.StateDead {
		t.Errorf("%+v, %v", seen, err)
	}
}

// TestAway: a database that is away does not keep the store from opening. It is used as soon as
// it is there. A password never appears in an error.
func TestAway(t *testing.T) {
	dsn, schema := pgtest.DSN(t), pgtest.Schema(t)
	dir := t.TempDir()
	s, err := postgres.Open(postgres.Options{DSN: "host=" + dir + " user=postgres dbname=postgres password=geheim", Schema: schema, Lease: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte("body")}
	a := queue.Destination{Endpoint: "e"}
	_, err = s.Accept(t.Context(), m, queue.Identity{}, queue.To(a)...)
	if !errors.Is(err, queue.ErrUnavailable) || strings.Contains(err.Error(), "geheim") {
		t.Errorf("got %v", err)
	}
	if st := s.Stats(); st.Available || st.Cause == "" || strings.Contains(st.Cause, "geheim") {
		t.Errorf("%+v", st)
	}
	host, _, _ := strings.Cut(dsn, " ")
	if err := os.Symlink(filepath.Join(strings.TrimPrefix(host, "host="), ".s.PGSQL.5432"), filepath.Join(dir, ".s.PGSQL.5432")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if _, err = s.Accept(t.Context(), m, queue.Identity{}, queue.To(a)...); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// TestRefused: what waiting does not change makes opening fail, without the password.
func TestRefused(t *testing.T) {
	dsn := pgtest.DSN(t)
	for name, o := range map[string]postgres.Options{
		"database": {DSN: strings.Replace(dsn, "dbname=postgres", "dbname=nowhere password=geheim", 1)},
		"tables":   {DSN: dsn, Schema: "nothing", NoMigrate: true},
		"dsn":      {DSN: "postgres://user:geheim@host:port:5432/"},
		"keys":     {DSN: dsn, Settings: queue.Settings{Keys: [][]byte{make([]byte, 31)}}},
		"copies":   {DSN: dsn, Schema: pgtest.Schema(t), Durability: -1},
	} {
		s, err := postgres.Open(o)
		if err == nil {
			s.Close()
			t.Errorf("%s: it was opened", name)
		} else if strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: the error contains the password: %v", name, err)
		}
	}
}
