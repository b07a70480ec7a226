package pebble

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// load reads the state of a freshly opened database: its format, its destinations, and
// the backlog from the indexes of waiting deliveries and dead letters.
func (s *Store) load(db *database) error {
	var aside int64
	s.damage.restart(0)
	if err := each(db, kindDamaged, func(_, _ []byte) error { aside++; return nil }); err != nil {
		return err
	}
	s.damage.restart(aside + int64(s.lostLogs))
	defer s.setAside(db)
	if err := s.checkFormat(db); err != nil {
		return err
	}
	if err := s.checkSeal(db, s.seal.ring()); err != nil {
		return err
	}
	if err := s.reseal(db); err != nil {
		return err
	}
	if err := s.loadNames(db); err != nil {
		return err
	}
	counts := make(map[laneID]*tally)
	if err := s.loadWaiting(db, counts); err != nil {
		return err
	}
	if holes := s.damage.take(kindWaiting, kindLine); len(holes) > 0 {
		if err := s.mend(db, holes); err != nil {
			return err
		}
		clear(counts)
		if err := s.loadWaiting(db, counts); err != nil {
			return err
		}
	}
	if err := loadDead(db, counts); err != nil {
		return err
	}
	if err := loadPaused(db, counts); err != nil {
		return err
	}
	if err := s.loadSteady(db); err != nil {
		return err
	}
	return s.adopt(counts)
}

func (s *Store) checkFormat(db *database) error {
	key := []byte{kindFormat}
	v, closer, err := db.Get(key)
	if isDamage(err) {
		// One of the many records in a broken block.
		s.options.Logger.Error("the format of the folder cannot be read; it is taken for the present one", "error", err)
		return nil
	}
	if errors.Is(err, pebble.ErrNotFound) {
		return db.Set(key, []byte(format), pebble.Sync)
	}
	if err != nil {
		return err
	}
	defer closer.Close()
	if string(v) != format {
		return unknownFormat(v)
	}
	return nil
}

func unknownFormat(held []byte) error {
	return fmt.Errorf("%w: it holds %q, but this version reads %q only: start the version that wrote it, or name another folder", errFormat, held, format)
}

var errFormat = errors.New("the folder is of another format")

// each calls f for the records of one kind; see walk.
func each(db *database, kind byte, f func(k, v []byte) error) error {
	return db.walk([]byte{kind}, []byte{kind + 1}, f)
}

func (s *Store) loadNames(db *database) error {
	return each(db, kindName, func(k, v []byte) error {
		if len(k) != 1+8 || laneOf(string(v)) != laneID(k[1:]) {
			return errDamaged
		}
		l, err := s.addLane(string(v), laneID(k[1:]))
		if err == nil {
			l.named.Store(true)
		}
		return err
	})
}

// tally is the backlog of one lane on disk.
type tally struct {
	waiting, dead, bytes int64
	ages                 ages
	held                 map[queue.ID]place // deliveries that workers hold
	lines                lines
	paused               bool
}

func tallyOf(counts map[laneID]*tally, id laneID) *tally {
	t := counts[id]
	if t == nil {
		t = &tally{held: make(map[queue.ID]place)}
		counts[id] = t
	}
	return t
}

// wait counts a waiting delivery. Those that are held come out of busy.
func (t *tally) wait(p place, size int64, busy map[queue.ID]bool) {
	t.waiting++
	t.bytes += size
	t.ages.add(p.id, p.order != nil)
	if busy[p.id] {
		t.held[p.id] = p
	}
	if p.order != nil {
		t.lines.insert(p, nil)
	}
}

func (s *Store) loadWaiting(db *database, counts map[laneID]*tally) error {
	var (
		id   laneID
		t    *tally
		busy map[queue.ID]bool
	)
	count := func(lane laneID, p place, size int64, err error) error {
		if err != nil {
			return err
		}
		if t == nil || lane != id {
			id, t = lane, tallyOf(counts, lane)
			busy = s.busyIn(lane)
		}
		t.wait(p, size, busy)
		return nil
	}
	err := each(db, kindWaiting, func(k, v []byte) error {
		lane, p, err := splitWaiting(k)
		return count(lane, place{position: p}, decodeSize(v), err)
	})
	if err != nil {
		return err
	}
	return each(db, kindLine, func(k, v []byte) error { return count(splitLine(k, v)) })
}

// busyIn copies the IDs of the deliveries that are held in a lane: none, unless
// the database replaces another.
func (s *Store) busyIn(id laneID) map[queue.ID]bool {
	s.lanesMu.RLock()
	l := s.laneIDs[id]
	s.lanesMu.RUnlock()
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	held := make(map[queue.ID]bool, len(l.busy))
	for id := range l.busy {
		held[id] = true
	}
	return held
}

func loadDead(db *database, counts map[laneID]*tally) error {
	return each(db, kindDead, func(k, v []byte) error {
		lane, _, err := splitDead(k)
		if err != nil {
			return err
		}
		t := tallyOf(counts, lane)
		t.dead++
		t.bytes += decodeSize(v)
		return nil
	})
}

// adopt resets the lanes and gives them the counted state.
func (s *Store) adopt(counts map[laneID]*tally) error {
	for id := range counts {
		s.lanesMu.RLock()
		known := s.laneIDs[id] != nil
		s.lanesMu.RUnlock()
		if !known {
			// The name is damaged: the deliveries are kept and counted under one that says
			// so, until somebody asks for them by the right one.
			if _, err := s.addLane(nameless(id), id); err != nil {
				return err
			}
		}
	}
	s.lanesMu.RLock()
	defer s.lanesMu.RUnlock()
	var bytes, newest int64
	for id, l := range s.laneIDs {
		l.mu.Lock()
		l.resetLocked()
		if t := counts[id]; t != nil {
			l.waiting, l.dead, l.bytes, l.ages = t.waiting, t.dead, t.bytes, t.ages
			l.lines, l.paused = t.lines, t.paused
			bytes += t.bytes
			newest = max(newest, t.ages.newest())
			l.reconcileLocked(t.held)
		} else {
			l.paused = false
			l.reconcileLocked(nil)
		}
		l.mu.Unlock()
	}
	s.bytes.Store(bytes)
	s.steady.reached(newest, nanos(s.now()))
	return nil
}

// reconcileLocked updates the positions of the claims that workers hold. The marks of
// the last moments before a failure may have been kept or not.
func (l *lane) reconcileLocked(held map[queue.ID]place) {
	for id, c := range l.busy {
		if c == nil {
			continue
		}
		p, ok := held[id]
		if c.gone = !ok; c.gone {
			p.position = c.position
		}
		if c.place = p; p.order != nil {
			l.lines.hold(p)
		}
	}
}
