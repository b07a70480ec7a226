package pebble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// sizes are the store's shares of its disk, in bytes. Each share has a lower limit for
// the smallest disks and an upper limit, so that a large disk loses little.
type sizes struct {
	part     int64 // each of the three files of the reserve
	margin   int64 // free space beside the reserve below which events are refused
	memTable uint64
	table    int64 // a file of level 0; Pebble doubles it for each level below
	manifest int64
	retained int64 // of ended deliveries
	gone     int64 // of the records of removed messages
}

// Defaults for a disk of unknown size. They are also the upper limits.
const (
	maxMemTable = 16 << 20
	maxTable    = 2 << 20
	maxPart     = 64 << 20
	maxManifest = 128 << 20
)

// minCapacity is the smallest disk for which shares are computed.
const minCapacity = 4 << 20

func sizesOf(capacity int64) sizes {
	share := func(part, least, most int64) int64 { return min(max(capacity/part, least), most) }
	return sizes{
		part:     share(12, 256<<10, maxPart),
		margin:   share(16, 256<<10, maxPart),
		memTable: uint64(share(48, 128<<10, maxMemTable)),
		table:    share(384, 32<<10, maxTable),
		manifest: share(64, 128<<10, maxManifest),
		retained: share(4, 1<<20, math.MaxInt64),
		gone:     share(16, 1<<20, goneSize),
	}
}

// space decides which writes are still allowed on the disk.
//
// Three reserve files occupy room that only the store can give back. A write that
// finds no space deletes the first file, and from then on no event is accepted.
// Outcomes of deliveries go on, since they make room. The next write that finds no
// space deletes the second file, and from then on outcomes wait too. Only the
// removal of ended deliveries and compaction go on, until the files are back. The
// third file is deleted when the store is opened, because opening takes space.
//
// If the file system reports its free space, events are refused before any write
// fails. It does not report a quota, and another program can take the space first.
//
// The zero value refuses nothing.
//
// mu guards the fields below it and the reserve's files. File operations on the
// reserve run under it and bypass the fence, so they never wait for space. The atomic
// fields above it are read on the path of each event and mark without a lock; they are
// written under mu, except spend and the steps of take.
type space struct {
	fs  vfs.FS
	dir string
	log *slog.Logger

	known  atomic.Bool  // the disk's size is known, so there can be a reserve
	room   atomic.Int64 // bytes that may be accepted before the next look
	shut   atomic.Bool  // no event is accepted
	scarce atomic.Bool  // no outcome is written either
	spend  atomic.Bool  // compactions may use the space of missing parts
	early  chan struct{}
	// retained is the limit on the bytes of ended deliveries; 0: none.
	retained atomic.Int64

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
	told     bool      // the last line in the log says that events are refused
	wanted   int64     // bytes of the largest event refused for want of room
}

// reserveStart begins the names of the reserve's files.
const reserveStart = "RESERVE-"

// parts is the number of the reserve's files. The last is for opening.
const (
	parts   = 3
	working = parts - 1
)

// mostStuck is the number of compactions without space after which outcomes are written
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

// slowPart limits the parts on a file system without preallocation. There they are
// written out at each start, which takes time.
const slowPart = 16 << 20

func (s *space) sizesOf(capacity int64) sizes {
	z := sizesOf(capacity)
	if !s.preallocates() {
		z.part = min(z.part, slowPart)
	}
	return z
}

func (s *space) file(i int) string {
	return s.fs.PathJoin(s.dir, fmt.Sprint(reserveStart, i+1))
}

// begin frees the reserve of an earlier run, because opening needs space. With plenty
// of space it makes a new one at once.
func (s *space) begin() {
	for i := range parts {
		_ = s.fs.Remove(s.file(i))
	}
	usage, err := s.fs.GetDiskUsage(s.dir)
	if err != nil || usage.TotalBytes == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known.Store(true)
	s.capacity = int64(min(usage.TotalBytes, math.MaxInt64))
	if n := s.recorded(); n > 0 && n < s.capacity {
		s.capacity, s.learnt = n, true
	}
	s.sizes = s.sizesOf(s.capacity)
	s.free = int64(min(usage.AvailBytes, math.MaxInt64))
	if s.free >= s.neededLocked() {
		s.fitLocked()
	}
	s.retained.Store(s.sizes.retained)
	s.decideLocked()
}

