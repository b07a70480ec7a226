package caddymodule

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"sync"
)

// The garbage collector lets the heap grow to twice what was in use, so that bodies
// of max_in_flight would take twice as much memory. Therefore the process has a soft
// limit while a store is open: max_in_flight, and twice what the rest of the process
// uses, at least heapBase. Bodies are thus not doubled, everything else may be, and
// the limit is never lower than what is in use: it cannot make the collector run
// without end. A limit that the operator set (GOMEMLIMIT, or that of a container)
// counts where it is lower, and GOMEMLIMIT is left alone.
const heapBase = 64 << 20

// heapLimit is the soft limit of the process. Nothing is set while no store is open.
var heapLimit struct {
	mu      sync.Mutex
	rooms   map[*room]bool
	initial int64 // from before
	current int64
}

// paceHeap makes a room count.
func paceHeap(r *room) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	l := &heapLimit
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rooms) == 0 {
		l.rooms = make(map[*room]bool)
		l.initial = debug.SetMemoryLimit(-1)
		afterCollection()
	}
	l.rooms[r] = true
	adjustHeap()
}

// unpaceHeap gives the process its own limit back with the last room.
func unpaceHeap(r *room) {
	l := &heapLimit
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.rooms[r] {
		return
	}
	if delete(l.rooms, r); len(l.rooms) == 0 {
		debug.SetMemoryLimit(l.initial)
		l.current = 0
	}
}

// adjustHeap sets the limit, with the lock held.
func adjustHeap() {
	l := &heapLimit
	used := []runtimemetrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}, {Name: "/memory/classes/metadata/other:bytes"},
	}
	runtimemetrics.Read(used)
	var rest, bodies int64
	for _, s := range used {
		rest += int64(s.Value.Uint64())
	}
	for r := range l.rooms {
		rest -= r.total.Load()
		bodies += r.limit.Load()
	}
	limit := min(l.initial, bodies+max(heapBase, 2*rest))
	if math.Abs(float64(limit-l.current)) > heapBase/8 {
		l.current = limit
		debug.SetMemoryLimit(limit)
	}
}

// afterCollection adjusts the limit after each run of the garbage collector, which
// finds an object that nobody uses each time.
func afterCollection() {
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) {
		heapLimit.mu.Lock()
		defer heapLimit.mu.Unlock()
		if len(heapLimit.rooms) > 0 {
			adjustHeap()
			afterCollection()
		}
	})
}
