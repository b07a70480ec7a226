package caddymodule

import (
	"log/slog"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble"
)

func init() {
	caddy.RegisterModule(&PebbleStore{})
}

// PebbleStore keeps events in a folder of this machine, with no server beside
// Caddy. One process at a time can use a folder.
type PebbleStore struct {
	// Path is the folder. It is made if it is missing, readable by its owner
	// alone. Default: webhook_gateway in Caddy's data directory.
	Path string `json:"path,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*PebbleStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "webhook_gateway.stores.pebble",
		New: func() caddy.Module { return new(PebbleStore) },
	}
}

// Provision resolves placeholders in the path.
func (s *PebbleStore) Provision(ctx caddy.Context) error {
	path, err := resolve(s.Path)
	if err != nil {
		return err
	}
	if path == "" {
		path = defaultFolder()
		warnOfWorkingDirectory(ctx.Logger(), path)
	}
	s.Path, err = filepath.Abs(path)
	return err
}

// defaultFolder is where the store is without `store pebble <folder>`. It is relative to the
// working directory where the environment names no data directory: Caddy takes that from
// XDG_DATA_HOME, else from HOME (on Windows from AppData).
func defaultFolder() string { return filepath.Join(caddy.AppDataDir(), "webhook_gateway") }

// warnOfWorkingDirectory warns of a default folder that a start from elsewhere would not find.
func warnOfWorkingDirectory(logger *zap.Logger, folder string) {
	if filepath.IsAbs(folder) {
		return
	}
	if full, err := filepath.Abs(folder); err == nil {
		folder = full
	}
	logger.Warn("neither HOME nor XDG_DATA_HOME is set to an absolute path, so this folder is in the working directory, and Caddy "+
		"started in another directory does not find it: set one of them, or name the folder with `store pebble <folder>`", zap.String("folder", folder))
}

// Folder is where the files are.
func (s *PebbleStore) Folder() string { return s.Path }

// Location is the folder.
func (s *PebbleStore) Location() string { return "pebble:" + s.Path }

// Open opens the folder for this process.
func (s *PebbleStore) Open(logger *zap.Logger, settings queue.Settings) (queue.Store, error) {
	return pebble.Open(s.Options(logger, settings))
}

// Options are what the folder is opened with.
func (s *PebbleStore) Options(logger *zap.Logger, settings queue.Settings) pebble.Options {
	return pebble.Options{Dir: s.Path, Settings: settings, Logger: slog.New(zapslog.NewHandler(logger.Core()))}
}

// UnmarshalCaddyfile reads `pebble [<folder>]`.
func (s *PebbleStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the store's name
	if d.NextArg() {
		s.Path = d.Val()
	}
	if d.NextArg() || d.NextBlock(d.Nesting()) {
		return d.Err("a pebble store takes a folder and nothing else")
	}
	return nil
}

var (
	_ StoreModule           = (*PebbleStore)(nil)
	_ caddy.Provisioner     = (*PebbleStore)(nil)
	_ caddyfile.Unmarshaler = (*PebbleStore)(nil)
)
