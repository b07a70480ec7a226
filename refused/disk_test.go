package refused

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

// onDisk is a refused request with a body that tells it apart.
func onDisk(n byte, at time.Time, size int) *Entry {
	e := &Entry{Reason: string(verifiers.WrongSignature), Status: 401, Size: int64(size)}
	e.Message = queue.Message{ID: queue.NewID(at), ReceivedAt: at, Endpoint: "a", Method: "POST", URI: "/a", Body: bytes.Repeat([]byte{n}, size)}
	e.Original = "/before\xff"
	e.Message.Header = map[string][]string{"X-Test": {"secret words"}}
	e.Trim(true)
	return e
}

// settings of a ring in a folder.
func diskSettings(dir string, keys ...byte) Settings {
	s := Settings{Size: MinSize, Age: time.Hour, Disk: &Disk{Dir: dir, Log: slog.New(slog.DiscardHandler)}}
	for _, k := range keys {
		s.Disk.Keys = append(s.Disk.Keys, bytes.Repeat([]byte{k}, 32))
	}
	return s
}

// reopened returns a ring that has read the folder.
func reopened(t *testing.T, s Settings) *Ring {
	t.Helper()
	r := New(s)
	r.Close() // it reads before it ends
	return r
}

// TestDisk: entries outlive the process, with the message that they became, until they
// are removed.
func TestDisk(t *testing.T) {
	for name, keys := range map[string][]byte{"plain": nil, "sealed": {1}} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "refused")
			s, now := diskSettings(dir, keys...), time.Now()
			r := New(s)
			var ids []queue.ID
			for n := range byte(3) {
				id, kept := r.Put(onDisk(n, now.Add(time.Duration(n)*time.Second), 1000))
				if !kept {
					t.Fatal("not kept")
				}
				ids = append(ids, id)
			}
			became := queue.NewID(now)
			r.Settle(ids[1], became)
			r.Close()
			if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the folder: %v, %v", info.Mode(), err)
			}
			b, err := os.ReadFile(filepath.Join(dir, "REFUSED-0"))
			if err != nil {
				t.Fatal(err)
			}
			if open := bytes.Contains(b, []byte("wrong_signature")); open != (keys == nil) {
				t.Errorf("readable in the file: %v", open)
			}
			r = reopened(t, s)
			list := r.List(Filter{}, now)
			if len(list) != 3 || list[0].Message.ID != ids[2] || list[1].Accepted != became || list[0].Original != "/before\xff" || !bytes.Equal(list[2].Message.Body, bytes.Repeat([]byte{0}, 1000)) {
				t.Fatalf("%d entries: %+v", len(list), list)
			}
			again := onDisk(2, now.Add(time.Minute), 1000)
			if id, kept := r.Put(again); !kept || id != ids[2] {
				t.Errorf("a repetition is an entry of its own")
			}
			if keys != nil {
				if n := len(reopened(t, diskSettings(dir, 2)).List(Filter{}, now)); n != 0 {
					t.Errorf("another key opens %d entries", n)
				}
				if n := len(reopened(t, diskSettings(dir, 2, 1)).List(Filter{}, now)); n != 3 {
					t.Errorf("an old key opens %d entries", n)
				}
			}
			r = New(s)
			r.Clear()
			r.Put(onDisk(9, now, 10))
			r.Close()
			if list := reopened(t, s).List(Filter{}, now); len(list) != 1 || list[0].Size != 10 {
				t.Errorf("after clearing: %+v", list)
			}
			if err := Remove(dir); err != nil {
				t.Fatal(err)
			}
			if n := len(reopened(t, s).List(Filter{}, now)); n != 0 {
				t.Errorf("%d entries after removing", n)
			}
		})
	}
}

// TestDiskLimits: the files stay within the size, old entries go, and a file that is cut
// off or altered loses the rest of it alone.
func TestDiskLimits(t *testing.T) {
	dir := t.TempDir()
	s, now := diskSettings(dir), time.Now()
	d := &disk{Disk: *s.Disk, half: s.Size / 2, age: s.Age}
	add := func(n byte, at time.Time, size int) {
		t.Helper()
		e := onDisk(n, at, size)
		w := write{record: record{Entry: stored{Message: queue.AppendMessage(nil, &e.Message), Reason: e.Reason, Size: e.Size}}, received: at}
		if err := d.append(w); err != nil {
			t.Fatal(err)
		}
	}
	for n := range byte(50) {
		add(n, now.Add(time.Duration(n)*time.Second), 20<<10)
	}
	total := int64(0)
	for i := range d.files {
		info, err := os.Stat(d.name(i))
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total > s.Size {
		t.Errorf("%d bytes, more than %d", total, s.Size)
	}
	list := reopened(t, s).List(Filter{}, now)
	if len(list) == 0 || list[0].Message.Body[0] != 49 {
		t.Fatalf("the latest is not among the %d that are left", len(list))
	}
	// The last record of the file is torn, as after a crash.
	name := d.name(d.at)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b[:len(b)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if torn := reopened(t, s).List(Filter{}, now); len(torn) != len(list)-1 {
		t.Errorf("%d entries, want %d", len(torn), len(list)-1)
	}
	for i := range b {
		b[i] ^= 0xff
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if left := reopened(t, s).List(Filter{}, now); len(left) >= len(list) {
		t.Errorf("%d entries from a file of garbage", len(left))
	}
	d.sweep(now.Add(2 * time.Hour))
	if n := len(reopened(t, s).List(Filter{}, now)); n != 0 {
		t.Errorf("%d entries are left after their time", n)
	}
}

// TestDiskFails: a folder that cannot be written costs the copies on the disk alone.
func TestDiskFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := diskSettings(filepath.Join(file, "refused"))
	s.Disk.Log = slog.New(slog.NewTextHandler(&log, nil))
	r := New(s)
	for n := range byte(200) {
		r.Put(onDisk(n, time.Now(), 100))
	}
	if len(r.List(Filter{}, time.Now())) == 0 {
		t.Error("nothing is kept in memory")
	}
	r.Close()
	if n := bytes.Count(log.Bytes(), []byte("\n")); n != 1 {
		t.Errorf("%d lines: %s", n, &log)
	}
}
