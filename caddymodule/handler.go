package caddymodule

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/dedupe"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

func init() {
	caddy.RegisterModule(&Handler{})
}

// Handler is one endpoint. It receives the webhooks of one provider, refuses forged
// and stale requests and drops duplicates. It keeps the other events and forwards
// them after the answer, or, without a forward, lets the next handler answer. With `keep`
// it answers and forwards nothing.
//
// Caddyfile:
//
//	webhook_gateway [<matcher>] <provider> {
//		secret     <secret...>           # any of them may have signed
//		name       <name>                # default: the provider
//		tolerance  <past> [<future>]|off # default: the provider's
//		dedupe     <window>|off          # default: the provider's, at least 24h
//		replays    refuse|allow          # default: the provider's
//		max_body   <size>                # default: the provider's, else 10MiB
//		public_url <url>                 # for providers that sign it
//		enrol                            # learn secrets that the provider hands over
//		<option>   <value...>            # of the provider
//		mode       observe|enforce       # default: enforce
//		retention  <age>|off             # of ended events; default: 24h
//		keep                             # keep the events and forward none
//		max_backlog <size>               # of this endpoint alone
//		max_in_flight <size>
//		redact     header|json <name...> # hide values from people
//		refused    off                   # keep no refused requests of this endpoint
//		retry      { … } | off           # see [Retry]; the same line in a forward takes precedence
//		circuit    { … } | off           # see [Circuit]
//		concurrency <attempts>           # default: 64
//		rate       <events>/s|m|h [<burst>]
//		sign_with  <secret...> | off     # a signature of Standard Webhooks
//		before     { <handlers> }        # such as rate_limit; they see each request first
//		order      [by json <path> | by header <name> | by event_type] | off
//		forward    <upstream...>         # or a block; see [Forward]. Several need different names
//		…                                # lines of the provider's scheme
//	}
type Handler struct {
	// Name identifies the endpoint in logs, metrics and the store. It must be unique.
	// The backlog belongs to the name. Default: the provider's slug.
	Name string `json:"name,omitempty"`

	// VerifierRaw is the provider with the endpoint's secrets.
	VerifierRaw json.RawMessage `json:"verifier,omitempty" caddy:"namespace=webhook_gateway.verifiers inline_key=provider"`

	// PublicURL is the URL that the provider calls, for providers that sign it. A URL
	// without a path stands for every path of its host. Default: rebuilt from the
	// request; X-Forwarded headers count only if they come from trusted proxies.
	PublicURL string `json:"public_url,omitempty"`

	// Tolerance limits the age of signed times. Default: the provider's.
	Tolerance *Tolerance `json:"tolerance,omitempty"`

	// Dedupe says how long events are remembered. Default: the provider's.
	Dedupe *Dedupe `json:"dedupe,omitempty"`

	// MaxBody limits the bytes of a request's body; a larger one gets 413.
	// Default: the provider's, else 10 MiB.
	MaxBody int64 `json:"max_body,omitempty"`

	// Enrol accepts the secret that some providers send in their first request. While
	// it is set, anyone can register a secret, so remove it as soon as the webhook
	// works. Learnt secrets stay.
	Enrol bool `json:"enrol,omitempty"`

	// Mode is enforce or observe. An observing endpoint verifies each request and lets
	// all of them through. It counts and logs those that it would refuse or drop.
	// Default: enforce.
	Mode string `json:"mode,omitempty"`

	// Retention is how long ended events are kept: delivered, cancelled and
	// unrouted events. 0: not at all. Default: the app's.
	Retention *caddy.Duration `json:"retention,omitempty"`

	// Keep keeps the events for the retention and delivers none: the gateway answers the
	// sender, and `caddy webhook listen` brings them to a developer. It excludes Forwards.
	Keep bool `json:"keep,omitempty"`

	// MaxBacklog limits the bytes of this endpoint's backlog, dead letters included.
	// Default: none besides the app's.
	MaxBacklog int64 `json:"max_backlog,omitempty"`

	// MaxInFlight limits the bytes of this endpoint's requests in memory at once.
	// Default: none besides the app's.
	MaxInFlight int64 `json:"max_in_flight,omitempty"`

	// Redact names values to hide from people, in addition to the app's.
	Redact *Redact `json:"redact,omitempty"`

	// Refused is off if no refused requests of this endpoint are kept for people.
	// Default: as the app says.
	Refused string `json:"refused,omitempty"`

	Policy

	// Before are HTTP handlers that run before the gateway reads a request, such as a
	// rate limit. A request that one of them answers, or fails with an error, goes no
	// further; with status 429 it counts as limited.
	Before caddyhttp.RouteList `json:"before,omitempty"`

	// Forwards run after the answer, each until it succeeds. Without a forward, and
	// without Keep, the next handler answers the sender.
	Forwards []*Forward `json:"forward,omitempty"`

	app         *App
	server      *caddyhttp.Server
	logger      *zap.Logger
	metrics     endpointMetrics
	fingerprint [sha256.Size]byte // of the configuration, to compare endpoints of one name

	// The provider.
	row      verifiers.Provider
	provider *Provider               // nil if the verifier is another module's
	checker  checker                 // with the configured secrets
	taught   atomic.Pointer[checker] // with the learnt secrets as well; nil: none was made yet
	methods  []string                // of events

	// The settled lines.
	publicURL *url.URL
	freshness verifiers.Freshness
	exposure  time.Duration // the longest time for which a captured request is fresh
	rule      dedupe.Rule
	window    time.Duration       // 0: no deduplication
	refuse    bool                // replays
	backlog   []queue.Destination // its events count for max_backlog; one is that of unrouted events
	patience  time.Duration       // how long a request may wait for room
	resigner  *resigner           // of a passthrough; nil: nothing is signed

	accepts, commits deadlines              // of events being kept, and of single tries
	tenant           atomic.Pointer[tenant] // in the room of the shared state
	last             *lately                // outcomes of requests

	made          atomic.Pointer[madeRedactor]
	guardedErrors bool // a subroute around the endpoint handles errors
}

