package folder

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Tables are the tables in which Pebble has found a wrong checksum. Reading
// a broken block of them fails at once: Pebble would search the block for the bit
// that turned, which takes the better part of a second, each time that somebody
// looks for one of its records.
type Tables struct {
	mu    sync.RWMutex
	rests <-chan struct{} // nil: no read rests; closed: none does any more
	names map[string]bool
}

// Add reports whether the table was not known to be damaged.
func (d *Tables) Add(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[name] {
		return false
	}
	if d.names == nil {
		d.names = make(map[string]bool)
	}
	d.names[name] = true
	return true
}

func (d *Tables) has(name string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.names[name]
}

// List returns their names.
func (d *Tables) List() []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Sorted(maps.Keys(d.names))
}

// RestUntil lets compactions rest at broken blocks until the channel is closed.
// While Pebble opens it waits for them.
func (d *Tables) RestUntil(end <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rests = end
}

func (d *Tables) rest() {
	d.mu.RLock()
	end := d.rests
	d.mu.RUnlock()
	if end == nil {
		return
	}
	pause := time.NewTimer(compactionPause)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-end:
	}
}

// File wraps a table's file.
func (d *Tables) File(name string, f vfs.File, opts []vfs.OpenOption) vfs.File {
	if f == nil || !strings.HasSuffix(name, ".sst") {
		return f
	}
	return &tableFile{f, name, d, slices.Contains(opts, vfs.SequentialReadsOption)}
}

type tableFile struct {
	vfs.File
	name       string
	damaged    *Tables
	sequential bool
}

// compactionPause is how long a compaction rests at a broken block. Pebble repeats
// a failed compaction at once, and it reads through handles of their own.
const compactionPause = 10 * time.Second

func (f *tableFile) ReadAt(p []byte, offset int64) (int, error) {
	n, err := f.File.ReadAt(p, offset)
	if err != nil || !f.damaged.has(f.name) || f.sound(p, offset) {
		return n, err
	}
	if f.sequential {
		f.damaged.rest()
	}
	return 0, fmt.Errorf("%s: block at %d: %w", f.name, offset, pebble.ErrCorruption)
}

// sound reports whether a block ends with its checksum. The footer, at the end of
// the file, is none.
func (f *tableFile) sound(p []byte, offset int64) bool {
	const size = 4
	if info, err := f.File.Stat(); err != nil || offset+int64(len(p)) >= info.Size() || len(p) <= size {
		return true
	}
	end := len(p) - size
	return binary.LittleEndian.Uint32(p[end:]) == maskedCRC(p[:end])
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC is the checksum of blocks and of the log's chunks: a CRC-32C, turned
// and shifted as in LevelDB's format.
func maskedCRC(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}
