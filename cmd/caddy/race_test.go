//go:build race

package main

// raced: the race detector multiplies what a process takes of memory and time.
const raced = true
