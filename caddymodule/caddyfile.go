package caddymodule

import (
	"errors"
	"math"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("webhook_gateway", parseDirective)
	// In this order: an endpoint without a matcher must not take the health checks.
	httpcaddyfile.RegisterDirectiveOrder("webhook_gateway_health", httpcaddyfile.Before, "respond")
	httpcaddyfile.RegisterDirectiveOrder("webhook_gateway", httpcaddyfile.Before, "respond")
	httpcaddyfile.RegisterGlobalOption("webhook_gateway", parseGlobalOption)
}

// A Configurable verifier has subdirectives of its own. UnmarshalOption is
// called with the dispenser on the subdirective's name, for every line that the
// endpoint itself does not know, `secret` among them.
type Configurable interface {
	UnmarshalOption(d *caddyfile.Dispenser) error
}

// parseDirective reads one webhook_gateway directive; see [Handler].
func parseDirective(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // the directive's name
	if !h.NextArg() {
		return nil, h.Err("whose webhooks? Write `webhook_gateway [<matcher>] <provider> { … }`; " +
			"`caddy webhook providers` lists the providers, and `hmac` stands for any other")
	}
	provider := h.Val()
	mod, err := caddy.GetModule("webhook_gateway.verifiers." + provider)
	if err != nil {
		if h.NextArg() && slices.Contains(providerNames(), h.Val()) {
			return nil, h.Errf("%q is no matcher: that is a path such as /%s, or a name such as @%s", provider, h.Val(), h.Val())
		}
		return nil, h.Errf("unknown provider %q%s; `caddy webhook providers` lists them, and `hmac { … }` describes any other",
			provider, didYouMean(provider, providerNames()))
	}
	if h.NextArg() {
		return nil, h.Errf("%q after the provider %s is too much; write `webhook_gateway [<matcher>] <provider> { … }`, "+
			"with a matcher such as /%s or @name", h.Val(), provider, provider)
	}
	guest := mod.New()
	handler := new(Handler)
	read := &directive{Handler: handler, helper: h}
	seen := make(map[string]bool)
	for nesting := h.Nesting(); h.NextBlock(nesting); {
		found, err := endpointBlock.readLine(read, h.Dispenser, seen)
		if !found {
			err = unmarshalGuest(h.Dispenser, guest)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, proxy := range read.proxies {
		if err := proxy.parse(h, handler.Policy); err != nil {
			return nil, err
		}
	}
	handler.VerifierRaw = caddyconfig.JSONModuleObject(guest, "provider", provider, nil)
	return handler, nil
}

// unmarshalGuest has the verifier read a line that the endpoint does not have.
func unmarshalGuest(d *caddyfile.Dispenser, guest caddy.Module) error {
	c, ok := guest.(Configurable)
	if !ok {
		return d.Errf("unknown subdirective %q", d.Val())
	}
	return c.UnmarshalOption(d)
}

// directive is an endpoint whose block is being read.
type directive struct {
	*Handler
	helper  httpcaddyfile.Helper // reads blocks of handlers
	proxies []shortForward       // parsed when the whole block has been read
}

// endpointBlock reads the lines of an endpoint besides its verifier's.
var endpointBlock = block[*directive]{check: (*directive).check, lines: append([]subdirective[*directive]{
	{name: "name", read: func(h *directive, d *caddyfile.Dispenser) error { return oneArg(d, &h.Name) }},
	{name: "public_url", read: func(h *directive, d *caddyfile.Dispenser) error { return oneArg(d, &h.PublicURL) }},
	{name: "max_body", read: func(h *directive, d *caddyfile.Dispenser) error { return size(d, &h.MaxBody) }},
	{name: "tolerance", read: func(h *directive, d *caddyfile.Dispenser) (err error) {
		h.Tolerance, err = parseTolerance(d)
		return err
	}},
	{name: "dedupe", read: func(h *directive, d *caddyfile.Dispenser) error { return h.unmarshalDedupe(d) }},
	{name: "replays", read: func(h *directive, d *caddyfile.Dispenser) error { return oneArg(d, &h.dedupe().Replays) }},
	{name: "enrol", read: func(h *directive, d *caddyfile.Dispenser) error { return switchOn(d, &h.Enrol) }},
	{name: "before", twice: "; put all handlers into one block", read: func(h *directive, _ *caddyfile.Dispenser) (err error) {
		h.Before, err = parseBefore(h.helper)
		return err
	}},
	{name: "forward", many: true, read: (*directive).unmarshalForward},
	{name: "mode", read: func(h *directive, d *caddyfile.Dispenser) error { return oneArg(d, &h.Mode) }},
	{name: "retention", read: func(h *directive, d *caddyfile.Dispenser) (err error) {
		var arg string
		if err := oneArg(d, &arg); err != nil {
			return err
		}
		h.Retention, err = age(d, arg)
		return err
	}},
	{name: "keep", read: func(h *directive, d *caddyfile.Dispenser) error { return switchOn(d, &h.Keep) }},
	{name: "max_backlog", read: func(h *directive, d *caddyfile.Dispenser) error { return size(d, &h.MaxBacklog) }},
	{name: "max_in_flight", read: func(h *directive, d *caddyfile.Dispenser) error { return size(d, &h.MaxInFlight) }},
	{name: "redact", many: true, read: func(h *directive, d *caddyfile.Dispenser) error { return unmarshalRedact(d, &h.Redact) }},
	{name: "refused", read: func(h *directive, d *caddyfile.Dispenser) error { return oneArg(d, &h.Refused) }},
}, within(func(h *directive) *Policy { return &h.Policy }, policyLines)...)}

func parseTolerance(d *caddyfile.Dispenser) (*Tolerance, error) {
	args := d.RemainingArgs()
	if len(args) == 1 && args[0] == "off" {
		return &Tolerance{Off: true}, nil
	}
	t := new(Tolerance)
	limits := []*caddy.Duration{&t.Past, &t.Future}
	if len(args) == 0 || len(args) > len(limits) {
		return nil, d.Err("write `tolerance <past> [<future>]`, such as `tolerance 5m 1m`, or `tolerance off`")
	}
	for i, arg := range args {
		v, err := caddy.ParseDuration(arg)
		if err != nil || v <= 0 {
			return nil, d.Errf("tolerance %q is not a positive duration such as 5m, and not `off`", arg)
		}
		*limits[i] = caddy.Duration(v)
	}
	return t, nil
}

// check checks the values that need no provider.
func (h *directive) check() error {
	if h.Name != "" {
		if err := h.checkName(); err != nil {
			return err
		}
	}
	if h.Dedupe != nil {
		if err := h.Dedupe.checkReplays(); err != nil {
			return err
		}
	}
	return h.settleLimits()
}

// dedupe returns the endpoint's setting, which several lines fill.
func (h *directive) dedupe() *Dedupe {
	if h.Dedupe == nil {
		h.Dedupe = new(Dedupe)
	}
	return h.Dedupe
}

func (h *directive) unmarshalDedupe(d *caddyfile.Dispenser) error {
	var arg string
	if err := oneArg(d, &arg); err != nil {
		return err
	}
	if arg == "off" {
		h.dedupe().Off = true
		return nil
	}
	v, err := caddy.ParseDuration(arg)
	if err != nil || v <= 0 {
		return d.Errf("dedupe window %q is not a positive duration such as 24h, and not `off`", arg)
	}
	h.dedupe().Window = caddy.Duration(v)
	return nil
}

// globalBlock reads the lines of the global option.
var globalBlock = block[*App]{check: (*App).check, lines: []subdirective[*App]{
	{name: "store", read: (*App).unmarshalStore},
	{name: "max_backlog", read: func(a *App, d *caddyfile.Dispenser) error { return size(d, &a.MaxBacklog) }},
	{name: "max_in_flight", read: func(a *App, d *caddyfile.Dispenser) error { return size(d, &a.MaxInFlight) }},
	{name: "retention", read: (*App).unmarshalRetention},
	{name: "encrypt", read: func(a *App, d *caddyfile.Dispenser) error {
		return severalArgs(d, &a.Encrypt, "a key, such as {env.HOOKWICKET_KEY}; it may be followed by older ones")
	}},
	{name: "redact", many: true, read: func(a *App, d *caddyfile.Dispenser) error { return unmarshalRedact(d, &a.Redact) }},
	{name: "refused", read: (*App).unmarshalRefused},
	{name: "events", read: func(a *App, d *caddyfile.Dispenser) error { return severalArgs(d, &a.Events, "names, or all, or none") }},
	{name: "max_listeners", read: func(a *App, d *caddyfile.Dispenser) error { return count(d, &a.MaxListeners, 1) }},
	{name: "private_keys", read: func(a *App, d *caddyfile.Dispenser) error { return switchOn(d, &a.PrivateKeys) }},
}}

// check checks the values that need no store.
func (a *App) check() error {
	_, err := a.settleRefused()
	return errors.Join(a.checkEvents(), a.checkListeners(), err)
}

// parseGlobalOption reads the webhook_gateway global option; see [App].
func parseGlobalOption(d *caddyfile.Dispenser, existing any) (any, error) {
	if existing != nil {
		return nil, d.Err("the global option webhook_gateway is given twice")
	}
	app := new(App)
	d.Next() // the option's name
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	if _, err := globalBlock.readAll(app, d, d.Nesting()); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "webhook_gateway", Value: caddyconfig.JSON(app, nil)}, nil
}

// unmarshalStore reads `store <name> …`.
func (a *App) unmarshalStore(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.Err("which store? The one that needs no server is `store pebble [<folder>]`")
	}
	name := d.Val()
	if _, err := caddy.GetModule("webhook_gateway.stores." + name); err != nil {
		return d.Errf("unknown store %q; write `store pebble [<folder>]` or `store postgres <dsn>`", name)
	}
	unmarshaler, err := caddyfile.UnmarshalModule(d, "webhook_gateway.stores."+name)
	if err != nil {
		return err
	}
	a.StoreRaw = caddyconfig.JSONModuleObject(unmarshaler, "store", name, nil)
	return nil
}

