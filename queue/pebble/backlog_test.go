package pebble_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble"
)

// rss reads the process's resident memory in MB; 0 where the system has no /proc.
func rss() int {
	b, _ := os.ReadFile("/proc/self/statm")
	if f := strings.Fields(string(b)); len(f) > 1 {
		n, _ := strconv.Atoi(f[1])
		return n * os.Getpagesize() >> 20
	}
	return 0
}

// cpu reads how long the process has been computing; 0 where the system has no
// /proc.
func cpu() time.Duration {
	b, _ := os.ReadFile("/proc/self/stat")
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// BenchmarkBacklog fills a store, reopens it, delivers from it, and reports what
// that takes: without an order, and with one in which each message has a key of
// its own, which takes the most memory. HOOKWICKET_BACKLOG is the number of
// messages; a million take some minutes.
func BenchmarkBacklog(b *testing.B) {
	b.Run("plain", func(b *testing.B) { backlog(b, false) })
	b.Run("ordered", func(b *testing.B) { backlog(b, true) })
}

func backlog(b *testing.B, ordered bool) {
	n, destinations := 20_000, 100
	if v, err := strconv.Atoi(os.Getenv("HOOKWICKET_BACKLOG")); err == nil {
		n, destinations = v, 1000
	}
	dir := b.TempDir()
	o := pebble.Options{Dir: dir, Settings: queue.DefaultSettings()}
	s, err := pebble.Open(o)
	if err != nil {
		b.Fatal(err)
	}
	template := benchMessage()
	began := time.Now()
	fill(b, s, n, destinations, ordered, template)
	b.ReportMetric(float64(n)/time.Since(began).Seconds(), "accepted/s")
	b.ReportMetric(float64(rss()), "MB-filled")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	debug.FreeOSMemory()
	began = time.Now()
	if s, err = pebble.Open(o); err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms-reopen")
	b.ReportMetric(float64(rss()), "MB-reopened")
	began = time.Now()
	fill(b, s, n/10, destinations, ordered, template)
	b.ReportMetric(float64(n/10)/time.Since(began).Seconds(), "accepted-behind/s")
	b.ReportMetric(idle(b, s, destinations), "%cpu-idle")

	began = time.Now()
	empty(b, s, n/2, destinations)
	b.ReportMetric(float64(n/2)/time.Since(began).Seconds(), "delivered/s")
	stop := storm(b, s, n/10)
	began = time.Now()
	empty(b, s, n/2, destinations)
	b.ReportMetric(float64(n/2)/time.Since(began).Seconds(), "delivered-beside-a-dead-one/s")
	stop()
	b.ReportMetric(float64(rss()), "MB-delivered")
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc>>20), "MB-live")
}

// idle reports what the store computes while a worker waits in each of the destinations,
// all of which are paused.
func idle(b *testing.B, s *pebble.Store, destinations int) float64 {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i := range destinations {
		if err := s.Pause(ctx, dest(fmt.Sprint(i)), true); err != nil {
			b.Fatal(err)
		}
		wg.Go(func() {
			if _, err := s.Claim(ctx, dest(fmt.Sprint(i))); !errors.Is(err, context.Canceled) {
				b.Error(err)
			}
		})
	}
	const span = 2 * time.Second
	began, used := time.Now(), cpu()
	<-time.After(span)
	percent := 100 * float64(cpu()-used) / float64(time.Since(began))
	cancel()
	wg.Wait()
	for i := range destinations {
		if err := s.Pause(context.Background(), dest(fmt.Sprint(i)), false); err != nil {
			b.Fatal(err)
		}
	}
	return percent
}

// storm keeps sixteen workers of a destination busy that takes nothing.
func storm(b *testing.B, s *pebble.Store, n int) (stop func()) {
	for i := range n {
		m := *benchMessage()
		m.ReceivedAt = time.Now()
		m.ID = queue.NewID(m.ReceivedAt)
		if _, err := s.Accept(context.Background(), &m, queue.Identity{}, queue.Route{Destination: dest("dead"), Ordered: i%2 == 0, OrderKey: fmt.Sprint(i % 100)}); err != nil {
			b.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for ctx.Err() == nil {
				c, err := s.Claim(ctx, dest("dead"))
				if err != nil {
					return
				}
				<-time.After(time.Millisecond) // the dead one's network
				if err := c.Retry(time.Now(), queue.Attempt{At: time.Now(), Failure: queue.Refused}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}

// empty delivers so many messages of each destination in its turn.
func empty(b *testing.B, s *pebble.Store, n, destinations int) {
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < n; i += 64 {
				c, err := s.Claim(context.Background(), dest(fmt.Sprint(i%destinations)))
				if err == nil {
					err = c.Done(queue.Attempt{})
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func fill(b *testing.B, s *pebble.Store, n, destinations int, ordered bool, template *queue.Message) {
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < n; i += 64 {
				m := *template
				m.ReceivedAt = time.Now()
				m.ID = queue.NewID(m.ReceivedAt)
				to := queue.Route{Destination: dest(fmt.Sprint(i % destinations)), Ordered: ordered, OrderKey: m.ID.String()}
				if _, err := s.Accept(context.Background(), &m, benchIdentity(), to); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
