package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
)

// writers accept events into a store until they are stopped. acked are the events that
// were acknowledged, by the time when each acceptance began.
type writers struct {
	store *Store
	stop  chan struct{}
	group sync.WaitGroup

	mu      sync.Mutex
	acked   map[string]time.Time
	refused error // the last error
	next    atomic.Uint32
}

func startWriters(t *testing.T, s *Store) *writers {
	w := &writers{store: s, stop: make(chan struct{}), acked: make(map[string]time.Time)}
	for range 4 {
		w.group.Go(func() {
			for {
				select {
				case <-w.stop:
					return
				default:
				}
				m, id := testMessage(w.next.Add(1))
				began := time.Now()
				_, err := s.Accept(context.Background(), m, id, queue.To(dest("a"))...)
				w.mu.Lock()
				if err == nil {
					w.acked[m.EventID] = began
				} else {
					w.refused = err
					if !errors.Is(err, queue.ErrUnavailable) {
						t.Errorf("accepting: %v", err)
					}
				}
				w.mu.Unlock()
				if err != nil {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	w.reach(t, 200)
	return w
}

func (w *writers) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

// reach waits until so many events more are acknowledged.
func (w *writers) reach(t *testing.T, more int) {
	t.Helper()
	from := w.count()
	waitFor(t, "events are acknowledged", func() bool { return w.count() >= from+more })
}

// refusing waits until an acceptance fails because of the folder.
func (w *writers) refusing(t *testing.T, dir string) {
	t.Helper()
	waitFor(t, "events are refused", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		var gone *engine.GoneError
		return errors.As(w.refused, &gone)
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if !strings.Contains(w.refused.Error(), dir) {
		t.Errorf("the folder is not named: %v", w.refused)
	}
	if st := w.store.Stats(); st.Available || !strings.Contains(st.Cause, dir) {
		t.Errorf("the state does not tell: %v, %q", st.Available, st.Cause)
	}
	w.refused = nil
}

func (w *writers) end() map[string]time.Time {
	close(w.stop)
	w.group.Wait()
	return w.acked
}

// openHome opens a store in a folder of the operating system.
func openHome(t *testing.T, dir string) *Store {
	t.Helper()
	o := small(vfs.Default)
	o.Dir, o.Logger = dir, testLogger(t)
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// expect opens the folder anew and claims all events that were acknowledged from a time on.
func expect(t *testing.T, dir string, acked map[string]time.Time, from time.Time) {
	t.Helper()
	s := openHome(t, dir)
	defer s.Close()
	got := drain(t, s, "a")
	wanted := 0
	for event, began := range acked {
		if began.Before(from) {
			continue
		}
		if wanted++; got[event] == 0 {
			t.Fatalf("event %s was acknowledged, and is not there; %d came", event, len(got))
		}
	}
	t.Logf("%d events acknowledged, %d came", wanted, len(got))
}

// The folder is away for a moment or for longer, with nothing or an empty folder in its
// place. Every acknowledged event is there afterwards.
func TestFolderAway(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		for _, pause := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond, time.Second} {
			t.Run(fmt.Sprint(replaced, pause), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "queue")
				s := openHome(t, dir)
				w := startWriters(t, s)
				rounds := 3
				if pause == time.Second {
					rounds = 1
				}
				for range rounds {
					must(t, os.Rename(dir, dir+".away"))
					if replaced {
						must(t, os.Mkdir(dir, 0o700))
					}
					time.Sleep(pause)
					if pause == time.Second {
						w.refusing(t, dir)
					}
					if replaced {
						must(t, os.RemoveAll(dir))
					}
					must(t, os.Rename(dir+".away", dir))
					w.reach(t, 100)
				}
				acked := w.end()
				must(t, s.Close())
				expect(t, dir, acked, time.Time{})
			})
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A folder in which nothing waits is deleted. The store begins anew, with or without an
// empty folder in its place.
func TestFolderDeletedEmpty(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "queue")
		s := openHome(t, dir)
		defer s.Close()
		m, id := testMessage(1 << 20)
		if _, err := s.Accept(t.Context(), m, id, queue.To(dest("a"))...); err != nil {
			t.Fatal(err)
		}
		drain(t, s, "a")
		must(t, os.RemoveAll(dir))
		if replaced {
			must(t, os.Mkdir(dir, 0o700))
		}
		began := time.Now()
		w := startWriters(t, s)
		acked := w.end()
		must(t, s.Close())
		expect(t, dir, acked, began)
	}
}

// A folder is deleted while events wait in it. The store acknowledges nothing until a copy
// is put in place.
func TestFolderDeleted(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "queue")
		s := openHome(t, dir)
		w := startWriters(t, s)
		must(t, os.Rename(dir, dir+".going"))
		must(t, os.CopyFS(dir+".copy", os.DirFS(dir+".going")))
		must(t, os.RemoveAll(dir+".going"))
		gone := time.Now()
		if replaced {
			must(t, os.Mkdir(dir, 0o700))
		}
		w.refusing(t, dir)
		waitFor(t, "the state says that deliveries waited", func() bool { return strings.Contains(s.Stats().Cause, "while deliveries waited") })
		for event, began := range w.end() {
			if began.After(gone) {
				t.Errorf("event %s was acknowledged without a folder", event)
			}
		}
		must(t, os.RemoveAll(dir))
		must(t, os.Rename(dir+".copy", dir))
		waitFor(t, "the store is available", func() bool { return s.Stats().Available })
		again := startWriters(t, s)
		acked := again.end()
		must(t, s.Close())
		expect(t, dir, acked, gone)
	}
}

// Marks fail while the folder is away, and can be repeated when it is back. No event becomes
// a dead letter because its file was not found.
func TestMarkWhileAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	s := openHome(t, dir)
	defer s.Close()
	for n := range uint32(10) {
		if _, err := acceptN(t, s, n); err != nil {
			t.Fatal(err)
		}
	}
	c, err := s.Claim(t.Context(), dest("a"))
	must(t, err)
	_, reserved, err := s.Reserve(t.Context(), queue.Identity{Key: queue.Key{1}, Window: time.Hour}, time.Now())
	must(t, err)
	onDatabase(t, s, (*engine.Database).Flush)
	must(t, os.Rename(dir, dir+".away"))
	waitFor(t, "the state tells", func() bool { return !s.Stats().Available })
	if err := c.Done(queue.Attempt{}); !errors.Is(err, queue.ErrUnavailable) || !strings.Contains(err.Error(), dir) {
		t.Errorf("marking: %v", err)
	}
	if _, err := s.Claim(t.Context(), dest("a")); !errors.Is(err, queue.ErrUnavailable) || !strings.Contains(err.Error(), dir) {
		t.Errorf("claiming: %v", err)
	}
	if err := reserved.Take(t.Context()); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("taking a key: %v", err)
	}
	must(t, os.Rename(dir+".away", dir))
	waitFor(t, "the store is available", func() bool { return s.Stats().Available })
	must(t, c.Done(queue.Attempt{}))
	if got := drain(t, s, "a"); len(got) != 9 || s.Stats().Destinations[dest("a")].DeadLetters != 0 {
		t.Errorf("%d events came, want 9; %+v", len(got), s.Stats().Destinations[dest("a")])
	}
}

// The log says once why events are refused, and once that they are accepted again.
func TestAwayLogged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	var log lockedBuffer
	o := small(vfs.Default)
	o.Dir, o.Logger = dir, slog.New(slog.NewTextHandler(&log, nil))
	s, err := Open(o)
	must(t, err)
	defer s.Close()
	must(t, os.Rename(dir, dir+".away"))
	waitFor(t, "the state tells", func() bool { return !s.Stats().Available })
	time.Sleep(2 * time.Second)
	must(t, os.Rename(dir+".away", dir))
	waitFor(t, "the store is available", func() bool { return s.Stats().Available })
	if text := log.String(); strings.Count(text, "is gone") != 1 || strings.Count(text, "is back") != 1 || strings.Contains(text, "disk is full") {
		t.Error(text)
	}
	if !bytes.Contains([]byte(log.String()), []byte(dir)) {
		t.Error("the folder is not named")
	}
}
