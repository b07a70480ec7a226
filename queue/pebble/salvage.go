package pebble

import (
	"bytes"
	"container/heap"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Salvage is the report of [SalvageTo].
type Salvage struct {
	Dir     string        `json:"dir"`
	To      string        `json:"to"`
	Files   []FileProblem `json:"files"`   // damaged or missing
	Records int64         `json:"records"` // copied
	// Holes counts the places in tables and logs that could not be read.
	Holes int64 `json:"holes"`
	// Restored counts deliveries that were missing in their index because of damage.
	// Some of them may have been delivered before.
	Restored int64 `json:"restored"`
	// Lost counts messages whose request could not be read. Their deliveries become
	// dead letters.
	Lost int64 `json:"lost"`
	// Report is the check of the new folder.
	Report Report `json:"report"`
}

// SalvageTo copies all readable records of a damaged folder into a new one. It reads
// every table that can be opened, whether or not the MANIFEST names it, and the logs,
// behind a damaged place as well. Of several versions of a record it keeps the last.
// It changes nothing in dir. to must not exist.
//
// No readable event is left out. An event can be salvaged in an earlier state than its
// last, and is then delivered once more. keys are those of an encrypted folder. Without
// them its records are copied as they are.
func SalvageTo(dir, to string, keys [][]byte, progress func(done, total int64)) (Salvage, error) {
	return salvageFS(private(vfs.Default), dir, to, keys, progress)
}

// partialEnd ends the name of a folder that is not complete yet.
const partialEnd = ".partial"

func salvageFS(files vfs.FS, dir, to string, keys [][]byte, progress func(done, total int64)) (report Salvage, err error) {
	report = Salvage{Dir: dir, To: to, Files: []FileProblem{}}
	fail := func(err error) (Salvage, error) {
		return report, fmt.Errorf("salvaging the queue in %s: %w", dir, err)
	}
	seal, err := newSeal(keys)
	if err != nil {
		return fail(err)
	}
	lock, err := lockToRead(files, dir)
	if err != nil {
		return fail(err)
	}
	defer lock.Close()
	for _, name := range []string{to, to + partialEnd} {
		if _, err := files.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			return fail(errors.Join(err, fmt.Errorf("%s is there already: name a folder that is not, or remove it", name)))
		}
	}
	f, err := readFolder(files, dir)
	if err != nil {
		return fail(err)
	}
	x := &salvager{report: &report, folder: f, seal: seal, progress: progress}
	defer x.close()
	err = guarded(func() error { return x.run(to + partialEnd) })
	if err == nil {
		err = errors.Join(files.Rename(to+partialEnd, to), syncDir(files, files.PathDir(to)))
	}
	if err != nil {
		return fail(err)
	}
	ownAlike(files, dir, to)
	report.Report, err = checkFS(files, to, keys, nil, time.Now())
	return report, err
}

// salvager copies the records of one folder into a new database.
//
// It merges two sources: the tables in the order of their keys, through heap, and the
// logs, whose last versions are all in memory. A key that both contain is decided after
// the tables, when highest is known.
type salvager struct {
	report   *Salvage
	folder   *folder
	seal     *seal
	progress func(done, total int64)
	tables   []*tableReader
	heap     tableHeap
	cuts     []cut
	logs     map[string]*version
	highest  uint64 // the highest sequence number in the tables
	db       *pebble.DB
	batch    *pebble.Batch
}

// version is the last version of a record.
type version struct {
	seq     uint64
	deleted bool
	value   []byte
	logEnd  uint64 // the last sequence number of its log; 0: the version is of a table
}

// after reports whether v is younger than w. The higher sequence number is younger, but
// a compaction sets the number of an old record to 0. That record is older than any
// other, except than those of a log that is already in the tables as a whole.
func (v *version) after(w *version, highest uint64) bool {
	switch {
	case w == nil:
		return true
	case v.seq == 0 && w.logEnd > 0:
		return w.logEnd <= highest
	case w.seq == 0 && v.logEnd > 0:
		return v.logEnd > highest
	}
	return v.seq > w.seq
}

// cut is a deleted range of keys, without to.
type cut struct {
	from, to []byte
	seq      uint64
}

func (x *salvager) run(to string) error {
	f := x.folder
	f.problems = append(f.problems, f.inspectClosed()...)
	f.inspectIndex()
	f.inspectOptions()
	if err := x.readLogs(); err != nil {
		return err
	}
	if err := x.openTables(); err != nil {
		return err
	}
	if err := f.files.MkdirAll(to, privateDir); err != nil {
		return err
	}
	db, err := pebble.Open(to, &pebble.Options{FS: f.files, FormatMajorVersion: pebble.FormatNewest, Logger: silent{}, DisableWAL: true, MemTableSize: 16 << 20})
	if err != nil {
		return err
	}
	x.db, x.batch = db, db.NewBatch()
	err = x.merge()
	if err == nil {
		err = x.flush()
	}
	if err == nil {
		err = x.reindex()
	}
	if err == nil {
		err = x.set([]byte{kindFormat}, []byte(format))
	}
	if err == nil {
		err = x.flush()
	}
	if err == nil {
		err = db.Flush() // there is no log
	}
	x.report.Files = append(x.report.Files, f.settle()...)
	return errors.Join(err, x.batch.Close(), db.Close())
}

