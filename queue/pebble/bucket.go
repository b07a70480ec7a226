package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/engine"
	"github.com/hookwicket/hookwicket/queue/pebble/folder"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/window"
)

// buckets are the groups of dedupe keys by expiry; see [record.BucketOf]. A bucket that is
// over is deleted as one range, so a key needs no second record for its expiry and no
// deletion of its own. The keys of one time are neighbours on disk, too, and a
// compaction leaves the older ones alone.
type buckets struct {
	all     atomic.Pointer[[]*bucket] // the latest end first; never changed in place
	counted atomic.Bool               // the counts include the keys that were on disk at the start
	mu      sync.Mutex                // one change of all at a time
}

type bucket struct {
	end  int64        // no key in it expires later
	keys atomic.Int64 // those on disk at the start only once counted
}

func (b *buckets) list() []*bucket {
	if all := b.all.Load(); all != nil {
		return *all
	}
	return nil
}

// live returns the buckets that can have keys which have not expired, the latest first.
func (b *buckets) live(now int64) []*bucket {
	all := b.list()
	return all[:firstOver(all, now)]
}

// over returns the buckets whose keys have all expired.
func (b *buckets) over(now int64) []*bucket {
	all := b.list()
	return all[firstOver(all, now):]
}

func firstOver(all []*bucket, now int64) int {
	return sort.Search(len(all), func(i int) bool { return all[i].end <= now })
}

// find returns the bucket with this end; nil: there is none.
func (b *buckets) find(end int64) *bucket {
	all := b.list()
	if i := firstOver(all, end); i < len(all) && all[i].end == end {
		return all[i]
	}
	return nil
}

// add returns the bucket with this end. It must be called before a key of the bucket can
// be read, since a bucket that is not listed is not searched.
func (b *buckets) add(end int64) *bucket {
	if known := b.find(end); known != nil {
		return known
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.find(end); known != nil {
		return known
	}
	added := &bucket{end: end}
	all := b.list()
	all = slices.Insert(slices.Clone(all), firstOver(all, end), added)
	b.all.Store(&all)
	return added
}

func (b *buckets) remove(gone []*bucket) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(b.list()), func(x *bucket) bool { return slices.Contains(gone, x) })
	b.all.Store(&all)
}

func (b *buckets) keys() (n int64) {
	for _, x := range b.list() {
		n += x.keys.Load()
	}
	return n
}

// expiryOf looks up a dedupe key that has not expired. It begins with the latest bucket,
// since most duplicates come soon. Unlike Get, an iterator uses the bloom filters of the
// last level too, which contains most of ten million keys.
//
// The error is damage only if no readable bucket has the key.
func (s *Store) expiryOf(db *engine.Database, key queue.Key, now int64) (expiry int64, found bool, err error) {
	iter, err := db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return 0, false, err
	}
	var damage error
	var k record.KeyBuffer
	for _, b := range s.buckets.live(now) {
		if iter.SeekPrefixGE(record.DedupeKey(&k, b.end, key)) {
			expiry, err = record.DecodeExpiry(iter.Value())
			if err == nil && expiry > now {
				return expiry, true, iter.Close()
			}
		} else {
			err = iter.Error()
		}
		if isDamage(err) {
			damage, err = err, nil
		}
		if err != nil {
			break
		}
	}
	if closeErr := iter.Close(); !isDamage(closeErr) {
		err = errors.Join(err, closeErr)
	}
	if err == nil {
		err = damage
	}
	return 0, false, err
}

// loadBuckets lists the buckets on disk. It reads one key of each.
func (s *Store) loadBuckets(db *engine.Database) (err error) {
	iter, err := allKeys(db)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := iter.Close(); !isDamage(closeErr) {
			err = errors.Join(err, closeErr)
		}
	}()
	var buf record.KeyBuffer
	for from := []byte{record.KindKey}; from != nil; {
		if !iter.SeekGE(from) {
			if !isDamage(iter.Error()) {
				return iter.Error()
			}
			// The key behind the hole is of another bucket, or of one that is known.
			if from, err = folder.Pass(db, from, []byte{record.KindKey + 1}, false); err != nil {
				return err
			}
			continue
		}
		end, _, err := record.SplitDedupe(iter.Key())
		if err != nil {
			from = append(slices.Clone(iter.Key()), 0)
			continue
		}
		if end == math.MaxInt64 {
			s.buckets.add(end)
			return nil
		}
		s.buckets.add(end)
		from = record.BucketKey(&buf, end+1)
	}
	return nil
}

// countKeys prepares the count of the keys on disk and returns the function that runs it.
// Ten million keys take some seconds, in the background. The iterator reads the state
// before the first write, and later writes are counted where they are made.
func (s *Store) countKeys(db *engine.Database) (count func(), err error) {
	if s.buckets.counted.Load() || !db.Use() {
		return func() {}, nil
	}
	for _, b := range s.buckets.list() {
		b.keys.Store(0)
	}
	iter, err := allKeys(db)
	if err != nil {
		db.Leave()
		return func() {}, err
	}
	return func() {
		defer db.Leave()
		found := make(map[int64]int64)
		complete := s.eachKey(db, iter, func(end int64, _ queue.Key) bool { found[end]++; return true })
		if err := iter.Close(); err == nil && complete {
			for end, n := range found {
				if b := s.buckets.find(end); b != nil {
					b.keys.Add(n)
				}
			}
			s.buckets.counted.Store(true)
		}
	}, nil
}

