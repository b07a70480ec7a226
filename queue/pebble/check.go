package pebble

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
)

// Report is the result of [Check].
type Report struct {
	Dir          string              `json:"dir"`
	Format       string              `json:"format"`
	DiskBytes    int64               `json:"disk_bytes"` // of the files
	Messages     int64               `json:"messages"`
	Bytes        int64               `json:"bytes"`  // of the messages' records
	Sealed       int64               `json:"sealed"` // messages that are encrypted
	Attempts     int64               `json:"attempts"`
	Keys         int64               `json:"keys"`    // dedupe keys that are remembered
	Expired      int64               `json:"expired"` // and such as are due to be swept
	Secrets      int64               `json:"secrets"`
	Gone         int64               `json:"gone"`    // messages of which is known that they have gone
	Damaged      int64               `json:"damaged"` // records set aside when they were met
	Destinations []DestinationReport `json:"destinations"`
	// Files lists the files that are not as they were written.
	Files []FileProblem `json:"files"`
	// Problems lists inconsistencies. It is empty for a sound folder.
	Problems []Problem `json:"problems"`
}

// DestinationReport counts the deliveries of one destination in a folder.
type DestinationReport struct {
	Name       string                `json:"name"`
	Deliveries map[queue.State]int64 `json:"deliveries"`
	Bytes      int64                 `json:"bytes"` // waiting and dead letters, as they count against the limit
	Paused     bool                  `json:"paused,omitempty"`
	Oldest     time.Time             `json:"oldest,omitzero"` // receipt of the oldest that waits
	Newest     time.Time             `json:"newest,omitzero"`
}

// Problem is one kind of fault.
type Problem struct {
	What     string   `json:"what"`
	Count    int64    `json:"count"`
	Examples []string `json:"examples"` // the first few, by message or key
}

// Sound tells whether nothing was found that should not be.
func (r Report) Sound() bool { return len(r.Problems) == 0 && len(r.Files) == 0 && r.Damaged == 0 }

// maxExamples bounds the examples of a problem.
const maxExamples = 5

// Check reads a whole folder that no store has open and reports its contents.
// It changes nothing but the time of the lock, which it takes. With the keys of an
// encrypted folder it reads the messages, too. progress, if it is not nil, is told now and
// then how many of the records are done; the total is an estimate.
//
// The error wraps [queue.ErrLocked] while a store has the folder open.
func Check(dir string, keys [][]byte, progress func(done, total int64)) (Report, error) {
	return checkFS(vfs.Default, dir, keys, progress, time.Now())
}

func checkFS(files vfs.FS, dir string, keys [][]byte, progress func(done, total int64), now time.Time) (report Report, err error) {
	report = Report{Dir: dir, Destinations: []DestinationReport{}, Files: []FileProblem{}, Problems: []Problem{}}
	fail := func(err error) (Report, error) { return report, fmt.Errorf("checking the queue in %s: %w", dir, err) }
	seal, err := newSeal(keys)
	if err != nil {
		return fail(err)
	}
	lock, err := lockToRead(files, dir)
	if err != nil {
		return fail(err)
	}
	defer lock.Close()
	c := &checker{report: &report, seal: seal, progress: progress, now: nanos(now), lanes: make(map[laneID]*DestinationReport), problems: make(map[string]*Problem), matched: make(map[byte]int64)}
	c.log = slog.New(slog.DiscardHandler)
	cache := pebble.NewCache(256 << 20)
	defer cache.Unref()
	f, err := readFolder(files, dir)
	if err != nil {
		return fail(err)
	}
	bad := new(damagedTables)
	po := &pebble.Options{FS: readOnlyFS{files, bad}, ReadOnly: true, Cache: cache, Logger: silent{}, EventListener: &pebble.EventListener{
		DataCorruption: func(info pebble.DataCorruptionInfo) { bad.add(info.Path); c.file(info.Path) },
	}}
	for i := range po.Levels {
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // as they were written
	}
	err = guarded(func() (err error) {
		db, err := pebble.Open(dir, po)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		return c.run(db)
	})
	c.finish()
	report.Files = append(report.Files, f.inspect(err)...)
	if err = f.explain(report.Files, err); cannotOpen(err) {
		return report, err
	}
	if err != nil {
		return fail(err)
	}
	return report, nil
}

// lockToRead takes the folder's lock, if there is one to take: a copy may have
// none, and a medium that cannot be written cannot be in use either.
func lockToRead(files vfs.FS, dir string) (io.Closer, error) {
	none := io.NopCloser(nil)
	name := files.PathJoin(dir, "LOCK")
	if _, err := files.Stat(dir); err != nil {
		return nil, err
	}
	if _, err := files.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	lock, err := files.Lock(name)
	switch {
	case err == nil:
		return lock, nil
	case isLocked(err):
		return nil, fmt.Errorf("%w: %w", queue.ErrLocked, err)
	case errors.Is(err, syscall.EROFS):
		return none, nil
	}
	return nil, err
}

// finish sorts the report.
func (c *checker) finish() {
	r := c.report
	for _, l := range c.lanes {
		r.Destinations = append(r.Destinations, *l)
	}
	slices.SortFunc(r.Destinations, func(a, b DestinationReport) int { return cmp.Compare(a.Name, b.Name) })
	for _, what := range slices.Sorted(maps.Keys(c.problems)) {
		r.Problems = append(r.Problems, *c.problems[what])
	}
	if c.progress != nil {
		c.progress(c.total, c.total)
	}
}

// readOnlyFS refuses everything that would change a file, and takes no lock.
type readOnlyFS struct {
	vfs.FS
	bad *damagedTables
}

func (f readOnlyFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.Open(name, opts...)
	return f.bad.file(name, file, opts), err
}

func (readOnlyFS) Create(string, vfs.DiskWriteCategory) (vfs.File, error) { return nil, syscall.EROFS }
func (readOnlyFS) Link(string, string) error                              { return syscall.EROFS }
func (readOnlyFS) Remove(string) error                                    { return syscall.EROFS }
func (readOnlyFS) RemoveAll(string) error                                 { return syscall.EROFS }
func (readOnlyFS) Rename(string, string) error                            { return syscall.EROFS }
func (readOnlyFS) MkdirAll(string, fs.FileMode) error                     { return syscall.EROFS }
func (readOnlyFS) Lock(string) (io.Closer, error)                         { return io.NopCloser(nil), nil }

func (readOnlyFS) ReuseForWrite(string, string, vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, syscall.EROFS
}

func (readOnlyFS) OpenReadWrite(string, vfs.DiskWriteCategory, ...vfs.OpenOption) (vfs.File, error) {
	return nil, syscall.EROFS
}

// silent drops Pebble's messages. A fatal one ends the check.
type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, args ...any) {
	panic(fmt.Errorf(format, args...))
}
