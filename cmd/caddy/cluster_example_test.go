package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/internal/pgtest"
)

// TestClusterExample runs the example with two gateways and a load balancer: both gateways are
// restarted one after the other under load, then one is killed. The senders try again until they
// get a 2xx; all of these events are delivered, and those of each sender in their order.
func TestClusterExample(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	schema := pgtest.Schema(t)
	start := func(file string, env ...string) *gateway {
		g := newGateway(t, "")
		text, err := os.ReadFile("../../examples/cluster/" + file)
		if err != nil {
			t.Fatal(err)
		}
		// The example is delivered in any order. Here it is ordered, to see that this holds, too.
		const forward = "forward {$APP_ADDR:localhost:9000}"
		ordered := strings.Replace(string(text), forward, forward+" {\n\t\t\torder by json data.sender\n\t\t}", 1)
		if strings.HasPrefix(file, "gateway") && ordered == string(text) {
			t.Fatal("the forward of the example has changed")
		}
		if err := os.WriteFile(g.caddyfile(), []byte(ordered), 0o600); err != nil {
			t.Fatal(err)
		}
		g.env = append([]string{"GATEWAY_ADMIN=unix/" + g.admin(), "BALANCER_ADMIN=unix/" + g.admin()}, env...)
		return g
	}
	var order []string // of the first arrivals
	met := make(map[string]bool)
	u.behave(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("Webhook-Gateway-Event-Id")
		u.mu.Lock()
		defer u.mu.Unlock()
		if !met[id] {
			met[id] = true
			order = append(order, id)
		}
	})
	var all []*gateway
	for i := range 2 {
		g := start("gateway.Caddyfile", "HOOKWICKET_DSN="+pgtest.DSN(t), "GENERIC_WEBHOOK_SECRET="+secret, "APP_ADDR="+u.addr(),
			"GATEWAY_SCHEMA="+schema, "GATEWAY_LEASE=2s", "GATEWAY_NODE="+strconv.Itoa(i))
		g.env = append(g.env, "GATEWAY_ADDR="+g.addr)
		g.start()
		all = append(all, g)
	}
	b := start("balancer.Caddyfile", "GATEWAYS="+all[0].addr+" "+all[1].addr)
	b.env = append(b.env, "BALANCER_ADDR="+b.addr)
	b.start()

	var mu sync.Mutex
	var acked []string
	again := 0
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(acked) }
	over := make(chan struct{})
	var senders sync.WaitGroup
	for s := range 4 {
		senders.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-over:
					return
				default:
				}
				id := eventID(s*100_000 + i)
				body := fmt.Sprintf(`{"id":%q,"type":"order.paid","created_at":%q,"data":{"sender":%d}}`, id, time.Now().UTC().Format(time.RFC3339), s)
				for {
					if status, err := post(b.url("/generic"), body); err == nil && status == http.StatusOK {
						break
					}
					mu.Lock()
					again++
					mu.Unlock()
				}
				mu.Lock()
				acked = append(acked, id)
				mu.Unlock()
			}
		})
	}
	more := func(what string) {
		t.Helper()
		n := count()
		until(t, "events are accepted "+what, func() bool { return count() >= n+100 })
	}
	more("by both")
	for i, g := range all {
		g.stop()
		more("without gateway " + strconv.Itoa(i))
		g.start()
		more("by both again")
	}
	mu.Lock()
	restarts := again
	mu.Unlock()
	all[0].kill()
	more("after the kill")
	close(over)
	senders.Wait()
	u.awaitAll(t, acked)
	taken, _ := u.counts()
	twice := 0
	for _, n := range taken {
		if n > 1 {
			twice++
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	last := make(map[string]string) // of each sender
	for _, id := range order {
		sender := id[:len(id)-5]
		if id < last[sender] {
			t.Errorf("%s came after %s", id, last[sender])
		}
		last[sender] = max(id, last[sender])
	}
	t.Logf("%d acknowledged, lost 0, out of order 0; senders tried again %d times at the restarts, %d in all; %d delivered more than once", len(acked), restarts, again, twice)
}
