package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/refused"
)

func init() {
	caddy.RegisterModule(&App{})
}

// Default limits.
const (
	defaultMaxInFlight = 256 << 20        // bytes of requests in memory, all together
	defaultMaxBody     = 10 << 20         // bytes of one body, unless the provider's row says otherwise
	defaultWindow      = 24 * time.Hour   // deduplication, unless the row says otherwise
	defaultFuture      = 5 * time.Minute  // clock skew granted to senders
	defaultPast        = 168 * time.Hour  // age of a signed time that only the endpoint describes
	untimedWindow      = 168 * time.Hour  // least deduplication if requests have no limited time
	acceptTimeout      = 5 * time.Second  // for the disk; then 503
	retryAfter         = 10 * time.Second // least Retry-After of a 503
	retryAfterMemory   = 2 * time.Second  // the same, where bodies in memory are the cause
	defaultListeners   = 16
	mostListeners      = 1024
)

// App has the store and the limits that the endpoints of a configuration share. It
// needs no configuration: an endpoint loads it.
//
// Caddyfile (a global option; every line is optional):
//
//	{
//		webhook_gateway {
//			store pebble <folder>
//			max_backlog <size>
//			max_in_flight <size>
//			retention <age>|off [<size>]     # of ended events; default: 24h 1GiB
//			encrypt <key...>                 # the store; the first key seals
//			redact header|json <name...>     # hide values from people
//			refused <size> [<age> [disk]]|off  # refused requests, kept for people; default: 8MiB 168h
//			events <name...>|all|none        # to emit to Caddy's events app
//			max_listeners <n>                # of `caddy webhook listen`; default: 16
//			private_keys            # fetch providers' keys from private addresses, too
//		}
//	}
type App struct {
	// StoreRaw is the store of accepted events. Default: the pebble store, in the
	// folder webhook_gateway of Caddy's data directory.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=webhook_gateway.stores inline_key=store"`

	// MaxBacklog limits the bytes of the backlog, dead letters included. Beyond it
	// senders get 503 with Retry-After. Default: 10 GiB.
	MaxBacklog int64 `json:"max_backlog,omitempty"`

	// MaxInFlight limits the bytes of requests in memory at once, of all endpoints
	// together: bodies, headers and their copies. Beyond it senders get 503 with
	// Retry-After. room.go says how it is shared. Default: 256 MiB.
	MaxInFlight int64 `json:"max_in_flight,omitempty"`

	// Retention says how long ended events are kept.
	Retention *Retention `json:"retention,omitempty"`

	// Encrypt has keys for the store: 32 bytes each, in base64 or hex, from
	// placeholders. The first one seals; each of them opens. Default: bodies and
	// headers are on the disk in plain text.
	Encrypt []string `json:"encrypt,omitempty"`

	// Redact names values of all endpoints to hide from people.
	Redact *Redact `json:"redact,omitempty"`

	// Refused says how refused requests are kept for people. Default: in 8 MiB of memory.
	Refused *Refused `json:"refused,omitempty"`

	// Events are the names of the events to emit to Caddy's events app, or all, or
	// none. Default: all but accepted.
	Events []string `json:"events,omitempty"`

	// MaxListeners limits how many programs listen to events at once, such as `caddy
	// webhook listen`, from 1 to 1,024. Each may take 10 MiB/s. Default: 16.
	MaxListeners int `json:"max_listeners,omitempty"`

	// PrivateKeys allows the gateway to fetch providers' keys from private addresses, for
	// senders on the same network. Without it, the owner of a host name cannot make the
	// gateway call its neighbours.
	PrivateKeys bool `json:"private_keys,omitempty"`

	logger  *zap.Logger
	metrics *metrics
	store   StoreModule

	forStore line    // requests that wait until the store is open
	repeats  repeats // of log lines that strangers cause
	settings queue.Settings
	keeping  refused.Settings
	events   map[string]bool

	ctx        caddy.Context
	subscribed *caddyevents.App
	telling    *teller

	mu         sync.Mutex
	endpoints  map[string]*Handler
	inspectors []*Inspector
	secrets    atomic.Pointer[allSecrets]
	changed    map[any]bool // servers and subroutes; see throughTransports
	running    *running

	exit exit
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "webhook_gateway", New: func() caddy.Module { return new(App) }}
}

// A StoreModule is a store that can be configured. It opens nothing when it is
// provisioned.
type StoreModule interface {
	// Location identifies the store that Open opens. Stores of one location are the
	// same store, which one configuration hands over to the next.
	Location() string
	Open(logger *zap.Logger, settings queue.Settings) (queue.Store, error)
}

