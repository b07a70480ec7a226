package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/check"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// lockedBuffer is a log for a test to read.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// raw opens the database of a closed store.
func raw(t *testing.T, files vfs.FS, change func(*pebble.DB)) {
	t.Helper()
	db, err := pebble.Open("queue", &pebble.Options{FS: files, FormatMajorVersion: pebble.FormatNewest, Logger: folder.Silent{}})
	if err != nil {
		t.Fatal(err)
	}
	change(db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func acceptNumbered(t *testing.T, s *Store, n int, to ...string) (ids []queue.ID) {
	t.Helper()
	for i := range n {
		m, id := testMessage(uint32(i))
		m.Endpoint = "a"
		if _, err := s.Accept(t.Context(), m, id, routesTo(to...)...); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
	}
	return ids
}

// TestDamagedRecords: records of every kind that are not what they should be are
// set aside once, and what is whole is delivered.
func TestDamagedRecords(t *testing.T) {
	mem := vfs.NewMem()
	s, err := Open(small(mem))
	if err != nil {
		t.Fatal(err)
	}
	ids := acceptNumbered(t, s, 10, "a", "b")
	if err := s.Learn(t.Context(), "a", "kept"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	a := record.DigestOf("a")
	var k record.KeyBuffer
	raw(t, mem, func(db *pebble.DB) {
		waiting := bytes.Clone(record.WaitingEntry(a, window.Position{Due: record.ReceiptDue(ids[3]), ID: ids[3]}).Key(&k))
		for _, bad := range []struct{ key, value []byte }{
			{[]byte{record.KindName, 1, 2, 3}, []byte("short")},
			{bytes.Clone(record.NameKey(&k, record.KindName, record.DigestOf("b"))), []byte("not b")},
			{slices.Concat([]byte{record.KindWaiting}, a[:], []byte{1}), []byte{1}},
			{slices.Concat([]byte{record.KindWaiting}, a[:], bytes.Repeat([]byte{0xff}, 24)), []byte{1}},
			{[]byte{record.KindDead, 9}, nil},
			{[]byte{record.KindOrdered, 9}, nil},
			{waiting, []byte{0xff}},
			{bytes.Clone(record.MessageKey(&k, ids[1])), []byte("no message")},
			{bytes.Clone(record.DeliveryKey(&k, ids[2], a)), []byte{0xee}},
			{slices.Concat(record.SecretPrefix("a"), make([]byte, 16)), []byte{1}},
		} {
			if err := db.Set(bad.key, bad.value, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	report, err := check.Run(check.Options{FS: mem, Dir: "queue"})
	if err != nil || report.Sound() {
		t.Fatalf("%+v, %v", report, err)
	}
	var log lockedBuffer
	o := small(mem)
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	for round := range 2 {
		if s, err = Open(o); err != nil {
			t.Fatal(err)
		}
		// Two short names, two keys of what waits, a dead letter, a line; then, in
		// the second round, the message as well.
		if got, want := s.Stats().Damaged, int64(6+round); got != want {
			t.Errorf("round %d: %d damaged, want %d; log:\n%s", round, got, want, &log)
		}
		if secrets, err := s.Learnt(t.Context(), "a"); err != nil || fmt.Sprint(secrets) != "[kept]" {
			t.Errorf("%v, %v", secrets, err)
		}
		if round == 0 {
			if got := drain(t, s, "a"); len(got) != 9 || got["1"] != 0 || got["2"] != 1 || got["3"] != 1 {
				t.Errorf("a: %v", got)
			}
			s.Retain(dest("b"), queue.DefaultSettings().Retention) // as the first who asks for it does
			if got := drain(t, s, "b"); len(got) != 9 {            // under its own name again
				t.Errorf("b: %v", got)
			}
			if got := s.Stats().Damaged; got != 7 {
				t.Errorf("%d damaged", got)
			}
		}
		seen, err := s.Look(t.Context(), ids[1])
		if err != nil || seen.Message != nil || !errors.Is(seen.Err, queue.ErrDamaged) || len(seen.Deliveries) != 2 {
			t.Errorf("%+v, %v", seen, err)
		}
		page, err := s.Deliveries(t.Context(), queue.Filter{States: []queue.State{queue.StateDead}}, "", 10)
		if err != nil || len(page.Entries) != 2 {
			t.Errorf("%+v, %v", page, err)
		}
		if strings.Contains(log.String(), "no message") {
			t.Error("the log has the record's content")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "a damaged record is set aside"); n != 6 {
		t.Errorf("%d records reported:\n%s", n, &log)
	}
}

// TestDamagedBlocks turns one byte of a file after another: the store opens,
// delivers what it can read, tells of the rest and takes new events.
func TestDamagedBlocks(t *testing.T) {
	const count = 200
	mem := vfs.NewCrashableMem()
	s, err := Open(small(mem))
	if err != nil {
		t.Fatal(err)
	}
	acceptNumbered(t, s, count, "a")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(small(mem)); err != nil { // writes a table of what the log holds
		t.Fatal(err)
	}
	onDatabase(t, s, (*engine.Database).Flush)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := mem.List("queue")
	if err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".sst") })
	for i, name := range names {
		if raced && i%4 != 0 {
			continue
		}
		info, err := mem.Stat("queue/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []int64{0, 2} {
			at := info.Size() * part / 4 // the end has the file's own index
			t.Run(fmt.Sprintf("%s at %d of %d", name, at, info.Size()), func(t *testing.T) {
				files := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: newRand(1)})
				turn(t, files, "queue/"+name, at)
				testDamagedBlock(t, files, count)
			})
		}
	}
}

func turn(t *testing.T, files vfs.FS, name string, at int64) {
	t.Helper()
	f, err := files.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	content[at] ^= 0x40
	w, err := files.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(content)
	if err := errors.Join(err, w.Sync(), w.Close()); err != nil {
		t.Fatal(err)
	}
}

func testDamagedBlock(t *testing.T, files vfs.FS, count int) {
	report, err := check.Run(check.Options{FS: files, Dir: "queue"})
	if err != nil || report.Sound() {
		t.Errorf("check: %+v, %v", report, err)
	}
	unlisted := slices.ContainsFunc(report.Problems, func(p check.Problem) bool { return p.What == check.NoSummary })
	var log lockedBuffer
	o := small(files)
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m, id := testMessage(1 << 20)
	if _, err := s.Accept(t.Context(), m, id, routesTo("a")...); err != nil {
		t.Fatal(err)
	}
	waiting := s.Stats().Destinations[dest("a")].Waiting
	got := drain(t, s, "a")
	st := s.Stats()
	dead := st.Destinations[dest("a")].DeadLetters
	if int64(len(got))+dead != waiting || got["1048576"] != 1 {
		t.Errorf("%d delivered and %d dead of %d; log:\n%s", len(got), dead, waiting, &log)
	}
	// A block holds some twenty of these messages.
	if dead > 50 {
		t.Errorf("%d dead", dead)
	}
	// The index is mended, but for those few all of whose records lie in the block.
	// Where all summaries are hidden, too, nobody knows what waits; the check tells of
	// the messages.
	if waiting < int64(count+1-20) && !unlisted {
		t.Errorf("%d of %d deliveries are missing in their index", int64(count+1)-waiting, count+1)
	}
	if len(got) < count+1 && (st.Damaged == 0 || !strings.Contains(log.String(), "damaged")) {
		t.Errorf("%d delivered, %d damaged; log:\n%s", len(got), st.Damaged, &log)
	}
	if _, err := s.Deliveries(t.Context(), queue.Filter{States: []queue.State{queue.StateDead}}, "", 1000); err != nil {
		t.Errorf("the list of dead letters: %v", err)
	}
	if !st.Available {
		t.Error("the store is down")
	}
	m, id = testMessage(1<<20 + 1)
	if _, err := s.Accept(t.Context(), m, id, routesTo("a")...); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(o); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := drain(t, s, "a"); len(got) != 1 || got["1048577"] != 1 {
		t.Errorf("after a restart: %v", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// What waits in a hidden part of the index is salvaged.
	salvaged, err := check.Salvage(check.Options{FS: files, Dir: "queue"}, "new")
	if err != nil {
		t.Fatal(err)
	}
	o.Dir = "new"
	if s, err = Open(o); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for event, n := range drain(t, s, "a") {
		got[event] += n
	}
	// Whose state lies in the block is a dead letter now.
	kept := len(got) + int(s.Stats().Destinations[dest("a")].DeadLetters)
	if lost := count + 1 - kept; lost > 22+int(salvaged.Lost) { // a block of 32 KiB holds up to 22 messages
		t.Errorf("%d of %d events are lost; %+v", lost, count+1, salvaged)
	}
}

// TestLostKey: what is encrypted with a key that is not given waits until it is,
// and does not stop the rest.
func TestLostKey(t *testing.T) {
	mem := vfs.NewMem()
	now := time.Now()
	var log lockedBuffer
	open := func(keys ...byte) (*Store, error) {
		o := small(mem)
		o.Logger, o.Now = slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now }
		for _, n := range keys {
			o.Settings.Keys = append(o.Settings.Keys, testSealKey(n))
		}
		return Open(o)
	}
	must := func(s *Store, err error) *Store {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := must(open())
	acceptNumbered(t, s, 1, "a")
	s.Close()
	s = must(open(1)) // encryption comes
	for n := uint32(1); n < 4; n++ {
		m, id := testMessage(n)
		m.Endpoint = "a"
		if _, err := s.Accept(t.Context(), m, id, routesTo("a")...); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Learn(t.Context(), "a", "learnt while sealed"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := open(2); !errors.Is(err, errWrongKey) {
		t.Fatalf("a strange key: %v", err)
	}
	must(open(2, 1)).Close() // another key
	s = must(open(2))        // and the old one goes too early
	m, id := testMessage(9)
	m.Endpoint = "a"
	if _, err := s.Accept(t.Context(), m, id, routesTo("a")...); err != nil {
		t.Fatal(err)
	}
	readable := map[string]bool{}
	for range 2 {
		c, err := s.Claim(t.Context(), dest("a"))
		if err != nil {
			t.Fatal(err)
		}
		readable[c.Delivery().Message.EventID] = true
		if err := c.Done(queue.Attempt{}); err != nil {
			t.Fatal(err)
		}
	}
	if !readable["0"] || !readable["9"] {
		t.Errorf("%v", readable)
	}
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Claim(short, dest("a")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	d, err := s.destination(dest("a"))
	if err != nil {
		t.Fatal(err)
	}
	for c, wait, err := s.tryClaim(d); wait == nil; c, wait, err = s.tryClaim(d) {
		if c != nil || err != nil {
			t.Fatal(c, err)
		}
	}
	if st := s.Stats(); st.Destinations[dest("a")].Waiting != 3 || st.Destinations[dest("a")].DeadLetters != 0 || st.Damaged != 0 {
		t.Errorf("%+v", st)
	}
	// Secrets have moved to the new key when it came.
	if secrets, err := s.Learnt(t.Context(), "a"); err != nil || fmt.Sprint(secrets) != "[learnt while sealed]" {
		t.Errorf("%v, %v", secrets, err)
	}
	page, err := s.Deliveries(t.Context(), queue.Filter{States: []queue.State{queue.StateWaiting}}, "", 10)
	if err != nil || len(page.Entries) != 3 || page.Entries[0].Attempts != 0 {
		t.Errorf("%+v, %v", page, err)
	}
	if seen, err := s.Look(t.Context(), page.Entries[0].ID); err != nil || !errors.Is(seen.Err, seal.ErrNoKey) || seen.EventID == "" {
		t.Errorf("%+v, %v", seen, err)
	}
	if n := strings.Count(log.String(), "events wait that cannot be read"); n != 1 {
		t.Errorf("reported %d times", n)
	}
	if err := s.Configure(sealedBy(testSealKey(3))); !errors.Is(err, errWrongKey) {
		t.Errorf("a strange key: %v", err)
	}
	if err := s.Configure(sealedBy(testSealKey(2), testSealKey(1))); err != nil {
		t.Fatal(err)
	}
	if got := drain(t, s, "a"); len(got) != 3 {
		t.Errorf("%v", got)
	}
	if secrets, err := s.Learnt(t.Context(), "a"); err != nil || fmt.Sprint(secrets) != "[learnt while sealed]" {
		t.Errorf("%v, %v", secrets, err)
	}
	s.Close()
	raw(t, mem, func(db *pebble.DB) {
		iter, err := db.NewIter(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer iter.Close()
		for ok := iter.First(); ok; ok = iter.Next() {
			if bytes.Contains(iter.Value(), []byte("while sealed")) {
				t.Errorf("a secret in the clear under %q", iter.Key()[:1])
			}
		}
	})
}
