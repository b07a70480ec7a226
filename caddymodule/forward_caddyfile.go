package caddymodule

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/hookwicket/hookwicket/queue"
)

// forwardBlock reads the lines of a forward that are no handlers.
var forwardBlock = block[*Forward]{check: (*Forward).checkName, lines: append([]subdirective[*Forward]{
	{name: "as", read: func(f *Forward, d *caddyfile.Dispenser) error { return oneArg(d, &f.Name) }},
	{name: "on", many: true, read: (*Forward).unmarshalOn},
	{name: "when", twice: "; combine the two with && or ||", read: (*Forward).unmarshalWhen},
	{name: "wait", read: func(f *Forward, d *caddyfile.Dispenser) error { return oneDuration(d, &f.Wait) }},
}, within(func(f *Forward) *Policy { return &f.Policy }, policyLines)...)}

// unmarshalForward reads upstreams, which are short for a block with a reverse_proxy
// to them, or a block with options and then handlers.
func (e *directive) unmarshalForward(*caddyfile.Dispenser) error {
	h := e.helper
	d := h.NewFromNextSegment()
	d.Next() // forward
	name := d.Token()
	var upstreams []caddyfile.Token
	for d.NextArg() {
		if hasPath(d.Val()) {
			return d.Err("an upstream is a host and a port, without a path. For a path, write a block, with each of these on a line: " +
				"`forward {`, `rewrite * <path>`, `reverse_proxy <scheme>://<host>`, `}`")
		}
		if forwardBlock.has(d.Val()) {
			return d.Errf("`%s` is a line in the block of a forward: write `forward <upstream...> {`, `%s …` on a line, `}`", d.Val(), d.Val())
		}
		upstreams = append(upstreams, d.Token())
	}
	f := new(Forward)
	seen := make(map[string]bool)
	var handlers []caddyfile.Token
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if !forwardBlock.has(d.Val()) {
			handlers = append(handlers, d.NextSegment()...)
			continue
		}
		if len(handlers) > 0 {
			return d.Errf("`%s` stands before the handlers of a forward, and `%s` is one", d.Val(), handlers[0].Text)
		}
		if _, err := forwardBlock.readLine(f, d, seen); err != nil {
			return err
		}
	}
	e.Forwards = append(e.Forwards, f)
	switch {
	case len(handlers) > 0 && len(upstreams) > 0:
		return h.Err("`forward` takes upstreams or a block of handlers, not both; " +
			"write the upstreams in the block, as `reverse_proxy <upstream...>`")
	case len(handlers) == 0 && len(upstreams) == 0:
		return h.Err("forward where to? Write `forward <upstream...>` or `forward { <handlers> }`")
	case len(upstreams) > 0:
		e.proxies = append(e.proxies, shortForward{f, name, upstreams})
		return nil
	}
	return f.parseHandlers(h, name, handlers)
}

// parseHandlers reads the handlers of a forward as routes.
func (f *Forward) parseHandlers(h httpcaddyfile.Helper, name caddyfile.Token, handlers []caddyfile.Token) error {
	handler, err := httpcaddyfile.ParseSegmentAsSubroute(h.WithDispenser(caddyfile.NewDispenser(blockOf(name, handlers))))
	if err != nil {
		return err
	}
	subroute, ok := handler.(*caddyhttp.Subroute)
	if !ok {
		return fmt.Errorf("unexpected handler %T for the forward block", handler)
	}
	f.Routes = subroute.Routes
	return nil
}

// unmarshalOn reads patterns of event types.
func (f *Forward) unmarshalOn(d *caddyfile.Dispenser) error {
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
}

// unmarshalWhen reads an expression, which may stand without quotes where it has
// no quotes and braces of its own, as with Caddy's matcher.
func (f *Forward) unmarshalWhen(d *caddyfile.Dispenser) error {
	if d.CountRemainingArgs() > 1 {
		f.When = strings.Join(d.RemainingArgsRaw(), " ")
		return nil
	}
	return oneArg(d, &f.When)
}

// negatedOn is the error of a pattern that is meant to exclude types.
const negatedOn = "on has no negation: a type that starts with ! is seldom meant. Write an expression, such as " +
	"`when \"!{http.webhook_gateway.event_type}.startsWith('payment.')\"`"

// hasPath reports whether an upstream is a URL with more than a host. Sockets have
// paths by nature, and the value of a placeholder is not known yet.
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

// shortForward is a `forward <upstream...>`. Its handler depends on the concurrency, which
// may stand on a later line of the endpoint.
type shortForward struct {
	forward   *Forward
	name      caddyfile.Token
	upstreams []caddyfile.Token
}

// parse makes the handler that the line is short for: a reverse_proxy that keeps an idle
// connection for each attempt that can run at once. With fewer, as by Caddy's default of
// 32, it would dial for many of the attempts.
func (s shortForward) parse(h httpcaddyfile.Helper, base Policy) error {
	idle := cmp.Or(s.forward.Concurrency, base.Concurrency, queue.DefaultConcurrency)
	at := func(line int, text string) caddyfile.Token {
		t := s.name // with its import: Caddy takes a token of another one for a new line
		t.Line, t.Text = t.Line+line, text
		return t
	}
	tokens := []caddyfile.Token{at(1, "reverse_proxy")}
	for _, u := range s.upstreams {
		u.Line = tokens[0].Line
		tokens = append(tokens, u)
	}
	tokens = append(tokens, at(1, "{"))
	for i, line := range []string{"transport http {", "keepalive_idle_conns_per_host " + strconv.Itoa(idle), "}", "}"} {
		for _, word := range strings.Fields(line) {
			tokens = append(tokens, at(2+i, word))
		}
	}
	return s.forward.parseHandlers(h, s.name, tokens)
}

// blockOf puts lines into a block.
func blockOf(name caddyfile.Token, lines []caddyfile.Token) []caddyfile.Token {
	begin, end := name, lines[len(lines)-1]
	begin.Text = "{"
	end = caddyfile.Token{File: end.File, Line: end.Line + end.NumLineBreaks() + 1, Text: "}"}
	return slices.Concat([]caddyfile.Token{name, begin}, lines, []caddyfile.Token{end})
}
