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

// Abandoner is implemented by stores of several nodes: Abandon ends one as a crash would.
type Abandoner interface{ Abandon() }

// Staller is implemented by stores whose test can cut them off from the others: Stall(true) stops
// all that they send and get, and Stall(false) lets it go on.
type Staller interface{ Stall(bool) }

// RunNodes runs the cases for stores that are nodes of one cluster. Stores that are opened with
// the same Options.Dir belong together.
func RunNodes(t *testing.T, open func(t *testing.T, o Options) queue.Store) {
	for _, test := range []struct {
		name string
		run  func(*nodes)
	}{
		{"Lets one twin pass", (*nodes).twins},
		{"Reserves for one twin at a time", (*nodes).reservesOnce},
		{"Reserves after a node that died", (*nodes).reservesAfter},
		{"Delivers each once", (*nodes).once},
		{"Orders across nodes", (*nodes).ordered},
		{"Takes over from a node that died", (*nodes).takesOver},
		{"Takes over from a node that left", (*nodes).handsOver},
		{"Stops the attempts of a node that hangs", (*nodes).stalls},
		{"Operates from any node", (*nodes).operates},
		{"Counts the same on all nodes", (*nodes).counts},
		{"Pauses from any node", (*nodes).pauses},
		{"Shares keys and secrets", (*nodes).shares},
		{"Waits for a key that one node lacks", (*nodes).keys},
		{"Attempts for a sender at another node", (*nodes).asks},
		{"Attempts for many senders at other nodes", (*nodes).asksMany},
		{"Answers no sender out of turn", (*nodes).asksNothing},
		{"Delivers without the node that was asked", (*nodes).asksDead},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &clock{now: time.Unix(1_800_000_000, 0)}
			n := &nodes{bench: &bench{T: t, open: open, dir: t.TempDir(), settings: queue.DefaultSettings(), clock: c}}
			for range 3 {
				n.add()
			}
			t.Cleanup(func() {
				for _, s := range n.all {
					s.Close()
				}
			})
			test.run(n)
		})
	}
}

// nodes are stores of one cluster.
type nodes struct {
	*bench
	all []queue.Store
}

func (n *nodes) add() queue.Store {
	s := n.open(n.T, Options{Dir: n.dir, Now: n.clock.Now, Settings: n.settings})
	n.all = append(n.all, s)
	n.store = s
	return s
}

// work lets each of the stores deliver until stop. each gets what a store claims, and what it
// returns ends the claim; nil: done.
func (n *nodes) work(stores []queue.Store, workers int, destinations []string, each func(node int, c queue.Claim) error) (stop func()) {
	ctx, cancel := context.WithCancel(n.Context())
	var all sync.WaitGroup
	for node, s := range stores {
		for _, d := range destinations {
			for range workers {
				all.Go(func() {
					for {
						c, err := s.Claim(ctx, dest(d))
						if ctx.Err() != nil {
							return
						}
						if err != nil {
							continue // of a node that was closed
						}
						if err := each(node, c); err != nil && ctx.Err() == nil {
							n.Errorf("node %d: %v", node, err)
						}
					}
				})
			}
		}
	}
	return func() { cancel(); all.Wait() }
}

func (n *nodes) twins() {
	const rounds, twins = 20, 12
	for round := range rounds {
		verdicts := make([]queue.Verdict, twins)
		var all sync.WaitGroup
		for i := range twins {
			all.Go(func() {
				a, err := n.all[i%len(n.all)].Accept(n.Context(), n.message("twin"), key(byte(round+1)), routesTo("a")...)
				if err != nil {
					n.Error(err)
				}
				verdicts[i] = a.Verdict
			})
		}
		all.Wait()
		if news := twins - len(slices.DeleteFunc(verdicts, func(v queue.Verdict) bool { return v == queue.New })); news != 1 {
			n.Fatalf("round %d: %d of %d twins were new", round, news, twins)
		}
	}
	var mu sync.Mutex
	delivered := make(map[queue.ID]int)
	stop := n.work(n.all, 2, []string{"a"}, func(_ int, c queue.Claim) error {
		mu.Lock()
		delivered[c.Delivery().Message.ID]++
		mu.Unlock()
		return c.Done(queue.Attempt{})
	})
	n.until("delivered", func() (any, bool) { mu.Lock(); defer mu.Unlock(); return len(delivered), len(delivered) == rounds })
	stop()
	for id, times := range delivered {
		if times != 1 {
			n.Errorf("%v was delivered %d times", id, times)
		}
	}
}

