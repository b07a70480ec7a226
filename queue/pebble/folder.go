package pebble

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

// FileProblem is a file of the folder that is not as it was written.
type FileProblem struct {
	File    string `json:"file"`
	Problem string `json:"problem"`
}

func (p FileProblem) String() string { return p.File + " " + p.Problem }

// salvageHint is the next step for a damaged folder.
const salvageHint = "`caddy webhook check` names what is damaged, and `caddy webhook check --salvage <new folder>` copies all that can be read into a new folder; see docs/store.md"

// FolderError says that a folder cannot be opened because files of it are damaged
// or missing.
type FolderError struct {
	Dir   string
	Files []FileProblem
	Err   error // of the engine; nil: it was not asked
}

func (e *FolderError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the queue in %s is damaged", e.Dir)
	for i, p := range e.Files {
		b.WriteString([]string{": ", "; "}[min(i, 1)] + p.String())
		if i == 9 && len(e.Files) > 10 {
			fmt.Fprintf(&b, "; and %d files more", len(e.Files)-10)
			break
		}
	}
	if e.Err != nil {
		fmt.Fprintf(&b, " (%v)", e.Err)
	}
	return b.String() + ". " + salvageHint
}

func (e *FolderError) Unwrap() error { return e.Err }

// The names of files.
const (
	lockName      = "LOCK"
	closedName    = "CLOSED" // the list of files when the store was closed
	manifestMark  = "marker.manifest."
	versionMark   = "marker.format-version."
	manifestStart = "MANIFEST-"
	optionsStart  = "OPTIONS-"
)

// folder is the list of files in a store's folder.
type folder struct {
	files    vfs.FS
	dir      string
	names    []string // sorted
	manifest string   // that the marker names; empty: none does
	marker   string   // the name of that marker
	problems []FileProblem
}

func readFolder(files vfs.FS, dir string) (*folder, error) {
	names, err := files.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	slices.Sort(names)
	f := &folder{files: files, dir: dir, names: names}
	best := uint64(0)
	for _, name := range names {
		// marker.<name>.<iteration>.<value>, of which the last iteration counts
		if rest, ok := strings.CutPrefix(name, manifestMark); ok {
			n, value, _ := strings.Cut(rest, ".")
			if i, err := strconv.ParseUint(n, 10, 64); err == nil && i >= best {
				best, f.manifest, f.marker = i, value, name
			}
		}
	}
	return f, nil
}

// IsStore reports whether there is a store in a folder, sound or damaged.
func IsStore(dir string) bool {
	f, err := readFolder(vfs.Default, dir)
	return err == nil && (f.has("", ".sst") || f.has("", ".log") || f.has(manifestStart, "") || f.has("marker.", ""))
}

func (f *folder) has(prefix, suffix string) bool {
	return slices.ContainsFunc(f.names, func(n string) bool { return strings.HasPrefix(n, prefix) && strings.HasSuffix(n, suffix) })
}

// empty: nothing was ever accepted into the folder. Where the first start was
// interrupted, a part of the files may be there.
func (f *folder) empty() bool {
	return !f.has("", ".sst") && !f.has(closedName, "") && !slices.ContainsFunc(f.names, func(name string) bool {
		info, err := f.files.Stat(f.files.PathJoin(f.dir, name))
		return strings.HasSuffix(name, ".log") && (err != nil || info.Size() > 0)
	})
}

func (f *folder) problem(name, format string, args ...any) {
	f.problems = append(f.problems, FileProblem{name, fmt.Sprintf(format, args...)})
}

func (f *folder) read(name string) ([]byte, error) {
	file, err := f.files.Open(f.files.PathJoin(f.dir, name))
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(file)
	return b, errors.Join(err, file.Close())
}

// inspectIndex looks at the files that say which tables and logs belong to the
// store. Pebble takes a MANIFEST to end at its first broken record, and would
// then delete tables. Without the marker it would begin a new store.
func (f *folder) inspectIndex() {
	if f.empty() {
		return
	}
	switch {
	case f.manifest == "":
		f.problem(manifestMark+"*", "is missing")
		return
	case !slices.Contains(f.names, f.manifest):
		f.problem(f.manifest, "is missing")
		return
	}
	b, err := f.read(f.manifest)
	if err != nil {
		f.problem(f.manifest, "cannot be read: %v", err)
		return
	}
	records := 0
	damaged, _ := readLog(b, 0, func([]byte) { records++ })
	switch {
	case len(damaged) > 0:
		f.problem(f.manifest, "is damaged at byte %d", damaged[0])
	case records == 0:
		f.problem(f.manifest, "is empty or damaged at its beginning")
	}
}