// Tolerance is how far a signed time may lie from now.
type Tolerance struct {
	// Off accepts any time, and tokens that have expired.
	Off bool `json:"off,omitempty"`
	// Past is the greatest age.
	Past caddy.Duration `json:"past,omitempty"`
	// Future is the greatest lead. Default: the provider's, else 5 minutes.
	Future caddy.Duration `json:"future,omitempty"`
}

// Dedupe says how long an accepted event is remembered.
type Dedupe struct {
	// Off forwards every event as often as it arrives.
	Off bool `json:"off,omitempty"`
	// Window is how long an event is remembered. It is at least the tolerance, past
	// and future together: otherwise a captured request could be sent again after its
	// event is forgotten. Default: the provider's.
	Window caddy.Duration `json:"window,omitempty"`
	// Replays is refuse or allow. It decides about a known body with a fresh ID, where
	// the ID is not signed. Default: the provider's.
	Replays string `json:"replays,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.webhook_gateway",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision takes the defaults from the provider's row and registers the endpoint
// with the app.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	config, err := json.Marshal(h)
	if err != nil {
		return err
	}
	h.fingerprint = sha256.Sum256(config)
	h.server, _ = ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if h.server == nil { // a nil server would be dereferenced when routes run
		h.server = new(caddyhttp.Server)
	}
	app, err := ctx.App("webhook_gateway")
	if err != nil {
		return err
	}
	h.app = app.(*App)

	if h.VerifierRaw == nil {
		return errors.New("no provider: say whose webhooks these are, as in `webhook_gateway /stripe stripe { … }`")
	}
	mod, err := ctx.LoadModule(h, "VerifierRaw")
	if err != nil {
		if strings.Contains(err.Error(), "unknown module") {
			err = fmt.Errorf("%w; `caddy webhook providers` lists the providers", err)
		}
		if h.Name != "" {
			err = fmt.Errorf("endpoint %q: %w", h.Name, err)
		}
		return err
	}
	if err := h.adopt(mod); err != nil {
		return err
	}
	for _, settle := range []func() error{h.settleLimits, h.settleTolerance, h.settleDedupe, h.settlePublicURL, h.settleRow} {
		if err := settle(); err != nil {
			return fmt.Errorf("endpoint %q: %w", h.Name, err)
		}
	}
	throughTransport(h.Before)
	h.throughTransports(ctx)
	if err := h.Before.Provision(ctx); err != nil {
		return fmt.Errorf("endpoint %q: before: %w", h.Name, err)
	}
	if err := h.settleForwards(ctx); err != nil {
		return fmt.Errorf("endpoint %q: %w", h.Name, err)
	}
	h.backlog = []queue.Destination{{Endpoint: h.Name}}
	for _, f := range h.Forwards {
		if f.Name != "" {
			h.backlog = append(h.backlog, f.destination)
		}
	}
	if !h.asynchronous() { // else each forward has its own
		if h.resigner, err = h.SignWith.resigner(); err != nil {
			return fmt.Errorf("endpoint %q: %w", h.Name, err)
		}
	}
	h.warnOfObserving()
	h.warnOfWait()
	h.warnOfNoForward()
	h.metrics, h.last = h.app.metrics.endpoint(h.Name), outcomes.of(h.Name)
	return h.app.register(h)
}

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
