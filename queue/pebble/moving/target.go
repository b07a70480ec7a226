package moving

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/move"
	"github.com/hookwicket/hookwicket/queue/pebble/check"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// Target is a folder that is filled under another name. Commit gives it its own.
type Target struct {
	options Options
	files   vfs.FS
	partial string
	seal    *seal.Seal
	db      *pebble.DB
	batch   *pebble.Batch
	named   map[queue.Destination]record.Digest
	digests map[record.Digest]queue.Destination
	learnt  uint64 // the time of the last secret
}

var _ move.Target = (*Target)(nil)

// NewTarget returns a folder that is to be made.
func NewTarget(o Options) (*Target, error) {
	o = o.withDefaults()
	t := &Target{
		options: o, files: folder.Private(o.FS), partial: o.Dir + check.PartialEnd, learnt: uint64(window.Nanos(o.Now)),
		named: make(map[queue.Destination]record.Digest), digests: make(map[record.Digest]queue.Destination),
	}
	var err error
	t.seal, err = seal.New(o.Keys[:min(len(o.Keys), 1)])
	return t, err
}

// Place implements [move.Target].
func (t *Target) Place() string { return t.options.place() }

// Begin implements [move.Target].
func (t *Target) Begin(_ context.Context, origin string) (done bool, err error) {
	names, err := t.files.List(t.options.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if len(names) > 0 {
		from, _, err := folder.ReadMark(t.files, t.options.Dir, folder.MovedFrom)
		if err == nil && from == origin {
			return true, nil
		}
		return false, fmt.Errorf("%w: name a folder that is not there yet", move.ErrNotEmpty)
	}
	if err := t.discard(); err != nil {
		return false, err
	}
	if err := t.files.MkdirAll(t.partial, folder.PrivateDir); err != nil {
		return false, err
	}
	if err := folder.WriteMark(t.files, t.partial, folder.MovedFrom, origin); err != nil {
		return false, err
	}
	return false, folder.Guarded(t.open)
}

// discard removes the files of an earlier run.
func (t *Target) discard() error {
	names, err := t.files.List(t.partial)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, ours, err := folder.ReadMark(t.files, t.partial, folder.MovedFrom); err != nil || !ours && len(names) > 0 {
		return errors.Join(err, fmt.Errorf("%s is there already, and is not left over from a move: remove it", t.partial))
	}
	lock, err := check.Lock(t.files, t.partial)
	if errors.Is(err, queue.ErrLocked) {
		return fmt.Errorf("another move into this folder is at work: %w", err)
	}
	if err != nil {
		return err
	}
	return errors.Join(t.files.RemoveAll(t.partial), lock.Close())
}

// open makes the database. It has no log: before Commit nothing in it counts.
func (t *Target) open() (err error) {
	cache := pebble.NewCache(cacheSize)
	defer cache.Unref()
	o := &pebble.Options{FS: t.files, Cache: cache, FormatMajorVersion: pebble.FormatNewest, Logger: folder.Silent{}, DisableWAL: true, MemTableSize: 16 << 20}
	for i := range o.Levels { // as a gateway writes them
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	}
	if t.db, err = pebble.Open(t.partial, o); err != nil {
		return err
	}
	t.batch = t.db.NewBatch()
	if ring := t.seal.Ring(); len(ring) > 0 {
		name, v := ring.Canary()
		if err := t.set(record.CanaryKey(name), v); err != nil {
			return err
		}
	}
	return t.set([]byte{record.KindFormat}, []byte(record.Format))
}

// Close implements [move.Target].
func (t *Target) Close() (err error) {
	if t.db == nil {
		return nil
	}
	db := t.db
	t.db = nil
	_ = t.batch.Close()
	err = folder.Guarded(db.Close)
	return errors.Join(err, t.files.RemoveAll(t.partial))
}

// batchSize is from how many bytes on a batch is written.
const batchSize = 1 << 20

func (t *Target) set(k, v []byte) error {
	if err := t.batch.Set(k, v, nil); err != nil {
		return err
	}
	if t.batch.Len() < batchSize {
		return nil
	}
	return t.flush()
}

func (t *Target) flush() error {
	return folder.Guarded(func() error {
		if err := t.db.Apply(t.batch, pebble.NoSync); err != nil {
			return err
		}
		t.batch = t.db.NewBatch()
		return nil
	})
}

// Message implements [move.Sink].
func (t *Target) Message(_ context.Context, m *move.Message) error {
	id := m.Message.ID
	stored := t.seal.Message(make([]byte, 0, queue.EncodedSize(m.Message)+t.seal.Overhead()), id, func(b []byte) []byte { return queue.AppendMessage(b, m.Message) })
	var b record.KeyBuffer
	if err := t.set(record.MessageKey(&b, id), stored); err != nil {
		return err
	}
	sum := record.Summary{Size: int64(len(stored)), Endpoint: m.Message.Endpoint, EventID: m.Message.EventID, EventType: m.Message.EventType}
	for i := range m.Deliveries {
		d := &m.Deliveries[i]
		digest, err := t.name(d.Destination)
		if err == nil {
			err = t.delivery(id, digest, d, m.SizeOf(d, sum.Size))
		}
		if err != nil {
			return err
		}
		sum.Destinations = append(sum.Destinations, digest)
	}
	if err := t.set(record.SummaryKey(&b, record.DigestOf(sum.Endpoint), id), sum.Append(nil)); err != nil {
		return err
	}
	if sum.EventID == "" {
		return nil
	}
	return t.set(record.EventKey(&b, record.EventDigest(sum.EventID), id), nil)
}

// name returns the digest of a destination, whose name is written with its first record.
func (t *Target) name(d queue.Destination) (record.Digest, error) {
	if digest, ok := t.named[d]; ok {
		return digest, nil
	}
	digest := record.DigestOf(d.String())
	if other, ok := t.digests[digest]; ok {
		return digest, fmt.Errorf("the names of the forwards %q and %q have the same digest: rename one", d, other)
	}
	t.named[d], t.digests[digest] = digest, d
	var b record.KeyBuffer
	for _, kind := range record.NameKinds {
		if err := t.set(record.NameKey(&b, kind, digest), []byte(d.String())); err != nil {
			return digest, err
		}
	}
	return digest, nil
}

var stages = map[queue.State]record.Stage{
	queue.StateWaiting: record.StageWaiting, queue.StateDelivered: record.StageDelivered, queue.StateDead: record.StageDead,
	queue.StateCancelled: record.StageCancelled, queue.StateUnrouted: record.StageUnrouted,
}

// delivery writes a delivery: its place in the index, its attempts, and its state unless the ID
// implies it.
func (t *Target) delivery(id queue.ID, digest record.Digest, d *move.Delivery, size int64) error {
	stage, ok := stages[d.State]
	if !ok {
		return fmt.Errorf("message %s: a delivery to %s is in the state %q, which is not known", id, d.Destination, d.State)
	}
	history := d.Kept()
	st := record.Delivery{Stage: stage, Size: size, Due: max(0, d.Due), Redelivered: window.Nanos(d.Redelivered), Attempts: d.Attempts, Written: len(history)}
	if stage == record.StageWaiting {
		st.Order = d.Order
	} else {
		st.Ended = window.Nanos(d.Ended)
	}
	var b record.KeyBuffer
	if err := t.set(st.Entry(digest, id).Key(&b), st.AppendEntry(nil)); err != nil {
		return err
	}
	implied := record.Delivery{Size: size, Due: record.ReceiptDue(id)}
	if st == implied {
		return nil
	}
	box := t.seal.For(id)
	for i := range history {
		if i == len(history)-1 {
			st.Last = &history[i]
			break
		}
		if err := t.set(record.AttemptKey(&b, id, digest, i+1), record.AppendAttempt(nil, &history[i], box)); err != nil {
			return err
		}
	}
	return t.set(record.DeliveryKey(&b, id, digest), st.Append(nil, box))
}

var reasons = func() map[string]record.Reason {
	m := make(map[string]record.Reason)
	for _, r := range []record.Reason{record.GoneDelivered, record.GoneAged, record.GoneCrowded, record.GonePurged} {
		m[r.String()] = r
	}
	return m
}()

// Gone implements [move.Sink].
func (t *Target) Gone(_ context.Context, g *queue.GoneError) error {
	why, ok := reasons[g.Why]
	if !ok {
		return fmt.Errorf("message %s was removed for a reason that is not known: %q", g.ID, g.Why)
	}
	var b record.KeyBuffer
	return t.set(record.GoneKey(&b, g.ID), record.AppendGone(nil, window.Nanos(g.At), why))
}

// keyWindow is the shortest window for which a dedupe key gets a bucket. The window of a key is
// not handed over, and the rest of it may be short; each length of a window has buckets of its own.
const keyWindow = 24 * time.Hour

// Key implements [move.Sink].
func (t *Target) Key(_ context.Context, k move.Key) error {
	left := time.Duration(k.Expires - window.Nanos(t.options.Now))
	var b record.KeyBuffer
	end := record.BucketOf(k.Expires, max(left, keyWindow))
	return t.set(record.DedupeKey(&b, end, k.Key), binary.BigEndian.AppendUint64(nil, uint64(k.Expires)))
}

// Secret implements [move.Sink].
func (t *Target) Secret(_ context.Context, s move.Secret) error {
	t.learnt++ // the order is kept by the time
	l := record.Secret{At: t.learnt, Endpoint: s.Endpoint, Secret: s.Secret}
	key := record.SecretKey(s.Endpoint, s.Secret)
	return t.set(key, l.Append(nil, key, t.seal))
}

// Paused implements [move.Sink].
func (t *Target) Paused(_ context.Context, d queue.Destination) error {
	digest, err := t.name(d)
	if err != nil {
		return err
	}
	var b record.KeyBuffer
	return t.set(record.PausedKey(&b, digest), binary.BigEndian.AppendUint64(nil, uint64(window.Nanos(t.options.Now))))
}

// Commit implements [move.Target]. It reads the whole folder again before it counts.
func (t *Target) Commit(_ context.Context, want move.Counts) error {
	if err := t.flush(); err != nil {
		return err
	}
	db := t.db
	err := folder.Guarded(func() error { return errors.Join(t.batch.Close(), db.Flush(), db.Close()) })
	t.db = nil
	if err == nil {
		err = t.verify(want)
	}
	if err != nil {
		return errors.Join(err, t.files.RemoveAll(t.partial))
	}
	parent := t.files.PathDir(t.options.Dir)
	check.OwnAlike(t.files, parent, t.partial)
	if err := t.files.Rename(t.partial, t.options.Dir); err != nil {
		return errors.Join(err, t.files.RemoveAll(t.partial))
	}
	return folder.SyncDir(t.files, parent)
}

func (t *Target) verify(want move.Counts) error {
	r, err := check.Run(check.Options{Dir: t.partial, Keys: t.options.Keys, FS: t.files, Now: t.options.Now})
	if err != nil {
		return err
	}
	if !r.Sound() {
		return fmt.Errorf("the new folder is not sound: %v %v", r.Files, r.Problems)
	}
	return countsOf(&r).Check(want)
}