// inspectLogs looks for damage in the middle of the logs. It reads them. With strict,
// all but the last have to end as they should, which old ones need not.
func (f *folder) inspectLogs(strict bool) {
	last := uint64(0)
	for _, name := range f.names {
		if number, ok := fileNumber(name, ".log"); ok {
			last = max(last, number)
		}
	}
	for _, name := range f.names {
		number, ok := fileNumber(name, ".log")
		if !ok {
			continue
		}
		b, err := f.read(name)
		if err != nil {
			f.problem(name, "cannot be read: %v", err)
			continue
		}
		damaged, torn := readLog(b, uint32(number), func([]byte) {})
		switch {
		case len(damaged) > 0:
			f.problem(name, "is damaged at byte %d", damaged[0])
		case strict && torn >= 0 && number != last:
			f.problem(name, "ends at byte %d, and there was more", torn)
		}
	}
}

// inspectOptions looks whether the file of Pebble's options is whole.
func (f *folder) inspectOptions() {
	for _, name := range f.names {
		if !strings.HasPrefix(name, optionsStart) {
			continue
		}
		b, err := f.read(name)
		switch {
		case err != nil:
			f.problem(name, "cannot be read: %v", err)
		case !bytes.Contains(b, []byte("[Version]")) || !bytes.Contains(b, []byte(`[Level "0"]`)):
			f.problem(name, "is not whole")
		}
	}
}

// fileNumber takes the name of a numbered file apart.
func fileNumber(name, suffix string) (n uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

// The list of files is written when a store is closed and removed when it is opened
// again. It tells a log or a MANIFEST that was cut off, emptied or taken away from one
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

// writeClosed lists the files of a store that was closed just now.
func writeClosed(files vfs.FS, dir string) error {
	f, err := readFolder(files, dir)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, name := range f.names {
		if name == lockName || name == closedName || name == quotaFile || strings.HasPrefix(name, reserveStart) {
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
			content, err := f.read(name)
			if err != nil {
				return err
			}
			sum = checksum(content)
		}
		fmt.Fprintf(&b, "%d %s %s\n", info.Size(), sum, name)
	}
	fmt.Fprintf(&b, "%s\n", checksum(b.Bytes()))
	return writeSynced(files, dir, closedName, b.Bytes())
}

func checksum(b []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(b, castagnoli)) }

func writeSynced(files vfs.FS, dir, name string, content []byte) error {
	file, err := files.Create(files.PathJoin(dir, name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Sync(), file.Close(), syncDir(files, dir))
}

func syncDir(files vfs.FS, dir string) error {
	d, err := files.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readClosed reads the list; nil: there is none that can be trusted.
func (f *folder) readClosed() (list []listed) {
	b, err := f.read(closedName)
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

// inspectClosed holds the files against the list. Logs that are short or gone are
// returned: their records are lost, and the rest can be used all the same. One that
// was altered is a problem: Pebble would drop its records behind the place.
func (f *folder) inspectClosed() (lost []FileProblem) {
	list := f.readClosed()
	if f.marker != "" && !slices.ContainsFunc(list, func(l listed) bool { return l.name == f.marker }) {
		return nil // another program has opened the folder since
	}
	for _, l := range list {
		var what string
		info, err := f.files.Stat(f.files.PathJoin(f.dir, l.name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			what = "is missing"
		case err != nil:
			what = "cannot be read: " + err.Error()
		case info.Size() != l.size:
			what = fmt.Sprintf("has %d bytes instead of %d", info.Size(), l.size)
		case l.sum != "-":
			if b, err := f.read(l.name); err != nil {
				what = "cannot be read: " + err.Error()
			} else if checksum(b) != l.sum {
				what = "is not as it was written"
			}
		}
		switch {
		case what == "":
		case strings.HasSuffix(l.name, ".log") && (err != nil || info.Size() != l.size):
			lost = append(lost, FileProblem{l.name, what})
		case strings.HasPrefix(l.name, optionsStart) && errors.Is(err, fs.ErrNotExist):
			// Pebble writes another.
		default:
			f.problem(l.name, "%s", what)
		}
	}
	return lost
}

// inspect looks at all files, but for the blocks of tables. err is the error of
// opening them, if there was one.
func (f *folder) inspect(err error) []FileProblem {
	for _, p := range f.inspectClosed() {
		f.problem(p.File, "%s", p.Problem)
	}
	f.inspectIndex()
	if !f.empty() && !f.has(versionMark, "") {
		f.problem(versionMark+"*", "is missing")
	}
	f.inspectLogs(err != nil)
	f.inspectOptions()
	f.inspectTables()
	return f.settle()
}

// settle sorts the problems and leaves one a file.
func (f *folder) settle() []FileProblem {
	slices.SortStableFunc(f.problems, func(a, b FileProblem) int { return cmp.Compare(a.File, b.File) })
	f.problems = slices.CompactFunc(f.problems, func(a, b FileProblem) bool { return a.File == b.File })
	return f.problems
}
