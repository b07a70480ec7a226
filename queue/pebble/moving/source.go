// Package moving reads a whole folder out and fills a new one, for package
// [github.com/hookwicket/hookwicket/queue/move]. Start with [OpenSource] and [NewTarget].
package moving

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/move"
	"github.com/hookwicket/hookwicket/queue/pebble/check"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
)

// Options say which folder, and how.
type Options struct {
	// Dir is the folder.
	Dir string
	// Keys encrypt: the first seals the records of a target, and all open those of a source.
	Keys [][]byte
	// Checking is called while a source is checked before it is moved. Default: not at all.
	Checking func(done, total int64)
	// FS is the file system. Default: the operating system's.
	FS vfs.FS
	// Now decides which dedupe keys have expired. Default: the present.
	Now time.Time
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

func (o *Options) place() string { return "pebble:" + o.Dir }

// cacheSize is how many bytes of blocks are kept in memory.
const cacheSize = 64 << 20

// Source is the folder of a stopped gateway. Reading it changes nothing in it; its lock keeps
// gateways away.
type Source struct {
	options      Options
	lock         io.Closer
	cache        *pebble.Cache
	db           *pebble.DB
	seal         *seal.Seal
	identity     string
	counts       move.Counts
	destinations map[record.Digest]queue.Destination
	ahead        int64 // of the due clock; see record.KindClock
}

var _ move.Source = (*Source)(nil)

// OpenSource opens a folder. It reads all of it, since only a sound one can be moved. The
// error wraps [queue.ErrLocked] while a gateway has the folder open, [queue.ErrMoved] if it
// was moved already, and [seal.ErrNoKey] if a key is missing.
func OpenSource(o Options) (_ *Source, err error) {
	o = o.withDefaults()
	s := &Source{options: o, destinations: make(map[record.Digest]queue.Destination)}
	defer func() {
		if err != nil {
			_ = s.Close()
			err = fmt.Errorf("%s: %w", o.place(), err)
		}
	}()
	if err := folder.CheckMoved(o.FS, o.Dir); err != nil {
		return nil, err
	}
	if s.lock, err = check.Lock(o.FS, o.Dir); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.seal, err = seal.New(o.Keys); err != nil {
		return nil, err
	}
	if s.identity, err = identify(o.FS, o.Dir); err != nil {
		return nil, err
	}
	s.cache = pebble.NewCache(cacheSize)
	err = folder.Guarded(func() (err error) {
		files := folder.ReadOnly(o.FS, new(folder.Tables))
		s.db, err = pebble.Open(o.Dir, &pebble.Options{FS: files, ReadOnly: true, Cache: s.cache, Logger: folder.Silent{}})
		if err != nil {
			return err
		}
		return errors.Join(s.readNames(), s.readClock(), s.countKeys())
	})
	return s, err
}

// check reads the whole folder, and counts.
func (s *Source) check() error {
	o := &s.options
	r, err := check.Run(check.Options{Dir: o.Dir, Keys: o.Keys, FS: o.FS, Now: o.Now, Progress: o.Checking, Locked: true})
	switch {
	case err != nil:
		return err
	case r.NeedsKey():
		return fmt.Errorf("records cannot be read: %w", seal.ErrNoKey)
	case len(r.Files) > 0:
		return errors.New("files are damaged: salvage the folder first, with `caddy webhook check --salvage`")
	case len(r.Problems) > 0:
		return fmt.Errorf("something is wrong (%s, such as %s): purge events that cannot be read, or salvage the folder, and move it then; `caddy webhook check` lists all",
			r.Problems[0].What, strings.Join(r.Problems[0].Examples, ", "))
	}
	s.counts = countsOf(&r)
	return nil
}

// countsOf returns the counts in a report. Keys includes expired ones, and those that were renewed
// twice.
func countsOf(r *check.Report) move.Counts {
	c := move.Counts{Messages: r.Messages, Attempts: r.Attempts, Gone: r.Gone, Keys: r.Keys, Secrets: r.Secrets}
	for _, d := range r.Destinations {
		for state, n := range d.Deliveries {
			if of := c.Of(state); of != nil {
				*of += n
			}
		}
		if d.Paused {
			c.Paused++
		}
	}
	return c
}

// identify digests the names, the sizes and the contents of a folder's files, but not the
// contents of tables: the MANIFEST describes them. Each opening writes another MANIFEST and log.
func identify(files vfs.FS, dir string) (string, error) {
	f, err := folder.Read(files, dir)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range f.Names {
		if slices.Contains([]string{folder.LockName, folder.QuotaFile, folder.MovedTo, folder.MovedFrom}, name) || strings.HasPrefix(name, folder.ReserveStart) {
			continue
		}
		info, err := files.Stat(files.PathJoin(dir, name))
		if err != nil {
			return "", err
		}
		if info.IsDir() {
			continue
		}
		fmt.Fprintf(h, "%q %d\n", name, info.Size())
		if strings.HasSuffix(name, ".sst") {
			continue
		}
		b, err := f.Read(name)
		if err != nil {
			return "", err
		}
		h.Write(b)
	}
	return "pebble " + hex.EncodeToString(h.Sum(nil)), nil
}

// Place implements [move.Source].
func (s *Source) Place() string { return s.options.place() }

// Identity implements [move.Source].
func (s *Source) Identity() string { return s.identity }

// Counts implements [move.Source].
func (s *Source) Counts() move.Counts { return s.counts }

// Retire implements [move.Source].
func (s *Source) Retire(_ context.Context, to string) error {
	return folder.WriteMark(s.options.FS, s.options.Dir, folder.MovedTo, to)
}

// Close implements [move.Source].
func (s *Source) Close() (err error) {
	if s.db != nil {
		err = folder.Guarded(s.db.Close)
	}
	if s.cache != nil {
		s.cache.Unref()
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// Copy implements [move.Source].
func (s *Source) Copy(ctx context.Context, to move.Sink) error {
	return folder.Guarded(func() error {
		for _, pass := range []func(context.Context, move.Sink) error{s.messages, s.gone, s.keys, s.secrets, s.paused} {
			if err := pass(ctx, to); err != nil {
				return err
			}
		}
		return nil
	})
}

// each calls f for the records of a kind, whose values it may use until it returns.
func (s *Source) each(ctx context.Context, kind byte, f func(k, v []byte) error) (err error) {
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for ok := iter.First(); ok; ok = iter.Next() {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		v, err := iter.ValueAndErr()
		if err == nil {
			err = f(iter.Key(), v)
		}
		if err != nil {
			return err
		}
	}
	return iter.Error()
}

// get reads a copy of a value; nil: there is none.
func (s *Source) get(key []byte) ([]byte, error) {
	v, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v = append(make([]byte, 0, len(v)), v...)
	return v, closer.Close()
}

func (s *Source) readNames() error {
	return s.each(context.Background(), record.KindName, func(k, v []byte) error {
		s.destinations[record.Digest(k[1:])] = queue.ParseDestination(string(v))
		return nil
	})
}

// readClock reads how far the due clock is ahead. Due times that are handed over are of the
// wall clock.
func (s *Source) readClock() error {
	v, err := s.get([]byte{record.KindClock})
	if len(v) > 0 {
		ahead, _ := binary.Uvarint(v)
		s.ahead = int64(ahead)
	}
	return err
}

// messages hands the messages over, each with its deliveries.
func (s *Source) messages(ctx context.Context, to move.Sink) error {
	return s.each(ctx, record.KindMessage, func(k, v []byte) error {
		id := queue.ID(k[1:])
		m := &move.Message{Size: int64(len(v))}
		var err error
		if m.Message, err = s.seal.OpenMessage(id, slices.Clone(v)); err != nil {
			return fmt.Errorf("message %s: %w", id, err)
		}
		var b record.KeyBuffer
		summary, err := s.get(record.SummaryKey(&b, record.DigestOf(m.Message.Endpoint), id))
		if err != nil {
			return err
		}
		sum, err := record.DecodeSummary(summary)
		if err != nil {
			return fmt.Errorf("message %s: its summary: %w", id, err)
		}
		for _, digest := range sum.Destinations {
			d, err := s.delivery(id, digest)
			if err != nil {
				return fmt.Errorf("message %s: %w", id, err)
			}
			if d != nil {
				m.Deliveries = append(m.Deliveries, *d)
			}
		}
		return to.Message(ctx, m)
	})
}

// delivery reads a delivery; nil: it was removed.
func (s *Source) delivery(id queue.ID, digest record.Digest) (*move.Delivery, error) {
	st := record.Delivery{Due: record.ReceiptDue(id)}
	var b record.KeyBuffer
	v, err := s.get(record.DeliveryKey(&b, id, digest))
	if v != nil {
		st, err = record.DecodeDelivery(v, s.seal.For(id))
	}
	if err != nil || st.Stage == record.StageGone {
		return nil, err
	}
	name, ok := s.destinations[digest]
	if !ok {
		return nil, errors.New("the name of a forward is lost")
	}
	// The index has the size of a delivery that has waited since its receipt.
	entry, err := s.get(st.Entry(digest, id).Key(&b))
	if err != nil {
		return nil, err
	}
	if entry == nil {
		return nil, fmt.Errorf("the delivery to %s is missing in its index", name)
	}
	d := &move.Delivery{
		Destination: name, State: st.Stage.State(), Size: record.DecodeSize(entry), Attempts: st.Attempts,
		Ended: record.Time(st.Ended), Redelivered: record.Time(st.Redelivered),
	}
	if st.Stage == record.StageWaiting {
		d.Due, d.Order, d.Ended = max(0, st.Due-s.ahead), st.Order, time.Time{}
	}
	for n := st.Oldest(); n < st.Written; n++ { // the last one is in the state
		v, err := s.get(record.AttemptKey(&b, id, digest, n))
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		a, err := record.DecodeAttempt(v, s.seal.For(id))
		if err != nil {
			return nil, fmt.Errorf("attempt %d to %s: %w", n, name, err)
		}
		d.History = append(d.History, *a)
	}
	if st.Last != nil {
		d.History = append(d.History, *st.Last)
	}
	return d, nil
}

func (s *Source) gone(ctx context.Context, to move.Sink) error {
	return s.each(ctx, record.KindGone, func(k, v []byte) error {
		g, err := record.DecodeGone(queue.ID(k[1:]), v)
		if err != nil {
			return err
		}
		return to.Gone(ctx, g)
	})
}

// secrets hands the learnt secrets over. Those of an endpoint are neighbours.
func (s *Source) secrets(ctx context.Context, to move.Sink) error {
	var of []record.Secret // one endpoint's
	flush := func() error {
		slices.SortFunc(of, func(a, b record.Secret) int {
			if a.At < b.At {
				return -1
			}
			return 1
		})
		for _, l := range of {
			if err := to.Secret(ctx, move.Secret{Endpoint: l.Endpoint, Secret: l.Secret}); err != nil {
				return err
			}
		}
		of = nil
		return nil
	}
	err := s.each(ctx, record.KindSecret, func(k, v []byte) error {
		l, err := record.DecodeSecret(k, v, s.seal)
		if err != nil {
			return fmt.Errorf("a secret that %s has learnt: %w", l.Endpoint, err)
		}
		if len(of) > 0 && of[0].Endpoint != l.Endpoint {
			if err := flush(); err != nil {
				return err
			}
		}
		of = append(of, l)
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

func (s *Source) paused(ctx context.Context, to move.Sink) error {
	return s.each(ctx, record.KindPaused, func(k, _ []byte) error {
		name, ok := s.destinations[record.Digest(k[1:])]
		if !ok {
			return errors.New("the name of a paused forward is lost")
		}
		return to.Paused(ctx, name)
	})
}
