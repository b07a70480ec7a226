package queuetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// asked are the first attempts that nodes have made for senders at others.
type asked struct {
	mu sync.Mutex
	by map[string][]int // the nodes, by the body
}

// attempts lets each node answer for the others, with its number and the body.
func (n *nodes) attempts() *asked {
	a := &asked{by: make(map[string][]int)}
	for i, s := range n.all {
		s.(queue.Clustered).AttemptFor(func(c queue.Claim, answer func([]byte)) {
			go func() {
				body := string(c.Delivery().Message.Body)
				a.mu.Lock()
				a.by[body] = append(a.by[body], i)
				a.mu.Unlock()
				if err := c.Done(queue.Attempt{}); errors.Is(err, queue.ErrUnavailable) {
					return // the test is over
				} else if err != nil {
					n.Error(err)
				}
				answer(fmt.Append(nil, i, " ", body))
			}()
		})
	}
	return a
}

// accepts accepts with Hold at a node.
func (n *nodes) accepts(node int, body string, r queue.Route) queue.Accepted {
	n.Helper()
	r.Hold = true
	a, err := n.all[node].Accept(n.Context(), n.message(body), queue.Identity{}, r)
	n.ok(err)
	n.want(a.Verdict, queue.New)
	n.advance(time.Millisecond)
	return a
}

