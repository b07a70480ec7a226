package engine

import (
	"errors"
	"io/fs"

	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// Walk calls f for the records between two keys; see [folder.Damage.Walk]. It continues
// behind damaged blocks.
func (db *Database) Walk(lower, upper []byte, f func(k, v []byte) error) error {
	return db.damage.Walk(db.DB, lower, upper, f)
}

// LostLogs is the number of damaged logs that were found before the database was
// opened. The records that a log has lost are in no file any more.
func (db *Database) LostLogs() int { return db.lostLogs }

// damagedDir is where copies of damaged files are kept, in the engine's folder.
const damagedDir = "damaged"

// KeepDamaged links the damaged files that were met into a folder beside them, so that
// nothing which is cut out of them is lost for good.
func (db *Database) KeepDamaged() error {
	files := db.fence
	dir := files.PathJoin(db.dir, damagedDir)
	if err := files.MkdirAll(dir, folder.PrivateDir); err != nil {
		return err
	}
	for _, name := range files.tables.List() {
		err := files.Link(name, files.PathJoin(dir, files.PathBase(name)))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
