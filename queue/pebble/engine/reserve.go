package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// parts is the number of the reserve's files. The last is for opening.
const (
	parts   = 3
	working = parts - 1
)

func (s *space) file(i int) string {
	return s.fs.PathJoin(s.dir, fmt.Sprint(folder.ReserveStart, i+1))
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
	defer s.unlock()
	s.held = [parts]bool{}
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
	s.shared.Store(s.capacity)
	s.decideLocked()
}

// fitLocked makes the first reserve in a folder. A quota that is smaller than the disk is
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
	if !folder.NoSpace(err) {
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
		} else if !folder.NoSpace(err) || capacity < minCapacity {
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

// remakeLearntLocked makes the reserve under a known quota. If half as much
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
	case folder.NoSpace(err):
		s.given, s.blind = true, true // in an earlier run
	default:
		s.giveUpLocked(err)
	}
}

// used is the size of the folder's files.
func (s *space) used() (bytes int64) {
	names, _ := s.fs.List(s.dir)
	for _, name := range names {
		if info, err := s.fs.Stat(s.fs.PathJoin(s.dir, name)); err == nil && !info.IsDir() {
			bytes += info.Size()
		}
	}
	return bytes
}

func (s *space) recordLocked() error {
	f, err := s.fs.Create(s.fs.PathJoin(s.dir, folder.QuotaFile), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, s.capacity)
	return errors.Join(err, f.Sync(), f.Close())
}

// recorded returns the capacity that was learnt in an earlier run, or 0.
func (s *space) recorded() (capacity int64) {
	f, err := s.fs.Open(s.fs.PathJoin(s.dir, folder.QuotaFile))
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
	case folder.NoSpace(err):
		s.blind = true
	default:
		s.giveUpLocked(err)
	}
}

// reserveRetry is the pause after an attempt to make the reserve that failed, other
// than for want of space.
const reserveRetry = 30 * time.Second

// giveUpLocked notes that the engine continues without a reserve until retry.
func (s *space) giveUpLocked(err error) {
	if !s.without {
		s.sayLocked(slog.LevelError, "the queue's reserve of disk space cannot be made; it goes on without", "bytes", parts*s.sizes.part, "error", err)
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
		if err := f.Preallocate(0, size); err == nil || folder.NoSpace(err) {
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

// give deletes a part of the reserve for a write without space, and refuses new data from
// then on. It returns false if no part is left. The last part is for opening alone.
func (s *space) give(opening bool) bool {
	if !s.known.Load() {
		return false
	}
	s.mu.Lock()
	defer s.unlock()
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
			s.sayLocked(slog.LevelError, "giving back the queue's reserve of disk space", "error", err)
			continue
		}
		return true
	}
	return false
}

// wholeLocked reports whether all parts of the reserve are there.
func (s *space) wholeLocked() bool { return s.held == [parts]bool{true, true, true} }
