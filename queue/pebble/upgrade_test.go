package pebble

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
)

// format1Start is the time at which testdata/format1/make.go begins.
var format1Start = time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.UTC)

// format1Store unpacks a folder that the last version of format 1 has written,
// built with testdata/format1/make.go.
func format1Store(t *testing.T) *vfs.MemFS {
	t.Helper()
	f, err := os.Open("testdata/format1/queue.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	mem := vfs.NewCrashableMem()
	files := tar.NewReader(z)
	for {
		h, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(h.Name, "/")
		if h.Typeflag == tar.TypeDir {
			if err := mem.MkdirAll(name, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		w, err := mem.Create(name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, files); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Sync(), w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"queue", ""} {
		dir, err := mem.OpenDir(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return mem
}

func format1Options(fs vfs.FS) Options {
	o := small(fs)
	o.Now = func() time.Time { return format1Start.Add(24 * time.Hour) }
	return o
}

func openFormat1(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestUpgrade: everything that a folder of format 1 holds is there in the new
// one, in its place and with what is known of it.
func TestUpgrade(t *testing.T) {
	mem := format1Store(t)
	s := openFormat1(t, format1Options(mem))
	checkUpgraded(t, s)
	before := s.Stats()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openFormat1(t, format1Options(mem))
	checkUpgraded(t, s)
	if after := s.Stats(); fmt.Sprint(before.Destinations, before.Bytes) != fmt.Sprint(after.Destinations, after.Bytes) {
		t.Errorf("first %+v, then %+v", before, after)
	}
	emptyUpgraded(t, s)
}

// crashFS clones the file system at one of its writes, as after a power failure.
type crashFS struct {
	vfs.FS
	mem    *vfs.MemFS
	at     int64
	writes atomic.Int64
	clone  atomic.Pointer[vfs.MemFS]
}

func (f *crashFS) wrote() {
	if n := f.writes.Add(1); n == f.at {
		f.clone.Store(f.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(n * 37 % 101), RNG: newRand(uint64(n))}))
	}
}

func (f *crashFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f.wrote()
	file, err := f.FS.Create(name, c)
	return crashFile{file, f}, err
}

type crashFile struct {
	vfs.File
	fs *crashFS
}

func (f crashFile) Write(p []byte) (int, error) { f.fs.wrote(); return f.File.Write(p) }
func (f crashFile) Sync() error                 { f.fs.wrote(); return f.File.Sync() }
func (f crashFile) SyncData() error             { f.fs.wrote(); return f.File.SyncData() }

// TestUpgradeKilled cuts the power at every write of an upgrade, after which the
// next one, with nothing before it or half of the first, comes to the same end.
func TestUpgradeKilled(t *testing.T) {
	for at := int64(1); ; at++ {
		mem := format1Store(t)
		files := &crashFS{FS: mem, mem: mem, at: at}
		s := openFormat1(t, format1Options(files))
		if files.clone.Load() == nil {
			if at < 10 {
				t.Fatalf("only %d writes", at-1)
			}
			return // the upgrade had ended before
		}
		s.Close()
		s = openFormat1(t, format1Options(files.clone.Load()))
		checkUpgraded(t, s)
		emptyUpgraded(t, s)
		s.Close()
	}
}

// TestUpgradeFullDisk: an upgrade for which there is no space goes on when there
// is.
func TestUpgradeFullDisk(t *testing.T) {
	disk := &switchFS{FS: format1Store(t)}
	disk.set(syscall.ENOSPC)
	s := openFormat1(t, format1Options(disk))
	if s.Stats().Available {
		t.Fatal("available without space")
	}
	disk.set(nil)
	for deadline := time.Now().Add(20 * time.Second); !s.Stats().Available; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("not available after 20 s")
		}
	}
	checkUpgraded(t, s)
	emptyUpgraded(t, s)
}

func checkUpgraded(t *testing.T, s *Store) {
	t.Helper()
	st := s.Stats()
	for name, want := range map[string][2]int64{"pay": {18, 1}, "pay/audit": {8, 1}, "crm": {3, 1}} {
		if got := st.Destinations[name]; got.Waiting != want[0] || got.DeadLetters != want[1] {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if len(st.Destinations) != 3 || st.Damaged != 0 {
		t.Errorf("%+v", st)
	}
	for endpoint, want := range map[string]string{"pay": "[first secret of pay second secret of pay]", "crm": "[secret of crm]"} {
		if got, err := s.Learnt(t.Context(), endpoint); err != nil || fmt.Sprint(got) != want {
			t.Errorf("secrets of %s: %q, %v", endpoint, got, err)
		}
	}
	for _, key := range []queue.Key{{1, 1}, {2, 24}, {9}} {
		if v, err := s.Seen(t.Context(), queue.Identity{Key: key}, s.now()); err != nil || v != queue.Duplicate {
			t.Errorf("key %x: %v, %v", key, v, err)
		}
	}
	page, err := s.Messages(t.Context(), queue.Filter{Endpoint: "pay"}, "", 100)
	if err != nil || page.Next != "" || len(page.Messages) != 23 {
		t.Fatalf("%d messages, %v", len(page.Messages), err)
	}
	got := make(map[string]string)
	for _, m := range page.Messages {
		var all []string
		for _, d := range m.Deliveries {
			word := fmt.Sprintf("%s %s %d", d.Destination, d.State, d.Attempts)
			if d.Last != nil {
				word += fmt.Sprintf(" %q", d.Last.Error)
			}
			if d.State == queue.StateWaiting && d.Next.Before(m.ReceivedAt) || d.Err != nil {
				t.Errorf("%s: %+v", m.EventID, d)
			}
			all = append(all, word)
		}
		if m.EventType != "payment.created" || m.Size <= 0 {
			t.Errorf("%+v", m)
		}
		if n := int(m.ReceivedAt.Sub(format1Start.Truncate(time.Second)) / time.Second); m.EventID != "" && m.EventID != fmt.Sprintf("evt_%d", n) {
			t.Errorf("event %s was received at %v", m.EventID, m.ReceivedAt)
		}
		got[m.EventID] = strings.Join(all, ", ")
	}
	for event, want := range map[string]string{
		"evt_2":  `pay waiting 1 "status 503"`,
		"evt_3":  `pay waiting 2 "second"`,
		"evt_4":  `pay dead_letter 1 "status 410"`,
		"evt_6":  `pay waiting 0`,
		"evt_11": `pay waiting 0`,
		"evt_12": `pay/audit dead_letter 1 "gone for good", pay waiting 0`,
		"evt_13": `pay/audit waiting 1 "no answer", pay waiting 0`,
	} {
		first, second, two := strings.Cut(want, ", ")
		if got[event] != want && (!two || got[event] != second+", "+first) {
			t.Errorf("%s: %s", event, got[event])
		}
	}
	found, err := s.Deliveries(t.Context(), queue.Filter{EventID: "evt_13"}, "", 10)
	if err != nil || len(found.Entries) != 2 {
		t.Fatalf("by event ID: %+v, %v", found, err)
	}
	seen, err := s.Look(t.Context(), found.Entries[0].ID)
	if err != nil || string(seen.Message.Body) != `{"n":13}` || seen.Err != nil {
		t.Errorf("%+v, %v", seen, err)
	}
}

// emptyUpgraded delivers all that waits and purges the rest, after which nothing
// is left.
func emptyUpgraded(t *testing.T, s *Store) {
	t.Helper()
	total := 0
	for _, destination := range []string{"pay", "pay/audit", "crm"} {
		s.Retain(destination, 0)
		for range s.Stats().Destinations[destination].Waiting {
			c, err := s.Claim(t.Context(), destination)
			if err != nil {
				t.Fatal(err)
			}
			m := c.Delivery().Message
			n := int(m.ReceivedAt.Sub(format1Start) / time.Second)
			if want := fmt.Sprintf(`{"n":%d}`, n); string(m.Body) != want {
				t.Errorf("body %s instead of %s", m.Body, want)
			}
			if err := c.Done(queue.Attempt{At: s.now()}); err != nil {
				t.Fatal(err)
			}
			total++
		}
	}
	if total != 29 {
		t.Errorf("%d deliveries", total)
	}
	st := s.Stats()
	dead, err := s.Deliveries(t.Context(), queue.Filter{}, "", 100)
	if err != nil || len(dead.Entries) != 3 {
		t.Fatalf("%+v, %v", dead, err)
	}
	var bytes int64
	for _, d := range dead.Entries {
		if d.State != queue.StateDead || d.Ended.IsZero() {
			t.Errorf("%+v", d)
		}
		bytes += st.Destinations[d.Destination].Bytes
	}
	if st.Bytes != bytes || bytes <= 0 {
		t.Errorf("%d bytes in all, %d of the dead letters", st.Bytes, bytes)
	}
}
