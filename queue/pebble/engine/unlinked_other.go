//go:build !unix

package engine

import "io/fs"

// isUnlinked returns false where a file in use cannot be deleted.
func isUnlinked(fs.FileInfo) bool { return false }
