//go:build race

package pebble

// With the race detector Pebble notes the whole stack for each iterator, so that
// a store is twenty times as slow. The tests that repeat a thing many times do a
// part of it then; make test runs all of it without the detector as well.
const raced = true
