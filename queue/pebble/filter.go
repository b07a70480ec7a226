package pebble

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"

	"github.com/hookwicket/hookwicket/queue"
)

// keyFilter excludes nearly every key that is not recorded,
// at the cost of one cache line instead of a search in the database. Most events
// are new.
//
// It never says no to a recorded key. A key is added when its commit has ended,
// with any outcome, and before its stripe is released: no other goroutine decides on
// the key until then. While a filter is loaded from disk, keys are added to it
// and to the one in use; the scan begins after that, so it finds those before.
type keyFilter struct {
	current atomic.Pointer[filter] // nil until the first is loaded: all may be recorded
	next    atomic.Pointer[filter] // being loaded
}

// firstCapacity is the number of keys that the smallest filter is made for.
const firstCapacity = 1 << 20

func (k *keyFilter) mayHave(key queue.Key) bool {
	f := k.current.Load()
	return f == nil || f.has(key)
}

// add adds a key and reports whether a larger filter is due. The one being loaded
// comes first: the other way round, it could be put into use in between.
func (k *keyFilter) add(key queue.Key) (crowded bool) {
	next := k.next.Load()
	if next != nil {
		next.add(key)
	}
	f := k.current.Load()
	if f == nil || f == next {
		return false
	}
	return f.add(key) > f.capacity && next == nil
}

// load puts a filter with all recorded keys into use. each begins a scan of the
// keys on disk and calls its argument for every one until that returns false; it
// reports whether it has seen them all.
func (k *keyFilter) load(each func(add func(queue.Key) bool) bool) {
	for capacity := int64(firstCapacity); ; capacity *= 2 {
		f := newFilter(capacity)
		if !k.next.CompareAndSwap(nil, f) {
			return // another goroutine loads it
		}
		crowded := false
		complete := each(func(key queue.Key) bool {
			crowded = f.add(key) > capacity/4*3 // leave room for new keys
			return !crowded
		})
		if complete {
			k.current.Store(f)
		}
		k.next.Store(nil)
		if !crowded {
			return
		}
	}
}

// filter is a blocked Bloom filter: each key sets six bits of one cache line.
// Filled to its capacity it is wrong about three new keys in a hundred. For ten
// million keys it takes 16 MB.
type filter struct {
	capacity int64
	added    atomic.Int64
	blocks   []block
}

type block [8]uint64

const bitsPerKey = 8

func newFilter(capacity int64) *filter {
	n := uint64(capacity) * bitsPerKey / 512
	return &filter{capacity: capacity, blocks: make([]block, 1<<bits.Len64(max(n, 1)-1))}
}

// locate returns the key's block, and a number whose every nine bits name a bit
// in it. Keys are halves of digests: any of their bits are as good as a hash.
func (f *filter) locate(key queue.Key) (b *block, probes uint64) {
	i := binary.LittleEndian.Uint64(key[:8]) & uint64(len(f.blocks)-1)
	return &f.blocks[i], binary.LittleEndian.Uint64(key[8:])
}

// add adds a key and returns how many were added so far.
func (f *filter) add(key queue.Key) int64 {
	b, probes := f.locate(key)
	for range 6 {
		atomic.OrUint64(&b[probes>>6&7], 1<<(probes&63))
		probes >>= 9
	}
	return f.added.Add(1)
}

func (f *filter) has(key queue.Key) bool {
	b, probes := f.locate(key)
	for range 6 {
		if atomic.LoadUint64(&b[probes>>6&7])>>(probes&63)&1 == 0 {
			return false
		}
		probes >>= 9
	}
	return true
}
