package engine

import (
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// compaction is the category of the files that Pebble makes in compactions.
const compaction vfs.DiskWriteCategory = "pebble-compaction"

// compactionRest is the pause after a compaction that found no space. Pebble would
// repeat it at once.
const compactionRest = 250 * time.Millisecond

// createYielding creates a file of a compaction. A compaction is the only writer
// that fails when there is no space: Pebble then deletes its files, and their
// space serves the writers that wait.
func (f *fence) createYielding(name string) (vfs.File, error) {
	if rest := time.Until(time.Unix(0, f.crowded.Load())); rest > 0 && f.serving.Load() {
		timer := time.NewTimer(min(rest, compactionRest))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-f.shut:
		}
	}
	var file vfs.File
	err := f.yield(f.inPlace(func() (err error) {
		file, err = f.FS.Create(name, compaction)
		return err
	}))
	if err != nil {
		return nil, err
	}
	if file == nil {
		file = vfs.NewMemFile(nil) // vanished: it is never written to
	}
	return &fencedFile{File: file, fence: f, yields: true}, nil
}

// yield runs an operation of a compaction once.
func (f *fence) yield(op func() error) error {
	var full error
	err := f.change(func() error {
		err := op()
		if folder.NoSpace(err) {
			full, err = err, nil
		}
		return err
	})
	if full != nil {
		f.crowded.Store(time.Now().Add(compactionRest).UnixNano())
		return full
	}
	return err
}

// yieldCheck is how much a compaction writes between two looks at the free space.
const yieldCheck = 128 << 10

// writeYielding writes to a file of a compaction.
func (f *fencedFile) writeYielding(p []byte) (n int, err error) {
	err = f.fence.yield(func() (err error) {
		if f.unchecked += len(p); f.unchecked > yieldCheck {
			f.unchecked = 0
			if !f.fence.disk.space.allowed() {
				return syscall.ENOSPC
			}
		}
		n, err = f.File.Write(p)
		return err
	})
	if err == nil {
		n = len(p)
	}
	return n, err
}
