package main

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// answersItself is an app that answers senders: 201, with the event's ID.
func answersItself(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-App", "\xe9")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, "app "+r.Header.Get("Webhook-Gateway-Event-Id"))
}

// TestClusterWait: with `wait`, the sender gets the app's answer from either gateway, and the
// provider's success from both where the app fails. The answer is not in the clear on its way,
// and comes with notifications or without them.
func TestClusterWait(t *testing.T) {
	unraced(t)
	for _, listen := range []string{"on", "off"} {
		t.Run("listen "+listen, func(t *testing.T) { clusterWait(t, listen) })
	}
}

func clusterWait(t *testing.T, listen string) {
	u := newUpstream(t)
	_, all := newCluster(t, 2, patient(u))
	for _, g := range all {
		g.store = strings.Replace(g.store, "lease 2s", "lease 2s\n\t\t\tlisten "+listen, 1)
		g.limits = "encrypt " + strings.Repeat("1f", 32)
		g.configure(patient(u))
		g.start()
	}
	u.behave(answersItself)
	n := 0
	send := func(g *gateway) (id string, status int, answer string) {
		n++
		id = eventID(n)
		body := genericBody(id)
		status, answer, err := postAs(g.url("/hook"), body, sign(body))
		if err != nil {
			t.Fatal(err)
		}
		return id, status, answer
	}
	for i, g := range all {
		until(t, "the app's answer from gateway "+strconv.Itoa(i), func() bool {
			id, status, answer := send(g)
			if status == http.StatusCreated && answer != "app "+id {
				t.Fatalf("%s was answered %q", id, answer)
			}
			return status == http.StatusCreated
		})
	}
	other := all[1-deliverer(t, all)]
	var took time.Duration
	answered := 0
	const rounds = 20
	for range rounds {
		began := time.Now()
		id, status, answer := send(other)
		if status == http.StatusCreated && answer == "app "+id {
			took += time.Since(began)
			answered++
		} else if status != http.StatusOK { // not in time
			t.Errorf("%s was answered %d, %q", id, status, answer)
		}
	}
	if answered < rounds/2 {
		t.Errorf("%d of %d senders got the app's answer", answered, rounds)
	}
	u.await(t, "all events", func(taken map[string]int, _ int) bool { return len(taken) == n })
	taken, _ := u.counts()
	for id, times := range taken {
		if times != 1 {
			t.Errorf("%s was delivered %d times", id, times)
		}
	}
	t.Logf("through the other gateway: %d of %d answered by the app, %v on average", answered, rounds, (took / time.Duration(max(1, answered))).Round(time.Millisecond))

	u.behave(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusInternalServerError) })
	for _, g := range all {
		if id, status, answer := send(g); status != http.StatusOK || strings.Contains(answer, "no") {
			t.Errorf("%s failed and was answered %d, %q", id, status, answer)
		}
	}
}

// TestClusterWaitKill: gateways are killed under senders that wait for the app's answer, while the
// app has events of theirs. Each acknowledged event is delivered. Only events that were under way
// during a kill are attempted twice.
func TestClusterWaitKill(t *testing.T) {
	unraced(t)
	u := newUpstream(t)
	_, all := newCluster(t, 2, patient(u))
	for _, g := range all {
		g.start()
	}
	var mu sync.Mutex
	attempts := make(map[string]int)
	answers := make(map[int]int) // by status
	var acked, calm []string     // calm: sent while both lived
	var busy atomic.Pointer[chan struct{}]
	var blocked atomic.Int64
	u.behave(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		attempts[r.Header.Get("Webhook-Gateway-Event-Id")]++
		mu.Unlock()
		if hold := busy.Load(); hold != nil {
			blocked.Add(1)
			select {
			case <-*hold:
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			}
		}
		answersItself(w, r)
	})
	var next atomic.Int64
	send := func(g *gateway) (id string, alive bool) {
		id = eventID(int(next.Add(1)))
		status, err := post(g.url("/hook"), genericBody(id))
		if err != nil {
			return id, false // killed
		}
		if status != http.StatusCreated && status != http.StatusOK {
			t.Errorf("%s: %d", id, status)
		}
		mu.Lock()
		defer mu.Unlock()
		answers[status]++
		acked = append(acked, id)
		return id, true
	}
	const senders = 8
	for _, delivers := range []bool{true, false} {
		victim := deliverer(t, all)
		if !delivers {
			victim = 1 - victim
		}
		for i := range 20 {
			id, _ := send(all[i%2])
			calm = append(calm, id)
		}
		u.awaitAll(t, acked)
		until(t, "all are marked", func() bool { return all[1-victim].status().Totals.Waiting == 0 })
		var sent atomic.Int64
		enough, hold := make(chan struct{}), make(chan struct{})
		var working sync.WaitGroup
		for s := range senders {
			working.Go(func() {
				for i := s; i < s+200; i++ {
					if _, alive := send(all[i%2]); !alive {
						return
					}
					if sent.Add(1) == 100 {
						close(enough)
					}
				}
			})
		}
		<-enough
		blocked.Store(0)
		busy.Store(&hold)
		until(t, "the app is busy", func() bool { return blocked.Load() >= senders })
		killed := time.Now()
		all[victim].kill()
		busy.Store(nil)
		close(hold)
		working.Wait()
		client.CloseIdleConnections()
		u.awaitAll(t, acked)
		t.Logf("gateway %d killed, delivering: %v; all delivered %v later", victim, delivers, time.Since(killed).Round(time.Millisecond))
		all[victim].start()
	}
	mu.Lock()
	defer mu.Unlock()
	for _, id := range calm {
		if attempts[id] != 1 {
			t.Errorf("%s was attempted %d times, and all gateways lived", id, attempts[id])
		}
	}
	again, twice := 0, 0
	for _, n := range attempts {
		if n > 1 {
			again++
		}
	}
	taken, _ := u.counts()
	for _, n := range taken {
		if n > 1 {
			twice++
		}
	}
	if again == 0 || again > 2*(64+senders) { // beyond the forward's concurrency nothing is under way
		t.Errorf("%d events were attempted more than once", again)
	}
	if answers[http.StatusCreated] < 40 {
		t.Errorf("the app has answered %d senders", answers[http.StatusCreated])
	}
	t.Logf("%d acknowledged, %d of them by the app, lost 0, %d attempted and %d taken more than once", len(acked), answers[http.StatusCreated], again, twice)
}
