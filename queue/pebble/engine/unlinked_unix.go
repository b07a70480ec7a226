//go:build unix

package engine

import (
	"io/fs"
	"syscall"
)

// isUnlinked reports whether a file has no name any more.
func isUnlinked(info fs.FileInfo) bool {
	at, ok := info.Sys().(*syscall.Stat_t)
	return ok && at.Nlink == 0
}
