package dedupe

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newWindow(t *testing.T) *Window {
	t.Helper()
	w, err := NewWindow()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func isNew(*Turn) (bool, error) { return false, nil }

// TestTwins sends many identical events at once. The first ends only when all
// the others wait for it: then one was accepted, and the rest are duplicates.
func TestTwins(t *testing.T) {
	w := newWindow(t)
	const twins = 32
	var accepted, duplicates, waiting atomic.Int32
	finish := make(chan struct{})
	var group sync.WaitGroup
	for range twins {
		group.Go(func() {
			ctx := whenWaiting(func() {
				if waiting.Add(1) == twins-1 {
					close(finish)
				}
			})
			dup, err := w.Do(ctx, queue.Key{1}, noon, time.Hour, func(*Turn) (bool, error) {
				accepted.Add(1)
				<-finish
				return false, nil
			})
			if err != nil {
				t.Error(err)
			}
			if dup {
				duplicates.Add(1)
			}
		})
	}
	group.Wait()
	if accepted.Load() != 1 || duplicates.Load() != twins-1 {
		t.Fatalf("%d accepted and %d duplicates of %d", accepted.Load(), duplicates.Load(), twins)
	}
	if _, joined := w.Counts(); joined != twins-1 {
		t.Errorf("%d counted as twins, want %d", joined, twins-1)
	}
}

// TestTwinsShareFailure: no twin may be told that all is well when it is not.
func TestTwinsShareFailure(t *testing.T) {
	w := newWindow(t)
	full := errors.New("disk full")
	started, finish, joined := make(chan struct{}), make(chan struct{}), make(chan error)
	go w.Do(context.Background(), queue.Key{1}, noon, time.Hour, func(*Turn) (bool, error) {
		close(started)
		<-finish
		return false, full
	})
	<-started
	go func() {
		_, err := w.Do(whenWaiting(func() { close(finish) }), queue.Key{1}, noon, time.Hour, func(*Turn) (bool, error) {
			t.Error("a twin was accepted while the first was under way")
			return false, nil
		})
		joined <- err
	}()
	if err := <-joined; !errors.Is(err, full) {
		t.Fatalf("got %v, want %v", err, full)
	}
	if dup, err := w.Do(context.Background(), queue.Key{1}, noon, time.Hour, isNew); dup || err != nil {
		t.Fatalf("the failure took the key: %v, %v", dup, err)
	}
}

// whenWaiting returns a context that calls f once somebody waits with it, which
// is when it is asked for its Done channel.
func whenWaiting(f func()) context.Context {
	return &watched{Context: context.Background(), waiting: sync.OnceFunc(f)}
}

type watched struct {
	context.Context
	waiting func()
}

func (w *watched) Done() <-chan struct{} {
	w.waiting()
	return nil
}

// TestAbortedFirst: when the first ends without an outcome, by its own client's
// going away or by a panic, a twin takes its place.
func TestAbortedFirst(t *testing.T) {
	for name, abort := range map[string]func() (bool, error){
		"client gone": func() (bool, error) { return false, errors.Join(ErrAborted, context.Canceled) },
		"panic":       func() (bool, error) { panic("upstream cut the connection") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWindow(t)
			started, finish := make(chan struct{}), make(chan struct{})
			go func() {
				defer func() { recover() }()
				w.Do(context.Background(), queue.Key{1}, noon, time.Hour, func(*Turn) (bool, error) {
					close(started)
					<-finish
					return abort()
				})
			}()
			<-started
			took := false
			dup, err := w.Do(whenWaiting(func() { close(finish) }), queue.Key{1}, noon, time.Hour, func(*Turn) (bool, error) {
				took = true
				return false, nil
			})
			if dup || err != nil || !took {
				t.Fatalf("duplicate %v, error %v, took over %v", dup, err, took)
			}
		})
	}
}

