// Package folder reads the files of a Pebble folder, sound or damaged. It finds out which
// files belong together and which are not as they were written ([Folder]), reads logs and
// tables behind damaged places, and walks through the records of a database around
// blocks that cannot be read ([Damage.Walk]). It knows nothing of the records' meaning.
package folder

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Problem is a file of the folder that is not as it was written.
type Problem struct {
	File    string `json:"file"`
	Problem string `json:"problem"`
}

func (p Problem) String() string { return p.File + " " + p.Problem }

// The names of files.
const (
	LockName      = "LOCK"
	ClosedName    = "CLOSED" // the list of files when the store was closed
	manifestMark  = "marker.manifest."
	versionMark   = "marker.format-version."
	ManifestStart = "MANIFEST-"
	optionsStart  = "OPTIONS-"
	QuotaFile     = "QUOTA"    // the capacity that was learnt, as a decimal number
	ReserveStart  = "RESERVE-" // begins the names of the reserve's files
)

// Folder is the list of files in a store's folder.
type Folder struct {
	Files    vfs.FS
	dir      string
	Names    []string // sorted
	Manifest string   // that the marker names; empty: none does
	marker   string   // the name of that marker
	Problems []Problem
}

func Read(files vfs.FS, dir string) (*Folder, error) {
	names, err := files.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	slices.Sort(names)
	f := &Folder{Files: files, dir: dir, Names: names}
	best := uint64(0)
	for _, name := range names {
		// marker.<name>.<iteration>.<value>, of which the last iteration counts
		if rest, ok := strings.CutPrefix(name, manifestMark); ok {
			n, value, _ := strings.Cut(rest, ".")
			if i, err := strconv.ParseUint(n, 10, 64); err == nil && i >= best {
				best, f.Manifest, f.marker = i, value, name
			}
		}
	}
	return f, nil
}

func (f *Folder) Has(prefix, suffix string) bool {
	return slices.ContainsFunc(f.Names, func(n string) bool { return strings.HasPrefix(n, prefix) && strings.HasSuffix(n, suffix) })
}

// Empty: nothing was ever accepted into the folder. Where the first start was
// interrupted, a part of the files may be there.
func (f *Folder) Empty() bool {
	return !f.Has("", ".sst") && !f.Has(ClosedName, "") && !slices.ContainsFunc(f.Names, func(name string) bool {
		info, err := f.Files.Stat(f.Files.PathJoin(f.dir, name))
		return strings.HasSuffix(name, ".log") && (err != nil || info.Size() > 0)
	})
}

func (f *Folder) Problem(name, format string, args ...any) {
	f.Problems = append(f.Problems, Problem{name, fmt.Sprintf(format, args...)})
}

func (f *Folder) Read(name string) ([]byte, error) {
	file, err := f.Files.Open(f.Files.PathJoin(f.dir, name))
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(file)
	return b, errors.Join(err, file.Close())
}

// InspectIndex looks at the files that say which tables and logs belong to the
// store. Pebble takes a MANIFEST to end at its first broken record, and would
// then delete tables. Without the marker it would begin a new store.
func (f *Folder) InspectIndex() {
	if f.Empty() {
		return
	}
	switch {
	case f.Manifest == "":
		f.Problem(manifestMark+"*", "is missing")
		return
	case !slices.Contains(f.Names, f.Manifest):
		f.Problem(f.Manifest, "is missing")
		return
	}
	b, err := f.Read(f.Manifest)
	if err != nil {
		f.Problem(f.Manifest, "cannot be read: %v", err)
		return
	}
	records := 0
	damaged, _ := ReadLog(b, 0, func([]byte) { records++ })
	switch {
	case len(damaged) > 0:
		f.Problem(f.Manifest, "is damaged at byte %d", damaged[0])
	case records == 0:
		f.Problem(f.Manifest, "is empty or damaged at its beginning")
	}
}

// InspectLogs looks for damage in the middle of the logs. It reads them. With strict,
// all but the last have to end as they should, which old ones need not.
func (f *Folder) InspectLogs(strict bool) {
	last := uint64(0)
	for _, name := range f.Names {
		if number, ok := FileNumber(name, ".log"); ok {
			last = max(last, number)
		}
	}
	for _, name := range f.Names {
		number, ok := FileNumber(name, ".log")
		if !ok {
			continue
		}
		b, err := f.Read(name)
		if err != nil {
			f.Problem(name, "cannot be read: %v", err)
			continue
		}
		damaged, torn := ReadLog(b, uint32(number), func([]byte) {})
		switch {
		case len(damaged) > 0:
			f.Problem(name, "is damaged at byte %d", damaged[0])
		case strict && torn >= 0 && number != last:
			f.Problem(name, "ends at byte %d, and there was more", torn)
		}
	}
}

// InspectOptions looks whether the file of Pebble's options is whole.
func (f *Folder) InspectOptions() {
	for _, name := range f.Names {
		if !strings.HasPrefix(name, optionsStart) {
			continue
		}
		b, err := f.Read(name)
		switch {
		case err != nil:
			f.Problem(name, "cannot be read: %v", err)
		case !bytes.Contains(b, []byte("[Version]")) || !bytes.Contains(b, []byte(`[Level "0"]`)):
			f.Problem(name, "is not whole")
		}
	}
}

