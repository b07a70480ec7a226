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
	Files   []FileProblem `json:"files"`   // that are damaged or missing
	Records int64         `json:"records"` // copied
	// Holes counts the places in tables and logs that could not be read.
	Holes int64 `json:"holes"`
	// Restored counts deliveries that were put back into their index, where damage
	// had taken them out. Some of them may have been delivered before.
	Restored int64 `json:"restored"`
	// Lost counts messages of which the request itself could not be read. Their
	// deliveries become dead letters.
	Lost int64 `json:"lost"`
	// Report is what the new folder holds.
	Report Report `json:"report"`
}

// SalvageTo copies all that can be read of a damaged folder into a new one: every
// record of each table that can be opened, whether or not the MANIFEST names it,
// and of the logs, also behind a damaged place. Of several versions of a record the
// last one counts. It changes nothing in dir, and to must not exist yet.
//
// An event can be salvaged in an earlier state than its last, and then is delivered
// once more; none that can be read is left out. keys are those of an encrypted
// folder. Without them its records are copied as they are.
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

// salvager reads the files of one folder.
type salvager struct {
	report   *Salvage
	folder   *folder
	seal     *seal
	progress func(done, total int64)
	tables   []*tableReader
	heap     tableHeap
	cuts     []cut
	logs     map[string]*version
	highest  uint64 // sequence number in the tables
	db       *pebble.DB
	batch    *pebble.Batch
}

// version is the last version of a record.
type version struct {
	seq     uint64
	deleted bool
	value   []byte
	logEnd  uint64 // the last number in its log; 0: it is a table's
}

// after reports whether v is younger than w. Compactions set the number of an old
// record to 0: such a one is older than all others but those of a log all of which
// is in the tables.
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

// cut is a range of keys that was deleted as a whole.
type cut struct {
	from, to []byte
	seq      uint64
}

func (x *salvager) run(to string) error {
	f := x.folder
	for _, p := range f.inspectClosed() {
		f.problems = append(f.problems, p)
	}
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

// readLogs keeps the last version of each record that the logs have.
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

// logged notes an entry of a log, unless a younger one is known.
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

// openTables opens all tables there are.
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

// plainly is an error without what Pebble adds for itself.
func plainly(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

// merge copies the last version of each record: of the tables in the order of the
// keys, then of what only logs have.
func (x *salvager) merge() error {
	inTables := make(map[string]*version) // of keys that logs have as well
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

// keep copies a record, unless it was deleted.
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