// A Reopener is a [StoreModule] with options that a store has from its opening to its end. A
// configuration with another Opening opens the store anew, beside the one of the
// configuration before. Several stores of one location must be able to work at once.
type Reopener interface {
	// Opening stands for the options. It is neither shown nor logged.
	Opening() string
}

// Provision settles the defaults. It opens nothing, since `caddy validate` runs
// it beside a working gateway.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger, a.ctx = ctx.Logger(), ctx
	a.endpoints = make(map[string]*Handler)
	if a.MaxBacklog == 0 {
		a.MaxBacklog = queue.DefaultSettings().MaxBacklog
	}
	if a.MaxInFlight == 0 {
		a.MaxInFlight = defaultMaxInFlight
	}
	if a.MaxBacklog < 0 || a.MaxInFlight < 0 {
		return errors.New("max_backlog and max_in_flight cannot be negative")
	}
	if a.MaxListeners == 0 {
		a.MaxListeners = defaultListeners
	}
	if err := a.checkListeners(); err != nil {
		return err
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
	if a.keeping, err = a.settleRefused(); err != nil {
		return err
	}
	a.keeping.Disk = a.refusedDisk()
	a.metrics = registerMetrics(ctx.GetMetricsRegistry())
	if err := a.findEvents(ctx); err != nil {
		return err
	}
	return a.subscribed.On("stopping", beforeStop{a})
}

func (a *App) checkListeners() error {
	if a.MaxListeners < 0 || a.MaxListeners > mostListeners {
		return fmt.Errorf("max_listeners %d is not a number from 1 to %d", a.MaxListeners, mostListeners)
	}
	return nil
}

// register adds an endpoint and refuses a second one of its name. An identical endpoint
// on another server is the same endpoint with another listener, as when one site has an
// http and an https address.
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

// Start opens the store, unless another configuration of this process has it open
// already, and begins to deliver its backlog.
func (a *App) Start() error {
	if len(a.endpoints) == 0 {
		return nil
	}
	shared, err := a.openShared()
	if err != nil {
		return fmt.Errorf("opening the store: %w", err)
	}
	run := newRunning(shared, a.logger)
	run.settings, run.refused, run.refusedDir = a.settings, a.keeping, a.refusedDir()
	run.configuration = a.configuration()
	for _, h := range a.endpoints {
		run.retentions[queue.Destination{Endpoint: h.Name}] = h.retention() // of unrouted events
		for _, f := range h.Forwards {
			run.retentions[f.destination] = h.retention()
		}
	}
	if err := run.settleStore(); err != nil {
		run.release(reference)
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
	a.warnOfInspectors(shared.store.Stats())
	run.takeOver()
	a.mu.Lock()
	a.running = run
	a.mu.Unlock()
	a.startTelling()
	return nil
}

// warnOfInspectors warns of names in the lines of the inspectors that mean nothing.
func (a *App) warnOfInspectors(stats queue.Stats) {
	known := make(map[string]bool)
	for name := range a.endpoints {
		known[name] = true
	}
	for d := range stats.Destinations {
		known[d.Endpoint] = true
	}
	for _, i := range a.inspectors {
		i.warnOfNames(known)
	}
}

// Stop ends claiming. On a reload the running attempts finish in the background. When
// the process exits, they get a grace period; see exit.go. Then their deliveries are
// released, so that the next process attempts them at once.
func (a *App) Stop() error {
	run := a.run()
	if run == nil {
		return nil
	}
	exiting := caddy.Exiting()
	if exiting {
		grace, _ := a.grace()
		<-a.beginExit(run, grace)
	}
	a.stopTelling()
	a.repeats.close()
	run.handBack()
	if !exiting {
		run.retire()
	}
	return nil
}

// Cleanup closes the store at an exit. The server may answer webhooks until all apps are
// stopped, and each would open the store anew otherwise.
func (a *App) Cleanup() error {
	if a.exit.done != nil {
		a.run().release(reference)
	}
	return nil
}

// run returns the running part of this configuration. nil: it is not running.
func (a *App) run() *running {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.running
}

// use returns the shared state, and a function to call at the end. An exit does not wait
// for that.
func (a *App) use() (*shared, func(), error) {
	if run := a.run(); run != nil && run.acquire(reference) {
		return run.shared, run.leave, nil
	}
	return a.open()
}

// enter is use for one webhook. An exit waits for the answer, within the grace period.
func (a *App) enter() (*shared, func(), error) {
	if run := a.run(); run != nil {
		if leave, ok := run.enter(); ok {
			return run.shared, leave, nil
		}
	}
	return a.open()
}

// open serves requests before Start, because apps start in no order, and after Stop,
// because a reload does not wait for requests.
func (a *App) open() (*shared, func(), error) {
	s, err := a.openShared()
	if err != nil {
		return nil, nil, err
	}
	return s, s.close, nil
}

var (
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.App          = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
