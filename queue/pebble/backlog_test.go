package pebble_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
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

// BenchmarkBacklog fills a store, reopens it, delivers from it, and reports what
// that takes. HOOKWICKET_BACKLOG is the number of messages; a million take a
// minute.
func BenchmarkBacklog(b *testing.B) {
	n, lanes := 20_000, 100
	if v, err := strconv.Atoi(os.Getenv("HOOKWICKET_BACKLOG")); err == nil {
		n, lanes = v, 1000
	}
	dir := b.TempDir()
	o := pebble.Options{Dir: dir, MaxBacklog: -1}
	s, err := pebble.Open(o)
	if err != nil {
		b.Fatal(err)
	}
	template := benchMessage()
	began := time.Now()
	fill(b, s, n, lanes, template)
	b.ReportMetric(float64(n)/time.Since(began).Seconds(), "accepted/s")
	b.ReportMetric(float64(rss()), "MB-filled")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	began = time.Now()
	if s, err = pebble.Open(o); err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms-reopen")
	b.ReportMetric(float64(rss()), "MB-reopened")
	began = time.Now()
	fill(b, s, n/10, lanes, template)
	b.ReportMetric(float64(n/10)/time.Since(began).Seconds(), "accepted-behind/s")
	began = time.Now()
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < n; i += 64 {
				c, err := s.Claim(context.Background(), fmt.Sprint(i%lanes))
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
	b.ReportMetric(float64(n)/time.Since(began).Seconds(), "delivered/s")
	b.ReportMetric(float64(rss()), "MB-delivered")
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc>>20), "MB-live")
}

func fill(b *testing.B, s *pebble.Store, n, lanes int, template *queue.Message) {
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < n; i += 64 {
				m := *template
				m.ReceivedAt = time.Now()
				m.ID = queue.NewID(m.ReceivedAt)
				if _, err := s.Accept(context.Background(), &m, benchIdentity(), queue.To(fmt.Sprint(i%lanes))...); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