func (x *salvager) close() {
	for _, t := range x.tables {
		_ = t.close()
	}
}

// set adds a record to the new folder.
func (x *salvager) set(key, value []byte) error {
	if err := x.batch.Set(key, value, nil); err != nil {
		return err
	}
	if x.batch.Len() < 1<<20 {
		return nil
	}
	return x.flush()
}

func (x *salvager) flush() error {
	if err := x.db.Apply(x.batch, pebble.NoSync); err != nil {
		return err
	}
	x.batch = x.db.NewBatch()
	return nil
}

// readLogs keeps the last version of each record in the logs.
func (x *salvager) readLogs() error {
	x.logs = make(map[string]*version)
	f := x.folder
	for _, name := range f.names {
		number, ok := fileNumber(name, ".log")
		if !ok {
			continue
		}
		b, err := f.read(name)
		if err != nil {
			f.problem(name, "cannot be read: %v", err)
			x.report.Holes++
			continue
		}
		var found []*version
		last := uint64(0)
		damaged, _ := readLog(b, uint32(number), func(record []byte) {
			whole := readBatch(record, func(e logEntry) {
				last = max(last, e.seq)
				if v := x.logged(e); v != nil {
					found = append(found, v)
				}
			})
			if !whole {
				x.report.Holes++
			}
		})
		for _, v := range found {
			v.logEnd = last
		}
		if len(damaged) > 0 {
			f.problem(name, "is damaged at byte %d", damaged[0])
			x.report.Holes += int64(len(damaged))
		}
	}
	return nil
}

// logged keeps an entry of a log, unless a younger one of its key is known. It returns
// the version that was kept.
func (x *salvager) logged(e logEntry) *version {
	v := &version{seq: e.seq}
	switch e.kind {
	case pebble.InternalKeyKindSet, pebble.InternalKeyKindSetWithDelete:
		v.value = bytes.Clone(e.value)
	case pebble.InternalKeyKindDelete, pebble.InternalKeyKindSingleDelete, pebble.InternalKeyKindDeleteSized:
		v.deleted = true
	case pebble.InternalKeyKindRangeDelete:
		x.cuts = append(x.cuts, cut{bytes.Clone(e.key), bytes.Clone(e.value), e.seq})
		return nil
	default:
		return nil
	}
	key := string(e.key)
	if old := x.logs[key]; old != nil && old.seq >= v.seq {
		return nil
	}
	x.logs[key] = v
	return v
}

// openTables opens all tables and reads their deleted ranges.
func (x *salvager) openTables() error {
	f := x.folder
	for _, name := range f.names {
		if _, ok := fileNumber(name, ".sst"); !ok {
			continue
		}
		t, err := openTable(f, name)
		if err != nil {
			f.problem(name, "cannot be opened: %v", plainly(err))
			x.report.Holes++
			continue
		}
		x.tables = append(x.tables, t)
		if err := t.cuts(func(c cut) { x.cuts = append(x.cuts, c) }); err != nil {
			f.problem(name, "has a damaged block")
			x.report.Holes++
		}
		if t.next() {
			x.heap = append(x.heap, t)
		}
	}
	heap.Init(&x.heap)
	return nil
}

// plainly returns the first line of an error; Pebble adds stack traces.
func plainly(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

// merge copies the last version of each record: first those in tables alone, in the
// order of the keys, then those in a log.
func (x *salvager) merge() error {
	inTables := make(map[string]*version) // of keys that are in a log as well
	for len(x.heap) > 0 {
		key := bytes.Clone(x.heap[0].key)
		var best *version
		for len(x.heap) > 0 && bytes.Equal(x.heap[0].key, key) {
			t := x.heap[0]
			x.highest = max(x.highest, t.version.seq)
			if v := t.version; v.after(best, 0) {
				best = &v
				best.value = bytes.Clone(v.value)
			}
			if t.next() {
				heap.Fix(&x.heap, 0)
			} else {
				heap.Pop(&x.heap)
			}
		}
		if _, logged := x.logs[string(key)]; logged {
			inTables[string(key)] = best
			continue
		}
		if err := x.keep(key, best); err != nil {
			return err
		}
	}
	for _, t := range x.tables {
		x.report.Holes += t.holes
		if t.holes > 0 {
			x.folder.problem(t.name, "has a damaged block")
		}
	}
	for key, v := range x.logs {
		if t := inTables[key]; t != nil && !v.after(t, x.highest) {
			v = t
		}
		if err := x.keep([]byte(key), v); err != nil {
			return err
		}
	}
	return nil
}

// keep copies a record, unless it was deleted by itself or in a range.
func (x *salvager) keep(key []byte, v *version) error {
	if v.deleted || len(key) == 0 {
		return nil
	}
	for _, c := range x.cuts {
		if c.seq > v.seq && v.seq > 0 && bytes.Compare(key, c.from) >= 0 && bytes.Compare(key, c.to) < 0 {
			return nil
		}
	}
	if x.report.Records++; x.report.Records%4096 == 0 && x.progress != nil {
		x.progress(x.report.Records, 0)
	}
	return x.set(key, v.value)
}
