package caddymodule

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

var many = flag.Int("many", 100_000, "how many deliveries TestAdminMany pages through; a million takes minutes")

// TestAdminMany pages through very many waiting deliveries, each of which is seen
// once and none of which makes a page dearer, and does the same to a part of them.
func TestAdminMany(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes its time")
	}
	s := by("stripe")
	g, c := startAdmin(t, setup{app: "max_backlog 100GiB", site: s.directive("forward " + newUpstream(t).addr)})
	get[adminapi.Paused](c, "POST", "/pause", adminapi.Target{Endpoint: "stripe"})
	began := time.Now()
	fill(t, g.open().store, "stripe", *many)
	t.Logf("%d kept in %s", *many, time.Since(began).Round(time.Millisecond))

	for _, list := range []string{"/deliveries?state=waiting&endpoint=stripe", "/deliveries?", "/messages?"} {
		seen := make(map[queue.ID]bool, *many)
		var first, last time.Duration
		pages := 0
		for after := queue.Cursor(""); ; pages++ {
			began := time.Now()
			path := list + "&limit=1000&after=" + string(after)
			if list == "/messages?" {
				page := get[adminapi.Messages](c, "GET", path, nil)
				for _, m := range page.Messages {
					seen[m.ID] = true
				}
				after = page.Next
			} else {
				page := get[adminapi.Deliveries](c, "GET", path, nil)
				for _, d := range page.Deliveries {
					seen[d.ID] = true
				}
				after = page.Next
			}
			if last = time.Since(began); pages == 0 {
				first = last
			}
			if after == "" {
				break
			}
		}
		t.Logf("%s: %d pages, the first in %s, the last in %s", list, pages, first, last)
		if len(seen) != *many || pages > *many/1000+1 {
			t.Errorf("%s: %d of %d seen on %d pages", list, len(seen), *many, pages)
		}
	}

	began = time.Now()
	if n := c.all("/count", adminapi.Bulk{Filter: adminapi.Filter{Endpoint: "stripe"}}); n.Matched != *many {
		t.Errorf("%d counted of %d", n.Matched, *many)
	}
	t.Logf("counted in %s", time.Since(began).Round(time.Millisecond))

	began = time.Now()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := c.all("/cancel", adminapi.Bulk{Filter: adminapi.Filter{Endpoint: "stripe", Type: "rare"}})
	runtime.GC()
	runtime.ReadMemStats(&after)
	if want := *many / 100; n.Changed != want || n.Skipped != 0 || g.destination("stripe").Waiting != int64(*many-want) {
		t.Errorf("cancelled: %+v, want %d", n, want)
	}
	t.Logf("%d cancelled in %s, the heap from %d to %d MB", n.Changed, time.Since(began).Round(time.Millisecond), before.HeapAlloc>>20, after.HeapAlloc>>20)
	if n := c.all("/redeliver", adminapi.Bulk{Filter: adminapi.Filter{Endpoint: "stripe", State: "cancelled"}}); n.Changed != *many/100 {
		t.Errorf("redelivered: %+v", n)
	}
}

// all goes on with a bulk operation until nothing is left of it.
func (c *apiTester) all(op string, ask adminapi.Bulk) (sum adminapi.Done) {
	c.t.Helper()
	for {
		n := get[adminapi.Done](c, "POST", op, ask)
		sum.Matched, sum.Changed, sum.Skipped = sum.Matched+n.Matched, sum.Changed+n.Changed, sum.Skipped+n.Skipped
		if n.Next == "" {
			return sum
		}
		ask.After, ask.Filter.Until = n.Next, n.Until.Format(time.RFC3339Nano)
	}
}

// fill keeps messages for a destination; every hundredth is of type rare.
func fill(t *testing.T, store queue.Store, destination string, n int) {
	t.Helper()
	var group sync.WaitGroup
	endpoint := queue.ParseDestination(destination).Endpoint
	const writers = 64
	for w := range writers {
		group.Go(func() {
			for i := w; i < n; i += writers {
				now := time.Now()
				m := &queue.Message{
					ID: queue.NewID(now), ReceivedAt: now, Endpoint: endpoint, EventType: "common", EventID: fmt.Sprint("evt_", i),
					Method: "POST", URI: "/", Proto: "HTTP/1.1", Body: []byte(`{"a":1}`),
				}
				if i%100 == 0 {
					m.EventType = "rare"
				}
				if _, err := store.Accept(context.Background(), m, queue.Identity{}, queue.To(queue.ParseDestination(destination))...); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}
