package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// NoSpace reports whether the disk or the quota is used up. A sweep or a person can
// free space, so such an error passes.
func NoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// IsCorruption: a block of a file does not have the checksum that it was written
// with, or a file is missing. The rest of the files can be read.
func IsCorruption(err error) bool { return pebble.IsCorruptionError(err) }

// IsLocked reports whether an error of taking the folder's lock means that it is
// taken. vfs returns a bare errno, or a text alone if this process has the lock.
func IsLocked(err error) bool {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return err == error(errno) && (errno == syscall.EAGAIN || errno == syscall.EACCES)
	}
	return strings.Contains(err.Error(), "lock held")
}

// FromDamage reports whether an error of opening a folder can come from damaged files,
// and not from the disk or from the rights of the process.
func FromDamage(err error) bool {
	switch {
	case err == nil, errors.Is(err, fs.ErrPermission), errors.Is(err, queue.ErrLocked), NoSpace(err),
		errors.Is(err, syscall.EIO), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EMFILE):
		return false
	}
	return true
}

// IsError reports whether an error is a damaged folder's.
func IsError(err error) bool {
	var folder *Error
	return errors.As(err, &folder)
}

// Error says that a folder cannot be opened because files of it are damaged
// or missing.
type Error struct {
	Dir   string
	Files []Problem
	Err   error // of the engine; nil: it was not asked
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the queue in %s is damaged", e.Dir)
	for i, p := range e.Files {
		b.WriteString([]string{": ", "; "}[min(i, 1)] + p.String())
		if i == 9 && len(e.Files) > 10 {
			fmt.Fprintf(&b, "; and %d files more", len(e.Files)-10)
			break
		}
	}
	if e.Err != nil {
		fmt.Fprintf(&b, " (%v)", e.Err)
	}
	return b.String() + ". " + SalvageHint
}

func (e *Error) Unwrap() error { return e.Err }

// SalvageHint is the next step for a damaged folder.
const SalvageHint = "`caddy webhook check` names what is damaged, and `caddy webhook check --salvage <new folder>` copies all that can be read into a new folder; see docs/store.md"
