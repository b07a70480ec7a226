package pebble_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble"
	"github.com/hookwicket/hookwicket/queue/queuetest"
)

// dest makes a destination of its text.
func dest(s string) queue.Destination { return queue.ParseDestination(s) }

func TestStore(t *testing.T) {
	mems := make(map[string]*vfs.MemFS)
	queuetest.Run(t, func(t *testing.T, o queuetest.Options) queue.Store {
		if mems[o.Dir] == nil {
			mems[o.Dir] = vfs.NewMem()
		}
		s, err := pebble.Open(pebble.Options{Dir: "queue", FS: mems[o.Dir], Now: o.Now, Settings: o.Settings})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestStoreOnDisk(t *testing.T) {
	queuetest.Run(t, func(t *testing.T, o queuetest.Options) queue.Store {
		s, err := pebble.Open(pebble.Options{Dir: o.Dir, Now: o.Now, Settings: o.Settings})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestLocked(t *testing.T) {
	dir := t.TempDir() + "/new"
	s, err := pebble.Open(pebble.Options{Dir: dir, Settings: queue.DefaultSettings()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = pebble.Open(pebble.Options{Dir: dir, Settings: queue.DefaultSettings()})
	if !errors.Is(err, queue.ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode: %v, %v", info.Mode(), err)
	}
}