func (n *nodes) reservesOnce() { n.reservesAmong(n.all) }

// reservesAfter: a reservation lasts as long as its node, and its twin on another node gets it then.
func (n *nodes) reservesAfter() {
	n.store = n.all[0]
	n.reserve(key(1), n.clock.Now())
	lasts := n.reserve(key(2), n.clock.Now())
	n.store = n.all[1]
	reserved := make(chan queue.Reservation, 2)
	for _, k := range []byte{1, 2} {
		go func() {
			v, r, err := n.all[1].Reserve(n.Context(), key(k), n.clock.Now())
			if err != nil || v != queue.New {
				n.Errorf("%v, %v", v, err)
			}
			reserved <- r
		}()
	}
	third := n.all[2]
	n.store = third
	own := n.reserve(key(3), n.clock.Now())
	n.all[0].(Abandoner).Abandon()
	for range 2 {
		select {
		case r := <-reserved:
			n.ok(r.Take(n.Context()))
		case <-time.After(patience):
			n.Fatal("the reservation of a dead node goes on")
		}
	}
	// That of a living node was renewed meanwhile.
	ctx, cancel := context.WithTimeout(n.Context(), 50*time.Millisecond)
	defer cancel()
	if v, _, err := n.all[1].Reserve(ctx, key(3), n.clock.Now()); !errors.Is(err, context.DeadlineExceeded) {
		n.Errorf("a reservation of a living node has ended: %v, %v", v, err)
	}
	n.ok(own.Take(n.Context()))
	if err := lasts.Take(n.Context()); !errors.Is(err, queue.ErrUnavailable) {
		n.Errorf("a dead node has taken a key: %v", err)
	}
}

// once: what any node accepts is delivered once, by whichever node, while all deliver.
func (n *nodes) once() {
	const messages = 900
	destinations := []string{"a", "b", "c", "d", "e"}
	var mu sync.Mutex
	delivered, held := make(map[string]int), make(map[string]bool)
	stop := n.work(n.all, 3, destinations, func(_ int, c queue.Claim) error {
		name := string(c.Delivery().Message.Body)
		mu.Lock()
		if held[name] {
			n.Errorf("%s is held twice", name)
		}
		held[name] = true
		delivered[name]++
		mu.Unlock()
		err := c.Done(queue.Attempt{})
		mu.Lock()
		held[name] = false
		mu.Unlock()
		return err
	})
	var all sync.WaitGroup
	for w := range 9 {
		all.Go(func() {
			for i := range messages / 9 {
				name := fmt.Sprint(w, ".", i)
				if _, err := n.all[(w+i)%len(n.all)].Accept(n.Context(), n.message(name), queue.Identity{}, routesTo(destinations[i%len(destinations)])...); err != nil {
					n.Error(err)
				}
			}
		})
	}
	all.Wait()
	n.until("delivered", func() (any, bool) { mu.Lock(); defer mu.Unlock(); return len(delivered), len(delivered) == messages })
	stop()
	for name, times := range delivered {
		if times != 1 {
			n.Errorf("%s was delivered %d times", name, times)
		}
	}
}

// ordered: the events of one key are delivered in the order in which the sender had its answers,
// whichever nodes gave them.
func (n *nodes) ordered() {
	const keys, each = 7, 30
	var mu sync.Mutex
	got := make(map[string][]int)
	total := 0
	stop := n.work(n.all, 3, []string{"a"}, func(_ int, c queue.Claim) error {
		var k string
		var i int
		fmt.Sscanf(string(c.Delivery().Message.Body), "%s %d", &k, &i)
		if i%5 == 0 && c.Delivery().Attempts == 0 {
			return c.Retry(n.clock.Now(), queue.Attempt{Error: "once"})
		}
		mu.Lock()
		got[k] = append(got[k], i)
		total++
		mu.Unlock()
		return c.Done(queue.Attempt{})
	})
	for i := range each {
		for k := range keys {
			if _, err := n.all[(i+k)%len(n.all)].Accept(n.Context(), n.message(fmt.Sprint("k", k, " ", i)), queue.Identity{}, line("a", fmt.Sprint(k))); err != nil {
				n.Fatal(err)
			}
			n.advance(time.Millisecond)
		}
	}
	n.until("delivered", func() (any, bool) { mu.Lock(); defer mu.Unlock(); return total, total == keys*each })
	stop()
	for k, list := range got {
		if !slices.IsSorted(list) {
			n.Errorf("%s: %v", k, list)
		}
	}
}

