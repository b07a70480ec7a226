package check

import (
	"bytes"
	"container/heap"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue/pebble/folder"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
)

// Salvaged is the report of [Salvage].
type Salvaged struct {
	Dir     string           `json:"dir"`
	To      string           `json:"to"`
	Files   []folder.Problem `json:"files"`   // damaged or missing
	Records int64            `json:"records"` // copied
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

// PartialEnd ends the name of a folder that is not complete yet.
const PartialEnd = ".partial"

// Salvage copies all readable records of a damaged folder into a new one. It reads
// every table that can be opened, whether or not the MANIFEST names it, and the logs,
// behind a damaged place as well. Of several versions of a record it keeps the last.
// It changes nothing in the folder. to must not exist.
//
// No readable event is left out. An event can be salvaged in an earlier state than its
// last, and is then delivered once more. Without the keys of an encrypted folder its
// records are copied as they are.
func Salvage(o Options, to string) (report Salvaged, err error) {
	o = o.withDefaults()
	files, dir := folder.Private(o.FS), o.Dir
	report = Salvaged{Dir: dir, To: to, Files: []folder.Problem{}}
	fail := func(err error) (Salvaged, error) {
		return report, fmt.Errorf("salvaging the queue in %s: %w", dir, err)
	}
	seal, lock, err := o.begin(files)
	if err != nil {
		return fail(err)
	}
	defer lock.Close()
	for _, name := range []string{to, to + PartialEnd} {
		if _, err := files.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			return fail(errors.Join(err, fmt.Errorf("%s is there already: name a folder that is not, or remove it", name)))
		}
	}
	f, err := folder.Read(files, dir)
	if err != nil {
		return fail(err)
	}
	x := &salvager{report: &report, folder: f, seal: seal, progress: o.Progress}
	defer x.close()
	err = folder.Guarded(func() error { return x.run(to + PartialEnd) })
	if err == nil {
		err = errors.Join(files.Rename(to+PartialEnd, to), folder.SyncDir(files, files.PathDir(to)))
	}
	if err != nil {
		return fail(err)
	}
	OwnAlike(files, dir, to)
	report.Report, err = Run(Options{FS: files, Dir: to, Keys: o.Keys})
	return report, err
}

// salvager copies the records of one folder into a new database.
//
// It merges two sources: the tables in the order of their keys, through heap, and the
// logs, whose last versions are all in memory. A key that both contain is decided after
// the tables, when highest is known.
type salvager struct {
	report   *Salvaged
	folder   *folder.Folder
	seal     *seal.Seal
	progress func(done, total int64)
	tables   []*folder.TableReader
	heap     tableHeap
	cuts     []folder.Cut
	logs     map[string]*folder.Version
	highest  uint64 // the highest sequence number in the tables
	db       *pebble.DB
	batch    *pebble.Batch
}

func (x *salvager) run(to string) error {
	f := x.folder
	f.Problems = append(f.Problems, f.InspectClosed()...)
	f.InspectIndex()
	f.InspectOptions()
	if err := x.readLogs(); err != nil {
		return err
	}
	if err := x.openTables(); err != nil {
		return err
	}
	if err := f.Files.MkdirAll(to, folder.PrivateDir); err != nil {
		return err
	}
	db, err := pebble.Open(to, &pebble.Options{FS: f.Files, FormatMajorVersion: pebble.FormatNewest, Logger: folder.Silent{}, DisableWAL: true, MemTableSize: 16 << 20})
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
		err = x.set([]byte{record.KindFormat}, []byte(record.Format))
	}
	if err == nil {
		err = x.flush()
	}
	if err == nil {
		err = db.Flush() // there is no log
	}
	x.report.Files = append(x.report.Files, f.Settle()...)
	return errors.Join(err, x.batch.Close(), db.Close())
}

