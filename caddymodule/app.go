// Package caddymodule is the gateway's Caddy face: the webhook_gateway app and
// HTTP handler, their Caddyfile, the provider and store modules, the metrics
// and the commands. It is the only package that knows Caddy.
//
// Start with [Handler], which is one endpoint, and with [App], which owns what
// all endpoints share and outlives them.
package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/queue"
)

func init() {
	caddy.RegisterModule(&App{})
}

// Limits that the gateway keeps.
const (
	defaultMaxBacklog  = 10 << 30         // bytes waiting on disk
	defaultMaxRetained = 1 << 30          // bytes of ended events
	defaultMaxInFlight = 256 << 20        // bytes of requests in memory, all together
	defaultMaxBody     = 10 << 20         // bytes of one body, unless the provider's row says otherwise
	defaultWindow      = 24 * time.Hour   // deduplication, unless the row says otherwise
	defaultFuture      = 5 * time.Minute  // clock skew granted to senders
	defaultPast        = 168 * time.Hour  // age of a signed time that only the endpoint describes
	untimedWindow      = 168 * time.Hour  // deduplication at the least, where no time limits a captured request
	acceptTimeout      = 5 * time.Second  // for the disk; then 503
	retryAfter         = 10 * time.Second // what a 503 asks the sender to wait at the least
	retryAfterMemory   = 2 * time.Second  // the same, where bodies in memory are the cause
	gracePeriod        = 10 * time.Second // for attempts in flight when the process exits
)

// App is what the endpoints of a configuration share: the store and its limits.
// It needs no configuration; an endpoint brings it along.
//
// Caddyfile (a global option; every line is optional):
//
//	{
//		webhook_gateway {
//			store pebble <folder>
//			max_backlog <size>
//			max_in_flight <size>
//			retention <age>|off [<size>]     # of ended events; default: 24h 1GiB
//			encrypt <key...>                 # what is kept; the first one seals
//			redact header|json <what...>     # from what people see
//			events <name...>|all|none        # that Caddy is told of
//			private_keys            # fetch providers' keys from private addresses, too
//		}
//	}
type App struct {
	// StoreRaw is where accepted events are kept. Default: the pebble store, in
	// the folder webhook_gateway of Caddy's data directory.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=webhook_gateway.stores inline_key=store"`

	// MaxBacklog limits the bytes of events that wait for delivery or lie as dead
	// letters. Beyond it senders get 503 with Retry-After. Default: 10 GiB.
	MaxBacklog int64 `json:"max_backlog,omitempty"`

	// MaxInFlight limits the bytes of requests in memory at once, of all endpoints
	// together: bodies, headers, and the copies that are made of them. Beyond it
	// senders get 503 with Retry-After; see room.go for how it is shared.
	// Default: 256 MiB.
	MaxInFlight int64 `json:"max_in_flight,omitempty"`

	// Retention says how long ended events are kept.
	Retention *Retention `json:"retention,omitempty"`

	// Encrypt are keys for what is kept: 32 bytes each, in base64 or hex, from
	// placeholders. The first one seals, all of them open. Default: bodies and headers
	// lie on the disk as they came.
	Encrypt []string `json:"encrypt,omitempty"`

	// Redact names what people do not get to see, of any endpoint.
	Redact *Redact `json:"redact,omitempty"`

	// Events are the names of what Caddy's events app is told, or all, or none.
	// Default: all but accepted.
	Events []string `json:"events,omitempty"`

	// PrivateKeys lets providers' keys be fetched from private addresses too, for
	// senders on the same network. Otherwise whoever controls a name could make the
	// gateway call its neighbours.
	PrivateKeys bool `json:"private_keys,omitempty"`

	logger  *zap.Logger
	metrics *metrics
	store   StoreModule

	forStore line    // those who wait for it to be opened
	repeats  repeats // of log lines that strangers cause
	settings StoreSettings
	events   map[string]bool

	ctx        caddy.Context
	subscribed *caddyevents.App
	telling    *teller

	mu        sync.Mutex
	endpoints map[string]*Handler
	running   *running
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "webhook_gateway", New: func() caddy.Module { return new(App) }}
}

// A StoreModule is a store that can be named in the configuration. It opens
// nothing when it is provisioned.
type StoreModule interface {
	// Location names what Open opens. Stores of one location are the same store,
	// which is handed from one configuration to the next.
	Location() string
	Open(logger *zap.Logger, settings StoreSettings) (queue.Store, error)
}

