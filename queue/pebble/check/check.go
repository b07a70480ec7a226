// Package check reads the folder of a stopped store. [Run] reports what is in it and what
// is wrong, and [Salvage] copies all that can be read into a new folder. Neither changes
// the folder.
package check

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// Report is the result of [Run].
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
	Files []folder.Problem `json:"files"`
	// Problems lists inconsistencies. It is empty for a sound folder.
	Problems []Problem `json:"problems"`

	needsKey bool
}

// NeedsKey reports whether records are encrypted with a key that was not given.
func (r Report) NeedsKey() bool { return r.needsKey }

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

// Sound reports whether nothing was found that should not be.
func (r Report) Sound() bool { return len(r.Problems) == 0 && len(r.Files) == 0 && r.Damaged == 0 }

// maxExamples bounds the examples of a problem.
const maxExamples = 5

// Options say which folder is read, and how.
type Options struct {
	// Dir is the folder. No store may have it open.
	Dir string
	// Keys are those of an encrypted folder. Without them its messages are counted and
	// not read.
	Keys [][]byte
	// Progress, if it is not nil, is called now and then with the number of records that
	// are done. The total is an estimate; 0: it is not known.
	Progress func(done, total int64)
	// FS is the file system. Default: the operating system's.
	FS vfs.FS
	// Now decides which dedupe keys have expired. Default: the present.
	Now time.Time
	// Locked says that the caller has the folder's lock, by [Lock].
	Locked bool
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	return o
}

// Run reads a whole folder that no store has open and reports its contents. It
// changes nothing but the time of the lock, which it takes.
//
// The error wraps [queue.ErrLocked] while a store has the folder open.
func Run(o Options) (report Report, err error) {
	o = o.withDefaults()
	files, dir := o.FS, o.Dir
	report = Report{Dir: dir, Destinations: []DestinationReport{}, Files: []folder.Problem{}, Problems: []Problem{}}
	fail := func(err error) (Report, error) { return report, fmt.Errorf("checking the queue in %s: %w", dir, err) }
	seal, lock, err := o.begin(files)
	if err != nil {
		return fail(err)
	}
	defer lock.Close()
	c := &checker{report: &report, seal: seal, progress: o.Progress, now: window.Nanos(o.Now), destinations: make(map[record.Digest]*DestinationReport), problems: make(map[string]*Problem), matched: make(map[byte]int64)}
	cache := pebble.NewCache(256 << 20)
	defer cache.Unref()
	f, err := folder.Read(files, dir)
	if err != nil {
		return fail(err)
	}
	bad := new(folder.Tables)
	po := &pebble.Options{FS: folder.ReadOnly(files, bad), ReadOnly: true, Cache: cache, Logger: folder.Silent{}, EventListener: &pebble.EventListener{
		DataCorruption: func(info pebble.DataCorruptionInfo) { bad.Add(info.Path); c.file(info.Path) },
	}}
	for i := range po.Levels {
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // as they were written
	}
	err = folder.Guarded(func() (err error) {
		db, err := pebble.Open(dir, po)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		return c.run(db)
	})
	c.finish()
	report.Files = append(report.Files, f.Inspect(err)...)
	if !errors.Is(err, record.ErrFormat) {
		err = f.Explain(report.Files, err)
	}
	if folder.IsError(err) {
		return report, err
	}
	if err != nil {
		return fail(err)
	}
	return report, nil
}

// begin checks the keys and takes the folder's lock.
func (o Options) begin(files vfs.FS) (*seal.Seal, io.Closer, error) {
	seal, err := seal.New(o.Keys)
	if err != nil {
		return nil, nil, err
	}
	if o.Locked {
		return seal, io.NopCloser(nil), nil
	}
	lock, err := Lock(files, o.Dir)
	return seal, lock, err
}

// Lock takes the folder's lock for reading, if there is one to take: a copy may have
// none, and a medium that cannot be written cannot be in use either. The error wraps
// [queue.ErrLocked] while a store has the folder open.
func Lock(files vfs.FS, dir string) (io.Closer, error) {
	none := io.NopCloser(nil)
	name := files.PathJoin(dir, folder.LockName)
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
	case folder.IsLocked(err):
		return nil, fmt.Errorf("%w: %w", queue.ErrLocked, err)
	case errors.Is(err, syscall.EROFS):
		return none, nil
	}
	return nil, err
}

// finish sorts the report.
func (c *checker) finish() {
	r := c.report
	for _, l := range c.destinations {
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

// IsStore reports whether there is a store in a folder, sound or damaged.
func IsStore(dir string) bool {
	f, err := folder.Read(vfs.Default, dir)
	return err == nil && (f.Has("", ".sst") || f.Has("", ".log") || f.Has(folder.ManifestStart, "") || f.Has("marker.", ""))
}