// advance sets the clock of all nodes.
func (n *nodes) advance(d time.Duration) {
	n.bench.advance(d)
	for _, s := range n.all {
		if w, ok := s.(Waker); ok {
			w.Wake()
		}
	}
}

// owner claims on all nodes at once and returns who gets a delivery.
func (n *nodes) owner(destination string) (int, queue.Claim) {
	n.Helper()
	return n.ownerAmong(n.all, destination)
}

func (n *nodes) ownerAmong(stores []queue.Store, destination string) (int, queue.Claim) {
	n.Helper()
	type got struct {
		node  int
		claim queue.Claim
	}
	ctx, cancel := context.WithTimeout(n.Context(), patience)
	defer cancel()
	claims := make(chan got, len(stores))
	var all sync.WaitGroup
	for i, s := range stores {
		all.Go(func() {
			if c, err := s.Claim(ctx, dest(destination)); err == nil {
				claims <- got{i, c}
				cancel()
			}
		})
	}
	all.Wait()
	if len(claims) != 1 {
		n.Fatalf("%d nodes claimed", len(claims))
	}
	g := <-claims
	return g.node, g.claim
}

func (n *nodes) takesOver() { n.loses(func(s queue.Store) { s.(Abandoner).Abandon() }) }
func (n *nodes) handsOver() { n.loses(func(s queue.Store) { n.ok(s.Close()) }) }

// loses ends the owner of a destination while it holds a delivery. The others deliver it, and
// the rest.
func (n *nodes) loses(end func(queue.Store)) {
	const messages = 40
	for i := range messages {
		n.store = n.all[i%len(n.all)]
		n.accept(fmt.Sprint(i), queue.Identity{}, "a")
	}
	node, c := n.owner("a")
	held := c.Delivery().Message.Body
	end(n.all[node])
	rest := slices.Delete(slices.Clone(n.all), node, node+1)
	var mu sync.Mutex
	delivered := make(map[string]int)
	stop := n.work(rest, 2, []string{"a"}, func(_ int, c queue.Claim) error {
		mu.Lock()
		delivered[string(c.Delivery().Message.Body)]++
		mu.Unlock()
		return c.Done(queue.Attempt{})
	})
	n.until("delivered", func() (any, bool) { mu.Lock(); defer mu.Unlock(); return len(delivered), len(delivered) == messages })
	stop()
	if delivered[string(held)] != 1 {
		n.Errorf("the one that was held was delivered %d times", delivered[string(held)])
	}
	if err := c.Done(queue.Attempt{}); err == nil {
		n.Error("a node that has ended has marked a delivery")
	}
}

// stalls: when a node hangs for longer than its lease, the context of its claims ends, and another
// node delivers. What the first one marks later changes nothing.
func (n *nodes) stalls() {
	n.accept("body", queue.Identity{}, "a")
	node, c := n.owner("a")
	if err := c.Context().Err(); err != nil {
		n.Fatalf("the context of a claim: %v", err)
	}
	stall := n.all[node].(Staller).Stall
	stall(true)
	defer stall(false)
	select {
	case <-c.Context().Done():
	case <-time.After(patience):
		n.Fatal("the attempt goes on")
	}
	rest := slices.Delete(slices.Clone(n.all), node, node+1)
	_, other := n.ownerAmong(rest, "a")
	if other.Delivery().Message.ID != c.Delivery().Message.ID {
		n.Error("it is another delivery")
	}
	n.ok(other.Bury(queue.Attempt{Error: "by the next owner"}))
	if err := other.Context().Err(); err != nil {
		n.Errorf("the context of the next owner: %v", err)
	}
	stall(false)
	n.until("the lost claim", func() (any, bool) {
		err := c.Done(queue.Attempt{})
		return err, errors.Is(err, queue.ErrLost)
	})
	if c.Context().Err() == nil {
		n.Error("the context of a lost claim has come back")
	}
	n.ok(c.Release())
	seen, err := rest[0].(queue.Inspector).Look(n.Context(), c.Delivery().Message.ID)
	n.ok(err)
	if seen.Deliveries[0].State != queue.StateDead {
		n.Errorf("the former owner has made it %v", seen.Deliveries[0].State)
	}
}