// StoreSettings are what a store keeps to, and with what.
type StoreSettings struct {
	MaxBacklog  int64         // bytes that wait or lie as dead letters
	MaxRetained int64         // bytes of ended events
	Retention   time.Duration // of destinations that Retain was not told of; negative: none
	Keys        [][]byte      // 32 bytes each; the first seals, all open
}

// Provision settles the defaults. It opens nothing, since `caddy validate` runs
// it beside a working gateway.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger, a.ctx = ctx.Logger(), ctx
	a.endpoints = make(map[string]*Handler)
	if a.MaxBacklog == 0 {
		a.MaxBacklog = defaultMaxBacklog
	}
	if a.MaxInFlight == 0 {
		a.MaxInFlight = defaultMaxInFlight
	}
	if a.MaxBacklog < 0 || a.MaxInFlight < 0 {
		return errors.New("max_backlog and max_in_flight cannot be negative")
	}
	if err := a.settleKeeping(); err != nil {
		return err
	}
	if a.StoreRaw == nil {
		a.StoreRaw = json.RawMessage(`{"store":"pebble"}`)
	}
	mod, err := ctx.LoadModule(a, "StoreRaw")
	if err != nil {
		return fmt.Errorf("loading the store: %w", err)
	}
	store, ok := mod.(StoreModule)
	if !ok {
		return fmt.Errorf("module %T cannot keep events: it is no webhook_gateway store", mod)
	}
	a.store = store
	a.metrics = registerMetrics(ctx.GetMetricsRegistry())
	return a.findEvents(ctx)
}

// register adds an endpoint and holds names unique. An identical endpoint on
// another server is the same endpoint with another listener, as when one site
// has an http and an https address.
func (a *App) register(h *Handler) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	first, taken := a.endpoints[h.Name]
	if !taken {
		a.endpoints[h.Name] = h
		return nil
	}
	if first.server != h.server && first.fingerprint == h.fingerprint {
		return nil
	}
	return fmt.Errorf("two endpoints are called %q: give one of them another `name`, "+
		"since deduplication, deliveries and metrics go by it", h.Name)
}

// Start opens the store, unless another configuration of this process has it
// open already, and begins to deliver what waits in it.
func (a *App) Start() error {
	if len(a.endpoints) == 0 {
		return nil
	}
	shared, err := a.openShared()
	if err != nil {
		return fmt.Errorf("opening the store: %w", err)
	}
	run := newRunning(shared, a.logger)
	run.settings = a.settings
	for _, h := range a.endpoints {
		run.retentions[h.Name] = h.retention() // of what matches no forward
		for _, f := range h.Forwards {
			run.retentions[f.destination] = h.retention()
		}
	}
	if err := run.settleStore(); err != nil {
		run.release()
		return fmt.Errorf("opening the store: %w", err)
	}
	for _, h := range a.endpoints {
		for _, f := range h.Forwards {
			run.deliver(f)
		}
	}
	shared.room.limit.Store(a.MaxInFlight)
	paceHeap(&shared.room)
	run.warnOfOrphans(a.endpoints)
	a.warnOfBehind()
	run.takeOver()
	a.mu.Lock()
	a.running = run
	a.mu.Unlock()
	a.startTelling()
	return nil
}

// Stop ends claiming. On a reload the attempts in flight finish in the
// background; when the process exits they get a grace period and are then
// released, so that the next process makes them again at once.
func (a *App) Stop() error {
	run := a.run()
	if run == nil {
		return nil
	}
	a.stopTelling()
	a.repeats.close()
	run.handBack()
	if caddy.Exiting() {
		run.stop(gracePeriod)
	} else {
		run.stopClaims() // before Stop returns; the rest may take its time
		go run.stop(run.longestAttempt())
	}
	return nil
}

// run returns what this configuration has started; nil: it is not running.
func (a *App) run() *running {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.running
}

// use returns the shared state for one request and what to call when the
// request is over. It also serves requests that come before Start, since apps
// start in no order, and after Stop, since a reload does not wait for requests.
func (a *App) use() (*shared, func(), error) {
	run := a.run()
	if run != nil && run.acquire() {
		return run.shared, run.release, nil
	}
	s, err := a.openShared()
	if err != nil {
		return nil, nil, err
	}
	return s, s.close, nil
}

var (
	_ caddy.Provisioner = (*App)(nil)
	_ caddy.App         = (*App)(nil)
)
