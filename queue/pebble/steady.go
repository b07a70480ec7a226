package pebble

import (
	"sync"
	"time"
)

// steady makes of the clock on the wall one that tells what is due. When the wall's
// clock is set back, deliveries that were due by it must not wait until it has
// caught up: so this one goes on from where it was, ahead of the wall's, and comes
// back to it when that is set forward again.
type steady struct {
	mu    sync.Mutex
	ahead int64     // of the wall's clock, nanoseconds
	last  int64     // what was told last
	at    time.Time // and when, by a clock that nobody sets
}

// step is what a clock may be set by, as machines correct theirs all the time.
const step = int64(time.Second)

// now is the time when it is wall by the clock on the wall.
func (c *steady) now(wall int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, at := wall+c.ahead, time.Now()
	passed := int64(at.Sub(c.at))
	if back := c.last - t; back > step {
		c.ahead += back + passed
		t += back + passed
	} else if leap := t - c.last - passed; c.ahead > 0 && leap > step {
		leap = min(leap, c.ahead)
		c.ahead -= leap
		t -= leap
	}
	c.last, c.at = max(c.last, t), at
	return t
}

// reached tells it that the time has been this, as what is on disk says.
func (c *steady) reached(t, wall int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if back := t - wall - c.ahead; back > step {
		c.ahead += back
		c.last, c.at = wall+c.ahead, time.Now()
	}
}

// due is now as the deliveries' due times go.
func (s *Store) due() int64 { return s.steady.now(nanos(s.now())) }

// dueAt is when a delivery is due that has to wait until a time by the clock on
// the wall.
func (s *Store) dueAt(t time.Time) int64 {
	wall := s.now()
	return nanos(time.Unix(0, s.steady.now(nanos(wall))).Add(t.Sub(wall)))
}

// wallAt is the reverse of dueAt.
func (s *Store) wallAt(due int64) time.Time {
	wall := nanos(s.now())
	return unnanos(due - (s.steady.now(wall) - wall))
}
