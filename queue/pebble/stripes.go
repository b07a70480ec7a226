package pebble

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/hookwicket/hookwicket/queue"
)

// stripeCount is far above the number of commits in flight, so that two strange
// keys seldom wait for each other. It is a power of two.
const stripeCount = 1 << 12

// stripes are locks over the dedupe keys. A key's stripe is held from the
// decision whether it is new until the outcome of its commit is known: Pebble
// lets readers see a batch before it is durable, and a twin must not be told
// "duplicate" of a message that a power failure may still take away.
//
// They are channels, since a mutex cannot be waited for with a context.
type stripes []chan struct{}

func newStripes() stripes {
	s := make(stripes, stripeCount)
	for i := range s {
		s[i] = make(chan struct{}, 1)
	}
	return s
}

func (s stripes) index(k queue.Key) uint64 {
	// The keys are digests, but need not be: a test's may differ in the last byte only.
	x := binary.LittleEndian.Uint64(k[:8]) ^ binary.LittleEndian.Uint64(k[8:])
	return x * 0x9e3779b97f4a7c15 >> 52
}

// held are the stripes of one acceptance.
type held [2]chan struct{}

// lock takes the stripes of both keys, of which either may be zero. It takes
// them in the order of their places, so that no two callers wait for each other.
func (s stripes) lock(ctx context.Context, a, b queue.Key) (h held, err error) {
	var zero queue.Key
	switch {
	case a == zero && b == zero:
	case b == zero:
		h[0] = s[s.index(a)]
	case a == zero:
		h[0] = s[s.index(b)]
	default:
		i, j := s.index(a), s.index(b)
		h[0] = s[min(i, j)]
		if i != j {
			h[1] = s[max(i, j)]
		}
	}
	for i, c := range h {
		if c == nil {
			continue
		}
		select {
		case c <- struct{}{}:
		default:
			select {
			case c <- struct{}{}:
			case <-ctx.Done():
				if i == 1 {
					<-h[0]
				}
				return held{}, context.Cause(ctx)
			}
		}
	}
	return h, nil
}

func (h held) unlock() {
	for _, c := range h {
		if c != nil {
			<-c
		}
	}
}

// lockAll takes the stripes of many keys, in the order of their places.
func (s stripes) lockAll(ctx context.Context, keys []queue.Key) (unlock func(), err error) {
	places := make([]uint64, len(keys))
	for i, k := range keys {
		places[i] = s.index(k)
	}
	slices.Sort(places)
	places = slices.Compact(places)
	taken := 0
	unlock = func() {
		for _, i := range places[:taken] {
			<-s[i]
		}
	}
	for _, i := range places {
		select {
		case s[i] <- struct{}{}:
			taken++
		case <-ctx.Done():
			unlock()
			return nil, context.Cause(ctx)
		}
	}
	return unlock, nil
}
