// Package refused keeps requests that were refused, for people who look for the reason.
// Its memory and its time are bounded, because anybody can send requests that are
// refused. It does not depend on Caddy.
//
// Start with [Ring], and with [Ring.Admit] and [Ring.Put], which the path of a request
// calls.
//
//	ring.go     the entries, which of them is removed for a new one, and the limits
//	entry.go    one refused request, its rank and its size
//	disk.go     the entries on the disk, if that is configured; seal.go encrypts them
//	bucket.go   how many requests a second are taken
//	recent.go   how many requests were refused lately
//
// One mutex guards a ring. Only refused requests and people take it.
package refused
