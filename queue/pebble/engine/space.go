package engine

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// space decides which writes are still allowed on the disk.
//
// There are three kinds of writes: new data, marks and removals. A mark is a small write
// about data that is already there. The owner of the data asks before it writes new data
// (Take, Refuses) or a mark (Scarce).
//
// Three reserve files occupy room that only the engine can give back. A write that
// finds no space deletes the first file, and from then on no new data is accepted.
// Marks go on, since they make room. The next write that finds no space deletes the
// second file, and from then on marks wait too. Only removals and compaction go on,
// until the files are back. The third file is deleted when a database is opened, because
// opening takes space.
//
// If the file system reports its free space, new data is refused before any write
// fails. It does not report a quota, and another program can take the space first.
//
// The zero value refuses nothing.
//
// mu guards the fields below it and the reserve's files. File operations on the
// reserve run under it and bypass the fence, so they never wait for space. The atomic
// fields above it are read for each write without a lock; they are
// written under mu, except spend and the steps of take.
type space struct {
	fs  vfs.FS
	dir string
	log *slog.Logger

	known  atomic.Bool  // the disk's size is known, so there can be a reserve
	room   atomic.Int64 // bytes that may be accepted before the next look
	shut   atomic.Bool  // no new data is accepted
	scarce atomic.Bool  // no mark is written either
	spend  atomic.Bool  // compactions may use the space of missing parts
	early  chan struct{}
	shared atomic.Int64 // the capacity for Share; 0: unknown

	mu       sync.Mutex
	sizes    sizes
	capacity int64
	held     [parts]bool
	stuck    int       // compactions in a row that found no space
	given    bool      // a part was given back since the start
	without  bool      // the reserve cannot be made
	retry    time.Time // the next attempt to make the reserve is not before
	learnt   bool      // the capacity is that of a quota
	blind    bool      // writes find less space than the file system reports: a quota
	free     int64     // bytes at the last look, the reserve not included
	told     bool      // the last line in the log says that new data is refused
	wanted   int64     // bytes of the largest write refused for want of room
	lines    []func()  // for the log, written by unlock
}

// unlock releases mu and then writes to the log.
func (s *space) unlock() {
	lines := s.lines
	s.lines = nil
	s.mu.Unlock()
	for _, line := range lines {
		line()
	}
}

// sayLocked writes a line to the log once mu is released.
func (s *space) sayLocked(level slog.Level, text string, args ...any) {
	s.lines = append(s.lines, func() { s.log.Log(context.Background(), level, text, args...) })
}

// mostStuck is the number of compactions without space after which marks are written
// again, because waiting for a compaction did not help.
const mostStuck = 8

// spacePause is the time between two looks at the free space.
const spacePause = 250 * time.Millisecond

func (s *space) init(o Options) {
	s.fs, s.dir, s.log = o.FS, o.Dir, o.Logger
	s.early = make(chan struct{}, 1)
	s.room.Store(math.MaxInt64)
	s.sizes = s.sizesOf(math.MaxInt64)
}

func (s *space) poke() {
	select {
	case s.early <- struct{}{}:
	default:
	}
}

// take reports whether new data of n bytes may be written. It does not ask the file
// system.
func (s *space) take(n int64) bool {
	if !s.known.Load() {
		return true
	}
	if s.shut.Load() {
		return false
	}
	n *= 2 // once in the log, and once in a table before the log is deleted
	if s.room.Add(-n) >= 0 {
		return true
	}
	s.room.Add(n)
	s.mu.Lock()
	s.wanted = max(s.wanted, n)
	s.mu.Unlock()
	s.poke()
	return false
}

// look reads the free space, remakes the reserve if possible, and decides whether new
// data and marks are accepted. busy: a write waits for space.
func (s *space) look(busy bool) {
	if !s.known.Load() {
		return
	}
	usage, err := s.fs.GetDiskUsage(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return // the folder is gone, which is not a full disk; see home
	}
	s.mu.Lock()
	defer s.unlock()
	if err != nil {
		s.free = 0
	} else {
		s.free = int64(min(usage.AvailBytes, math.MaxInt64))
	}
	if !busy && !s.wholeLocked() && !time.Now().Before(s.retry) {
		s.remakeLocked()
	}
	if busy {
		s.shut.Store(true)
		return
	}
	s.shared.Store(s.capacity)
	s.decideLocked()
}

