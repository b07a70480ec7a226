package caddymodule

import (
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
	for nesting := h.Nesting(); h.NextBlock(nesting); {
		if err := handler.unmarshalOption(h, guest); err != nil {
			return nil, err
		}
	}
	handler.VerifierRaw = caddyconfig.JSONModuleObject(guest, "provider", provider, nil)
	return handler, nil
}

// endpointOptions are the lines that [Handler.unmarshalOption] reads itself.
var endpointOptions = []string{"name", "public_url", "max_body", "tolerance", "dedupe", "replays", "enrol", "before",
	"forward", "mode", "retention", "max_backlog", "max_in_flight", "redact"}

// unmarshalOption reads one line or block of the directive.
func (h *Handler) unmarshalOption(d httpcaddyfile.Helper, guest caddy.Module) (err error) {
	switch d.Val() {
	case "name":
		return oneArg(d.Dispenser, &h.Name)
	case "public_url":
		return oneArg(d.Dispenser, &h.PublicURL)
	case "max_body":
		h.MaxBody, err = size(d.Dispenser)
	case "tolerance":
		h.Tolerance, err = parseTolerance(d.Dispenser)
	case "dedupe":
		err = h.unmarshalDedupe(d.Dispenser)
	case "replays":
		if h.Dedupe == nil {
			h.Dedupe = new(Dedupe)
		}
		err = oneArg(d.Dispenser, &h.Dedupe.Replays)
	case "enrol":
		h.Enrol = true
		if d.NextArg() {
			err = d.ArgErr()
		}
	case "before":
		if h.Before != nil {
			return d.Err("before is given twice; put all handlers into one block")
		}
		h.Before, err = parseBefore(d)
	case "forward":
		f, err := parseForward(d)
		if err != nil {
			return err
		}
		h.Forwards = append(h.Forwards, f)
	case "mode":
		return oneArg(d.Dispenser, &h.Mode)
	case "retention":
		if h.Retention != nil {
			return d.Err("retention is given twice")
		}
		var arg string
		if err := oneArg(d.Dispenser, &arg); err != nil {
			return err
		}
		h.Retention, err = age(d.Dispenser, arg)
	case "max_backlog":
		h.MaxBacklog, err = size(d.Dispenser)
	case "max_in_flight":
		h.MaxInFlight, err = size(d.Dispenser)
	case "redact":
		if h.Redact == nil {
			h.Redact = new(Redact)
		}
		return h.Redact.unmarshal(d.Dispenser)
	default:
		if slices.Contains(policyOptions, d.Val()) {
			return h.Policy.unmarshalOption(d.Dispenser)
		}
		c, ok := guest.(Configurable)
		if !ok {
			return d.Errf("unknown subdirective %q", d.Val())
		}
		err = c.UnmarshalOption(d.Dispenser)
	}
	return err
}

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

func (h *Handler) unmarshalDedupe(d *caddyfile.Dispenser) error {
	if h.Dedupe == nil {
		h.Dedupe = new(Dedupe)
	}
	var arg string
	if err := oneArg(d, &arg); err != nil {
		return err
	}
	if arg == "off" {
		h.Dedupe.Off = true
		return nil
	}
	v, err := caddy.ParseDuration(arg)
	if err != nil || v <= 0 {
		return d.Errf("dedupe window %q is not a positive duration such as 24h, and not `off`", arg)
	}
	h.Dedupe.Window = caddy.Duration(v)
	return nil
}

// globalOptions are the lines of the global option.
var globalOptions = []string{
	"store", "max_backlog", "max_in_flight", "retention", "encrypt", "redact", "events", "private_keys",
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
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "store":
			err = app.unmarshalStore(d)
		case "max_backlog":
			app.MaxBacklog, err = size(d)
		case "max_in_flight":
			app.MaxInFlight, err = size(d)
		case "private_keys":
			app.PrivateKeys = true
			if d.NextArg() {
				err = d.ArgErr()
			}
		case "retention":
			err = app.unmarshalRetention(d)
		case "encrypt":
			err = severalArgs(d, &app.Encrypt, "a key, such as {env.HOOKWICKET_KEY}; it may be followed by older ones")
		case "events":
			err = severalArgs(d, &app.Events, "names, or all, or none")
		case "redact":
			if app.Redact == nil {
				app.Redact = new(Redact)
			}
			err = app.Redact.unmarshal(d)
		default:
			err = d.Errf("unknown subdirective %q%s; there are %s", d.Val(), didYouMean(d.Val(), globalOptions), enumerate(globalOptions))
		}
		if err != nil {
			return nil, err
		}
	}
	return httpcaddyfile.App{Name: "webhook_gateway", Value: caddyconfig.JSON(app, nil)}, nil
}

// unmarshalStore reads `store <name> …`.
func (a *App) unmarshalStore(d *caddyfile.Dispenser) error {
	if a.StoreRaw != nil {
		return d.Err("there is one store")
	}
	if !d.NextArg() {
		return d.Err("which store? The one that needs no server is `store pebble [<folder>]`")
	}
	name := d.Val()
	if _, err := caddy.GetModule("webhook_gateway.stores." + name); err != nil {
		return d.Errf("unknown store %q; write `store pebble [<folder>]`", name)
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
	switch {
	case a.Retention != nil:
		return d.Err("retention is given twice")
	case len(args) == 0 || len(args) > 2:
		return d.Err("write `retention <age> [<size>]`, such as `retention 24h 1GiB`, or `retention off`")
	}
	a.Retention = new(Retention)
	if a.Retention.Age, err = age(d, args[0]); err == nil && len(args) == 2 {
		a.Retention.Size, err = parseSize(d, args[1])
	}
	return err
}

// severalArgs reads one line of words.
func severalArgs(d *caddyfile.Dispenser, to *[]string, what string) error {
	name := d.Val()
	if *to != nil {
		return d.Errf("%s is given twice", name)
	}
	if *to = d.RemainingArgs(); len(*to) == 0 || slices.Contains(*to, "") {
		return d.Errf("%s needs %s", name, what)
	}
	return nil
}

// oneArg reads the only argument of a line.
func oneArg(d *caddyfile.Dispenser, to *string) error {
	name := d.Val()
	if *to != "" {
		return d.Errf("%s is given twice", name)
	}
	if !d.NextArg() || d.Val() == "" {
		return d.Errf("%s needs a value", name)
	}
	*to = d.Val()
	if d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

// size reads a number of bytes, such as 25MiB.
func size(d *caddyfile.Dispenser) (int64, error) {
	var arg string
	if err := oneArg(d, &arg); err != nil {
		return 0, err
	}
	return parseSize(d, arg)
}

func parseSize(d *caddyfile.Dispenser, arg string) (int64, error) {
	n, err := humanize.ParseBytes(arg)
	if err != nil || n == 0 || n > math.MaxInt64 {
		return 0, d.Errf("%q is not a size such as 25MiB", arg)
	}
	return int64(n), nil
}