// answer waits for an answer, no longer than a test's patience.
func answer(t *testing.T, a queue.Accepted) string {
	t.Helper()
	if a.Answer == nil {
		t.Fatal("no answer can come")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b := a.Answer(ctx)
	if ctx.Err() != nil {
		t.Fatal("neither an answer nor a refusal came")
	}
	return string(b)
}

// settled returns the owner of a destination once all nodes agree, and another node.
func (n *nodes) settled(destination string) (owner, other int) {
	n.Helper()
	n.accept("first", queue.Identity{}, destination)
	owner, c := n.owner(destination)
	n.ok(c.Done(queue.Attempt{}))
	return owner, (owner + 1) % len(n.all)
}

// asks: a delivery that a node holds for its sender is attempted once, by the owner, and the
// sender's node gets the answer.
func (n *nodes) asks() {
	owner, other := n.settled("a")
	tried := n.attempts()
	a := n.accepts(other, "asked", queue.Route{Destination: dest("a")})
	if a.Held != nil {
		n.Fatal("a node that does not deliver holds the delivery")
	}
	if got, want := answer(n.T, a), fmt.Sprint(owner, " asked"); got != want {
		n.Errorf("answered %q, want %q", got, want)
	}
	// The owner holds its own.
	a = n.accepts(owner, "own", queue.Route{Destination: dest("a")})
	if a.Held == nil || a.Answer != nil {
		n.Fatal("the owner does not hold its own")
	}
	n.ok(a.Held.Done(queue.Attempt{}))
	// A sender that has left: the answer is dropped with the next one.
	gone, cancel := context.WithCancel(n.Context())
	cancel()
	if b := n.accepts(other, "gone", queue.Route{Destination: dest("a")}).Answer(gone); b != nil {
		n.Errorf("a sender that has left got %q", b)
	}
	if got, want := answer(n.T, n.accepts(other, "next", queue.Route{Destination: dest("a")})), fmt.Sprint(owner, " next"); got != want {
		n.Errorf("answered %q, want %q", got, want)
	}
	n.until("the end of all", func() (any, bool) {
		st := n.all[owner].Stats().Destinations[dest("a")]
		return st, st.Waiting == 0 && st.Claimed == 0
	})
	tried.mu.Lock()
	defer tried.mu.Unlock()
	for _, body := range []string{"asked", "gone", "next"} {
		if !slices.Equal(tried.by[body], []int{owner}) {
			n.Errorf("%s was attempted by %v", body, tried.by[body])
		}
	}
}

// asksMany: with workers everywhere, each is attempted once, by a worker or for its sender.
func (n *nodes) asksMany() {
	const senders, each = 6, 40
	destinations := []string{"a", "b", "c"}
	tried := n.attempts()
	worked := make(map[string]int)
	stop := n.work(n.all, 2, destinations, func(_ int, c queue.Claim) error {
		tried.mu.Lock()
		worked[string(c.Delivery().Message.Body)]++
		tried.mu.Unlock()
		return c.Done(queue.Attempt{})
	})
	held := make(map[string]int)
	answered := 0
	var all sync.WaitGroup
	for w := range senders {
		all.Go(func() {
			for i := range each {
				body := fmt.Sprint(w, ".", i)
				r := queue.Route{Destination: dest(destinations[i%len(destinations)]), Hold: true, Ordered: i%4 == 0, OrderKey: fmt.Sprint(i % 8)}
				a, err := n.all[(w+i)%len(n.all)].Accept(n.Context(), n.message(body), queue.Identity{}, r)
				if err != nil {
					n.Error(err)
					return
				}
				switch {
				case a.Held != nil:
					tried.mu.Lock()
					held[body]++
					tried.mu.Unlock()
					if err := a.Held.Done(queue.Attempt{}); err != nil {
						n.Error(err)
					}
				case a.Answer != nil:
					if answer(n.T, a) != "" {
						tried.mu.Lock()
						answered++
						tried.mu.Unlock()
					}
				}
			}
		})
	}
	all.Wait()
	n.until("the end of all", func() (any, bool) {
		tried.mu.Lock()
		defer tried.mu.Unlock()
		total := len(worked) + len(held) + len(tried.by)
		return total, total >= senders*each
	})
	stop()
	for w := range senders {
		for i := range each {
			body := fmt.Sprint(w, ".", i)
			if times := worked[body] + held[body] + len(tried.by[body]); times != 1 {
				n.Errorf("%s was attempted %d times", body, times)
			}
		}
	}
	if answered == 0 || answered > len(tried.by) {
		n.Errorf("%d answers of %d attempts", answered, len(tried.by))
	}
	n.Logf("%d held by the owner, %d attempted for another node, %d answered, %d by workers", len(held), len(tried.by), answered, len(worked))
}

// asksNothing: where the owner would not hold a delivery of its own, the sender elsewhere hears at
// once that no answer comes.
func (n *nodes) asksNothing() {
	owner, other := n.settled("a")
	tried := n.attempts()
	in := line("a", "k")
	n.ok(func() error {
		_, err := n.all[owner].Accept(n.Context(), n.message("head"), queue.Identity{}, in)
		return err
	}())
	n.advance(time.Millisecond)
	_, head := n.ownerAmong(n.all[owner:owner+1], "a")
	if got := answer(n.T, n.accepts(other, "second", in)); got != "" {
		n.Errorf("the second of a line was answered %q", got)
	}
	if got, want := answer(n.T, n.accepts(other, "free", line("a", "other"))), fmt.Sprint(owner, " free"); got != want {
		n.Errorf("the head of another line was answered %q, want %q", got, want)
	}
	n.ok(head.Done(queue.Attempt{}))
	_, second := n.ownerAmong(n.all[owner:owner+1], "a")
	if got := string(second.Delivery().Message.Body); got != "second" {
		n.Errorf("after the head came %q", got)
	}
	n.ok(second.Done(queue.Attempt{}))

	n.ok(n.all[owner].(queue.Inspector).Pause(n.Context(), dest("a"), true))
	if got := answer(n.T, n.accepts(other, "paused", queue.Route{Destination: dest("a")})); got != "" {
		n.Errorf("a paused destination has answered %q", got)
	}
	n.ok(n.all[owner].(queue.Inspector).Pause(n.Context(), dest("a"), false))
	_, paused := n.ownerAmong(n.all[owner:owner+1], "a")
	n.ok(paused.Done(queue.Attempt{}))
	tried.mu.Lock()
	defer tried.mu.Unlock()
	if len(tried.by) != 1 {
		n.Errorf("attempted for another node: %v", tried.by)
	}
}

// asksDead: when the owner dies during the attempt, the next one delivers.
func (n *nodes) asksDead() {
	owner, other := n.settled("a")
	began := make(chan queue.Claim, 1)
	n.all[owner].(queue.Clustered).AttemptFor(func(c queue.Claim, _ func([]byte)) { began <- c })
	a := n.accepts(other, "asked", queue.Route{Destination: dest("a")})
	ctx, cancel := context.WithCancel(n.Context())
	heard := make(chan []byte, 1)
	go func() { heard <- a.Answer(ctx) }()
	var c queue.Claim
	select {
	case c = <-began:
	case <-time.After(patience):
		n.Fatal("the owner does not attempt it")
	}
	n.all[owner].(Abandoner).Abandon()
	rest := slices.Delete(slices.Clone(n.all), owner, owner+1)
	_, next := n.ownerAmong(rest, "a")
	if got := string(next.Delivery().Message.Body); got != "asked" {
		n.Errorf("the next owner delivers %q", got)
	}
	n.ok(next.Done(queue.Attempt{}))
	cancel()
	if b := <-heard; b != nil {
		n.Errorf("answered %q", b)
	}
	if err := c.Done(queue.Attempt{}); err == nil {
		n.Error("a dead node has marked a delivery")
	}
}
