package pebble

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
)

// TestKeyComesBack: events that wait for their key go on as soon as it is there, by a
// reload or a restart, with an order and without.
func TestKeyComesBack(t *testing.T) {
	const count = 600 // more than a window
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart=%v", restart), func(t *testing.T) {
			mem := vfs.NewMem()
			open := func(keys ...byte) *Store {
				o := small(mem)
				for _, n := range keys {
					o.Settings.Keys = append(o.Settings.Keys, testSealKey(n))
				}
				s, err := Open(o)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { s.Close() })
				return s
			}
			s := open(1)
			for i := range uint32(count) {
				m, id := testMessage(i)
				m.Endpoint = "a"
				route := queue.Route{Destination: dest("a")}
				if i%3 == 0 {
					route = queue.Route{Destination: dest("a"), Ordered: true, OrderKey: fmt.Sprint(i % 30)}
				}
				if _, err := s.Accept(t.Context(), m, id, route); err != nil {
					t.Fatal(err)
				}
			}
			s.Close()
			open(2, 1).Close()
			s = open(2) // without the key that the events need
			d, err := s.destination(dest("a"))
			if err != nil {
				t.Fatal(err)
			}
			for parked := false; !parked; {
				c, wait, err := s.tryClaim(d)
				if c != nil || err != nil {
					t.Fatal(c, err)
				}
				if parked = wait != nil; parked {
					d.Lock()
					d.UnwaitLocked(wait)
					d.Unlock()
				}
			}
			if restart {
				s.Close()
				s = open(2, 1)
			} else if err := s.Configure(sealedBy(testSealKey(2), testSealKey(1))); err != nil {
				t.Fatal(err)
			}
			if got := drain(t, s, "a"); len(got) != count {
				t.Errorf("%d of %d", len(got), count)
			}
		})
	}
}
