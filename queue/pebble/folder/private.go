package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The folder holds requests and, without encryption, the secrets that were learnt.
// It is closed to everybody but its owner, whatever the process' umask is.
const (
	PrivateDir  fs.FileMode = 0o700
	privateFile fs.FileMode = 0o600
	others      fs.FileMode = 0o077
)

// privateFS makes files that only their owner can read.
type privateFS struct{ vfs.FS }

// Private returns a file system on which new files are closed to others. Only the
// operating system's has modes.
func Private(files vfs.FS) vfs.FS {
	if vfs.Root(files) != vfs.Default {
		return files
	}
	return privateFS{files}
}

func (p privateFS) Unwrap() vfs.FS { return p.FS }

// closed closes a file that was just made. A file system without modes is reported
// once, by Close.
func closed(name string, f vfs.File, err error) (vfs.File, error) {
	if err == nil {
		_ = os.Chmod(name, privateFile)
	}
	return f, err
}

func (p privateFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := p.FS.Create(name, c)
	return closed(name, f, err)
}

func (p privateFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := p.FS.OpenReadWrite(name, c, opts...)
	return closed(name, f, err)
}

func (p privateFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := p.FS.ReuseForWrite(oldname, newname, c)
	return closed(newname, f, err)
}

func (p privateFS) Lock(name string) (io.Closer, error) {
	lock, err := p.FS.Lock(name)
	if err == nil {
		_ = os.Chmod(name, privateFile)
	}
	return lock, err
}

func (p privateFS) MkdirAll(dir string, _ fs.FileMode) error { return p.FS.MkdirAll(dir, PrivateDir) }

// Close closes a folder that was there before, and all that is in it. Where
// that fails, as in a folder of another user, it says so and why.
func Close(files vfs.FS, dir string, log *slog.Logger) {
	if vfs.Root(files) != vfs.Default {
		return
	}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.Type()&fs.ModeSymlink != 0 && name != dir {
			return nil
		}
		return closePath(name)
	})
	if err != nil {
		log.Error("other users of this machine can read the queue's folder, and it cannot be closed to them; "+
			"give the folder to the user who runs Caddy, and take the others' rights away (chmod -R go= on it)", "folder", dir, "error", err)
	}
}

func closePath(name string) error {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || info.Mode()&others == 0 {
		return err
	}
	if err := os.Chmod(name, info.Mode().Perm()&^others); err != nil {
		return fmt.Errorf("%w (its mode is %s)", err, info.Mode().Perm())
	}
	// A file system without modes accepts the call and changes nothing.
	if info, err = os.Stat(name); err == nil && info.Mode()&others != 0 {
		err = fmt.Errorf("%s: its mode is still %s; the file system may have no modes", name, info.Mode().Perm())
	}
	return err
}
