package pebble

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/check"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// manyFiles makes a folder with a file of each kind: events in tables of several
// levels and in the log, a learnt secret, a dead letter, a paused destination and an
// event that has gone.
func manyFiles(t *testing.T, count int, crash bool) *vfs.MemFS {
	t.Helper()
	mem := vfs.NewCrashableMem()
	o := small(mem)
	o.tuning.BlockSize = 4 << 10
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	accept := func(from, to int) {
		for i := from; i < to; i++ {
			m, id := testMessage(uint32(i))
			m.Endpoint = "a"
			if _, err := s.Accept(t.Context(), m, id, routesTo("a")...); err != nil {
				t.Fatal(err)
			}
		}
	}
	flush := func() {
		onDatabase(t, s, (*engine.Database).Flush)
	}
	accept(0, count/4)
	if err := s.Learn(t.Context(), "a", "learnt"); err != nil {
		t.Fatal(err)
	}
	flush()
	if err := s.engine.Compact(t.Context(), false, func(db *engine.Database) error {
		return db.Compact([]byte{0}, []byte{0xff})
	}); err != nil {
		t.Fatal(err)
	}
	accept(count/4, count/2)
	flush()
	accept(count/2, count)
	if err := s.Pause(t.Context(), dest("other"), true); err != nil {
		t.Fatal(err)
	}
	clone := func() *vfs.MemFS { return mem.CrashClone(vfs.CrashCloneCfg{}) }
	if crash {
		defer s.Close()
		return clone()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return clone()
}

// damages are the ways in which a file can be damaged.
var damages = []struct {
	name string
	tail bool // what is left might be a sound file that was never longer
	do   func(t *testing.T, files vfs.FS, name string, size int64)
}{
	{"missing", true, func(t *testing.T, files vfs.FS, name string, _ int64) {
		if err := files.Remove(name); err != nil {
			t.Fatal(err)
		}
	}},
	{"emptied", true, func(t *testing.T, files vfs.FS, name string, _ int64) {
		rewrite(t, files, name, func([]byte) []byte { return nil })
	}},
	{"cut in half", true, func(t *testing.T, files vfs.FS, name string, _ int64) {
		rewrite(t, files, name, func(b []byte) []byte { return b[:len(b)/2] })
	}},
	{"cut by a byte", true, func(t *testing.T, files vfs.FS, name string, _ int64) {
		rewrite(t, files, name, func(b []byte) []byte { return b[:max(len(b)-1, 0)] })
	}},
	{"flipped at the start", false, flipAt(0, 1)},
	{"flipped in the middle", false, flipAt(1, 2)},
	{"flipped at the end", true, flipAt(1, 1)},
	{"zeroed in the middle", false, func(t *testing.T, files vfs.FS, name string, _ int64) {
		rewrite(t, files, name, func(b []byte) []byte {
			clear(b[len(b)/3 : len(b)/2])
			return b
		})
	}},
}

func flipAt(part, of int64) func(*testing.T, vfs.FS, string, int64) {
	return func(t *testing.T, files vfs.FS, name string, _ int64) {
		rewrite(t, files, name, func(b []byte) []byte {
			if len(b) > 0 {
				b[min(int64(len(b))*part/of, int64(len(b)-1))] ^= 0x10
			}
			return b
		})
	}
}

func rewrite(t *testing.T, files vfs.FS, name string, change func([]byte) []byte) {
	t.Helper()
	f, err := files.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	w, err := files.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(change(b))
	if err := errors.Join(err, w.Sync(), w.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestEveryFileDamaged damages each file of a folder in each way. The store opens in
// any case. Either it has all events, or reports the damage, or is unavailable, and
// then the check names the file; and a salvage brings back what the file did not
// hold alone.
func TestEveryFileDamaged(t *testing.T) {
	const count = 120
	for _, crash := range []bool{false, true} {
		whole := manyFiles(t, count, crash)
		names, err := whole.List("queue")
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		kinds := make(map[string]bool)
		for _, name := range names {
			info, err := whole.Stat("queue/" + name)
			if err != nil {
				t.Fatal(err)
			}
			kinds[strings.Trim(name, "0123456789-")] = true
			for i, d := range damages {
				if crash && i%3 != 0 {
					continue // it is slow, and little differs
				}
				t.Run(fmt.Sprintf("crash=%v/%s/%s", crash, name, d.name), func(t *testing.T) {
					t.Parallel()
					files := whole.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: newRand(1)})
					d.do(t, files, "queue/"+name, info.Size())
					testDamagedFile(t, files, name, count, crash && d.tail && isTail(name), crash)
				})
			}
		}
		for _, kind := range []string{".sst", ".log", "MANIFEST", "OPTIONS", folder.LockName} {
			if !kinds[kind] {
				t.Errorf("there is no %s among %v", kind, names)
			}
		}
	}
}

func testDamagedFile(t *testing.T, files *vfs.MemFS, name string, count int, unknown, crash bool) {
	report, checkErr := check.Run(check.Options{FS: files, Dir: "queue"})
	var log lockedBuffer
	o := small(files)
	o.tuning.BlockSize = 4 << 10
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s, err := Open(o)
	if err != nil {
		t.Fatalf("the store does not open: %v", err)
	}
	defer func() { s.Close() }()
	names := func(err error, files []folder.Problem) bool {
		if folder := (*folder.Error)(nil); errors.As(err, &folder) {
			files = folder.Files
		}
		// A table that is missing is known to the MANIFEST alone, whose error has its number.
		number, table := strings.CutSuffix(name, ".sst")
		return table && err != nil && strings.Contains(err.Error(), number) || slices.ContainsFunc(files, func(p folder.Problem) bool {
			return p.File == name || strings.HasSuffix(p.File, "*") && strings.HasPrefix(name, strings.TrimSuffix(p.File, "*"))
		})
	}
	if st := s.Stats(); st.Available {
		got := drain(t, s, "a")
		// After a crash nobody knows whether the end of the log or of the MANIFEST was there.
		if len(got) < count && s.Stats().Damaged == 0 && !unknown {
			t.Errorf("%d of %d events came, and nothing is reported", len(got), count)
		}
		if len(got) < count && !unknown && report.Sound() && checkErr == nil {
			t.Errorf("%d of %d events came, and the check finds nothing", len(got), count)
		}
		return
	}
	cause := s.engine.Cause()
	if !names(cause, nil) || !strings.Contains(log.String(), cause.Error()) && !strings.Contains(log.String(), "is damaged") {
		t.Errorf("the store does not name %s: %v; log:\n%s", name, cause, &log)
	}
	if !names(checkErr, report.Files) {
		t.Errorf("the check does not name %s: %v", name, checkErr)
	}
	if _, err := s.Accept(t.Context(), &queue.Message{}, queue.Identity{}, routesTo("a")...); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("accepted: %v", err)
	}
	// The lock is free, or this would fail.
	salvaged, err := check.Salvage(check.Options{FS: files, Dir: "queue"}, "new")
	if err != nil {
		t.Fatal(err)
	}
	if len(salvaged.Files) == 0 && !crash || len(salvaged.Report.Problems) > 0 && salvaged.Lost == 0 {
		t.Errorf("%+v", salvaged)
	}
	// The folders are exchanged under the store, which goes on by itself.
	if err := files.Rename("queue", "damaged"); err != nil {
		t.Fatal(err)
	}
	if err := files.Rename("new", "queue"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the store is available", func() bool { return s.Stats().Available })
	got := drain(t, s, "a")
	least := count
	switch {
	case strings.HasSuffix(name, ".sst"):
		least = count / 2 // those in the log, if no more
	case strings.HasSuffix(name, ".log"):
		least = count / 2
	}
	if len(got) < least {
		t.Errorf("%d of %d events came; %+v; log:\n%s", len(got), count, salvaged, &log)
	}
	m, id := testMessage(1 << 20)
	m.Endpoint = "a"
	if _, err := s.Accept(t.Context(), m, id, routesTo("a")...); err != nil {
		t.Error(err)
	}
	if !strings.HasSuffix(name, ".sst") {
		if secrets, err := s.Learnt(t.Context(), "a"); err != nil || fmt.Sprint(secrets) != "[learnt]" {
			t.Errorf("%v, %v", secrets, err)
		}
	}
}

func isTail(name string) bool {
	return strings.HasSuffix(name, ".log") || strings.HasPrefix(name, "MANIFEST")
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("20 s went by without: " + what)
		}
	}
}
