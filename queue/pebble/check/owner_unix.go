//go:build unix

package check

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// OwnAlike gives a folder to the owner of another one, so that root can salvage a
// folder for the user who runs the gateway. It is a courtesy: errors do not count.
func OwnAlike(files vfs.FS, from, to string) {
	if vfs.Root(files) != vfs.Default || os.Geteuid() != 0 {
		return
	}
	info, err := os.Stat(from)
	if err != nil {
		return
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = filepath.WalkDir(to, func(name string, _ fs.DirEntry, err error) error {
			if err == nil {
				_ = os.Lchown(name, int(owner.Uid), int(owner.Gid))
			}
			return nil
		})
	}
}
