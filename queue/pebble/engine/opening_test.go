package engine_test

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// TestFaultWhileCompacting makes each access to the files fail in turn while a database is
// opened that has much to do in the background: its log has deletions, so that Pebble writes
// a table and reads its statistics, and has many tables of level 0, so that it compacts. If
// pebble.Open failed meanwhile, it would close the files below that work and end the process.
func TestFaultWhileCompacting(t *testing.T) {
	files := crowded(t)
	failures := 0
	for fail := int32(1); ; fail++ {
		here := files.CrashClone(vfs.CrashCloneCfg{})
		var count atomic.Int32
		o := &owner{t: t, files: errorfs.Wrap(here, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if count.Add(1) != fail {
				return nil
			}
			time.Sleep(time.Millisecond) // let the background work go on
			return syscall.EIO
		}))}
		err := o.open()
		if err != nil {
			failures++
			o = &owner{t: t, files: here}
			err = o.open()
		}
		if err != nil {
			t.Fatalf("fault %d: %v", fail, err)
		}
		o.eventually("new") // a folder that could not be read is opened later
		for key := range 10 {
			if key := fmt.Sprint(key); o.has(key) != (key >= "5") {
				t.Errorf("fault %d: key %s is there: %t", fail, key, o.has(key))
			}
		}
		if err := o.Close(); err != nil && count.Load() < fail {
			t.Errorf("fault %d: %v", fail, err)
		}
		if count.Load() < fail {
			t.Logf("%d faults, of which %d ended the opening", fail-1, failures)
			return
		}
	}
}

// crowded returns files with a log and with more tables than Pebble leaves uncompacted. The
// keys 5 to 9 exist.
func crowded(t *testing.T) *vfs.MemFS {
	t.Helper()
	files := vfs.NewCrashableMem()
	db, err := pebble.Open("engine", &pebble.Options{
		FS: files, FormatMajorVersion: pebble.FormatNewest, DisableAutomaticCompactions: true, Logger: folder.Silent{},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		for key := range 10 {
			if err := db.Set(fmt.Append(nil, key), nil, pebble.NoSync); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	for key := range 5 {
		if err := db.Delete(fmt.Append(nil, key), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return files
}
