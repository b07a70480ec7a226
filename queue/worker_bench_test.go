package queue

import (
	"context"
	"runtime"
	"sync"
	"testing"
)

// BenchmarkWorker is what a worker itself costs for each delivery.
func BenchmarkWorker(b *testing.B) {
	for name, policy := range map[string]Policy{
		"plain":     {},
		"rated":     {Rate: Rate{Events: 1e9}},
		"one":       {Concurrency: 1},
		"uncounted": {Circuit: Circuit{Off: true}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			s := newBacklog(b.N)
			ctx, cancel := context.WithCancel(b.Context())
			var left sync.WaitGroup
			left.Add(b.N)
			w := &Worker{Store: s, Shared: NewLimit(0), Policy: policy, Observe: func(Attempted) { left.Done() },
				Attempt: func(context.Context, *Delivery) (Answer, error) { return Answer{}, nil }}
			var run sync.WaitGroup
			run.Go(func() { w.Run(ctx, ctx) })
			left.Wait()
			b.StopTimer()
			cancel()
			run.Wait()
		})
	}
}

// BenchmarkIdle is the memory of a worker with nothing to do. Its goroutine waits
// in the store, without a timer, so that it costs no time.
func BenchmarkIdle(b *testing.B) {
	const workers = 1000
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		ctx, cancel := context.WithCancel(b.Context())
		var run sync.WaitGroup
		s, shared := newBacklog(0), NewLimit(0)
		for range workers {
			w := &Worker{Store: s, Shared: shared}
			w.init()
			run.Go(func() { w.Run(ctx, ctx) })
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/workers, "bytes/worker")
		cancel()
		run.Wait()
	}
}

// BenchmarkLimit is what a slot costs while a thousand workers wait for one.
func BenchmarkLimit(b *testing.B) {
	l := NewLimit(0)
	ctx, cancel := context.WithCancel(b.Context())
	var run sync.WaitGroup
	work := make(chan struct{})
	for range 1000 {
		var s share
		for range 2 {
			run.Go(func() {
				for l.take(ctx, &s) {
					<-work
					l.give(&s)
				}
			})
		}
	}
	for b.Loop() {
		work <- struct{}{}
	}
	cancel()
	close(work)
	run.Wait()
}
