package moving

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/move"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/window"
)

// countKeys counts the keys that Copy hands over.
func (s *Source) countKeys() error {
	s.counts.Keys = 0
	return s.eachKey(context.Background(), func(move.Key) error { s.counts.Keys++; return nil })
}

func (s *Source) keys(ctx context.Context, to move.Sink) error {
	return s.eachKey(ctx, func(k move.Key) error { return to.Key(ctx, k) })
}

// eachKey calls f for each dedupe key that has not expired, in the order of the keys. A key that
// was renewed is in several buckets, and the latest expiry counts. So the buckets, each sorted,
// are merged.
func (s *Source) eachKey(ctx context.Context, f func(move.Key) error) (err error) {
	var h bucketHeap
	var all []*pebble.Iterator
	defer func() {
		for _, iter := range all {
			err = errors.Join(err, iter.Close())
		}
	}()
	now := window.Nanos(s.options.Now)
	ends, err := s.buckets(now)
	if err != nil {
		return err
	}
	for _, end := range ends {
		var lower, upper record.KeyBuffer
		o := &pebble.IterOptions{LowerBound: record.BucketKey(&lower, end), UpperBound: []byte{record.KindKey + 1}}
		if end < math.MaxInt64 {
			o.UpperBound = record.BucketKey(&upper, end+1)
		}
		iter, err := s.db.NewIter(o)
		if err != nil {
			return err
		}
		all = append(all, iter)
		if x := (&bucketReader{iter: iter}); iter.First() {
			if err := x.read(); err != nil {
				return err
			}
			h = append(h, x)
		} else if err := iter.Error(); err != nil {
			return err
		}
	}
	heap.Init(&h)
	for len(h) > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		key := move.Key{Key: h[0].key}
		for len(h) > 0 && h[0].key == key.Key {
			key.Expires = max(key.Expires, h[0].expires)
			more, err := h[0].next()
			switch {
			case err != nil:
				return err
			case more:
				heap.Fix(&h, 0)
			default:
				heap.Pop(&h)
			}
		}
		if key.Expires <= now {
			continue
		}
		if err := f(key); err != nil {
			return err
		}
	}
	return nil
}

// buckets returns the ends of the buckets that can have keys which have not expired.
func (s *Source) buckets(now int64) (ends []int64, err error) {
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{record.KindKey}, UpperBound: []byte{record.KindKey + 1}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	var b record.KeyBuffer
	for ok := iter.SeekGE(record.BucketKey(&b, now)); ok; {
		end, _, err := record.SplitDedupe(iter.Key())
		if err != nil {
			return nil, err
		}
		ends = append(ends, end)
		if end == math.MaxInt64 {
			break
		}
		ok = iter.SeekGE(record.BucketKey(&b, end+1))
	}
	return ends, iter.Error()
}

// bucketReader reads the keys of one bucket.
type bucketReader struct {
	iter    *pebble.Iterator
	key     queue.Key
	expires int64
}

func (x *bucketReader) next() (bool, error) {
	if !x.iter.Next() {
		return false, x.iter.Error()
	}
	return true, x.read()
}

func (x *bucketReader) read() error {
	_, key, err := record.SplitDedupe(x.iter.Key())
	if err != nil {
		return err
	}
	v, err := x.iter.ValueAndErr()
	if err != nil {
		return err
	}
	x.key = key
	x.expires, err = record.DecodeExpiry(v)
	return err
}

// bucketHeap sorts buckets by their next key.
type bucketHeap []*bucketReader

func (h bucketHeap) Len() int { return len(h) }

func (h bucketHeap) Less(i, j int) bool { return bytes.Compare(h[i].key[:], h[j].key[:]) < 0 }

func (h bucketHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *bucketHeap) Push(x any) { *h = append(*h, x.(*bucketReader)) }

func (h *bucketHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