// decideLocked sets shut, scarce and room. Accepting again needs half a margin more than
// refusing, so that the state does not flip with each write.
func (s *space) decideLocked() {
	least := s.neededLocked()
	if !s.shut.Load() {
		least -= s.sizes.margin / 2
	}
	shut := s.free < least || s.given && !s.wholeLocked() && !s.without
	switch {
	case s.without:
		s.scarce.Store((s.free < s.sizes.part || s.stuck > 0) && s.stuck < mostStuck)
	default:
		missing := !s.held[working-1] && (s.given || s.free < s.sizes.part)
		s.scarce.Store((missing || s.stuck > 0 && !s.wholeLocked()) && s.stuck < mostStuck)
	}
	if shut != s.shut.Swap(shut) || shut != s.told {
		s.tellLocked(shut)
	}
	room := s.free - least
	if shut {
		room = 0
	} else if room >= s.wanted {
		s.wanted = 0
	}
	s.room.Store(room)
}

// tellLocked writes to the log that new data is refused, or accepted again.
func (s *space) tellLocked(shut bool) {
	s.told = shut
	if shut {
		s.sayLocked(slog.LevelError, "the disk is full; events are refused until there is space", "free", s.free, "needed", s.neededLocked())
	} else {
		s.sayLocked(slog.LevelInfo, "the disk has space again; events are accepted")
	}
}

// neededLocked is the free space at which new data is accepted again.
func (s *space) neededLocked() int64 {
	n := s.sizes.margin + s.sizes.margin/2
	for _, held := range s.held {
		if !held { // without this part, as much must stay free
			n += s.sizes.part
		}
	}
	return n
}

// stats are those of [queue.Stats]. busy: a write waits for space.
func (s *space) stats(busy bool) (full bool, free, needed int64) {
	free = -1
	full = busy || s.shut.Load()
	if !s.known.Load() {
		return full, free, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.blind && !s.learnt {
		free = s.free
	}
	if full {
		needed = s.neededLocked()
	}
	return full, free, needed
}

// lack returns how many bytes the owner should free. It is positive before new data is
// refused.
func (s *space) lack() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known.Load() {
		return 0
	}
	free := s.free
	if s.blind {
		free = 0
	}
	if !s.shut.Load() && s.wanted == 0 && free > 2*s.sizes.margin {
		return 0
	}
	return max(s.neededLocked()+s.sizes.margin+min(s.wanted, s.capacity/2)-free, 0)
}

// current returns the sizes for a database that is opened.
func (s *space) current() sizes {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sizes
}

// compacted notes the result of Engine.Compact.
func (s *space) compacted(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if folder.NoSpace(err) {
		// The rest of the space is for the next compaction and not for marks.
		s.stuck++
		s.scarce.Store(s.stuck < mostStuck)
	} else if err == nil {
		s.stuck = 0
	}
}

// allowed reports whether a compaction may continue to write. It must leave space for
// writes that cannot fail. The space of missing parts is for compactions that
// free more; see Engine.Compact.
func (s *space) allowed() bool {
	if !s.known.Load() {
		return true
	}
	usage, err := s.fs.GetDiskUsage(s.dir)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.given && !s.wholeLocked() && !s.without && !s.spend.Load() {
		return false
	}
	return err != nil || int64(min(usage.AvailBytes, math.MaxInt64)) > s.sizes.part/4
}

// spaceLoop looks at the free space periodically.
func (e *Engine) spaceLoop() {
	if !e.space.known.Load() {
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-e.running.Done():
			return
		case <-e.space.early:
		case <-timer.C:
		}
		if e.currentHome().missing() == nil {
			e.space.look(e.disk.full())
		}
		timer.Reset(spacePause)
	}
}

// Full reports whether a write waits for space.
func (e *Engine) Full() bool { return e.disk.full() }

// Refuses reports whether new data is refused because the disk is full or nearly full.
func (e *Engine) Refuses() bool { return e.disk.full() || e.space.shut.Load() }

// Scarce reports whether marks are refused as well. The rest of the space is for removals.
func (e *Engine) Scarce() bool { return e.space.scarce.Load() }

// Take reports whether new data of n bytes may be written. It does not ask the file
// system.
func (e *Engine) Take(n int64) bool { return e.space.take(n) }

// Space returns the state of the disk for a person: whether new data is refused, the
// free bytes (-1: unknown) and the free bytes at which new data is accepted again.
func (e *Engine) Space() (full bool, free, needed int64) { return e.space.stats(e.disk.full()) }

// Lack returns how many bytes the owner should remove. It is positive before new data
// is refused, and always 0 if the size of the disk is unknown.
func (e *Engine) Lack() int64 { return e.space.lack() }

// Measured reports whether the size of the disk is known. Only then Lack can be
// positive.
func (e *Engine) Measured() bool { return e.space.known.Load() }

// Measure makes the engine look at the free space soon.
func (e *Engine) Measure() { e.space.poke() }
