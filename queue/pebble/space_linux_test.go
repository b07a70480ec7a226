package pebble

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
)

// mountSmall mounts a file system of a size, where the test may.
func mountSmall(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a tmpfs cannot be mounted here (it takes root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestSmallMount does on a real file system as TestSmallDisk does in memory. Then
// another program fills it to the last byte while the store is closed.
func TestSmallMount(t *testing.T) {
	dir := mountSmall(t, "24m")
	f := newFullStoreIn(t, filepath.Join(dir, "queue"), vfs.Default, 4000)
	f.fill()
	if len(f.kept) == 0 {
		t.Fatal("nothing was accepted")
	}
	f.restart()
	f.deliver(60 * time.Second)
	f.await()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	foreign := filepath.Join(dir, "foreign")
	file, err := os.Create(foreign)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 4096); err == nil; {
		_, err = file.Write(block)
	}
	file.Close()
	f.open()
	f.deliver(60 * time.Second) // the one that await accepted
	// The store may by now have made room by itself, out of its ended deliveries.
	if err := f.accept(); err != nil && !errors.Is(err, queue.ErrUnavailable) {
		t.Error("accepting on a full disk: ", err)
	}
	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}
	f.await()
	f.deliver(60 * time.Second)
}
