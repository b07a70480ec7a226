package pebble

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
)

// digest makes a key whose bits are spread as those of a real one.
func digest(n uint64) (k queue.Key) {
	mix := func(x uint64) uint64 { // splitmix64
		x ^= x >> 30
		x *= 0xbf58476d1ce4e5b9
		x ^= x >> 27
		x *= 0x94d049bb133111eb
		return x ^ x>>31
	}
	binary.LittleEndian.PutUint64(k[:8], mix(n*0x9e3779b97f4a7c15+1))
	binary.LittleEndian.PutUint64(k[8:], mix(n*0x9e3779b97f4a7c15+2))
	return k
}

// TestFilter: a key that was added is never denied, and few others are believed.
func TestFilter(t *testing.T) {
	const n = 1 << 16
	f := newFilter(n)
	for i := range uint64(n) {
		f.add(digest(i))
	}
	wrong := 0
	for i := range uint64(n) {
		if !f.has(digest(i)) {
			t.Fatalf("key %d is denied", i)
		}
		if f.has(digest(n + i)) {
			wrong++
		}
	}
	if share := float64(wrong) / n; share > 0.06 {
		t.Errorf("wrong about %.1f %% of new keys", 100*share)
	}
}

// TestFilterLoads: while filters are loaded again and again, larger ones too, no
// key that was recorded before or meanwhile is denied.
func TestFilterLoads(t *testing.T) {
	var k keyFilter
	var mu sync.Mutex
	var disk []queue.Key // what is committed
	each := func(add func(queue.Key) bool) bool {
		mu.Lock()
		snapshot := disk[:len(disk):len(disk)]
		mu.Unlock()
		for _, key := range snapshot {
			if !add(key) {
				return false
			}
		}
		return true
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20 {
			k.load(each)
		}
	}()
	var writers sync.WaitGroup
	for w := range uint64(4) {
		writers.Go(func() {
			for i := range uint64(5000) {
				key := digest(w<<32 | i)
				mu.Lock()
				disk = append(disk, key)
				mu.Unlock()
				k.add(key)
				if !k.mayHave(key) {
					t.Errorf("key %d of writer %d is denied", i, w)
					return
				}
			}
		})
	}
	writers.Wait()
	<-done
	for _, key := range disk {
		if !k.mayHave(key) {
			t.Fatal("a key is denied in the end")
		}
	}
}

// TestFilterIsLoaded: a store that is opened again denies no key of before, and
// stops searching the database for others.
func TestFilterIsLoaded(t *testing.T) {
	o := small(vfs.NewMem())
	for round := range 2 {
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(faultPatience)
		for s.filter.current.Load() == nil {
			if time.Now().After(deadline) {
				t.Fatal("the filter is not loaded")
			}
			time.Sleep(time.Millisecond)
		}
		for n := range uint32(100) {
			id := queue.Identity{Key: digest(uint64(n)), Window: time.Hour}
			if s.filter.mayHave(id.Key) {
				if v, err := s.Seen(t.Context(), id, time.Now()); v != queue.Duplicate || err != nil {
					t.Fatalf("key %d: %v, %v", n, v, err)
				}
			} else if round == 1 {
				t.Fatalf("key %d of before is denied", n)
			} else {
				remember(t, s, id, time.Now())
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
