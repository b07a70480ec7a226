package caddymodule

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() {
	httpcaddyfile.RegisterDirective("webhook_gateway_inspector", parseInspector)
	httpcaddyfile.RegisterDirectiveOrder("webhook_gateway_inspector", httpcaddyfile.Before, "respond")
}

// inspectorBlock reads the lines of an [Inspector].
var inspectorBlock = block[*Inspector]{check: (*Inspector).check, lines: []subdirective[*Inspector]{
	{name: "by", read: func(i *Inspector, d *caddyfile.Dispenser) error { return oneArg(d, &i.By) }},
	{name: "readonly", read: func(i *Inspector, d *caddyfile.Dispenser) error { return switchOn(d, &i.Readonly) }},
	{name: "operators", read: func(i *Inspector, d *caddyfile.Dispenser) error { return someArgs(d, &i.Operators) }},
	{name: "endpoints", read: func(i *Inspector, d *caddyfile.Dispenser) error { return someArgs(d, &i.Endpoints) }},
	{name: "listen", read: (*Inspector).unmarshalListen, many: true},
}}

// listenBlock reads the lines of a [ListenGrant].
var listenBlock = block[*ListenGrant]{lines: []subdirective[*ListenGrant]{
	{name: "raw", read: func(g *ListenGrant, d *caddyfile.Dispenser) error { return switchOn(d, &g.Raw) }},
	{name: "token", read: (*ListenGrant).unmarshalToken, many: true},
}}

// unmarshalListen reads
//
//	listen [raw] [<endpoint...>] {
//		token [<name>] <token>
//	}
func (i *Inspector) unmarshalListen(d *caddyfile.Dispenser) error {
	var g ListenGrant
	nesting := d.Nesting()
	if g.Endpoints = d.RemainingArgs(); len(g.Endpoints) > 0 && g.Endpoints[0] == "raw" {
		g.Raw, g.Endpoints = true, g.Endpoints[1:]
	}
	if _, err := listenBlock.readAll(&g, d, nesting); err != nil {
		return err
	}
	i.Listen = append(i.Listen, g)
	return nil
}

func (g *ListenGrant) unmarshalToken(d *caddyfile.Dispenser) error {
	switch args := d.RemainingArgs(); len(args) {
	case 1:
		g.Tokens = append(g.Tokens, ListenToken{Token: args[0]})
	case 2:
		g.Tokens = append(g.Tokens, ListenToken{Name: args[0], Token: args[1]})
	default:
		return d.Err("token: write `token {env.LISTEN_TOKEN}`, or with its owner's name before it")
	}
	return nil
}

// someArgs reads a line with at least one argument.
func someArgs(d *caddyfile.Dispenser, to *[]string) error {
	name := d.Val()
	if *to = d.RemainingArgs(); len(*to) == 0 {
		return d.Errf("%s: name at least one", name)
	}
	return nil
}

// parseInspector reads one webhook_gateway_inspector directive; see [Inspector]. A
// matcher that is a path tells the page where it is.
func parseInspector(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	i := new(Inspector)
	h.Next() // the directive's name
	if h.NextArg() {
		if path := h.Val(); strings.HasPrefix(path, "/") {
			prefix, ok := strings.CutSuffix(path, "*")
			if !ok || strings.Contains(prefix, "*") {
				return nil, h.Errf("the page has more than one path: write `webhook_gateway_inspector %s/*`", strings.TrimRight(strings.ReplaceAll(path, "*", ""), "/"))
			}
			i.Prefix = strings.TrimRight(prefix, "/")
		}
	}
	h.Reset()
	h.Next()
	matcher, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	h.Next() // the directive's name, once more
	if h.NextArg() {
		return nil, h.Errf("%q is no matcher: that is a path such as /hooks/*, or a name such as @name", h.Val())
	}
	if _, err := inspectorBlock.readAll(i, h.Dispenser, h.Nesting()); err != nil {
		return nil, err
	}
	return h.NewRoute(matcher, i), nil
}
