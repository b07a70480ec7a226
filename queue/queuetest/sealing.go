package queuetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hookwicket/hookwicket/queue"
)

// sealKey is an encryption key.
func sealKey(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

// sealedBy returns the settings with encryption keys.
func (b *bench) sealedBy(keys ...byte) queue.Settings {
	set := b.settings
	set.Keys = nil
	for _, n := range keys {
		set.Keys = append(set.Keys, sealKey(n))
	}
	return set
}

// reopenWith opens the store with encryption keys.
func (b *bench) reopenWith(keys ...byte) {
	b.Helper()
	b.settings = b.sealedBy(keys...)
	b.reopen()
}

func (b *bench) waitsForKeyReloaded() {
	b.waitsForKey(func() { b.ok(b.store.Configure(b.sealedBy(2, 1))) })
}
func (b *bench) waitsForKeyReopened() { b.waitsForKey(func() { b.reopenWith(2, 1) }) }

// waitsForKey: events whose key is missing make way for the others, and go on as soon as it
// is there, with an order and without.
func (b *bench) waitsForKey(comes func()) {
	const count = 600 // more than a window
	b.reopenWith(1)
	for i := range count {
		route := routesTo("a")[0]
		if i%3 == 0 {
			route = line("a", fmt.Sprint(i%30))
		}
		_, err := b.store.Accept(b.Context(), b.message(fmt.Sprint(i)), queue.Identity{}, route)
		b.ok(err)
		b.advance(tick)
	}
	b.reopenWith(2, 1) // a key that is strange to the store needs one that is not
	b.reopenWith(2)
	b.nothing("a")
	b.waiting("a", count)
	if n := b.store.Stats().Destinations[dest("a")].DeadLetters; n != 0 {
		b.Errorf("%d have become dead letters", n)
	}
	page, err := b.looker().Deliveries(b.Context(), queue.Filter{States: []queue.State{queue.StateWaiting}}, "", 3)
	b.ok(err)
	if len(page.Entries) != 3 || page.Entries[0].Attempts != 0 || page.Entries[0].EventID != "event" {
		b.Errorf("listed: %+v", page.Entries)
	}
	seen, err := b.looker().Look(b.Context(), page.Entries[0].ID)
	b.ok(err)
	if seen.Message != nil || seen.Err == nil || seen.EventID != "event" {
		b.Errorf("seen without its key: %+v", seen)
	}
	comes()
	lines := make(map[int]int)
	delivered := make(map[string]bool)
	for range count {
		c := b.claim("a")
		body := string(c.Delivery().Message.Body)
		if n := c.Delivery().Attempts; n != 0 || delivered[body] {
			b.Errorf("%s comes again, or after %d attempts", body, n)
		}
		delivered[body] = true
		var i int
		fmt.Sscan(body, &i)
		if i%3 == 0 {
			if before, ok := lines[i%30]; ok && before > i {
				b.Errorf("%d comes after %d", i, before)
			}
			lines[i%30] = i
		}
		b.ok(c.Done(queue.Attempt{}))
	}
	b.waiting("a", 0)
}

// strangeKey: a key that is none of the store's is refused, and nothing changes. So is one
// that is too short.
func (b *bench) strangeKey() {
	b.reopenWith(1)
	for _, keys := range [][][]byte{{sealKey(3)}, {sealKey(3), sealKey(4)}, {sealKey(3)[:9], sealKey(1)}} {
		set := b.settings
		set.Keys = keys
		err := b.store.Configure(set)
		if err == nil || errors.Is(err, queue.ErrUnavailable) || strings.Contains(err.Error(), string(keys[0])) {
			b.Errorf("got %v", err)
		}
	}
	b.accept("body", queue.Identity{}, "a")
	b.reopenWith(1)
	b.ok(b.next("a", "body").Done(queue.Attempt{}))
}

// sealsAttempts: attempts are read with their key alone, and are not lost without it.
func (b *bench) sealsAttempts() {
	b.reopenWith(1)
	m := b.message("body")
	_, err := b.store.Accept(b.Context(), m, queue.Identity{}, routesTo("a")...)
	b.ok(err)
	first := queue.Attempt{At: b.clock.Now(), Status: 503, Failure: queue.Status, Error: "no", Excerpt: "quoted"}
	b.ok(b.next("a", "body").Retry(b.clock.Now(), first))
	c := b.next("a", "body")
	if last := c.Delivery().Last; last == nil || last.Error != "no" || last.Excerpt != "" {
		b.Errorf("claimed with %+v", last)
	}
	b.ok(c.Bury(queue.Attempt{At: b.clock.Now(), Error: "hopeless"}))
	look := func() *queue.DeliveryHistory {
		b.Helper()
		seen, err := b.looker().Look(b.Context(), m.ID)
		b.ok(err)
		if len(seen.Deliveries) != 1 {
			b.Fatalf("%+v", seen)
		}
		return &seen.Deliveries[0]
	}
	b.reopenWith()
	if d := look(); d.Err == nil || d.Last != nil || len(d.History) != 0 || d.Attempts != 2 || d.State != queue.StateDead {
		b.Errorf("without the key: %+v", d)
	}
	b.reopenWith(2, 1)
	if d := look(); d.Err != nil || len(d.History) != 2 || d.History[0].Excerpt != "quoted" || d.History[1].Error != "hopeless" || d.Last == nil || d.Last.Error != "hopeless" {
		b.Errorf("with the key: %+v", d)
	}
	b.ok(b.looker().Redeliver(b.Context(), m.ID, routesTo("a")[0]))
	b.ok(b.next("a", "body").Done(queue.Attempt{}))
}

// sealsSecrets: learnt secrets have no end, so that they do not hold on to a key for ever: not
// at a start, and not at a reload.
func (b *bench) sealsSecrets() {
	// A plain secret that looks like a sealed one.
	odd := "\xff\xff" + strings.Repeat("x", 60)
	b.ok(b.keeper().Learn(b.Context(), "one", odd))
	b.reopen()
	b.knows("one", odd)
	b.reopenWith(1) // what was kept plain is sealed
	b.knows("one", odd)
	b.ok(b.keeper().Learn(b.Context(), "one", "beta"))
	b.reopenWith()
	if got, err := b.keeper().Learnt(b.Context(), "one"); err == nil {
		b.Errorf("without the key: %q", got)
	}
	b.reopenWith(2, 1)
	b.reopenWith(2)
	b.knows("one", odd, "beta")
	b.ok(b.store.Configure(b.sealedBy(3, 2)))
	b.ok(b.store.Configure(b.sealedBy(3)))
	b.knows("one", odd, "beta")
	b.ok(b.keeper().Forget(b.Context(), "one", odd))
	b.reopenWith(3)
	b.knows("one", "beta")
}

// keys: a node that lacks a key says so, as do the others. What it cannot read waits, and is
// delivered when it has the key.
func (n *nodes) keys() {
	for _, s := range n.all {
		n.ok(s.Configure(n.sealedBy(1)))
	}
	n.ok(n.all[0].Configure(n.sealedBy(2, 1)))
	const each = 30
	for i := range each {
		for node := range 2 {
			n.store = n.all[2*node]
			n.accept(fmt.Sprint(node, ".", i), queue.Identity{}, "a")
		}
	}
	var mu sync.Mutex
	delivered := make(map[string]int)
	stop := n.work(n.all[1:2], 4, []string{"a"}, func(_ int, c queue.Claim) error {
		mu.Lock()
		delivered[string(c.Delivery().Message.Body)]++
		mu.Unlock()
		return c.Done(queue.Attempt{})
	})
	reach := func(want int) {
		n.until("delivered", func() (any, bool) { mu.Lock(); defer mu.Unlock(); return len(delivered), len(delivered) >= want })
	}
	reach(each)
	n.until("the rest waits", func() (any, bool) {
		st := n.all[1].Stats()
		a := st.Destinations[dest("a")]
		return a, st.Cluster.Keyless && a.Waiting == each && a.Claimed == 0 && a.DeadLetters == 0
	})
	differ := func(node int) (found []queue.NodeKeys) {
		for _, x := range n.all[node].Stats().Cluster.Nodes {
			if x.Keys != queue.KeysFit {
				found = append(found, x.Keys)
			}
		}
		return found
	}
	for node, want := range [][]queue.NodeKeys{{queue.KeysLacking, queue.KeysLacking}, {queue.KeysUnknown}, {queue.KeysUnknown}} {
		n.until(fmt.Sprintf("node %d compares the keys", node), func() (any, bool) {
			got := differ(node)
			return got, slices.Equal(got, want) && len(n.all[node].Stats().Cluster.Warnings(func(string) bool { return true })) >= len(want)
		})
	}
	for _, s := range n.all[1:] {
		n.ok(s.Configure(n.sealedBy(1, 2)))
	}
	reach(2 * each)
	for node := range n.all {
		n.until(fmt.Sprintf("node %d is content", node), func() (any, bool) {
			got, c := differ(node), n.all[node].Stats().Cluster
			return got, len(got) == 0 && !c.Keyless
		})
	}
	stop()
	for name, times := range delivered {
		if times != 1 {
			n.Errorf("%s was delivered %d times", name, times)
		}
	}
}
