package caddymodule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// forwardOptions are the lines of a forward that are no handlers.
var forwardOptions = append([]string{"as", "on", "when", "wait"}, policyOptions...)

// parseForward reads upstreams, which are short for a block with a reverse_proxy
// to them, or a block with options and then handlers.
func parseForward(h httpcaddyfile.Helper) (*Forward, error) {
	d := h.NewFromNextSegment()
	d.Next() // forward
	name := d.Token()
	var upstreams []caddyfile.Token
	for d.NextArg() {
		if hasPath(d.Val()) {
			return nil, d.Err("an upstream is a host and a port, without a path. For a path, write a block, with each of these on a line: " +
				"`forward {`, `rewrite * <path>`, `reverse_proxy <scheme>://<host>`, `}`")
		}
		upstreams = append(upstreams, d.Token())
	}
	f := new(Forward)
	var handlers []caddyfile.Token
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if !slices.Contains(forwardOptions, d.Val()) {
			handlers = append(handlers, d.NextSegment()...)
			continue
		}
		if len(handlers) > 0 {
			return nil, d.Errf("`%s` stands before the handlers of a forward, and `%s` is one", d.Val(), handlers[0].Text)
		}
		if err := f.unmarshalOption(d); err != nil {
			return nil, err
		}
	}
	switch {
	case len(handlers) > 0 && len(upstreams) > 0:
		return nil, h.Err("`forward` takes upstreams or a block of handlers, not both; " +
			"write the upstreams in the block, as `reverse_proxy <upstream...>`")
	case len(handlers) == 0 && len(upstreams) == 0:
		return nil, h.Err("forward where to? Write `forward <upstream...>` or `forward { <handlers> }`")
	case len(upstreams) > 0:
		handlers = proxyTo(name, upstreams)
	}
	handler, err := httpcaddyfile.ParseSegmentAsSubroute(h.WithDispenser(caddyfile.NewDispenser(blockOf(name, handlers))))
	if err != nil {
		return nil, err
	}
	subroute, ok := handler.(*caddyhttp.Subroute)
	if !ok {
		return nil, fmt.Errorf("unexpected handler %T for the forward block", handler)
	}
	f.Routes = subroute.Routes
	return f, nil
}

// unmarshalOption reads one line of the block that is no handler.
func (f *Forward) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "as":
		return oneArg(d, &f.Name)
	case "on":
		patterns := d.RemainingArgs()
		if len(patterns) == 0 || slices.Contains(patterns, "") {
			return d.Err("on which event types? Write `on <pattern...>`, such as `on payment.* refund.created`")
		}
		for _, pattern := range patterns {
			if strings.HasPrefix(pattern, "!") {
				return d.Err(negatedOn)
			}
		}
		f.On = append(f.On, patterns...)
		return nil
	case "when":
		return f.unmarshalWhen(d)
	case "wait":
		if f.Wait != 0 {
			return d.Err("wait is given twice")
		}
		return oneDuration(d, &f.Wait)
	}
	return f.Policy.unmarshalOption(d)
}

// unmarshalWhen reads an expression, which may stand without quotes where it has
// no quotes and braces of its own, as with Caddy's matcher.
func (f *Forward) unmarshalWhen(d *caddyfile.Dispenser) error {
	if f.When != "" {
		return d.Err("when is given twice; combine the two with && or ||")
	}
	if d.CountRemainingArgs() > 1 {
		f.When = strings.Join(d.RemainingArgsRaw(), " ")
		return nil
	}
	return oneArg(d, &f.When)
}

// negatedOn is the error of a pattern that is meant to exclude types.
const negatedOn = "on has no negation: a type that starts with ! is seldom meant. Write an expression, such as " +
	"`when \"!{http.webhook_gateway.event_type}.startsWith('payment.')\"`"

// hasPath tells whether an upstream is a URL with more than a host. Sockets have
// paths by nature, and what a placeholder stands for is not known yet.
func hasPath(upstream string) bool {
	scheme, rest, found := strings.Cut(upstream, "://")
	if !found {
		scheme, rest = "", upstream
	}
	if strings.HasPrefix(scheme+rest, "unix") || strings.HasPrefix(rest, "fd/") || strings.Contains(upstream, "{") {
		return false
	}
	if !found && strings.Contains(strings.SplitN(rest, "/", 2)[0], "+") {
		return false
	}
	return strings.ContainsAny(rest, "/?#")
}

// proxyTo is the handler that `forward <upstream...>` is short for.
func proxyTo(name caddyfile.Token, upstreams []caddyfile.Token) []caddyfile.Token {
	proxy := name
	proxy.Line++
	proxy.Text = "reverse_proxy"
	tokens := []caddyfile.Token{proxy}
	for _, u := range upstreams {
		u.Line = proxy.Line
		tokens = append(tokens, u)
	}
	return tokens
}

// blockOf puts lines into a block.
func blockOf(name caddyfile.Token, lines []caddyfile.Token) []caddyfile.Token {
	begin, end := name, lines[len(lines)-1]
	begin.Text = "{"
	end = caddyfile.Token{File: end.File, Line: end.Line + end.NumLineBreaks() + 1, Text: "}"}
	return slices.Concat([]caddyfile.Token{name, begin}, lines, []caddyfile.Token{end})
}