// unmarshalRetention reads `retention <age>|off [<size>]`.
func (a *App) unmarshalRetention(d *caddyfile.Dispenser) (err error) {
	args := d.RemainingArgs()
	if len(args) == 0 || len(args) > 2 {
		return d.Err("write `retention <age> [<size>]`, such as `retention 24h 1GiB`, or `retention off`")
	}
	a.Retention = new(Retention)
	if a.Retention.Age, err = age(d, args[0]); err == nil && len(args) == 2 {
		a.Retention.Size, err = parseSize(d, args[1])
	}
	return err
}

// unmarshalRefused reads `refused <size> [<age> [disk]]|off`.
func (a *App) unmarshalRefused(d *caddyfile.Dispenser) (err error) {
	args := d.RemainingArgs()
	a.Refused = new(Refused)
	switch {
	case len(args) == 1 && args[0] == "off":
		a.Refused.Off = true
		return nil
	case len(args) == 0 || args[0] == "" || len(args) > 3:
		return d.Errf("refused takes a size, an age and disk, as in 64MiB 72h disk; or off")
	case len(args) == 3 && args[2] != "disk":
		return d.Errf("refused: after the age there can only be disk, not %q", args[2])
	}
	if a.Refused.Size, err = parseSize(d, args[0]); err == nil && len(args) > 1 {
		err = duration(d, args[1], &a.Refused.Age)
	}
	a.Refused.Disk = len(args) == 3
	return err
}

