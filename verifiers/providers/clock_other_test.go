//go:build !linux

package providers_test

import "time"

var testStart = time.Now()

// threadTime is the time of the clock where that of a thread cannot be had.
func threadTime() time.Duration { return time.Since(testStart) }
