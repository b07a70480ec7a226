// Package dedupe answers: has this event been accepted before?
//
// Start with [Window.Do], which lets one of many simultaneous identical events
// through and makes the others wait for its outcome, and with [Rule.Keys],
// which makes the key by which two requests are the same event.
//
// The package is not the memory of events: that is the store, which decides in the
// commit that makes an event durable. The cache here only says "seen", and only of keys
// that the store has confirmed.
package dedupe

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/ristretto/v2"
	"github.com/hookwicket/hookwicket/queue"
)

// cacheEntries bounds the cache: about 16 MB. Most duplicates come soon after the first.
// Later ones are found in the store.
const cacheEntries = 1 << 17

// Window joins simultaneous twins and caches the keys of recently accepted events, in
// bounded memory.
type Window struct {
	cache *ristretto.Cache[uint64, entry]

	mu    sync.Mutex
	turns map[queue.Key]*Turn // acceptances under way

	cached, joined atomic.Uint64
	waiting        atomic.Int64
}

// entry is a cached key. The cache finds it by half of the key, so the entry has the
// whole.
type entry struct {
	key     queue.Key
	expires time.Time
}

// Turn is the acceptance of the first of several simultaneous twins. A nil Turn is one
// without a key, and without twins.
type Turn struct {
	window  *Window
	key     queue.Key
	expires time.Time     // of the key in the cache
	holds   atomic.Int32  // accept, and the calls of Extend that have not ended
	done    chan struct{} // closed at the end; made by the first twin, under the lock of window

	// Set before the end, and read after it.
	isNew bool
	err   error
}

// Extend keeps the twins waiting until end is called, even if accept returns before.
// The caller of Do does not wait. accept must call Extend before it returns, and end
// must be called once.
func (t *Turn) Extend() (end func()) {
	if t == nil {
		return func() {}
	}
	t.holds.Add(1)
	return t.end
}

func (t *Turn) end() {
	if t.holds.Add(-1) == 0 {
		t.land()
	}
}

// land ends the turn. A confirmed key goes to the cache before. A twin that comes too late
// for the turn therefore usually finds the key there.
func (t *Turn) land() {
	w := t.window
	if t.isNew {
		w.cache.Set(half(t.key), entry{t.key, t.expires}, 1)
	}
	w.mu.Lock()
	delete(w.turns, t.key)
	done := t.done
	w.mu.Unlock()
	if done != nil {
		close(done)
	}
}

// ErrAborted, possibly wrapped, is the error of an accept whose outcome its twins cannot
// share, for example because its own client went away. One of the twins then takes its
// place.
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
	return &Window{cache: cache, turns: make(map[queue.Key]*Turn)}, nil
}

// Close ends the cache. The Window must not be used afterwards.
func (w *Window) Close() { w.cache.Close() }

// Do calls accept for the first of several simultaneous calls with one key and
// reports whether the event is a duplicate. The others wait for its outcome. If it
// succeeded they are duplicates; if it failed they share its error.
//
// accept is not called for a key that was confirmed within the first half of its window.
// In the second half it is, because the store renews the windows of repeated events.
//
// accept itself reports a duplicate when the store knows the key. When it has
// returned without an error and its turn has ended, the key is in the store until now
// plus window.
func (w *Window) Do(ctx context.Context, key queue.Key, now time.Time, window time.Duration,
	accept func(*Turn) (duplicate bool, err error),
) (duplicate bool, err error) {
	if key == (queue.Key{}) {
		return accept(nil)
	}
	for {
		if w.confirmed(key, now) {
			w.cached.Add(1)
			return true, nil
		}
		t, done := w.join(key)
		if done == nil {
			t.expires = now.Add(window / 2)
			return t.lead(accept)
		}
		if err := w.wait(ctx, done); err != nil {
			return false, err
		}
		if !errors.Is(t.err, ErrAborted) {
			w.joined.Add(1)
			return t.err == nil, t.err
		}
	}
}

// wait returns when a turn has ended, or with an error when ctx is done.
func (w *Window) wait(ctx context.Context, done <-chan struct{}) error {
	w.waiting.Add(1)
	defer w.waiting.Add(-1)
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// join returns the turn of key and a channel that is closed at its end. Without a turn
// under way it begins one, and there is no channel.
func (w *Window) join(key queue.Key) (*Turn, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t, ok := w.turns[key]; ok {
		if t.done == nil {
			t.done = make(chan struct{})
		}
		return t, t.done
	}
	t := &Turn{window: w, key: key, err: ErrAborted}
	t.holds.Store(1)
	w.turns[key] = t
	return t, nil
}

// lead runs accept and gives up its hold on the turn, also when accept panics.
func (t *Turn) lead(accept func(*Turn) (bool, error)) (duplicate bool, err error) {
	defer t.end()
	duplicate, err = accept(t)
	t.err, t.isNew = err, err == nil && !duplicate
	return duplicate, err
}

// confirmed reports whether the cache has the key. False proves nothing: the cache may
// drop any entry at any time.
func (w *Window) confirmed(key queue.Key, now time.Time) bool {
	e, ok := w.cache.Get(half(key))
	return ok && e.key == key && now.Before(e.expires)
}

// Forget removes a key from the cache. Call it after the store has removed the key.
func (w *Window) Forget(key queue.Key) { w.cache.Del(half(key)) }

// Waiting returns how many calls wait for a twin's outcome.
func (w *Window) Waiting() int64 { return w.waiting.Load() }

// Counts returns how many duplicates were recognised without asking the store:
// from the cache, and by waiting for a twin.
func (w *Window) Counts() (cached, joined uint64) {
	return w.cached.Load(), w.joined.Load()
}