// fitLocked makes the first reserve of a store. A quota that is smaller than the disk is
// found only when the reserve does not fit.
func (s *space) fitLocked() {
	if s.learnt {
		s.remakeLearntLocked()
		return
	}
	err := s.fillLocked()
	if err == nil {
		s.without = false
		return
	}
	if !noSpace(err) {
		s.giveUpLocked(err)
		return
	}
	if err := s.learnLocked(); err != nil {
		s.giveUpLocked(err)
	}
}

// learnLocked estimates a quota. It halves the capacity until the reserve fits.
func (s *space) learnLocked() error {
	free, capacity := s.free, s.capacity
	for {
		for i := range parts {
			if s.held[i] {
				_ = s.fs.Remove(s.file(i))
				s.held[i] = false
			}
		}
		s.free, capacity = free, capacity/2
		s.sizes = s.sizesOf(capacity)
		if err := s.fillLocked(); err == nil {
			break
		} else if !noSpace(err) || capacity < minCapacity {
			return err
		}
	}
	// The free space is between one and two reserves of this capacity.
	for i := range parts {
		_ = s.fs.Remove(s.file(i))
		s.held[i] = false
	}
	s.free = free
	s.capacity = s.used() + parts*sizesOf(capacity).part + sizesOf(capacity).part/2
	s.sizes = s.sizesOf(s.capacity)
	s.learnt = true
	if err := s.recordLocked(); err != nil {
		return err
	}
	return s.fillLocked()
}

// remakeLearntLocked makes the reserve of a store with a known quota. If half as much
// again fits, the quota has grown and is estimated anew.
func (s *space) remakeLearntLocked() {
	more := s.capacity + s.capacity/2 - s.used()
	if more > 0 && s.allocate(s.file(0), more) == nil {
		_ = s.fs.Remove(s.file(0))
		if err := s.learnLocked(); err == nil {
			return
		}
	}
	switch err := s.fillLocked(); {
	case err == nil:
		s.without = false
	case noSpace(err):
		s.given, s.blind = true, true // in an earlier run
	default:
		s.giveUpLocked(err)
	}
}

// used is the size of the store's files.
func (s *space) used() (bytes int64) {
	names, _ := s.fs.List(s.dir)
	for _, name := range names {
		if info, err := s.fs.Stat(s.fs.PathJoin(s.dir, name)); err == nil && !info.IsDir() {
			bytes += info.Size()
		}
	}
	return bytes
}

// quotaFile holds the capacity that was learnt, as a decimal number.
const quotaFile = "QUOTA"

func (s *space) recordLocked() error {
	f, err := s.fs.Create(s.fs.PathJoin(s.dir, quotaFile), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, s.capacity)
	return errors.Join(err, f.Sync(), f.Close())
}

// recorded returns the capacity that was learnt in an earlier run, or 0.
func (s *space) recorded() (capacity int64) {
	f, err := s.fs.Open(s.fs.PathJoin(s.dir, quotaFile))
	if err != nil {
		return 0
	}
	defer f.Close()
	_, _ = fmt.Fscanln(f, &capacity)
	return capacity
}

// fillLocked makes the missing parts, the last one first, as it is given back last.
func (s *space) fillLocked() error {
	for i := parts - 1; i >= 0; i-- {
		if s.held[i] {
			continue
		}
		if s.free < s.sizes.part+s.sizes.part/2 {
			return nil
		}
		if err := s.makeLocked(i); err != nil {
			return err
		}
		s.held[i] = true
		s.free -= s.sizes.part
	}
	return nil
}

// remakeLocked makes the missing parts for which there is space.
func (s *space) remakeLocked() {
	if !s.given && s.held == [parts]bool{} && s.free >= parts*s.sizes.part+s.sizes.margin {
		s.fitLocked()
		return
	}
	switch err := s.fillLocked(); {
	case err == nil:
		s.blind, s.without = false, s.without && !s.wholeLocked()
	case noSpace(err):
		s.blind = true
	default:
		s.giveUpLocked(err)
	}
}

// reserveRetry is the pause after an attempt to make the reserve that failed, other
// than for want of space.
const reserveRetry = 30 * time.Second

