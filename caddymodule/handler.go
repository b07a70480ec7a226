package caddymodule

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/dedupe"
	"github.com/hookwicket/hookwicket/verifiers"
)

func init() {
	caddy.RegisterModule(&Handler{})
}

// Handler is one endpoint. It receives the webhooks of one provider, refuses forged
// and stale requests and drops duplicates. It keeps the other events and forwards
// them after the answer, or, without a forward, lets the next handler answer.
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
//		max_backlog <size>               # of this endpoint alone
//		max_in_flight <size>
//		redact     header|json <name...> # hide values from people
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

	// MaxBacklog limits the bytes of this endpoint's backlog, dead letters included.
	// Default: none besides the app's.
	MaxBacklog int64 `json:"max_backlog,omitempty"`

	// MaxInFlight limits the bytes of this endpoint's requests in memory at once.
	// Default: none besides the app's.
	MaxInFlight int64 `json:"max_in_flight,omitempty"`

	// Redact names values to hide from people, in addition to the app's.
	Redact *Redact `json:"redact,omitempty"`

	Policy

	// Before are HTTP handlers that run before the gateway reads a request, such as a
	// rate limit. A request that one of them answers, or fails with an error, goes no
	// further; with status 429 it counts as limited.
	Before caddyhttp.RouteList `json:"before,omitempty"`

	// Forwards run after the answer, each until it succeeds. Without a forward the
	// next handler answers the sender.
	Forwards []*Forward `json:"forward,omitempty"`

	logger      *zap.Logger
	app         *App
	server      *caddyhttp.Server
	fingerprint [sha256.Size]byte // of the configuration, to compare endpoints of one name

	guest     guest     // as configured
	provider  *Provider // nil if the verifier is another module's
	taught    atomic.Pointer[guest]
	row       verifiers.Provider
	methods   []string
	freshness verifiers.Freshness
	exposure  time.Duration // the longest time for which a captured request is fresh
	rule      dedupe.Rule
	window    time.Duration // 0: no deduplication
	refuse    bool          // replays
	publicURL *url.URL
	lanes     []string      // the destinations of its events, the one of unrouted events included
	patience  time.Duration // how long a request may wait for room
	resigner  *resigner     // of a passthrough; nil: nothing is signed
	metrics   endpointMetrics

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
	h.lanes = []string{h.Name}
	for _, f := range h.Forwards {
		if f.Name != "" {
			h.lanes = append(h.lanes, f.destination)
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
	h.metrics = h.app.metrics.endpoint(h.Name)
	return h.app.register(h)
}

// adopt takes the verifier and its row.
func (h *Handler) adopt(mod any) error {
	v, ok := mod.(verifiers.Verifier)
	if !ok {
		return fmt.Errorf("module %T verifies nothing: it is no verifiers.Verifier", mod)
	}
	h.guest = guestOf(v)
	h.provider, _ = mod.(*Provider)
	if c, ok := mod.(Catalogued); ok {
		h.row = c.Row()
	} else {
		h.row.Name = strings.TrimPrefix(string(mod.(caddy.Module).CaddyModule().ID), "webhook_gateway.verifiers.")
	}
	if h.Name == "" {
		h.Name = h.row.Name
	}
	if strings.Contains(h.Name, "{") {
		return fmt.Errorf("endpoint name %q: placeholders stay as they are in a name; write the name itself, since deduplication, deliveries and metrics go by it", h.Name)
	}
	if badName(h.Name) {
		return fmt.Errorf("endpoint name %q: at most 100 bytes, without space and slashes", h.Name)
	}
	h.patience = patienceOf(h.row.Retries.Deadline, h.row.Retries.Attempts)
	if h.methods = h.row.Methods; h.methods == nil {
		h.methods = []string{http.MethodPost}
	}
	switch {
	case h.MaxBody < 0:
		return fmt.Errorf("endpoint %q: max_body cannot be negative", h.Name)
	case h.MaxBody == 0 && h.row.MaxBody > 0:
		h.MaxBody = h.row.MaxBody
	case h.MaxBody == 0:
		h.MaxBody = defaultMaxBody
	}
	return nil
}

// settleLimits checks the endpoint's limits and its mode.
func (h *Handler) settleLimits() error {
	switch {
	case h.Mode != "" && h.Mode != "enforce" && h.Mode != "observe":
		return fmt.Errorf("mode is observe or enforce, not %q", h.Mode)
	case h.MaxBacklog < 0 || h.MaxInFlight < 0:
		return errors.New("max_backlog and max_in_flight cannot be negative")
	case h.Retention != nil && *h.Retention < 0:
		return errors.New("retention is a positive duration, such as `retention 24h`, or `off`")
	}
	return h.Redact.check()
}

// settleTolerance decides how old a time may be. A configured tolerance is enforced
// even if the signature does not cover the time. A time that only the configuration
// describes is limited if it is signed.
func (h *Handler) settleTolerance() error {
	h.freshness = h.row.Freshness
	limit := &h.freshness.Tolerance
	timed, told := h.row.Scheme.(interface{ Timed() bool })
	switch t := h.Tolerance; {
	case t == nil && h.row.Freshness.Origin == verifiers.NoTime && *limit == verifiers.Tolerance{} && told && timed.Timed():
		*limit = verifiers.Tolerance{Past: defaultPast, Future: defaultFuture}
		h.freshness.Optional = true
	case t == nil:
	case t.Off:
		*limit = verifiers.Tolerance{}
		h.freshness.Leeway = -1
	case t.Past <= 0 || t.Future < 0:
		return errors.New("a tolerance is a positive duration, such as `tolerance 5m`, or `off`")
	default:
		*limit = verifiers.Tolerance{
			Past:   time.Duration(t.Past),
			Future: cmp.Or(time.Duration(t.Future), limit.Future, defaultFuture),
		}
		h.freshness.Unsigned = true
	}
	h.exposure = limit.Past + limit.Future
	if told && !timed.Timed() && *limit != (verifiers.Tolerance{}) {
		*limit = verifiers.Tolerance{}
		if h.Tolerance != nil {
			h.logger.Warn("the tolerance has no effect: this provider's requests carry no time; "+
				"if they do, say where with `timestamp`", zap.String("endpoint", h.Name))
		}
	}
	return nil
}

func (h *Handler) settleDedupe() error {
	d := h.Dedupe
	if d == nil {
		d = new(Dedupe)
	}
	h.rule = dedupe.Rule{
		DigestOnly:    h.row.Dedupe.By == verifiers.ByDigest,
		UniqueContent: h.row.Dedupe.UniqueBodies,
	}
	switch d.Replays {
	case "":
		h.refuse = h.row.Dedupe.UniqueBodies
	case "refuse": // so no two events have the same body
		h.refuse, h.rule.UniqueContent = true, true
	case "allow":
		h.refuse = false
	default:
		return fmt.Errorf("replays is refuse or allow, not %q", d.Replays)
	}
	if _, token := h.row.Scheme.(verifiers.Token); token {
		h.rule.SignedToo = h.refuse
	}
	if d.Replays == "refuse" {
		if d.Off {
			h.logger.Warn("`replays refuse` has no effect: with `dedupe off` nothing is remembered; take `dedupe off` away", zap.String("endpoint", h.Name))
			return nil
		}
		h.rule.UniqueContent = true // for a request without an ID the body is the only key
	}
	if d.Off || d.Window == 0 && h.row.Dedupe.By == verifiers.ByNothing && d.Replays != "refuse" {
		return nil
	}
	if s, ok := h.row.Scheme.(interface{ Identified() bool }); ok && !s.Identified() &&
		!h.rule.DigestOnly && !h.rule.UniqueContent {
		h.logger.Warn("duplicates cannot be recognised: requests carry no event ID; say where it is with `event_id`, "+
			"or `dedupe off` if it is meant so", zap.String("endpoint", h.Name))
	}
	switch h.window = time.Duration(d.Window); {
	case h.window < 0:
		return errors.New("a dedupe window is a positive duration, such as `dedupe 24h`, or `off`")
	case h.window == 0:
		h.window = max(h.row.Dedupe.Window, defaultWindow, h.exposure)
		if h.freshness.Tolerance.Past == 0 {
			h.window = max(h.window, untimedWindow)
		}
	case h.window < h.exposure:
		return fmt.Errorf("the dedupe window %s is shorter than the tolerance, past and future together: "+
			"a captured request could be sent again when its event is forgotten; make it at least %s, or the tolerance shorter",
			span(h.window), span(h.exposure))
	}
	return nil
}

func (h *Handler) settlePublicURL() error {
	if h.PublicURL == "" {
		return nil
	}
	s, err := resolve(h.PublicURL)
	if err != nil {
		return fmt.Errorf("public_url: %w", err)
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Fragment != "" {
		return fmt.Errorf("public_url %q is not a URL such as https://hooks.example.com/square", s)
	}
	h.PublicURL, h.publicURL = s, u
	return nil
}

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
