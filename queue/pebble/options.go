package pebble

import (
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
)

// Options say where and how a store is kept.
type Options struct {
	// Dir is the folder; it is created with mode 0700 where it is missing.
	Dir string
	// FS is the file system. Default: the operating system's.
	FS vfs.FS
	// Settings can be exchanged later, by [Store.Configure]. The zero value has no
	// limits and no retention; see [queue.DefaultSettings].
	Settings queue.Settings
	// Now decides which deliveries are due and which keys have expired. Default:
	// time.Now. After setting another clock forward, call [Store.Wake].
	Now func() time.Time
	// Logger receives faults, repairs and warnings for a person. Default: none.
	Logger *slog.Logger

	freshSize int64 // default 16 MiB, for messages not yet claimed
	tuning    engine.Tuning
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.freshSize == 0 {
		o.freshSize = 16 << 20
	}
	return o
}

func (o Options) engine() engine.Options {
	return engine.Options{Dir: o.Dir, FS: o.FS, Logger: o.Logger, Tuning: o.tuning}
}
