package pebble

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/window"
)

// steady is the due clock: the wall clock plus ahead. When the wall clock is set back,
// due deliveries must not wait until it has caught up. The due clock then continues from
// its last time, ahead of the wall clock. It returns to the wall clock when that is set
// forward again.
//
// Invariant: apart from corrections of up to step, the due clock never goes back.
type steady struct {
	mu    sync.Mutex
	ahead int64     // of the wall's clock, nanoseconds
	last  int64     // the latest time that now has returned
	at    time.Time // of that call, by the monotonic clock
	kept  int64     // ahead, as it is on disk
}

// step is the largest change of the wall clock that counts as a correction.
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

// keep adds to a batch with a due time how far the clock is ahead, unless that is
// on disk. Without it the due times would be misread after a restart.
func (c *steady) keep(batch *pebble.Batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == c.ahead {
		return nil
	}
	c.kept = c.ahead
	return batch.Set([]byte{record.KindClock}, binary.AppendUvarint(nil, uint64(c.ahead)), nil)
}

// loadSteady goes on with the clock as it is on disk.
func (s *Store) loadSteady(db *engine.Database) error {
	v, closer, err := db.Get([]byte{record.KindClock})
	ahead := uint64(0)
	switch {
	case err == nil:
		ahead, _ = binary.Uvarint(v) // 0 if it is damaged
		err = closer.Close()
	case errors.Is(err, pebble.ErrNotFound), isDamage(err):
		err = nil
	}
	c := &s.steady
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept = int64(ahead); c.kept > c.ahead {
		c.ahead = c.kept
	}
	return err
}

// reached moves the clock to at least t, the time of the youngest receipt on disk.
func (c *steady) reached(t, wall int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if back := t - wall - c.ahead; back > step {
		c.ahead += back
	}
}

// due is now as the deliveries' due times go.
func (s *Store) due() int64 { return s.steady.now(window.Nanos(s.now())) }

// dueAt is when a delivery is due that has to wait until a time by the clock on
// the wall.
func (s *Store) dueAt(t time.Time) int64 {
	wall := s.now()
	return window.Nanos(time.Unix(0, s.steady.now(window.Nanos(wall))).Add(t.Sub(wall)))
}

// wallAt is the reverse of dueAt.
func (s *Store) wallAt(due int64) time.Time {
	wall := window.Nanos(s.now())
	return record.Time(due - (s.steady.now(wall) - wall))
}
