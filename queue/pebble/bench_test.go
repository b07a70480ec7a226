package pebble_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	engine "github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble"
)

func benchMessage() *queue.Message {
	body := make([]byte, 1200)
	for i := range body {
		body[i] = byte(rand.Uint32())
	}
	return &queue.Message{
		Endpoint: "stripe", Provider: "stripe", EventID: "evt_1234567890", EventType: "invoice.paid",
		Method: "POST", URI: "/stripe", Host: "hooks.example.com", Proto: "HTTP/1.1", RemoteAddr: "192.0.2.1:12345", ClientIP: "192.0.2.1",
		Header: map[string][]string{"Content-Type": {"application/json"}, "Stripe-Signature": {"t=1492774577,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd"}, "User-Agent": {"Stripe/1.0"}},
		Body:   body,
	}
}

var benchKeys atomic.Uint64

func benchIdentity() queue.Identity {
	id := queue.Identity{Window: 24 * time.Hour}
	n := benchKeys.Add(1)
	binary.LittleEndian.PutUint64(id.Key[:], n*0x9e3779b97f4a7c15)
	binary.LittleEndian.PutUint64(id.Key[8:], n)
	return id
}

func benchStore(b *testing.B) *pebble.Store {
	s, err := pebble.Open(pebble.Options{Dir: b.TempDir(), Settings: queue.Settings{Retention: queue.DefaultSettings().Retention}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// spread runs f b.N times on so many goroutines.
func spread(b *testing.B, goroutines int, f func()) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range goroutines {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				f()
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

func accept(b *testing.B, s *pebble.Store, template *queue.Message) {
	m := *template
	m.ReceivedAt = time.Now()
	m.ID = queue.NewID(m.ReceivedAt)
	if v, err := s.Accept(context.Background(), &m, benchIdentity(), queue.To(dest("a"))...); v.Verdict != queue.New || err != nil {
		b.Error(v, err)
	}
}

func BenchmarkAccept(b *testing.B) {
	for name, n := range map[string]int{"1": 1, "64": 64, "512": 512} {
		b.Run(name, func(b *testing.B) {
			s, m := benchStore(b), benchMessage()
			spread(b, n, func() { accept(b, s, m) })
		})
	}
}

// BenchmarkBarePebble is what Accept is measured against: the same bytes under
// the same number of keys, with nothing around.
func BenchmarkBarePebble(b *testing.B) {
	for name, n := range map[string]int{"1": 1, "64": 64, "512": 512} {
		b.Run(name, func(b *testing.B) {
			db, err := engine.Open(b.TempDir(), &engine.Options{MemTableSize: 16 << 20, FormatMajorVersion: engine.FormatNewest, Logger: quiet{}})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			value := queue.AppendMessage(nil, benchMessage())
			spread(b, n, func() {
				id := queue.NewID(time.Now())
				batch := db.NewBatch()
				batch.Set(append([]byte("m"), id[:]...), value, nil)
				batch.Set(append([]byte("q0123456701234567"), id[:]...), value[:3], nil)
				batch.Set(append([]byte("e01234567"), id[:]...), value[:60], nil)
				batch.Set(append([]byte("i01234567"), id[:]...), nil, nil)
				batch.Set(append([]byte("k01234567"), id[:]...), value[:8], nil)
				if err := batch.Commit(engine.Sync); err != nil {
					b.Error(err)
				}
				batch.Close()
			})
		})
	}
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) { panic("fatal") }

// BenchmarkDeliver accepts on 64 goroutines while 64 others deliver. What was
// delivered is kept for the retention, or goes at once.
func BenchmarkDeliver(b *testing.B) {
	for name, retention := range map[string]time.Duration{"kept": queue.DefaultSettings().Retention, "gone": 0} {
		b.Run(name, func(b *testing.B) { deliver(b, retention) })
	}
}

func deliver(b *testing.B, retention time.Duration) {
	s, err := pebble.Open(pebble.Options{Dir: b.TempDir(), Settings: queue.Settings{Retention: retention}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	m := benchMessage()
	var wg sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(b.N))
	for range 64 {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				c, err := s.Claim(context.Background(), dest("a"))
				if err == nil {
					err = c.Done(queue.Attempt{})
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	spread(b, 64, func() { accept(b, s, m) })
	b.StartTimer()
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "delivered/s")
}