// loadFilter makes the filter anew, in the background: at the start, and when it
// has got crowded, with room for more keys or without those that have expired.
func (s *Store) loadFilter() {
	db, err := s.enter()
	if err != nil {
		return // the next key asks again
	}
	go func() {
		defer db.Leave()
		s.filter.load(func(add func(queue.Key) bool) bool {
			iter, err := allKeys(db) // now: add covers all keys that are recorded later
			if err != nil {
				return false
			}
			complete := s.eachKey(db, iter, func(_ int64, key queue.Key) bool { return add(key) })
			return iter.Close() == nil && complete
		})
	}()
}

func allKeys(db *engine.Database) (*pebble.Iterator, error) {
	return db.NewIter(&pebble.IterOptions{LowerBound: []byte{record.KindKey}, UpperBound: []byte{record.KindKey + 1}})
}

// eachKey calls f for every recorded key until it returns false, and reports
// whether it has seen them all.
func (s *Store) eachKey(db *engine.Database, iter *pebble.Iterator, f func(end int64, key queue.Key) bool) bool {
	n := 0
	for ok := iter.First(); ok; ok = iter.Next() {
		if n++; n%4096 == 0 && s.interrupted(db) {
			return false
		}
		end, key, err := record.SplitDedupe(iter.Key())
		if err != nil || !f(end, key) {
			return false
		}
	}
	return iter.Error() == nil && !s.interrupted(db)
}

// sweepKeys deletes the buckets whose keys have all expired, and returns the number of
// their keys. It locks nothing: a key that is recorded meanwhile expires later, so it is
// in another bucket.
func (s *Store) sweepKeys(ctx context.Context) (int, error) {
	now := window.Nanos(s.now())
	// Keys that are recorded from here on lower it again.
	s.sweeper.next.Store(math.MaxInt64)
	over := s.buckets.over(now)
	n, err := s.dropBuckets(ctx, over)
	if err != nil {
		s.sweeper.recorded(now)
		return 0, err
	}
	if left := s.buckets.list(); len(left) > 0 {
		s.sweeper.recorded(left[len(left)-1].end)
	}
	return n, nil
}

func (s *Store) dropBuckets(ctx context.Context, over []*bucket) (int, error) {
	if len(over) == 0 {
		return 0, nil
	}
	db, err := s.enter()
	if err != nil {
		return 0, err
	}
	batch := db.NewBatch()
	var k record.KeyBuffer
	if err := batch.DeleteRange([]byte{record.KindKey}, record.BucketKey(&k, over[0].end+1), nil); err != nil {
		db.Leave()
		return 0, unavailable(err)
	}
	n := int64(0)
	err = db.Commit(ctx, batch, false, func(err error) {
		if err != nil {
			return
		}
		for _, b := range over {
			n += b.keys.Load()
		}
		s.buckets.remove(over)
	})
	if err != nil {
		return 0, err
	}
	return int(n), nil
}

// ForgetKey implements [queue.Inspector].
func (s *Store) ForgetKey(ctx context.Context, key queue.Key) (bool, error) {
	if s.engine.Full() {
		return false, unavailable(engine.ErrDiskFull)
	}
	held, err := s.locks.lock(ctx, key, queue.Key{})
	if err != nil {
		return false, unavailable(err)
	}
	db, err := s.enter()
	if err != nil {
		held.unlock()
		return false, err
	}
	now := window.Nanos(s.now())
	_, found, err := s.expiryOf(db, key, now)
	if err == nil && !found && db.HasFailed() {
		err = engine.ErrGivenUp // the missing key need not be durable
	}
	if err != nil || !found {
		held.unlock()
		db.Leave()
		if err != nil {
			err = unavailable(err)
		}
		return false, err
	}
	batch := db.NewBatch()
	in, err := s.deleteKey(db, batch, key)
	if err != nil {
		held.unlock()
		db.Leave()
		return false, unavailable(err)
	}
	err = db.Commit(ctx, batch, true, func(err error) {
		if err == nil {
			for _, b := range in {
				b.keys.Add(-1)
			}
		}
		held.unlock()
	})
	return err == nil, err
}

// deleteKey deletes a key from all buckets and returns those that had it: a renewed key is
// in several.
func (s *Store) deleteKey(db *engine.Database, batch *pebble.Batch, key queue.Key) (in []*bucket, err error) {
	for _, b := range s.buckets.list() {
		var k record.KeyBuffer
		_, closer, err := db.Get(record.DedupeKey(&k, b.end, key))
		if errors.Is(err, pebble.ErrNotFound) {
			continue
		}
		if err == nil {
			in = append(in, b)
			err = closer.Close()
		}
		if err != nil && !isDamage(err) {
			return nil, err
		}
		if err := batch.Delete(record.DedupeKey(&k, b.end, key), nil); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// dedupe adds the dedupe keys of an event that was received at now to the batch.
func (w *write) dedupe(now time.Time) error {
	expiry := window.Nanos(now.Add(w.id.Window))
	for _, key := range [...]queue.Key{w.id.Key, w.id.Digest} {
		if key == (queue.Key{}) {
			continue
		}
		if w.bucket == nil {
			w.bucket = w.store.buckets.add(record.BucketOf(expiry, w.id.Window))
		}
		var k record.KeyBuffer
		var v [8]byte
		if err := w.batch.Set(record.DedupeKey(&k, w.bucket.end, key), binary.BigEndian.AppendUint64(v[:0], uint64(expiry)), nil); err != nil {
			return err
		}
		w.keys++
	}
	return nil
}
