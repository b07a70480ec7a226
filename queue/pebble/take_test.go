package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

func reserved(t *testing.T, s *Store, n int) queue.Reservation {
	t.Helper()
	v, r, err := s.Reserve(t.Context(), numbered(n), time.Now())
	if err != nil || v != queue.New {
		t.Fatalf("reserving: %v, %v", v, err)
	}
	return r
}

func numbered(n int) queue.Identity {
	id := queue.Identity{Window: time.Hour}
	binary.BigEndian.PutUint64(id.Key[:], uint64(n+1))
	binary.BigEndian.PutUint64(id.Digest[8:], uint64(n+1))
	return id
}

// TestTakesTogether: keys that are taken at the same time share commits, and one caller
// that leaves changes nothing for the others.
func TestTakesTogether(t *testing.T) {
	const many = 3*maxTakes + 10
	dir := t.TempDir()
	s := openHome(t, dir)
	left, leave := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	leave(gone)
	var all sync.WaitGroup
	for n := range many {
		r := reserved(t, s, n)
		all.Go(func() {
			if n == 0 {
				if err := r.Take(left); err != nil && !errors.Is(err, gone) {
					t.Error(err)
				}
			} else if err := r.Take(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	must(t, s.Close())
	s = openHome(t, dir)
	for n := range many {
		if v, err := s.Seen(t.Context(), numbered(n), time.Now()); v != queue.Duplicate || err != nil {
			t.Fatalf("key %d: %v, %v", n, v, err)
		}
	}
}

// TestTakeWhileClosing: a key whose Take was begun before Close is recorded.
func TestTakeWhileClosing(t *testing.T) {
	dir := t.TempDir()
	s := openHome(t, dir)
	r := reserved(t, s, 1)
	taken := make(chan error, 1)
	go func() { taken <- r.Take(t.Context()) }()
	waitFor(t, "the key is to be recorded", func() bool {
		s.takes.mu.Lock()
		defer s.takes.mu.Unlock()
		return s.takes.group != nil
	})
	must(t, s.Close())
	must(t, <-taken)
	s = openHome(t, dir)
	if v, err := s.Seen(t.Context(), numbered(1), time.Now()); v != queue.Duplicate || err != nil {
		t.Errorf("a taken key is %v, %v", v, err)
	}
}

// TestTakeGroups: a group takes no more than a commit should have.
func TestTakeGroups(t *testing.T) {
	var s takes
	for n := range 3 * maxTakes {
		g, first := s.join(new(reservation))
		if first != (n%maxTakes == 0) {
			t.Fatalf("reservation %d began a group: %v", n, first)
		}
		if full := n%maxTakes == maxTakes-1; full != (s.group == nil) || full && len(g.all) != maxTakes {
			t.Fatalf("after %d reservations there are %d in a group", n+1, len(g.all))
		}
	}
	g, _ := s.join(new(reservation))
	s.shut(g)
	if _, first := s.join(new(reservation)); !first {
		t.Error("a group that is shut was joined")
	}
}
