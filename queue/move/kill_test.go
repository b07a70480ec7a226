package move_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue/move"
)

// killAt is the environment variable for the process that a test kills. It has a killing.
const killAt = "HOOKWICKET_TEST_MOVE"

// killing is a move that ends by kill -9.
type killing struct {
	From, To place
	At       string // message, copied, committed
}

// moveAndDie is the main function of the process that is killed.
func moveAndDie() {
	var k killing
	if err := json.Unmarshal([]byte(os.Getenv(killAt)), &k); err != nil {
		panic(err)
	}
	_, err := k.From.through(context.Background(), k.To, func(t move.Target) move.Target { return &dying{Target: t, at: k.At} }, func(s move.Source) move.Source { return s })
	fmt.Println("survived", err)
	os.Exit(1)
}

// dying kills its process.
type dying struct {
	move.Target
	at       string
	messages int
}

func (d *dying) die(at string) {
	if at != d.at {
		return
	}
	p, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {}
}

func (d *dying) Message(ctx context.Context, m *move.Message) error {
	if d.messages++; d.messages == 10 {
		d.die("message")
	}
	return d.Target.Message(ctx, m)
}

func (d *dying) Commit(ctx context.Context, want move.Counts) error {
	d.die("copied")
	err := d.Target.Commit(ctx, want)
	d.die("committed")
	return err
}

// kill runs a move in another process until that kills itself.
func kill(t *testing.T, k killing) {
	t.Helper()
	b, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killAt+"="+string(b))
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the move was not killed: %v\n%s", err, out)
	}
}

// TestKill kills a move at each of its steps. The source then still opens, the target has nothing or
// everything, and the next run completes the move.
func TestKill(t *testing.T) {
	first := folderPlace(t, key1)
	now, removed := fill(t, first)
	first.Now = now
	want := read(t, first, now, removed, contents{})
	for _, to := range []place{schemaPlace(t, key1), folderPlace(t, key1)} {
		to.Now = now
		from := first
		if to.Dir != "" { // from the schema, which is the target of the first round
			from = schemaPlace(t, key1)
			from.Now = now
			if _, err := first.to(t.Context(), from); err != nil {
				t.Fatal(err)
			}
		} else {
			copied := folderPlace(t, key1)
			copied.Now = now
			if err := os.CopyFS(copied.Dir, os.DirFS(first.Dir)); err != nil {
				t.Fatal(err)
			}
			from = copied
		}
		for _, at := range []string{"message", "copied", "committed"} {
			kill(t, killing{from, to, at})
			s, err := from.source(t.Context())
			if err != nil {
				t.Fatalf("killed when %s: the source: %v", at, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		// A move from elsewhere does not take the complete target for its own.
		other := one(t, folderPlace(t, key1))
		if _, err := other.to(t.Context(), to); !errors.Is(err, move.ErrNotEmpty) {
			t.Errorf("a move of another store: %v", err)
		}
		r, err := from.to(t.Context(), to)
		if err != nil || !r.Already {
			t.Fatalf("the next run: %+v, %v", r, err)
		}
		compare(t, "after kills", read(t, to, now, removed, want), want)
	}
}

// TestKillThenUse: when a gateway has used the source after a move that was complete but for the
// mark, the next run must not take the target for complete.
func TestKillThenUse(t *testing.T) {
	for _, back := range []bool{false, true} {
		from, to := folderPlace(t), schemaPlace(t)
		if back {
			from, to = schemaPlace(t), folderPlace(t)
		}
		one(t, from)
		kill(t, killing{from, to, "committed"})
		f := &filler{T: t, now: start.Add(time.Minute)}
		var err error
		f.store, err = from.open(f.clock)
		f.ok(err)
		f.accept(200, hour)
		f.ok(f.Close())
		if _, err := from.to(t.Context(), to); !errors.Is(err, move.ErrNotEmpty) || !strings.Contains(err.Error(), "name another") && !strings.Contains(err.Error(), "name a folder") {
			t.Errorf("back %v: the next run: %v", back, err)
		}
	}
}
