package move_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/move"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

func (p place) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), strings.ReplaceAll(sql, "{s}", p.Schema), args...); err != nil {
		t.Fatal(err)
	}
}

// one makes a store with one event.
func one(t *testing.T, p place) place {
	t.Helper()
	f := &filler{T: t, now: start}
	var err error
	f.store, err = p.open(f.clock)
	f.ok(err)
	f.accept(1, hour, queue.To(app)...)
	f.ok(f.Close())
	return p
}

// TestWrong moves stores that must not be moved. Afterwards the right move succeeds, so none of these has
// left anything behind.
func TestWrong(t *testing.T) {
	for _, from := range []place{one(t, folderPlace(t, key1)), one(t, schemaPlace(t, key1))} {
		refused := func(what string, from, to place, want error, text string) {
			t.Helper()
			_, err := from.to(t.Context(), to)
			if err == nil || want != nil && !errors.Is(err, want) || !strings.Contains(fmt.Sprint(err), text) || strings.Contains(fmt.Sprint(err), "geheim") {
				t.Errorf("%s from %v: %v", what, from.Dir+from.Schema, err)
			}
		}
		schema, dir := schemaPlace(t, key1), folderPlace(t, key1)

		keyless, stranger := from, from
		keyless.Keys, stranger.Keys = nil, [][]byte{key2}
		refused("without a key", keyless, schema, move.ErrNoKey, "")
		refused("without a key", keyless, dir, move.ErrNoKey, "")
		refused("with another key", stranger, dir, move.ErrNoKey, "")
		refused("to itself", from, from, nil, "same store")

		for _, to := range []place{one(t, schemaPlace(t, key1)), one(t, folderPlace(t, key1))} {
			refused("to a store with an event", from, to, move.ErrNotEmpty, "")
		}
		foreign := folderPlace(t, key1)
		if err := errors.Join(os.MkdirAll(foreign.Dir+".partial", 0o700), os.WriteFile(foreign.Dir+".partial/mine", nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		refused("over somebody's folder", from, foreign, nil, "remove it")

		running, err := from.open(time.Now)
		if err != nil {
			t.Fatal(err)
		}
		busy := queue.ErrLocked
		if from.Dir == "" {
			busy = move.ErrRunning
		}
		refused("beside a gateway", from, dir, busy, "")
		if err := running.Close(); err != nil {
			t.Fatal(err)
		}
		used := schemaPlace(t, key1)
		gateway, err := used.open(time.Now)
		if err != nil {
			t.Fatal(err)
		}
		refused("to a schema in use", from, used, move.ErrRunning, "test was there")
		if err := gateway.Close(); err != nil {
			t.Fatal(err)
		}

		encrypted := schemaPlace(t, key1) // a gateway was there, and nothing was accepted
		if s, err := encrypted.open(time.Now); err != nil || s.Close() != nil {
			t.Fatal(err)
		}
		other := encrypted
		other.Keys = nil
		refused("to a schema with another key", from, place{DSN: other.DSN, Schema: other.Schema, Keys: [][]byte{key2}, Now: start}, nil, "encrypted with another key")
		refused("in the clear to an encrypted schema", from, other, nil, "encrypted with another key")

		newer := schemaPlace(t, key1)
		if _, err := postgres.Migrate(t.Context(), newer.options()); err != nil {
			t.Fatal(err)
		}
		newer.exec(t, "update {s}.meta set format = 99")
		refused("to newer tables", from, newer, nil, "format 99")
		refused("from newer tables", newer, dir, nil, "format 99")
		refused("from no tables", schemaPlace(t), dir, nil, "no tables")
		away := place{DSN: "host=/nowhere user=u password=geheim", Schema: "x", Now: start}
		refused("to a database that is away", from, away, nil, "connecting")

		if r, err := from.to(t.Context(), dir); err != nil || r.Messages != 1 || r.Waiting != 1 || r.Keys != 2 {
			t.Errorf("the right one: %+v, %v", r, err)
		}
	}
}

// TestUnsound: a source in which something is wrong is not moved.
func TestUnsound(t *testing.T) {
	from := one(t, schemaPlace(t))
	from.exec(t, "delete from {s}.message")
	if _, err := from.to(t.Context(), folderPlace(t)); err == nil || !strings.Contains(err.Error(), "deliveries without their message") {
		t.Errorf("%v", err)
	}
}

// TestBegunMeanwhile: a gateway that starts during the move waits for its end, and then begins on
// the target, but not on the source.
func TestBegunMeanwhile(t *testing.T) {
	from, to := one(t, schemaPlace(t)), schemaPlace(t)
	began := make(chan error, 2)
	start := func(p place) {
		go func() {
			s, err := p.open(time.Now)
			if err == nil {
				err = s.Close()
			}
			began <- err
		}()
	}
	conn, err := pgx.Connect(t.Context(), from.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	blocked := func(want int) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			var n int
			if err := conn.QueryRow(t.Context(), "select count(*) from pg_locks where not granted").Scan(&n); err != nil {
				t.Fatal(err)
			}
			if n >= want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d gateways wait instead of %d", n, want)
			}
		}
	}
	_, err = from.through(t.Context(), to, func(x move.Target) move.Target {
		return &hooked{Target: x, before: func() { start(from); blocked(1); start(to); blocked(2) }}
	}, func(s move.Source) move.Source { return s })
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	for range 2 {
		switch err := <-began; {
		case errors.Is(err, queue.ErrMoved):
			moved++
		case err != nil:
			t.Error(err)
		}
	}
	if moved != 1 {
		t.Errorf("%d of the two stores were refused as moved", moved)
	}
}

// hooked calls before at Commit.
type hooked struct {
	move.Target
	before func()
}

func (h *hooked) Commit(ctx context.Context, want move.Counts) error {
	h.before()
	return h.Target.Commit(ctx, want)
}

// lossy loses a record.
type lossy struct {
	move.Target
	lost bool
}

func (l *lossy) Key(ctx context.Context, k move.Key) error {
	if !l.lost {
		l.lost = true
		return nil
	}
	return l.Target.Key(ctx, k)
}

// TestVerifies: a target that has not as many records as it was given is not committed.
func TestVerifies(t *testing.T) {
	from := one(t, folderPlace(t))
	for _, to := range []place{schemaPlace(t), folderPlace(t)} {
		_, err := from.through(t.Context(), to, func(x move.Target) move.Target { return &lossy{Target: x} }, func(s move.Source) move.Source { return s })
		if err == nil || !strings.Contains(err.Error(), "there are 1 dedupe keys instead of 2") {
			t.Errorf("%v", err)
		}
	}
	if r, err := from.to(t.Context(), schemaPlace(t)); err != nil || r.Keys != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}
