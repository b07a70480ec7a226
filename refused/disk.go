package refused

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"hash/maphash"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// Disk says where a ring also writes its entries, so that they outlive the process.
type Disk struct {
	Dir  string   // it is made with the first entry
	Keys [][]byte // 32 bytes each; the first one seals, each of them opens. None: plain text
	Log  *slog.Logger
}

// disk writes the entries of a ring to two files of half its size in turn. It is for
// people, so nothing waits for it: it does not sync, a full queue drops entries, and a
// full disk costs copies of refused requests only.
//
// One goroutine (run) owns the files. It reads them first.
type disk struct {
	Disk
	boxes []box
	half  int64         // limit on the size of a file
	age   time.Duration // after which a file is replaced by the other
	queue chan write
	stop  chan struct{}
	done  chan struct{}

	cleared atomic.Int64 // how often the ring was cleared
	dropped atomic.Int64

	files  [2]half
	at     int       // the file that is written
	warned time.Time // of the last log line about an error
}

// half is one of the two files.
type half struct {
	size           int64     // of its whole records
	oldest, newest time.Time // receipts of its entries
}

// write is a record on its way to the disk.
type write struct {
	record   record
	cleared  int64 // the count of clears when it was made
	received time.Time
}

const (
	queued     = 64
	maxWritten = 1 << 20 // bytes of a record, as a file has it
	sweepEvery = time.Hour
	// patience is how long Close waits for a disk that hangs.
	patience = time.Second
)

func openDisk(r *Ring, s Settings) *disk {
	d := &disk{
		Disk: *s.Disk, half: s.Size / 2, age: s.Age,
		queue: make(chan write, queued), stop: make(chan struct{}), done: make(chan struct{}),
	}
	for _, key := range d.Keys {
		d.boxes = append(d.boxes, newBox(key))
	}
	go d.run(r)
	return d
}

// same reports whether the settings are those that the disk was opened with.
func (d *disk) same(s Settings) bool {
	if d == nil || s.Disk == nil {
		return d == nil && s.Disk == nil
	}
	if d.Dir != s.Disk.Dir || d.half != s.Size/2 || d.age != s.Age || len(d.Keys) != len(s.Disk.Keys) {
		return false
	}
	for i, key := range d.Keys {
		if !bytes.Equal(key, s.Disk.Keys[i]) {
			return false
		}
	}
	return true
}

// keep hands an entry over to be written.
func (d *disk) keep(e *Entry) {
	if d == nil {
		return
	}
	d.put(record{Entry: stored{
		Message: queue.AppendMessage(nil, &e.Message), Original: []byte(e.Original), Reason: e.Reason, Detail: e.Detail,
		Status: e.Status, Observed: e.Observed, Client: e.Client, Known: e.Known,
		Size: e.Size, Digest: e.Digest[:], Cut: e.Cut,
	}}, e.Message.ReceivedAt)
}

// settle hands over which message an entry has become.
func (d *disk) settle(id, message queue.ID) {
	if d != nil {
		d.put(record{Settled: id, Accepted: message}, time.Time{})
	}
}

func (d *disk) put(r record, received time.Time) {
	select {
	case d.queue <- write{r, d.cleared.Load(), received}:
	default:
		d.dropped.Add(1)
	}
}

// clear empties the files, and drops the records on their way to them.
func (d *disk) clear() {
	if d == nil {
		return
	}
	d.cleared.Add(1)
	d.put(record{}, time.Time{}) // wakes run; if the queue is full, that is busy anyway
}

func (d *disk) close() {
	if d == nil {
		return
	}
	close(d.stop)
	select {
	case <-d.done:
	case <-time.After(patience):
	}
}

func (d *disk) run(r *Ring) {
	defer close(d.done)
	d.load(r)
	var cleared int64
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	take := func(w write) {
		if n := d.cleared.Load(); n != cleared {
			cleared = n
			d.complain("emptying the files", errors.Join(d.empty(0), d.empty(1)))
		}
		if w.cleared == cleared && (w.record.Settled != queue.ID{} || w.record.Entry.Message != nil) {
			d.complain("writing", d.append(w))
		}
	}
	for {
		select {
		case w := <-d.queue:
			take(w)
		case now := <-sweep.C:
			d.sweep(now)
		case <-d.stop:
			for {
				select {
				case w := <-d.queue:
					take(w)
				default:
					return
				}
			}
		}
	}
}

// complain logs an error, once a minute at most.
func (d *disk) complain(doing string, err error) {
	if now := time.Now(); err != nil && now.Sub(d.warned) > time.Minute {
		d.warned = now
		d.Log.Warn("copies of refused requests are not kept on the disk", "doing", doing, "error", err, "dropped", d.dropped.Load())
	}
}

func (d *disk) name(i int) string { return filepath.Join(d.Dir, fileNames[i]) }

var fileNames = [2]string{"REFUSED-0", "REFUSED-1"}