func TestWaitingEndsWithContext(t *testing.T) {
	w := newWindow(t)
	started, finish := make(chan struct{}), make(chan struct{})
	defer close(finish)
	go w.Do(context.Background(), queue.Key{1}, noon, time.Hour, func(*Turn) (bool, error) {
		close(started)
		<-finish
		return false, nil
	})
	<-started
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.Do(ctx, queue.Key{1}, noon, time.Hour, isNew); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

// TestCache: a confirmed key is a duplicate without asking for half of its window,
// and a key that shares half its bits with it is not. In the second half the store
// is asked, so that it can renew the window.
func TestCache(t *testing.T) {
	w := newWindow(t)
	key, neighbour := queue.Key{1, 15: 1}, queue.Key{1, 15: 2}
	if dup, err := w.Do(context.Background(), key, noon, time.Hour, isNew); dup || err != nil {
		t.Fatal(dup, err)
	}
	w.cache.Wait()
	asked := func(k queue.Key, now time.Time) (asked bool) {
		if _, err := w.Do(context.Background(), k, now, 0, func(*Turn) (bool, error) { asked = true; return true, nil }); err != nil {
			t.Fatal(err)
		}
		return asked
	}
	if asked(key, noon.Add(29*time.Minute)) {
		t.Error("the store was asked for a key in the cache")
	}
	if !asked(key, noon.Add(30*time.Minute)) {
		t.Error("the cache answers in the second half of the window")
	}
	if !asked(neighbour, noon) {
		t.Error("half a key was taken for a whole one")
	}
	if cached, _ := w.Counts(); cached != 1 {
		t.Errorf("%d cache hits counted, want 1", cached)
	}
	w.Forget(key)
	if !asked(key, noon) {
		t.Error("the cache knows a key that it was told to forget")
	}
}

func TestNoKey(t *testing.T) {
	w := newWindow(t)
	for range 2 {
		if dup, err := w.Do(context.Background(), queue.Key{}, noon, time.Hour, isNew); dup || err != nil {
			t.Fatal("the zero key was remembered")
		}
	}
}

func TestKeys(t *testing.T) {
	signed := Evidence{Endpoint: "a", ID: "1", IDSigned: true, Content: []byte("x")}
	unsigned := Evidence{Endpoint: "a", ID: "1", Content: []byte("x")}
	with := func(e Evidence, change func(*Evidence)) Evidence { change(&e); return e }
	unique := Rule{UniqueContent: true}

	key, digest := Rule{}.Keys(signed)
	same := func(what string, r Rule, e Evidence, want bool) {
		t.Helper()
		if k, _ := r.Keys(e); (k == key) != want {
			t.Errorf("%s: same key %v, want %v", what, k == key, want)
		}
	}
	if key == (queue.Key{}) || digest != (queue.Key{}) {
		t.Fatal("a signed ID is all that counts")
	}
	same("other content", Rule{}, with(signed, func(e *Evidence) { e.Content = []byte("y") }), true)
	same("other ID", Rule{}, with(signed, func(e *Evidence) { e.ID = "2" }), false)
	same("other endpoint", Rule{}, with(signed, func(e *Evidence) { e.Endpoint = "b" }), false)
	same("moved boundary", Rule{}, with(signed, func(e *Evidence) { e.Endpoint, e.ID = "a1", "" }), false)

	if k, d := (Rule{SignedToo: true}).Keys(signed); k != key || d == (queue.Key{}) {
		t.Error("a signed ID stays the key, and the digest stands beside it")
	}

	key, digest = Rule{}.Keys(unsigned)
	if key == (queue.Key{}) || digest == (queue.Key{}) {
		t.Fatal("an unsigned ID is bound to the content, whose digest is kept beside it")
	}
	same("unsigned, other content", Rule{}, with(unsigned, func(e *Evidence) { e.Content = []byte("y") }), false)
	same("unsigned, other ID", Rule{}, with(unsigned, func(e *Evidence) { e.ID = "2" }), false)
	if k, _ := unique.Keys(with(unsigned, func(e *Evidence) { e.ID = "" })); k != digest {
		t.Error("unique content without an ID has to be known again under an ID")
	}
	if k, d := (Rule{}).Keys(with(unsigned, func(e *Evidence) { e.ID = "" })); k != (queue.Key{}) || d != (queue.Key{}) {
		t.Error("there is nothing to go by, and yet there is a key")
	}
	if k, _ := (Rule{DigestOnly: true}).Keys(signed); k != digest {
		t.Error("the rule is to go by content alone")
	}
}

func BenchmarkDo(b *testing.B) {
	w, err := NewWindow()
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	ctx := context.Background()
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		var k queue.Key
		for i := 0; b.Loop(); i++ {
			k[0], k[1], k[2], k[3], k[4] = 1, byte(i), byte(i>>8), byte(i>>16), byte(i>>24)
			w.Do(ctx, k, noon, time.Hour, isNew)
		}
	})
	b.Run("duplicate", func(b *testing.B) {
		b.ReportAllocs()
		w.Do(ctx, queue.Key{9}, noon, time.Hour, isNew)
		w.cache.Wait()
		for b.Loop() {
			w.Do(ctx, queue.Key{9}, noon, time.Hour, isNew)
		}
	})
	b.Run("keys", func(b *testing.B) {
		b.ReportAllocs()
		e := Evidence{Endpoint: "github", ID: "72d3162e-cc78-11e3-81ab-4c9367dc0958", Content: make([]byte, 1536)}
		for b.Loop() {
			Rule{}.Keys(e)
		}
	})
}

// TestExtended: a caller whose turn is extended does not wait, and its twins do.
func TestExtended(t *testing.T) {
	w := newWindow(t)
	var end func()
	if dup, err := w.Do(context.Background(), queue.Key{1}, noon, time.Hour, func(turn *Turn) (bool, error) {
		end = turn.Extend()
		return false, nil
	}); dup || err != nil {
		t.Fatal(dup, err)
	}
	answered := make(chan bool, 1)
	landed := false
	_, err := w.Do(whenWaiting(func() { landed = true; end() }), queue.Key{1}, noon, time.Hour, func(*Turn) (bool, error) {
		answered <- true
		return false, nil
	})
	if err != nil || !landed || len(answered) > 0 {
		t.Errorf("%v; waited: %v; accepted again: %v", err, landed, len(answered) > 0)
	}

	// A turn that ends while accept runs, and one without a key, change nothing.
	for _, key := range []queue.Key{{2}, {}} {
		if dup, err := w.Do(context.Background(), key, noon, time.Hour, func(turn *Turn) (bool, error) {
			turn.Extend()()
			return false, nil
		}); dup || err != nil {
			t.Error(dup, err)
		}
	}
}
