package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
)

// The marks of a move are files with one line. MovedTo has the place to which everything in
// this folder was moved. MovedFrom has the identity of the source that this folder was filled
// from.
const (
	MovedTo   = "MOVED-TO"
	MovedFrom = "MOVED-FROM"
)

// CheckMoved returns an error that wraps [queue.ErrMoved] if the folder's contents were moved.
func CheckMoved(files vfs.FS, dir string) error {
	to, found, err := ReadMark(files, dir, MovedTo)
	if err != nil || !found {
		return err
	}
	return fmt.Errorf("%w to %s: name that one in the configuration. To go back to this folder although its events may have been delivered since, delete the file %s in it", queue.ErrMoved, to, MovedTo)
}

// ReadMark reads a mark.
func ReadMark(files vfs.FS, dir, name string) (text string, found bool, err error) {
	if _, err := files.Stat(files.PathJoin(dir, name)); errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	b, err := (&Folder{Files: files, dir: dir}).Read(name)
	return strings.TrimSpace(string(b)), err == nil, err
}

// WriteMark writes a mark durably.
func WriteMark(files vfs.FS, dir, name, text string) error {
	return writeSynced(Private(files), dir, name, []byte(text+"\n"))
}