// Remove removes the files that a ring with this folder has written.
func Remove(dir string) error {
	var errs []error
	for _, name := range fileNames {
		if err := os.Remove(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// append writes a record. Before, it changes to the other file if this one is full or old.
func (d *disk) append(w write) error {
	b, err := d.encode(&w.record)
	if err != nil || len(b) > maxWritten {
		return err
	}
	f := &d.files[d.at]
	if f.size+int64(len(b)) > d.half || !f.oldest.IsZero() && w.received.Sub(f.oldest) > d.age {
		if err := d.empty(1 - d.at); err != nil {
			return err
		}
		d.at = 1 - d.at
		f = &d.files[d.at]
	}
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(d.name(d.at), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(b, f.size)
	if err = errors.Join(err, file.Close()); err != nil {
		return err // the next record takes its place
	}
	f.size += int64(len(b))
	f.note(w.received)
	return nil
}

func (f *half) note(received time.Time) {
	if received.IsZero() {
		return
	}
	if f.oldest.IsZero() || received.Before(f.oldest) {
		f.oldest = received
	}
	if received.After(f.newest) {
		f.newest = received
	}
}

// empty removes a file.
func (d *disk) empty(i int) error {
	d.files[i] = half{}
	if err := os.Remove(d.name(i)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sweep removes a file whose entries are all too old.
func (d *disk) sweep(now time.Time) {
	for i := range d.files {
		if f := &d.files[i]; f.size > 0 && now.Sub(f.newest) > d.age {
			d.complain("removing old ones", d.empty(i))
		}
	}
}

// load reads the files into the ring, the older one first.
func (d *disk) load(r *Ring) {
	var found [2][]record
	for i := range d.files {
		b, err := read(d.name(i), d.half)
		if err != nil {
			d.complain("reading", err)
			continue
		}
		found[i] = d.decode(b, &d.files[i])
	}
	if d.files[1].newest.After(d.files[0].newest) {
		d.at = 1
	}
	for _, i := range []int{1 - d.at, d.at} {
		for _, rec := range found[i] {
			r.restore(rec)
		}
	}
	d.sweep(time.Now())
}

// read returns at most limit bytes of a file.
func read(name string, limit int64) ([]byte, error) {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit))
}

// record is one record of a file: an entry, or the message that an entry became.
type record struct {
	Entry             stored
	Settled, Accepted queue.ID
}

// stored is an entry without what the ring adds.
type stored struct {
	Message        []byte // by [queue.AppendMessage]; nil: no entry
	Original       []byte // it need not be UTF-8, which JSON texts are
	Reason, Detail string
	Status         int
	Observed       bool
	Client         netip.Addr
	Known          bool
	Size           int64
	Digest         []byte
	Cut            Cut
}

// entry returns the entry of a record; nil: it has none that can be read.
func (s *stored) entry() *Entry {
	m, err := queue.DecodeMessage(s.Message)
	if err != nil {
		return nil
	}
	e := &Entry{
		Message: *m, Original: string(s.Original), Reason: s.Reason, Detail: s.Detail,
		Status: s.Status, Observed: s.Observed, Client: s.Client, Known: s.Known,
		Size: s.Size, Cut: s.Cut,
	}
	copy(e.Digest[:], s.Digest)
	if e.Cut&CutBody == 0 {
		e.body = maphash.Bytes(seed, e.Message.Body)
	}
	e.settle()
	return e
}

// A record in a file: the length and the checksum of the rest, 4 bytes each, and JSON,
// sealed if there is a key.
const frame = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (d *disk) encode(r *record) ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if len(d.boxes) > 0 {
		text = d.boxes[0].seal(text)
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 0, frame+len(text)), uint32(len(text)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(text, castagnoli))
	return append(b, text...), nil
}

// decode returns the records of a file up to the first one that is not whole. It leaves
// out those that no key opens.
func (d *disk) decode(b []byte, f *half) (all []record) {
	for len(b) > frame {
		n := int(binary.BigEndian.Uint32(b))
		if n > maxWritten || n > len(b)-frame {
			break
		}
		text := b[frame : frame+n]
		if crc32.Checksum(text, castagnoli) != binary.BigEndian.Uint32(b[4:]) {
			break
		}
		f.size += int64(frame + n)
		b = b[frame+n:]
		var r record
		if json.Unmarshal(d.open(text), &r) != nil {
			f.note(time.Now()) // its key may come back, so the file is not too old
			continue
		}
		if m, err := queue.DecodeMessage(r.Entry.Message); err == nil {
			f.note(m.ReceivedAt)
		}
		all = append(all, r)
	}
	return all
}

func (d *disk) open(text []byte) []byte {
	if len(d.boxes) == 0 {
		return text
	}
	for _, box := range d.boxes {
		if plain, err := box.open(text); err == nil {
			return plain
		}
	}
	return nil
}
