package pebble

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/window"
)

// loadFrom is the engine's hook for a newly opened database. The function that it returns also prepares
// the counts of dedupe keys and of ended deliveries, which run later.
func (s *Store) loadFrom(db *engine.Database) (engine.Adopt, error) {
	counts := make(map[record.Digest]*tally)
	err := s.load(db, counts)
	if errors.Is(err, errWrongKey) || errors.Is(err, record.ErrFormat) {
		err = engine.Refuse(err)
	}
	return func() (later func(), err error) {
		if err := s.adopt(counts); err != nil {
			return nil, err
		}
		keys, err := s.countKeys(db)
		if err != nil {
			return keys, err
		}
		ended, err := s.countEnded(db)
		return func() { keys(); ended() }, err
	}, err
}

// load reads the state of a freshly opened database: its format, its destinations, and
// the backlog from the indexes of waiting deliveries and dead letters.
func (s *Store) load(db *engine.Database, counts map[record.Digest]*tally) error {
	var aside int64
	s.engine.Damage().Restart(0)
	if err := each(db, record.KindDamaged, func(_, _ []byte) error { aside++; return nil }); err != nil {
		return err
	}
	s.engine.Damage().Restart(aside + int64(db.LostLogs()))
	defer s.setAside(db)
	if err := s.checkFormat(db); err != nil {
		return err
	}
	if err := s.checkSeal(db, s.seal.Ring()); err != nil {
		return err
	}
	if err := s.reseal(db); err != nil {
		return err
	}
	if err := s.loadNames(db); err != nil {
		return err
	}
	if err := s.loadWaiting(db, counts); err != nil {
		return err
	}
	if holes := s.engine.Damage().Take(record.KindWaiting, record.KindOrdered); len(holes) > 0 {
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
	if err := s.loadBuckets(db); err != nil {
		return err
	}
	return s.loadSteady(db)
}

func (s *Store) checkFormat(db *engine.Database) error {
	key := []byte{record.KindFormat}
	v, closer, err := db.Get(key)
	if isDamage(err) {
		// One of the many records in a broken block.
		s.options.Logger.Error("the format of the folder cannot be read; it is taken for the present one", "error", err)
		return nil
	}
	if errors.Is(err, pebble.ErrNotFound) {
		return db.Set(key, []byte(record.Format), pebble.Sync)
	}
	if err != nil {
		return err
	}
	defer closer.Close()
	if string(v) != record.Format {
		return record.UnknownFormat(v)
	}
	return nil
}

// each calls f for the records of one kind; see walk.
func each(db *engine.Database, kind byte, f func(k, v []byte) error) error {
	return walk(db, []byte{kind}, []byte{kind + 1}, f)
}

func (s *Store) loadNames(db *engine.Database) error {
	for _, d := range s.allDestinations() {
		d.named.Store(false) // the folder may be another one
	}
	found := make(map[record.Digest]int)
	for _, kind := range record.NameKinds {
		err := each(db, kind, func(k, v []byte) error {
			if len(k) != 1+8 || record.DigestOf(string(v)) != record.Digest(k[1:]) {
				return record.ErrDamaged
			}
			d, err := s.addDestination(queue.ParseDestination(string(v)), record.Digest(k[1:]))
			if found[d.id]++; err == nil && found[d.id] == len(record.NameKinds) {
				d.named.Store(true)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// setName writes the name of a destination.
func (d *destination) setName(batch *pebble.Batch) error {
	var k record.KeyBuffer
	for _, kind := range record.NameKinds {
		if err := batch.Set(record.NameKey(&k, kind, d.id), []byte(d.name.String()), nil); err != nil {
			return err
		}
	}
	return nil
}

// tally is the backlog of one destination on disk.
type tally struct {
	backlog     window.Backlog
	dead, bytes int64
	paused      bool
}

func tallyOf(counts map[record.Digest]*tally, id record.Digest) *tally {
	t := counts[id]
	if t == nil {
		t = new(tally)
		counts[id] = t
	}
	return t
}

func (s *Store) loadWaiting(db *engine.Database, counts map[record.Digest]*tally) error {
	var (
		id   record.Digest
		t    *tally
		busy map[queue.ID]bool
	)
	count := func(k, v []byte) error {
		e, err := record.SplitEntry(k)
		if err != nil {
			return err
		}
		if t == nil || e.Destination != id {
			id, t = e.Destination, tallyOf(counts, e.Destination)
			busy = s.busyIn(e.Destination)
		}
		t.bytes += record.DecodeSize(v)
		t.backlog.Add(e.Waiting(v), busy[e.ID])
		return nil
	}
	if err := each(db, record.KindWaiting, count); err != nil {
		return err
	}
	return each(db, record.KindOrdered, count)
}

// busyIn copies the IDs of the deliveries that are held in a destination: none, unless
// the database replaces another.
func (s *Store) busyIn(id record.Digest) map[queue.ID]bool {
	s.destinationsMu.RLock()
	d := s.digests[id]
	s.destinationsMu.RUnlock()
	if d == nil {
		return nil
	}
	d.Lock()
	defer d.Unlock()
	return d.HeldLocked()
}

func loadDead(db *engine.Database, counts map[record.Digest]*tally) error {
	return each(db, record.KindDead, func(k, v []byte) error {
		e, err := record.SplitEntry(k)
		if err != nil {
			return err
		}
		t := tallyOf(counts, e.Destination)
		t.dead++
		t.bytes += record.DecodeSize(v)
		return nil
	})
}

// adopt resets the destinations and gives them the counted state.
func (s *Store) adopt(counts map[record.Digest]*tally) error {
	for id := range counts {
		s.destinationsMu.RLock()
		known := s.digests[id] != nil
		s.destinationsMu.RUnlock()
		if !known {
			// The name is damaged: the deliveries are kept and counted under one that says
			// so, until somebody asks for them by the right one.
			if _, err := s.addDestination(record.Nameless(id), id); err != nil {
				return err
			}
		}
	}
	s.destinationsMu.RLock()
	defer s.destinationsMu.RUnlock()
	var bytes, newest int64
	for id, d := range s.digests {
		d.Lock()
		if t := counts[id]; t != nil {
			bytes += t.bytes
			newest = max(newest, t.backlog.Newest())
		}
		d.adoptLocked(counts[id])
		d.Unlock()
	}
	s.bytes.Store(bytes)
	s.steady.reached(newest, window.Nanos(s.now()))
	return nil
}
