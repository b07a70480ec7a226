package caddymodule

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"sync"
)

// By default the garbage collector lets the heap grow to twice its live bytes, so the
// bodies of max_in_flight would take twice their size. Therefore the process has a soft
// memory limit while a store is open: max_in_flight, plus twice the memory of the rest
// of the process, at least heapBase. So the rest may double, but bodies may not.
//
// The limit is never lower than the memory in use. Otherwise the collector would run
// without end. A lower limit of the operator takes precedence (of a container, for
// example). If GOMEMLIMIT is set, the process keeps it.
const heapBase = 64 << 20

// heapLimit is the soft limit of the process. Nothing is set while no store is open.
var heapLimit struct {
	mu      sync.Mutex
	rooms   map[*room]bool
	initial int64 // from before
	current int64
}

// paceHeap adds the bodies of a room to the limit.
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
	adjustHeapLocked()
}

// unpaceHeap removes the bodies of a room from the limit. With the last room it restores
// the limit of the process.
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

// adjustHeapLocked sets the limit of the process.
func adjustHeapLocked() {
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

// afterCollection adjusts the limit after each run of the garbage collector. It leaves
// an unused object behind, whose finalizer the collector calls.
func afterCollection() {
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) {
		heapLimit.mu.Lock()
		defer heapLimit.mu.Unlock()
		if len(heapLimit.rooms) > 0 {
			adjustHeapLocked()
			afterCollection()
		}
	})
}
