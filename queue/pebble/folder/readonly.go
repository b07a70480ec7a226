package folder

import (
	"io"
	"io/fs"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// readOnlyFS refuses everything that would change a file, and takes no lock.
type readOnlyFS struct {
	vfs.FS
	bad *Tables
}

func (f readOnlyFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.Open(name, opts...)
	return f.bad.File(name, file, opts), err
}

func (readOnlyFS) Create(string, vfs.DiskWriteCategory) (vfs.File, error) { return nil, syscall.EROFS }
func (readOnlyFS) Link(string, string) error                              { return syscall.EROFS }
func (readOnlyFS) Remove(string) error                                    { return syscall.EROFS }
func (readOnlyFS) RemoveAll(string) error                                 { return syscall.EROFS }
func (readOnlyFS) Rename(string, string) error                            { return syscall.EROFS }
func (readOnlyFS) MkdirAll(string, fs.FileMode) error                     { return syscall.EROFS }
func (readOnlyFS) Lock(string) (io.Closer, error)                         { return io.NopCloser(nil), nil }

func (readOnlyFS) ReuseForWrite(string, string, vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, syscall.EROFS
}

func (readOnlyFS) OpenReadWrite(string, vfs.DiskWriteCategory, ...vfs.OpenOption) (vfs.File, error) {
	return nil, syscall.EROFS
}

// ReadOnly returns a file system for reading a database. Broken blocks of the given tables
// fail at once.
func ReadOnly(files vfs.FS, bad *Tables) vfs.FS { return readOnlyFS{files, bad} }
