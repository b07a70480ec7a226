package caddymodule

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

func init() {
	caddy.RegisterModule(&Health{})
	httpcaddyfile.RegisterHandlerDirective("webhook_gateway_health", parseHealth)
}

// Health is a handler for the health checks of load balancers and containers. It answers
// GET and HEAD with 200 or 503, and a JSON object with the reason. It reads only memory.
//
// Without live it says whether this gateway can accept webhooks now. With live it says
// only that the process answers: while it shuts down, and while its disk is full or its
// database is away, a restart would help nobody.
//
// Caddyfile:
//
//	webhook_gateway_health [<matcher>] [ready|live]    # default: ready
type Health struct {
	// Live answers whether the process works at all. Default: whether it is ready.
	Live bool `json:"live,omitempty"`

	app *App
}

// The reasons of not being ready. Neither the answer nor its reason has a secret, a path
// or a name in it, so that strangers may see it.
const (
	reasonShuttingDown     = "shutting_down"     // the process, or the server that was asked
	reasonStarting         = "starting"          // the first configuration is being started
	reasonNoEndpoint       = "no_endpoint"       // so no store is open
	reasonDiskFull         = "disk_full"         // or its quota
	reasonLeaseExpired     = "lease_expired"     // the database of several gateways has not answered this one for so long
	reasonStoreUnavailable = "store_unavailable" // the admin API's status has the cause
)

// CaddyModule returns the Caddy module information.
func (*Health) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.webhook_gateway_health", New: func() caddy.Module { return new(Health) }}
}

// Provision finds the app.
func (h *Health) Provision(ctx caddy.Context) error {
	app, err := ctx.App("webhook_gateway")
	if err != nil {
		return err
	}
	h.app = app.(*App)
	return nil
}

func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return nil
	}
	status, answer := http.StatusOK, any(map[string]bool{"live": true})
	if !h.Live {
		verdict := readiness(h.app)
		if serverEnds(r) {
			verdict = adminapi.Health{Reason: reasonShuttingDown}
		}
		if answer = verdict; !verdict.Ready {
			status = http.StatusServiceUnavailable
		}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // net/http leaves it out for HEAD
	return nil
}

// serverEnds reports whether the server of a request is in its shutdown_delay. That also
// happens when a reload takes its address away.
func serverEnds(r *http.Request) bool {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return false
	}
	ends, _ := repl.Get("http.shutting_down")
	return ends == true
}

// readiness judges the active configuration. At the start of the process, none is active
// until all of its apps have started; until then it judges own.
func readiness(own *App) adminapi.Health {
	for {
		if caddy.Exiting() {
			return adminapi.Health{Reason: reasonShuttingDown}
		}
		app := runningApp()
		if app == nil {
			app = own
		}
		if app == nil || len(app.endpoints) == 0 {
			return adminapi.Health{Reason: reasonNoEndpoint}
		}
		run := app.run()
		if run == nil {
			return adminapi.Health{Reason: reasonStarting}
		}
		if run.acquire(reference) {
			reason := run.shared.ailment(time.Now())
			run.leave()
			return adminapi.Health{Ready: reason == "", Reason: reason}
		}
		if next := runningApp(); next == nil || next == app {
			return adminapi.Health{Reason: reasonShuttingDown} // it has ended, and no other follows
		}
	}
}

const (
	healthFresh = 100 * time.Millisecond // the age up to which a reading is used again
	healthHangs = 5 * time.Second        // a reading that takes so long means a store that hangs
)

// vitals is the latest reading of a store, so that a flood of checks does not count its
// deliveries again and again.
type vitals struct {
	reading sync.Mutex
	began   atomic.Int64 // of the latest reading, in nanoseconds of Unix time
	ended   atomic.Int64
	reason  atomic.Pointer[string] // of not being ready; empty: it is
}

// ailment returns why the store accepts no events; empty: it does. It never waits for
// another reading, since a store that hangs would then hold up all checks.
func (s *shared) ailment(now time.Time) string {
	v := &s.vitals
	if now.UnixNano()-v.ended.Load() < int64(healthFresh) {
		return *v.reason.Load()
	}
	if !v.reading.TryLock() {
		if now.UnixNano()-v.began.Load() > int64(healthHangs) {
			return reasonStoreUnavailable
		}
		return *v.reason.Load()
	}
	defer v.reading.Unlock()
	v.began.Store(now.UnixNano())
	reason := ailmentOf(s.store.Stats())
	v.reason.Store(&reason)
	v.ended.Store(now.UnixNano())
	return reason
}

// ailmentOf leaves out a full backlog: it is an endpoint's as often as the gateway's, and
// without requests no sender would learn when to come back.
func ailmentOf(stats queue.Stats) string {
	c := stats.Cluster
	switch {
	case stats.Full:
		return reasonDiskFull
	case c != nil && c.Lease > 0 && c.LeaseAge > c.Lease:
		return reasonLeaseExpired
	case !stats.Available:
		return reasonStoreUnavailable
	}
	return ""
}

// health answers 200 in any case, because the question was answered.
func (*adminAPI) health(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, readiness(nil))
}

// parseHealth reads one webhook_gateway_health directive; see [Health].
func parseHealth(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	const usage = "write `webhook_gateway_health [<matcher>] [ready|live]`, with a matcher such as /readyz"
	h.Next() // the directive's name
	health := new(Health)
	switch args := h.RemainingArgs(); {
	case len(args) == 0 || len(args) == 1 && args[0] == "ready":
	case len(args) == 1 && args[0] == "live":
		health.Live = true
	case len(args) == 1:
		return nil, h.Errf("%q is neither ready nor live, and no matcher: %s", args[0], usage)
	default:
		return nil, h.Errf("%q is too much: %s", args[1], usage)
	}
	if h.NextBlock(h.Nesting()) {
		return nil, h.Err("webhook_gateway_health has no block: " + usage)
	}
	return health, nil
}

var (
	_ caddy.Provisioner           = (*Health)(nil)
	_ caddyhttp.MiddlewareHandler = (*Health)(nil)
)
