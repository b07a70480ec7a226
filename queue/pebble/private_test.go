//go:build unix

package pebble

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/check"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// TestFolderIsClosed: nobody but the owner can enter the folder or read a file of it,
// whatever the umask is and whatever modes it had before; so it is with a salvage.
func TestFolderIsClosed(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := filepath.Join(t.TempDir(), "queue")
	open := func() *Store {
		s, err := Open(Options{Dir: dir, Settings: queue.DefaultSettings(), tuning: engine.Tuning{MemTableSize: 64 << 10}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	look := func(dir string) (files int) {
		t.Helper()
		err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			files++
			want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[e.IsDir()]
			// Pebble creates and removes files meanwhile. One that is just created gets its
			// mode in a second call.
			for limit := time.Now().Add(faultPatience); info.Mode().Perm() != want; time.Sleep(time.Millisecond) {
				if time.Now().After(limit) {
					t.Errorf("%s has mode %s", e.Name(), info.Mode())
					return nil
				}
				if info, err = os.Stat(name); errors.Is(err, fs.ErrNotExist) {
					return nil
				} else if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	fill := func(s *Store, from uint32) {
		for i := range uint32(100) {
			m, id := testMessage(from + i)
			if _, err := s.Accept(t.Context(), m, id, routesTo("a")...); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Learn(t.Context(), "a", "secret"); err != nil {
			t.Fatal(err)
		}
		onDatabase(t, s, (*engine.Database).Flush)
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	s := open()
	fill(s, 0)
	look(dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	look(dir)
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(name, map[bool]fs.FileMode{true: 0o777, false: 0o666}[e.IsDir()])
	})
	if err != nil {
		t.Fatal(err)
	}
	s = open()
	fill(s, 1000)
	if n := look(dir); n < 6 {
		t.Errorf("%d files", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := check.Salvage(check.Options{Dir: dir}, dir+"-new"); err != nil {
		t.Fatal(err)
	}
	if n := look(dir + "-new"); n < 4 {
		t.Errorf("%d files", n)
	}
}

// TestFolderOfAnother: where the modes cannot be changed the start says so.
func TestFolderOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder to another user")
	}
	// Root may change every mode, so a file system stands in that refuses it.
	var log lockedBuffer
	folder.Close(vfs.Default, "/proc/self/fdinfo", slog.New(slog.NewTextHandler(&log, nil)))
	if got := log.String(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "chmod -R go=") || !strings.Contains(got, "fdinfo") {
		t.Errorf("log: %s", got)
	}
}
