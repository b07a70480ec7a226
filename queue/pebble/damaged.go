package pebble

import (
	"encoding/hex"

	"github.com/cockroachdb/pebble/v2"
)

// isCorruption: a block of a file does not have the checksum that it was written
// with, or a file is missing. What lies elsewhere can be read all the same.
func isCorruption(err error) bool { return pebble.IsCorruptionError(err) }

// nameless names a lane whose name is lost. Cannot happen, as a name is written
// with the first delivery; should it, the deliveries are kept under a name that
// says so.
func nameless(id laneID) string { return "unknown " + hex.EncodeToString(id[:]) }
