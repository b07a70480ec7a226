package caddymodule

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/dedupe"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/refused"
)

// stores has the state that outlives reloads, by the stores' location and opening.
var stores = caddy.NewUsagePool()

// handover is held while a store is opened or closed. The pool removes a store before
// it is closed; without the lock, opening it again at that moment would fail.
var handover sync.Mutex

// shared is the state that outlives a configuration: the open store, the dedupe window,
// the memory of requests, the learnt secrets and the refused requests. Requests of different configurations
// use it at the same time.
type shared struct {
	location      string
	key           string // in stores
	store         queue.Store
	window        *dedupe.Window
	attempts      *queue.Limit // of attempts in flight, all endpoints together
	room          room         // memory of requests
	forDisk       line         // requests that wait for room in the store
	learnt        learnt
	refused       *refused.Ring           // refused requests, for people
	looking       chan struct{}           // has one place, for whoever judges refused requests again
	marks         chan struct{}           // one for each of marksUnderWay; full at maxMarks
	marksUnderWay sync.WaitGroup          // of keys whose senders have the answer already
	latest        atomic.Pointer[running] // the active configuration
	closed        chan struct{}           // closed with the store; nil: no other gateway shares it
	vitals        vitals                  // of the store, for health checks

	settling sync.Mutex // guards the store's settings and the change of latest
}

// openShared returns the state for this app's store with a reference, which close gives
// back. It opens the store unless it is open in this process already.
func (a *App) openShared() (*shared, error) {
	key := a.store.Location()
	if r, ok := a.store.(Reopener); ok {
		key += " " + r.Opening()
	}
	handover.Lock()
	defer handover.Unlock()
	v, _, err := stores.LoadOrNew(key, func() (caddy.Destructor, error) {
		return newShared(a.store, key, a.settings, a.logger)
	})
	if err != nil {
		return nil, err
	}
	return v.(*shared), nil
}

func newShared(module StoreModule, key string, settings queue.Settings, logger *zap.Logger) (*shared, error) {
	store, err := module.Open(logger, settings)
	if err != nil {
		return nil, err
	}
	window, err := dedupe.NewWindow()
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	s := &shared{
		location: module.Location(), key: key, store: store, window: window,
		refused: refused.New(refused.Settings{Off: true}), looking: make(chan struct{}, 1),
		attempts: queue.NewLimit(queue.DefaultShared), marks: make(chan struct{}, maxMarks),
	}
	if c, ok := store.(queue.Clustered); ok {
		s.closed = make(chan struct{})
		c.AttemptFor(s.attemptFor)
		go s.relay(c, s.closed)
	}
	openStores.Store(s, struct{}{})
	s.ailment(time.Now()) // the first reading, which later ones fall back on
	return s, nil
}

// close gives back a reference of openShared. The last one closes the store.
func (s *shared) close() {
	handover.Lock()
	defer handover.Unlock()
	if _, err := stores.Delete(s.key); err != nil {
		caddy.Log().Named("webhook_gateway").Error("closing the store", zap.String("error", err.Error()))
	}
}

// Destruct is called by the pool when the last reference is gone.
func (s *shared) Destruct() error {
	if s.closed != nil {
		close(s.closed)
	}
	openStores.Delete(s)
	unpaceHeap(&s.room)
	s.marksUnderWay.Wait()
	s.window.Close()
	s.refused.Close()
	return s.store.Close()
}

// running is a started configuration. It has one reference to the shared state, which
// it holds as long as a request or an attempt needs it, and the delivering workers.
type running struct {
	shared   *shared
	logger   *zap.Logger
	users    atomic.Int64 // references, one of them the configuration's own; at 0 the shared one is given back
	exiting  atomic.Bool  // later webhooks do not delay the exit
	leave    func()       // gives back a reference
	answered func()       // gives back a webhook's reference

	settings      queue.Settings
	configuration queue.Configuration // for the other nodes of a cluster
	refused       refused.Settings
	refusedDir    string                              // where a configuration with disk keeps them
	retentions    map[queue.Destination]time.Duration // by destination
	before        *running                            // the configuration that was active before; guarded by shared.settling

	delivering map[queue.Destination]*queue.Worker // by destination; not changed after Start, as is forwards
	forwards   map[queue.Destination]*Forward
	workers    sync.WaitGroup
	claiming   context.Context
	attempting context.Context
	stopClaims context.CancelFunc
	cutOff     context.CancelFunc
}

// newRunning does not derive its contexts from Caddy's: their cancellation has a
// cause, which reverse_proxy would report as a fault of the upstream.
func newRunning(s *shared, logger *zap.Logger) *running {
	r := &running{shared: s, logger: logger, delivering: make(map[queue.Destination]*queue.Worker), forwards: make(map[queue.Destination]*Forward), retentions: make(map[queue.Destination]time.Duration)}
	r.users.Store(reference)
	r.leave = func() { r.release(reference) }
	r.answered = func() { r.release(webhook) }
	r.claiming, r.stopClaims = context.WithCancel(context.Background())
	r.attempting, r.cutOff = context.WithCancel(withAddress(context.Background()))
	return r
}

// deliver runs a forward's worker until stop.
func (r *running) deliver(f *Forward) {
	w := f.worker(r.shared)
	if before := r.shared.latest.Load(); before != nil && before.delivering[f.destination] != nil {
		w.Follow(before.delivering[f.destination])
	}
	r.delivering[f.destination], r.forwards[f.destination] = w, f
	r.workers.Go(func() { w.Run(r.claiming, r.attempting) })
}

// longestAttempt returns how long a running attempt may still take.
func (r *running) longestAttempt() time.Duration {
	longest := queue.DefaultTimeout
	for _, w := range r.delivering {
		longest = max(longest, w.Policy.Timeout)
	}
	return longest
}

// end ends claiming at once and waits for the running attempts. After grace it cuts
// them off and releases their deliveries.
func (r *running) end(grace time.Duration) {
	r.stopClaims()
	timer := time.AfterFunc(grace, r.cutOff)
	r.workers.Wait()
	timer.Stop()
	r.cutOff()
}

// What users counts. The upper half counts the webhooks that an exit waits for. Streams of
// the admin API hold a reference for hours.
const (
	reference = 1
	webhook   = 1<<32 | reference
)

// answering reports whether webhooks from before the exit are not answered yet.
func (r *running) answering() bool { return r.users.Load() >= 1<<32 }

// enter takes a reference for a webhook and returns the function that gives it back. It
// fails once the last reference is gone.
func (r *running) enter() (leave func(), ok bool) {
	if r.exiting.Load() {
		return r.leave, r.acquire(reference)
	}
	return r.answered, r.acquire(webhook)
}

// acquire takes a reference; it fails once the last is gone.
func (r *running) acquire(kind int64) bool {
	for {
		n := r.users.Load()
		if n == 0 {
			return false
		}
		if r.users.CompareAndSwap(n, n+kind) {
			return true
		}
	}
}

func (r *running) release(kind int64) {
	if r.users.Add(-kind) == 0 {
		r.shared.close()
	}
}