// severalArgs reads one line of words.
func severalArgs(d *caddyfile.Dispenser, to *[]string, what string) error {
	name := d.Val()
	if *to = d.RemainingArgs(); len(*to) == 0 || slices.Contains(*to, "") {
		return d.Errf("%s needs %s", name, what)
	}
	return nil
}

// oneArg reads the only argument of a line.
func oneArg(d *caddyfile.Dispenser, to *string) error {
	name := d.Val()
	if !d.NextArg() || d.Val() == "" {
		return d.Errf("%s needs a value", name)
	}
	*to = d.Val()
	if d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

// switchOn reads a line that is a single word.
func switchOn(d *caddyfile.Dispenser, to *bool) error {
	*to = true
	if d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

// size reads a number of bytes, such as 25MiB.
func size(d *caddyfile.Dispenser, to *int64) (err error) {
	var arg string
	if err := oneArg(d, &arg); err != nil {
		return err
	}
	*to, err = parseSize(d, arg)
	return err
}

func parseSize(d *caddyfile.Dispenser, arg string) (int64, error) {
	n, err := humanize.ParseBytes(arg)
	if err != nil || n == 0 || n > math.MaxInt64 {
		return 0, d.Errf("%q is not a size such as 25MiB", arg)
	}
	return int64(n), nil
}
