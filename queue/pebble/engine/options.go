package engine

import (
	"log/slog"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// Options say which folder an engine owns.
type Options struct {
	// Dir is the folder; it is created with mode 0700 where it is missing.
	Dir string
	// FS is the file system. Default: the operating system's.
	FS vfs.FS
	// Logger receives faults, repairs and warnings for a person. Default: none.
	Logger *slog.Logger
	Tuning
}

// Tuning are sizes and times that tests make smaller. The zero value has the defaults.
type Tuning struct {
	// MemTableSize is in bytes. Default: 4 MiB, or less where the disk is small.
	MemTableSize uint64
	// BlockSize is in bytes. Default: 32 KiB. Pebble needs its square in time to
	// describe a broken block.
	BlockSize int
	// CacheSize is in bytes, for blocks, bloom filters and the memtables. Default: 36
	// MiB.
	CacheSize int64
	// StallLimit is how long a commit still waits once the disk is full. Default: 2 s.
	StallLimit time.Duration
}

// memTables is how many memtables there may be at once. Pebble takes their memory
// out of the block cache. A cache that is not larger than the memtables holds no
// blocks, and each look-up of a key then reads its filters from the disk.
const memTables = 3

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	o.FS = folder.Private(o.FS)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.BlockSize == 0 {
		o.BlockSize = 32 << 10
	}
	if o.CacheSize == 0 {
		o.CacheSize = int64(memTables*o.memTableOf(sizesOf(math.MaxInt64))) + 24<<20
	}
	if o.StallLimit == 0 {
		o.StallLimit = 2 * time.Second
	}
	return o
}

// memTableOf returns the size of a memtable on a disk with these shares.
func (o Options) memTableOf(disk sizes) uint64 {
	if o.MemTableSize > 0 {
		return o.MemTableSize
	}
	return disk.memTable
}
