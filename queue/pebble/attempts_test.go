package pebble

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
)

// attempts returns the numbers and texts of the attempts that Look shows.
func attempts(t *testing.T, s *Store, id queue.ID) (all []string) {
	t.Helper()
	seen, err := s.Look(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range seen.Deliveries[0].History {
		all = append(all, fmt.Sprint(a.Number, a.Error, a.Excerpt))
	}
	return all
}

// TestAttemptsAreKept: the last attempt is in the delivery's state and the others have
// records. All are shown, also after the delivery was parked for a missing key.
func TestAttemptsAreKept(t *testing.T) {
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
	records := func(s *Store) (n int) {
		db, err := s.enter()
		if err != nil {
			t.Fatal(err)
		}
		defer db.Leave()
		if err := each(db, record.KindAttempt, func(_, _ []byte) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	s := open(1)
	m, id := testMessage(1)
	if _, err := s.Accept(t.Context(), m, id, queue.To(dest("a"))...); err != nil {
		t.Fatal(err)
	}
	var want []string
	fail := func(s *Store, n int) {
		t.Helper()
		c, err := s.Claim(t.Context(), dest("a"))
		if err != nil {
			t.Fatal(err)
		}
		if last := c.Delivery().Last; last != nil && last.Excerpt != "" {
			t.Errorf("a claim has the excerpt %q", last.Excerpt)
		}
		if err := c.Retry(s.now(), queue.Attempt{Error: "no", Excerpt: fmt.Sprint("answer ", n)}); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprint(n, "no", fmt.Sprint("answer ", n)))
	}
	check := func(s *Store, when string) {
		t.Helper()
		if got := attempts(t, s, m.ID); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: attempts %q instead of %q", when, got, want)
		}
		if n := records(s); n != len(want)-1 {
			t.Errorf("%s: %d records of attempts for %d attempts", when, n, len(want))
		}
	}
	fail(s, 1)
	check(s, "after one")
	fail(s, 2)
	check(s, "after two")
	s.Close()
	open(2, 1).Close()
	s = open(2) // without the key that the message and its attempts need
	d, err := s.destination(dest("a"))
	if err != nil {
		t.Fatal(err)
	}
	for {
		c, wait, err := s.tryClaim(d)
		if c != nil || err != nil {
			t.Fatal(c, err)
		}
		if wait != nil {
			break
		}
	}
	s.Close()
	s = open(2, 1)
	check(s, "after it was parked")
	fail(s, 3)
	check(s, "after three")
	if err := s.Purge(t.Context(), m.ID, dest("a")); err != nil {
		t.Fatal(err)
	}
	if n := records(s); n != 0 {
		t.Errorf("%d records of attempts stay", n)
	}
}
