package bench

import (
	"context"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/dedupe"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble"
)

// BenchmarkDedupe measures the parts of the question whether an event was
// accepted before: making its key, the window in memory, the store on disk.
func BenchmarkDedupe(b *testing.B) {
	b.Run("key", benchmarkKey)
	b.Run("new", benchmarkWindowNew)
	b.Run("cached", benchmarkWindowCached)
	b.Run("stored", func(b *testing.B) { benchmarkStore(b, "a duplicate found in the store", 0) })
	b.Run("unknown", func(b *testing.B) { benchmarkStore(b, "a new key looked for in the store", int64(backlog)) })
}

// benchmarkKey: an ID outside the signature, which is bound to the content.
func benchmarkKey(b *testing.B) {
	e := dedupe.Evidence{
		Endpoint: "github", ID: "72d3162e-cc78-11e3-81ab-00000000002a",
		Content: []byte(bodyOf("{id}", bodySize, time.Now())),
	}
	b.ReportAllocs()
	for b.Loop() {
		dedupe.Rule{}.Keys(e)
	}
	addTimed(b, "key and digest of an event")
}

func benchmarkWindowNew(b *testing.B) {
	w := newWindow(b)
	now, ctx := time.Now(), context.Background()
	accepted := func(*dedupe.Turn) (bool, error) { return false, nil }
	var i int64
	b.ReportAllocs()
	for b.Loop() {
		i++
		if again, err := w.Do(ctx, waitingKey(i), now, time.Hour, accepted); again || err != nil {
			b.Fatal(again, err)
		}
	}
	addTimed(b, "a new key taken in memory")
}

func benchmarkWindowCached(b *testing.B) {
	w := newWindow(b)
	now, ctx := time.Now(), context.Background()
	accepts := 0
	accepted := func(*dedupe.Turn) (bool, error) { accepts++; return false, nil }
	for { // the cache takes a moment, and may refuse
		again, err := w.Do(ctx, waitingKey(1), now, time.Hour, accepted)
		if err != nil {
			b.Fatal(err)
		}
		if again {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	accepts = 0
	b.ReportAllocs()
	for b.Loop() {
		w.Do(ctx, waitingKey(1), now, time.Hour, accepted)
	}
	if accepts > 0 {
		b.Errorf("%d duplicates were not found in the cache", accepts)
	}
	addTimed(b, "a duplicate found in memory")
}

// benchmarkStore looks for keys of events from first on. Those before backlog
// are in the store.
func benchmarkStore(b *testing.B, label string, first int64) {
	if backlog == 0 {
		b.Skip("HOOKWICKET_BENCH_BACKLOG is 0")
	}
	store, err := pebble.Open(pebble.Options{Dir: storeFolder(prefilled(b, 0))})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	known := first < int64(backlog)
	now, ctx := time.Now(), context.Background()
	var i int64
	b.ReportAllocs()
	for b.Loop() {
		i += 7919 // far from the last one
		n := first + i%int64(backlog)
		v, err := store.Seen(ctx, queue.Identity{Key: waitingKey(n)}, now)
		if seen := v == queue.Duplicate; seen != known || err != nil {
			b.Fatal(n, seen, err)
		}
	}
	addTimed(b, label+" of "+number(float64(backlog), 0)+" events")
}

func newWindow(b *testing.B) *dedupe.Window {
	b.Helper()
	w, err := dedupe.NewWindow()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(w.Close)
	return w
}

// addTimed makes a row of an ordinary benchmark.
func addTimed(b *testing.B, label string) {
	ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	addRow(row{group: b.Name(), label: label, figures: inProcess(ns)})
}