// giveUpLocked notes that the store continues without a reserve until retry.
func (s *space) giveUpLocked(err error) {
	if !s.without {
		s.log.Error("the queue's reserve of disk space cannot be made; it goes on without", "bytes", parts*s.sizes.part, "error", err)
	}
	s.without, s.retry = true, time.Now().Add(reserveRetry)
}

// makeLocked writes a part. After a part was given back it needs half a part more space;
// otherwise the next write would take the part again.
func (s *space) makeLocked(i int) error {
	if s.given {
		if err := s.allocate(s.file(i), s.sizes.part+s.sizes.part/2); err != nil {
			return err
		}
		if err := s.fs.Remove(s.file(i)); err != nil {
			return err
		}
	}
	return s.allocate(s.file(i), s.sizes.part)
}

// preallocates reports whether space can be taken without writing.
func (s *space) preallocates() bool { return s.fs == vfs.Default && runtime.GOOS == "linux" }

// allocate makes a file of a size. After an error the file is removed.
func (s *space) allocate(name string, size int64) (err error) {
	f, err := s.fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			_ = s.fs.Remove(name)
		}
	}()
	if s.preallocates() {
		if err := f.Preallocate(0, size); err == nil || noSpace(err) {
			return err
		}
	}
	// Random bytes take their space also where the file system compresses.
	chunk := make([]byte, 256<<10)
	source := rand.NewChaCha8([32]byte{})
	for size > 0 {
		n := min(size, int64(len(chunk)))
		_, _ = source.Read(chunk[:n])
		if _, err := f.Write(chunk[:n]); err != nil {
			return err
		}
		size -= n
	}
	return f.Sync() // some file systems report a lack of space only here
}

// give deletes a part of the reserve for a write without space, and refuses events from
// then on. It returns false if no part is left. The last part is for opening alone.
func (s *space) give(opening bool) bool {
	if !s.known.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut.Store(true)
	s.room.Store(0)
	s.given = true
	s.poke()
	for i := range parts {
		if !s.held[i] || i >= working && !opening {
			continue
		}
		s.held[i] = false
		if i == working-1 {
			s.scarce.Store(true)
		}
		if err := s.fs.Remove(s.file(i)); err != nil {
			s.log.Error("giving back the queue's reserve of disk space", "error", err)
			continue
		}
		return true
	}
	return false
}

func (s *space) poke() {
	select {
	case s.early <- struct{}{}:
	default:
	}
}

// take reports whether an event of n bytes may be written. It does not ask the file
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

// look reads the free space, remakes the reserve if possible, and decides whether events
// and outcomes are accepted. busy: a write waits for space.
func (s *space) look(busy bool) {
	if !s.known.Load() {
		return
	}
	usage, err := s.fs.GetDiskUsage(s.dir)
	s.mu.Lock()
	defer s.mu.Unlock()
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
	s.retained.Store(s.sizes.retained)
	s.decideLocked()
}

// wholeLocked reports whether all parts of the reserve are there.
func (s *space) wholeLocked() bool { return s.held == [parts]bool{true, true, true} }

// decideLocked sets shut, scarce and room. Accepting again needs half a margin more than
// refusing, so that the state does not flip with each event.
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

// tellLocked writes to the log that events are refused, or accepted again.
func (s *space) tellLocked(shut bool) {
	s.told = shut
	if shut {
		s.log.Error("the disk is full; events are refused until there is space", "free", s.free, "needed", s.neededLocked())
	} else {
		s.log.Info("the disk has space again; events are accepted")
	}
}

// neededLocked is the free space at which events are accepted again.
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

// lack returns how many bytes the reclaimer should free. It is positive before events
// are refused.
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

// compacted notes the result of a compaction of the reclaimer.
func (s *space) compacted(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if noSpace(err) {
		// The rest of the space is for the next compaction and not for outcomes.
		s.stuck++
		s.scarce.Store(s.stuck < mostStuck)
	} else if err == nil {
		s.stuck = 0
	}
}

// allowed reports whether a compaction may continue to write. It must leave space for
// writes that cannot fail. The space of missing parts is for compactions of the
// reclaimer, which free more.
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

// spaceLoop looks at the free space periodically, and runs the reclaimer.
func (s *Store) spaceLoop() {
	if !s.space.known.Load() {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.background.Go(func() { s.reclaimLoop(ctx) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-s.space.early:
		case <-timer.C:
		}
		s.space.look(s.disk.full())
		timer.Reset(spacePause)
	}
}