// operates changes deliveries of one node from another.
func (n *nodes) operates() {
	m := n.message("body")
	_, err := n.all[0].Accept(n.Context(), m, queue.Identity{}, routesTo("a")...)
	n.ok(err)
	node, c := n.owner("a")
	other := n.all[(node+1)%len(n.all)].(queue.Inspector)
	for _, do := range n.bench.operations(other, m.ID, "a") {
		n.refuses(do(n.Context()), queue.ErrBusy)
	}
	n.ok(c.Retry(n.clock.Now().Add(time.Hour), queue.Attempt{Error: "failed"}))
	n.ok(other.Redeliver(n.Context(), m.ID, queue.Route{Destination: dest("a")}))
	_, c = n.owner("a")
	n.ok(c.Bury(queue.Attempt{Error: "hopeless"}))
	n.refuses(other.Cancel(n.Context(), m.ID, dest("a")), queue.ErrState)
	n.ok(other.Purge(n.Context(), m.ID, dest("a"), queue.StateDead))
	var gone *queue.GoneError
	if err := other.Purge(n.Context(), m.ID, dest("a")); !errors.As(err, &gone) || gone.Why != "purged" {
		n.Errorf("got %v", err)
	}
}

// counts: all nodes come to tell the same of all destinations.
func (n *nodes) counts() {
	const messages = 30
	for i := range messages {
		n.store = n.all[i%len(n.all)]
		n.accept(fmt.Sprint(i), queue.Identity{}, "a", "b", "c")
	}
	for range 3 {
		_, c := n.owner("a")
		n.ok(c.Bury(queue.Attempt{}))
		_, c = n.owner("b")
		n.ok(c.Done(queue.Attempt{}))
	}
	for i, s := range n.all {
		n.until(fmt.Sprintf("counts of node %d", i), func() (any, bool) {
			st := s.Stats()
			a, b, c := st.Destinations[dest("a")], st.Destinations[dest("b")], st.Destinations[dest("c")]
			return st, a.Waiting == messages-3 && a.DeadLetters == 3 && b.Waiting == messages-3 && c.Waiting == messages &&
				a.Bytes+b.Bytes+c.Bytes == st.Bytes && st.Retained > 0 && !c.Oldest.IsZero()
		})
	}
}

func (n *nodes) pauses() {
	n.accept("first", queue.Identity{}, "a")
	node, c := n.owner("a")
	n.ok(c.Done(queue.Attempt{}))
	n.ok(n.all[(node+1)%len(n.all)].(queue.Inspector).Pause(n.Context(), dest("a"), true))
	n.until("paused", func() (any, bool) {
		for _, s := range n.all {
			if !s.Stats().Destinations[dest("a")].Paused {
				return s.Stats().Destinations, false
			}
		}
		return nil, true
	})
	n.accept("second", queue.Identity{}, "a")
	results := make(chan int, len(n.all))
	for i, s := range n.all {
		go func() {
			if c, err := s.Claim(n.Context(), dest("a")); err == nil && c.Done(queue.Attempt{}) == nil {
				results <- i
			}
		}()
	}
	n.accept("other", queue.Identity{}, "b")
	_, c = n.owner("b")
	n.ok(c.Done(queue.Attempt{}))
	if len(results) > 0 {
		n.Fatal("a paused destination was delivered to")
	}
	n.ok(n.all[(node+2)%len(n.all)].(queue.Inspector).Pause(n.Context(), dest("a"), false))
	select {
	case <-results:
	case <-time.After(patience):
		n.Fatal("nobody delivers after the pause")
	}
}

func (n *nodes) shares() {
	n.want(n.accept("first", key(1), "a"), queue.New)
	n.store = n.all[0]
	n.want(n.accept("again", key(1), "a"), queue.Duplicate)
	was, err := n.all[1].(queue.Inspector).ForgetKey(n.Context(), key(1).Key)
	n.ok(err)
	if !was {
		n.Error("another node does not know the key")
	}
	n.want(n.accept("once more", key(1), "a"), queue.New)
	n.ok(n.keeper().Learn(n.Context(), "one", "secret"))
	n.store = n.all[2]
	n.knows("one", "secret")
}
