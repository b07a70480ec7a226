package caddymodule

import (
	"fmt"
	"math"

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
		return nil, h.Errf("unknown provider %q%s; `caddy webhook providers` lists them, and `hmac { … }` describes any other",
			provider, didYouMean(provider, providerNames()))
	}
	if h.NextArg() {
		return nil, h.ArgErr()
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
	case "forward":
		if h.Forward != nil {
			return d.Err("an endpoint has one `forward`")
		}
		h.Forward, err = parseForward(d)
	default:
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

// parseForward reads a block of handlers, or upstreams, which are short for a
// block with a reverse_proxy to them.
func parseForward(d httpcaddyfile.Helper) (*Forward, error) {
	segment := d.NewFromNextSegment()
	segment.Next() // forward
	name := segment.Token()
	upstreams := make([]caddyfile.Token, 0, 1)
	for segment.NextArg() {
		upstreams = append(upstreams, segment.Token())
	}
	block := segment.NextBlock(segment.Nesting())
	switch {
	case block && len(upstreams) > 0:
		return nil, d.Err("`forward` takes upstreams or a block of handlers, not both; " +
			"write the upstreams in the block, as `reverse_proxy <upstream...>`")
	case !block && len(upstreams) == 0:
		return nil, d.Err("forward where to? Write `forward <upstream...>` or `forward { <handlers> }`")
	case block:
		segment.Reset()
	default:
		segment = caddyfile.NewDispenser(proxyBlock(name, upstreams))
	}
	handler, err := httpcaddyfile.ParseSegmentAsSubroute(d.WithDispenser(segment))
	if err != nil {
		return nil, err
	}
	subroute, ok := handler.(*caddyhttp.Subroute)
	if !ok {
		return nil, fmt.Errorf("unexpected handler %T for the forward block", handler)
	}
	return &Forward{Routes: subroute.Routes}, nil
}

// proxyBlock writes `forward <upstream...>` out in full.
func proxyBlock(name caddyfile.Token, upstreams []caddyfile.Token) []caddyfile.Token {
	token := func(line int, text string) caddyfile.Token {
		return caddyfile.Token{File: name.File, Line: name.Line + line, Text: text}
	}
	tokens := []caddyfile.Token{token(0, name.Text), token(0, "{"), token(1, "reverse_proxy")}
	for _, u := range upstreams {
		tokens = append(tokens, token(1, u.Text))
	}
	return append(tokens, token(2, "}"))
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
		default:
			err = d.Errf("unknown subdirective %q; there are store, max_backlog, max_in_flight and private_keys", d.Val())
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
	unmarshaler, err := caddyfile.UnmarshalModule(d, "webhook_gateway.stores."+name)
	if err != nil {
		return err
	}
	a.StoreRaw = caddyconfig.JSONModuleObject(unmarshaler, "store", name, nil)
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
	n, err := humanize.ParseBytes(arg)
	if err != nil || n == 0 || n > math.MaxInt64 {
		return 0, d.Errf("%q is not a size such as 25MiB", arg)
	}
	return int64(n), nil
}
