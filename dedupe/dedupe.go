// Package dedupe answers: has this event been accepted before?
//
// Start with [Window.Do], which lets one of many simultaneous identical events
// through and makes the others wait for its outcome, and with [Rule.Keys],
// which says what makes two requests the same event.
//
// The package remembers nothing that matters. Its cache only ever says "seen",
// for what a durable store has confirmed; all else is the store's decision,
// taken in the commit that makes the event durable.
package dedupe

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/ristretto/v2"
)

// cacheEntries bounds the cache: about 16 MB. Duplicates come in bursts, soon
// after the first; those that come later are found in the store.
const cacheEntries = 1 << 17

// Window joins simultaneous twins and remembers, in bounded memory, what was
// recently confirmed as accepted.
type Window struct {
	cache *ristretto.Cache[uint64, entry]

	mu      sync.Mutex
	flights map[Key]*flight

	cached, joined atomic.Uint64
	waiting        atomic.Int64
}

// entry is a cached confirmation. The cache finds it by half of the key, so the
// whole key stands beside it.
type entry struct {
	key     Key
	expires time.Time
}

// flight is an acceptance under way. Its err may be read once done is closed.
type flight struct {
	done chan struct{}
	err  error
}

// ErrAborted is what accept returns, possibly wrapped, when it ended without an
// outcome that its twins could share, as when its own client went away. One of
// the twins then takes its place.
var ErrAborted = errors.New("aborted before there was an outcome")

// NewWindow returns an empty Window. Close releases its goroutine.
func NewWindow() (*Window, error) {
	cache, err := ristretto.NewCache(&ristretto.Config[uint64, entry]{
		NumCounters:        10 * cacheEntries,
		MaxCost:            cacheEntries,
		BufferItems:        64,
		IgnoreInternalCost: true,
	})
	if err != nil {
		return nil, err
	}
	return &Window{cache: cache, flights: make(map[Key]*flight)}, nil
}

// Close releases what the Window holds. It must not be used afterwards.
func (w *Window) Close() { w.cache.Close() }

// Do calls accept for the first of several simultaneous calls with one key and
// reports whether the event is a duplicate. The others wait for its outcome: if
// it succeeded they are duplicates, if it failed they share its error. For a key
// that was confirmed within the first half of its window, accept is not called at
// all. In the second half it is, because the store renews the windows of events
// that are repeated.
//
// accept itself reports a duplicate when the store knows the key. When it
// returns without an error, the key is in the store until now plus window.
func (w *Window) Do(ctx context.Context, key Key, now time.Time, window time.Duration,
	accept func() (duplicate bool, err error),
) (duplicate bool, err error) {
	if key == (Key{}) {
		return accept()
	}
	for {
		if w.confirmed(key, now) {
			w.cached.Add(1)
			return true, nil
		}
		f, first := w.board(key)
		if first {
			return w.lead(key, f, now.Add(window/2), accept)
		}
		if err := w.wait(ctx, f); err != nil {
			return false, err
		}
		if !errors.Is(f.err, ErrAborted) {
			w.joined.Add(1)
			return f.err == nil, f.err
		}
	}
}

// wait returns when the flight has landed, or with an error when ctx is done.
func (w *Window) wait(ctx context.Context, f *flight) error {
	w.waiting.Add(1)
	defer w.waiting.Add(-1)
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// board joins the flight for key, or starts one.
func (w *Window) board(key Key) (f *flight, first bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f, ok := w.flights[key]; ok {
		return f, false
	}
	f = &flight{done: make(chan struct{}), err: ErrAborted}
	w.flights[key] = f
	return f, true
}

// lead runs accept and lands the flight, also when accept panics. A confirmed
// key goes to the cache before the flight ends, so that a twin that comes too
// late for the one will usually find the other.
func (w *Window) lead(key Key, f *flight, expires time.Time, accept func() (bool, error)) (duplicate bool, err error) {
	defer func() {
		w.mu.Lock()
		delete(w.flights, key)
		w.mu.Unlock()
		close(f.done)
	}()
	duplicate, err = accept()
	f.err = err
	if err == nil && !duplicate {
		w.cache.Set(key.half(), entry{key, expires}, 1)
	}
	return duplicate, err
}

// confirmed tells whether the cache knows that key was accepted. False proves
// nothing: the cache drops entries as it sees fit.
func (w *Window) confirmed(key Key, now time.Time) bool {
	e, ok := w.cache.Get(key.half())
	return ok && e.key == key && now.Before(e.expires)
}

// Forget drops a key from the cache, once the store has forgotten it.
func (w *Window) Forget(key Key) { w.cache.Del(key.half()) }

// Waiting returns how many calls wait for a twin's outcome.
func (w *Window) Waiting() int64 { return w.waiting.Load() }

// Counts returns how many duplicates were recognised without asking the store:
// from the cache, and by waiting for a twin.
func (w *Window) Counts() (cached, joined uint64) {
	return w.cached.Load(), w.joined.Load()
}
