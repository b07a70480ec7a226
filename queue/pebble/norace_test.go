//go:build !race

package pebble

const raced = false