// FileNumber takes the name of a numbered file apart.
func FileNumber(name, suffix string) (n uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

// The list of files is written when a store is closed and removed when it is opened
// again. It distinguishes a log or a MANIFEST that was cut off, emptied or taken away from one
// that never had more: after a crash nothing does. A line is
//
//	size checksum name
//
// with - for the checksum of a table, whose blocks have their own; the last line is
// the checksum of the others.

// listed is a line of the list.
type listed struct {
	size int64
	sum  string
	name string
}

// WriteClosed lists the files of a store that was closed just now.
func WriteClosed(files vfs.FS, dir string) error {
	f, err := Read(files, dir)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, name := range f.Names {
		if name == LockName || name == ClosedName || name == QuotaFile || name == MovedTo || name == MovedFrom || strings.HasPrefix(name, ReserveStart) {
			continue
		}
		info, err := files.Stat(files.PathJoin(dir, name))
		if err != nil {
			return err
		}
		if info.IsDir() {
			continue
		}
		sum := "-"
		if !strings.HasSuffix(name, ".sst") {
			content, err := f.Read(name)
			if err != nil {
				return err
			}
			sum = checksum(content)
		}
		fmt.Fprintf(&b, "%d %s %s\n", info.Size(), sum, name)
	}
	fmt.Fprintf(&b, "%s\n", checksum(b.Bytes()))
	return writeSynced(files, dir, ClosedName, b.Bytes())
}

func checksum(b []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(b, castagnoli)) }

func writeSynced(files vfs.FS, dir, name string, content []byte) error {
	file, err := files.Create(files.PathJoin(dir, name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Sync(), file.Close(), SyncDir(files, dir))
}

func SyncDir(files vfs.FS, dir string) error {
	d, err := files.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readClosed reads the list; nil: there is none that can be trusted.
func (f *Folder) readClosed() (list []listed) {
	b, err := f.Read(ClosedName)
	if err != nil || len(b) < 9 || checksum(b[:len(b)-9]) != string(b[len(b)-9:len(b)-1]) {
		return nil
	}
	for line := range strings.Lines(string(b[:len(b)-9])) {
		var l listed
		if _, err := fmt.Sscanf(line, "%d %s %s\n", &l.size, &l.sum, &l.name); err != nil {
			return nil
		}
		list = append(list, l)
	}
	return list
}

// InspectClosed holds the files against the list. Logs that are short or gone are
// returned: their records are lost, and the rest can be used all the same. One that
// was altered is a problem: Pebble would drop its records behind the place.
func (f *Folder) InspectClosed() (lost []Problem) {
	list := f.readClosed()
	if f.marker != "" && !slices.ContainsFunc(list, func(l listed) bool { return l.name == f.marker }) {
		return nil // another program has opened the folder since
	}
	for _, l := range list {
		var what string
		info, err := f.Files.Stat(f.Files.PathJoin(f.dir, l.name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			what = "is missing"
		case err != nil:
			what = "cannot be read: " + err.Error()
		case info.Size() != l.size:
			what = fmt.Sprintf("has %d bytes instead of %d", info.Size(), l.size)
		case l.sum != "-":
			if b, err := f.Read(l.name); err != nil {
				what = "cannot be read: " + err.Error()
			} else if checksum(b) != l.sum {
				what = "is not as it was written"
			}
		}
		switch {
		case what == "":
		case strings.HasSuffix(l.name, ".log") && (err != nil || info.Size() != l.size):
			lost = append(lost, Problem{l.name, what})
		case strings.HasPrefix(l.name, optionsStart) && errors.Is(err, fs.ErrNotExist):
			// Pebble writes another.
		default:
			f.Problem(l.name, "%s", what)
		}
	}
	return lost
}

// Inspect looks at all files, but for the blocks of tables. err is the error of
// opening them, if there was one.
func (f *Folder) Inspect(err error) []Problem {
	for _, p := range f.InspectClosed() {
		f.Problem(p.File, "%s", p.Problem)
	}
	f.InspectIndex()
	if !f.Empty() && !f.Has(versionMark, "") {
		f.Problem(versionMark+"*", "is missing")
	}
	f.InspectLogs(err != nil)
	f.InspectOptions()
	f.inspectTables()
	return f.Settle()
}

// Settle sorts the problems and leaves one a file.
func (f *Folder) Settle() []Problem {
	slices.SortStableFunc(f.Problems, func(a, b Problem) int { return cmp.Compare(a.File, b.File) })
	f.Problems = slices.CompactFunc(f.Problems, func(a, b Problem) bool { return a.File == b.File })
	return f.Problems
}

// Explain makes of an error of opening a folder one that names the files.
func (f *Folder) Explain(problems []Problem, err error) error {
	if !FromDamage(err) || len(problems) == 0 && !IsCorruption(err) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return &Error{Dir: f.dir, Files: problems, Err: err}
}

// WasClosed reports whether there is a list of files, sound or not.
func (f *Folder) WasClosed() bool { return f.Has(ClosedName, "") }
