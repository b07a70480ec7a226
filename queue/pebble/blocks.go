package pebble

import (
	"fmt"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// badBlocks remembers the blocks whose checksum was found to be wrong, and fails
// to read them from then on. Pebble would read one again for each record that
// somebody looks for in it, and search it each time for the bit that turned,
// which takes it the better part of a second.
type badBlocks struct {
	mu     sync.RWMutex
	blocks map[badBlock]error
}

type badBlock struct {
	file   string
	offset int64
}

// add is told of what Pebble has found. Where the block is, it says in words only;
// if the words change, reading is slow again.
func (b *badBlocks) add(info pebble.DataCorruptionInfo) {
	text := info.Details.Error()
	i := strings.Index(text, "block ")
	if i < 0 {
		return
	}
	at := badBlock{file: info.Path}
	var length int64
	if _, err := fmt.Sscanf(text[i:], "block %d/%d", &at.offset, &length); err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.blocks == nil {
		b.blocks = make(map[badBlock]error)
	}
	if b.blocks[at] == nil {
		b.blocks[at] = fmt.Errorf("%s: block at %d: %w", at.file, at.offset, pebble.ErrCorruption)
	}
}

// file makes a table's file fail where it has bad blocks.
func (b *badBlocks) file(name string, f vfs.File) vfs.File {
	if f == nil || !strings.HasSuffix(name, ".sst") {
		return f
	}
	return &blockFile{f, name, b}
}

type blockFile struct {
	vfs.File
	name string
	bad  *badBlocks
}

func (f *blockFile) ReadAt(p []byte, offset int64) (int, error) {
	f.bad.mu.RLock()
	var err error
	if len(f.bad.blocks) > 0 {
		err = f.bad.blocks[badBlock{f.name, offset}]
	}
	f.bad.mu.RUnlock()
	if err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, offset)
}
