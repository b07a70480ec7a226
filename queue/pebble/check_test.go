package pebble

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/check"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// TestCheckFinds breaks a sound folder in one way after another. Each has a name
// of its own in the report.
func TestCheckFinds(t *testing.T) {
	var k record.KeyBuffer
	a, b := record.DigestOf("a"), record.DigestOf("b")
	for _, c := range []struct {
		want   string
		damage func(db *pebble.DB, ids []queue.ID) error
	}{
		{check.NoSummary, func(db *pebble.DB, ids []queue.ID) error { return db.Delete(record.SummaryKey(&k, a, ids[0]), nil) }},
		{check.SumOfNone, func(db *pebble.DB, ids []queue.ID) error { return db.Delete(record.MessageKey(&k, ids[0]), nil) }},
		{check.NoMessage, func(db *pebble.DB, ids []queue.ID) error {
			return errors.Join(db.Delete(record.MessageKey(&k, ids[0]), nil), db.Delete(record.SummaryKey(&k, a, ids[0]), nil))
		}},
		{check.NotByEvent, func(db *pebble.DB, ids []queue.ID) error {
			return db.Delete(record.EventKey(&k, record.EventDigest("1"), ids[1]), nil)
		}},
		{check.EventTooMuch, func(db *pebble.DB, ids []queue.ID) error {
			return db.Set(record.EventKey(&k, record.EventDigest("1"), queue.NewID(time.Now())), nil, nil)
		}},
		{check.NotIndexed, func(db *pebble.DB, ids []queue.ID) error {
			return db.Delete(record.WaitingEntry(b, window.Position{Due: record.ReceiptDue(ids[5]), ID: ids[5]}).Key(&k), nil)
		}},
		{check.NotExpected, func(db *pebble.DB, ids []queue.ID) error {
			return db.Set(record.Entry{Part: record.KindDead, Destination: b, ID: ids[5]}.Key(&k), []byte{9}, nil)
		}},
		{check.StandsForNone, func(db *pebble.DB, ids []queue.ID) error {
			return db.Set(record.DeliveryKey(&k, queue.NewID(time.Now()), a), (&record.Delivery{Stage: record.StageDead}).Append(nil, seal.Box{}), nil)
		}},
		{check.AttemptOfNone, func(db *pebble.DB, ids []queue.ID) error {
			return db.Set(record.AttemptKey(&k, ids[5], b, 1), record.AppendAttempt(nil, &queue.Attempt{}, seal.Box{}), nil)
		}},
		{check.BadMessage, func(db *pebble.DB, ids []queue.ID) error {
			return db.Set(record.MessageKey(&k, ids[2]), []byte("?"), nil)
		}},
		{check.BadSummary, func(db *pebble.DB, ids []queue.ID) error {
			return db.Set(record.SummaryKey(&k, a, ids[2]), []byte{0xff}, nil)
		}},
		{check.BadStanding, func(db *pebble.DB, ids []queue.ID) error {
			return db.Set(record.DeliveryKey(&k, ids[2], a), []byte{99}, nil)
		}},
		{check.BadSeal, func(db *pebble.DB, ids []queue.ID) error {
			s, err := seal.New([][]byte{testSealKey(1)})
			return errors.Join(err, db.Set(record.MessageKey(&k, ids[2]), testRecord(s, &queue.Message{ID: ids[2]}), nil))
		}},
		{check.BadName, func(db *pebble.DB, ids []queue.ID) error {
			return errors.Join(db.Delete(record.NameKey(&k, record.KindName, b), nil), db.Delete(record.NameKey(&k, record.KindNameCopy, b), nil))
		}},
		{check.BadKey, func(db *pebble.DB, ids []queue.ID) error { return db.Set([]byte{record.KindDead, 1}, nil, nil) }},
		{check.BadSecret, func(db *pebble.DB, ids []queue.ID) error { return db.Set(record.SecretKey("a", "x"), []byte{1}, nil) }},
		{check.KeyTooShort, func(db *pebble.DB, ids []queue.ID) error {
			return db.Set(record.DedupeKey(&k, 7, queue.Key{7}), binary.BigEndian.AppendUint64(nil, 8), nil)
		}},
	} {
		t.Run(c.want, func(t *testing.T) {
			mem := vfs.NewMem()
			s, err := Open(small(mem))
			if err != nil {
				t.Fatal(err)
			}
			ids := acceptNumbered(t, s, 8, "a", "b")
			claim, err := s.Claim(t.Context(), dest("a"))
			if err != nil {
				t.Fatal(err)
			}
			if err := claim.Bury(queue.Attempt{}); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if report, err := check.Run(check.Options{FS: mem, Dir: "queue"}); err != nil || !report.Sound() {
				t.Fatalf("before: %+v, %v", report, err)
			}
			raw(t, mem, func(db *pebble.DB) {
				if err := c.damage(db, ids); err != nil {
					t.Fatal(err)
				}
			})
			report, err := check.Run(check.Options{FS: mem, Dir: "queue"})
			if err != nil || report.Sound() {
				t.Fatalf("%+v, %v", report, err)
			}
			found := slices.ContainsFunc(report.Problems, func(p check.Problem) bool { return p.What == c.want && p.Count <= 2 && len(p.Examples) == int(p.Count) })
			if !found {
				t.Errorf("got %+v", report.Problems)
			}
			// The store has to get along with it.
			if s, err = Open(small(mem)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Messages(t.Context(), queue.Filter{}, "", 100); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCheckChangesNothing compares the folder's files before and after.
func TestCheckChangesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	if _, err := check.Run(check.Options{Dir: dir}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("no folder: %v", err)
	}
	s, err := Open(Options{Dir: dir, Settings: sealedBy(testSealKey(1))})
	if err != nil {
		t.Fatal(err)
	}
	acceptNumbered(t, s, 3, "a")
	if _, err := check.Run(check.Options{Dir: dir}); !errors.Is(err, queue.ErrLocked) {
		t.Errorf("while it is open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, locked := range []bool{true, false} {
		if !locked { // as in a copy
			if err := os.Remove(filepath.Join(dir, "LOCK")); err != nil {
				t.Fatal(err)
			}
		}
		before := filesOf(t, dir)
		calls := 0
		report, err := check.Run(check.Options{Dir: dir, Keys: [][]byte{testSealKey(1)}, Progress: func(done, total int64) {
			if calls++; done > total {
				t.Errorf("%d of %d", done, total)
			}
		}})
		if err != nil || !report.Sound() || report.Messages != 3 || report.Sealed != 3 || report.Keys != 3 || calls == 0 {
			t.Errorf("%+v, %v", report, err)
		}
		if after := filesOf(t, dir); after != before {
			t.Errorf("before:\n%s\nafter:\n%s", before, after)
		}
		if b, err := json.Marshal(report); err != nil || !strings.Contains(string(b), `"deliveries":{"waiting":3}`) || !strings.Contains(string(b), `"problems":[]`) {
			t.Errorf("%s, %v", b, err)
		}
	}
	report, err := check.Run(check.Options{Dir: dir})
	if err != nil || len(report.Problems) != 1 || report.Problems[0].What != check.BadSeal || report.Problems[0].Count != 3 {
		t.Errorf("without the key: %+v, %v", report, err)
	}
}

func filesOf(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		at := info.ModTime()
		if e.Name() == "LOCK" {
			at = time.Time{} // to take it touches it
		}
		fmt.Fprintln(&all, e.Name(), info.Mode(), at, len(content), record.DigestOf(string(content)))
	}
	return all.String()
}

// TestUnknownFormat: neither the store nor the check touches a folder of a format
// that this version does not know, and both say which one it is.
func TestUnknownFormat(t *testing.T) {
	for _, held := range []string{"hookwicket queue 1", "hookwicket queue 99", "x"} {
		mem := vfs.NewMem()
		s, err := Open(small(mem))
		if err != nil {
			t.Fatal(err)
		}
		acceptNumbered(t, s, 3, "a")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		set := func(f string) {
			raw(t, mem, func(db *pebble.DB) {
				if err := db.Set([]byte{record.KindFormat}, []byte(f), nil); err != nil {
					t.Fatal(err)
				}
			})
		}
		set(held)
		_, first := Open(small(mem))
		_, second := Open(small(mem)) // the lock was given back
		_, third := check.Run(check.Options{FS: mem, Dir: "queue"})
		for _, err := range []error{first, second, third} {
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", held)) || !strings.Contains(err.Error(), fmt.Sprintf("%q", record.Format)) {
				t.Errorf("%s: %v", held, err)
			}
		}
		set(record.Format)
		if s, err = Open(small(mem)); err != nil {
			t.Fatal(err)
		}
		if got := drain(t, s, "a"); len(got) != 3 {
			t.Errorf("%s: %d of 3 deliveries were left", held, len(got))
		}
		s.Close()
	}
}