func (x *salvager) close() {
	for _, t := range x.tables {
		_ = t.Close()
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
	x.logs = make(map[string]*folder.Version)
	f := x.folder
	for _, name := range f.Names {
		number, ok := folder.FileNumber(name, ".log")
		if !ok {
			continue
		}
		b, err := f.Read(name)
		if err != nil {
			f.Problem(name, "cannot be read: %v", err)
			x.report.Holes++
			continue
		}
		var found []*folder.Version
		last := uint64(0)
		damaged, _ := folder.ReadLog(b, uint32(number), func(stored []byte) {
			whole := folder.ReadBatch(stored, func(e folder.LogEntry) {
				last = max(last, e.Seq)
				if v := x.logged(e); v != nil {
					found = append(found, v)
				}
			})
			if !whole {
				x.report.Holes++
			}
		})
		for _, v := range found {
			v.LogEnd = last
		}
		if len(damaged) > 0 {
			f.Problem(name, "is damaged at byte %d", damaged[0])
			x.report.Holes += int64(len(damaged))
		}
	}
	return nil
}

// logged keeps an entry of a log, unless a younger one of its key is known. It returns
// the version that was kept.
func (x *salvager) logged(e folder.LogEntry) *folder.Version {
	v := &folder.Version{Seq: e.Seq}
	switch e.Kind {
	case pebble.InternalKeyKindSet, pebble.InternalKeyKindSetWithDelete:
		v.Value = bytes.Clone(e.Value)
	case pebble.InternalKeyKindDelete, pebble.InternalKeyKindSingleDelete, pebble.InternalKeyKindDeleteSized:
		v.Deleted = true
	case pebble.InternalKeyKindRangeDelete:
		x.cuts = append(x.cuts, folder.Cut{From: bytes.Clone(e.Key), To: bytes.Clone(e.Value), Seq: e.Seq})
		return nil
	default:
		return nil
	}
	key := string(e.Key)
	if old := x.logs[key]; old != nil && old.Seq >= v.Seq {
		return nil
	}
	x.logs[key] = v
	return v
}

// openTables opens all tables and reads their deleted ranges.
func (x *salvager) openTables() error {
	f := x.folder
	for _, name := range f.Names {
		if _, ok := folder.FileNumber(name, ".sst"); !ok {
			continue
		}
		t, err := folder.OpenTable(f, name)
		if err != nil {
			f.Problem(name, "cannot be opened: %v", folder.Plainly(err))
			x.report.Holes++
			continue
		}
		x.tables = append(x.tables, t)
		if err := t.Cuts(func(c folder.Cut) { x.cuts = append(x.cuts, c) }); err != nil {
			f.Problem(name, "has a damaged block")
			x.report.Holes++
		}
		if t.Next() {
			x.heap = append(x.heap, t)
		}
	}
	heap.Init(&x.heap)
	return nil
}

// merge copies the last version of each record: first those in tables alone, in the
// order of the keys, then those in a log.
func (x *salvager) merge() error {
	inTables := make(map[string]*folder.Version) // of keys that are in a log as well
	for len(x.heap) > 0 {
		key := bytes.Clone(x.heap[0].Key)
		var best *folder.Version
		for len(x.heap) > 0 && bytes.Equal(x.heap[0].Key, key) {
			t := x.heap[0]
			x.highest = max(x.highest, t.Version.Seq)
			if v := t.Version; v.After(best, 0) {
				best = &v
				best.Value = bytes.Clone(v.Value)
			}
			if t.Next() {
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
		x.report.Holes += t.Holes
		if t.Holes > 0 {
			x.folder.Problem(t.Name, "has a damaged block")
		}
	}
	for key, v := range x.logs {
		if t := inTables[key]; t != nil && !v.After(t, x.highest) {
			v = t
		}
		if err := x.keep([]byte(key), v); err != nil {
			return err
		}
	}
	return nil
}

// keep copies a record, unless it was deleted by itself or in a range.
func (x *salvager) keep(key []byte, v *folder.Version) error {
	if v.Deleted || len(key) == 0 {
		return nil
	}
	for _, c := range x.cuts {
		if c.Seq > v.Seq && v.Seq > 0 && bytes.Compare(key, c.From) >= 0 && bytes.Compare(key, c.To) < 0 {
			return nil
		}
	}
	if x.report.Records++; x.report.Records%4096 == 0 && x.progress != nil {
		x.progress(x.report.Records, 0)
	}
	return x.set(key, v.Value)
}

// tableHeap sorts the tables by their next key.
type tableHeap []*folder.TableReader

func (h tableHeap) Len() int { return len(h) }

func (h tableHeap) Less(i, j int) bool { return bytes.Compare(h[i].Key, h[j].Key) < 0 }

func (h tableHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *tableHeap) Push(x any) { *h = append(*h, x.(*folder.TableReader)) }

func (h *tableHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
