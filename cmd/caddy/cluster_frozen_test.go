package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestClusterFrozen: the gateway that delivers stands still for twice the lease. The other one
// goes on, nothing is lost, and no event overtakes another one of its line; when the first moves
// again, it does no harm.
func TestClusterFrozen(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	var mu sync.Mutex
	var order []string
	met := make(map[string]bool)
	note := func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("Webhook-Gateway-Event-Id")
		mu.Lock()
		defer mu.Unlock()
		if !met[id] {
			met[id] = true
			order = append(order, id)
		}
	}
	u.behave(note)
	sites := strings.Replace(endpoint(u), "forward "+u.addr(), "forward "+u.addr()+" {\n\t\t\torder\n\t\t}", 1)
	schema, all := newCluster(t, 2, sites)
	for _, g := range all {
		g.start()
	}
	mustPost(t, all[0].url("/hook"), genericBody("evt_000000"))
	u.awaitAll(t, []string{"evt_000000"})
	owner := -1
	hold := make(chan struct{})
	u.behave(func(w http.ResponseWriter, r *http.Request) {
		<-hold
		http.Error(w, "not yet", http.StatusServiceUnavailable)
	})
	mustPost(t, all[0].url("/hook"), genericBody("evt_000001"))
	until(t, "one gateway delivers", func() bool { owner = ownerOf(t, schema); return owner >= 0 })
	frozen, other := all[owner], all[1-owner]
	if err := frozen.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = frozen.cmd.Process.Signal(syscall.SIGCONT) })
	began := time.Now()
	acked := []string{"evt_000000", "evt_000001"}
	u.behave(note)
	close(hold)
	for i := 2; i < 40; i++ {
		mustPost(t, other.url("/hook"), genericBody(eventID(i)))
		acked = append(acked, eventID(i))
	}
	u.awaitAll(t, acked)
	took := time.Since(began)
	until(t, "twice the lease is over", func() bool { return time.Since(began) > 4*time.Second })
	if err := frozen.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for i := 40; i < 80; i++ {
		mustPost(t, all[i%2].url("/hook"), genericBody(eventID(i)))
		acked = append(acked, eventID(i))
	}
	u.awaitAll(t, acked)
	mu.Lock()
	defer mu.Unlock()
	for i, id := range order[:40] {
		if want := fmt.Sprintf("evt_%06d", i); id != want {
			t.Errorf("%s was delivered first in place %d, which is %s's", id, i, want)
		}
	}
	taken, _ := u.counts()
	twice := 0
	for _, n := range taken {
		if n > 1 {
			twice++
		}
	}
	t.Logf("%d acknowledged, lost 0; the other gateway had delivered its events %v after the freeze; %d more than once", len(acked), took.Round(time.Millisecond), twice)
}
