package caddymodule

import (
	"maps"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"
)

// behind is the fate of a request that an endpoint's matcher leaves out, such as
// one for /stripe/ where the matcher is /stripe. Later values are worse.
type behind int

const (
	answered behind = iota // another handler answers, such as `respond 404`
	proxied                // a reverse_proxy without a matcher takes it, unverified
	lost                   // nothing answers: Caddy sends an empty 200
)

// warnOfBehind warns of endpoints whose neighbours take or lose the requests that
// miss their matcher. A provider that calls a wrong path would see a success.
func (a *App) warnOfBehind() {
	app, err := a.ctx.AppIfConfigured("http")
	if err != nil {
		return // no server: no request comes
	}
	found, refused := make(map[string]behind), make(map[string]bool)
	for _, server := range app.(*caddyhttp.App).Servers {
		inspect(server.Routes, lost, answered, found)
		findRefused(server.Routes, false, refused)
		a.warnOfHidden(server.Routes, "")
	}
	if len(refused) > 0 {
		a.logger.Warn("these endpoints have no forward, and no handler behind them takes an event: there is none, or it answers with an error, "+
			"such as `respond 404`; add a `forward`, or put each endpoint and its proxy into a `handle <path>` block",
			zap.Strings("endpoints", slices.Sorted(maps.Keys(refused))))
	}
	names := slices.Sorted(maps.Keys(found))
	for _, w := range []struct {
		fate behind
		text string
	}{
		{lost, "requests that these endpoints' matchers leave out get Caddy's empty 200 and are lost, such as those for /stripe/ " +
			"where the matcher is /stripe; end the site with `respond 404`"},
		{proxied, "requests that these endpoints' matchers leave out reach the app behind unverified, with any Webhook-Gateway headers " +
			"they bring; put each endpoint and its proxy into a `handle <path>` block and end the site with `respond 404`, " +
			"unless the app has other visitors"},
	} {
		var endpoints []string
		for _, name := range names {
			if found[name] == w.fate {
				endpoints = append(endpoints, name)
			}
		}
		if endpoints != nil {
			a.logger.Warn(w.text, zap.Strings("endpoints", endpoints))
		}
	}
}

// inspect notes the fate of requests that miss each endpoint in a list of routes. after
// is the fate of a request that passes the whole list. worst is the fate of a request
// that an enclosing matcher leaves out.
func inspect(list caddyhttp.RouteList, after, worst behind, found map[string]behind) {
	for i, route := range list {
		missed := fate(list[i+1:], "", after)
		passed := fate(list[i+1:], route.Group, after)
		worst := worst
		if narrow(route) {
			worst = max(worst, missed)
		}
		for j, handler := range route.Handlers {
			switch handler := handler.(type) {
			case *Handler:
				found[handler.Name] = max(found[handler.Name], worst)
			case *caddyhttp.Subroute:
				rest := caddyhttp.RouteList{{Handlers: route.Handlers[j+1:]}}
				inspect(handler.Routes, fate(rest, "", passed), worst, found)
			}
		}
	}
}

// findRefused notes the endpoints without a forward whose events no handler takes.
// taken reports whether a handler after the whole list can take an event.
func findRefused(list caddyhttp.RouteList, taken bool, refused map[string]bool) {
	for i, route := range list {
		after := takes(list[i+1:], route.Group, taken)
		for j, handler := range route.Handlers {
			after := takes(caddyhttp.RouteList{{Handlers: route.Handlers[j+1:]}}, "", after)
			switch handler := handler.(type) {
			case *Handler:
				if !handler.asynchronous() && !after {
					refused[handler.Name] = true
				}
			case *caddyhttp.Subroute:
				findRefused(handler.Routes, after, refused)
			}
		}
	}
}

// takes reports whether a handler in a list of routes may take an event, that is, answer
// it with something else than a configured error. Routes of the group are skipped. after
// is the result for an event that passes the whole list.
func takes(list caddyhttp.RouteList, group string, after bool) bool {
	for _, route := range list {
		if group != "" && route.Group == group {
			continue
		}
		for _, handler := range route.Handlers {
			switch handler := handler.(type) {
			case caddyhttp.StaticError, *caddyhttp.StaticError:
				if !narrow(route) {
					return false
				}
			case *caddyhttp.StaticResponse:
				if !isError(handler) {
					return true
				}
				if !narrow(route) {
					return false
				}
			case *caddyhttp.Subroute:
				if takes(handler.Routes, "", false) {
					return true
				}
			default:
				if !middleware[caddy.GetModuleName(handler)] {
					return true
				}
			}
		}
	}
	return after
}

// isError reports whether a response that is configured has a status of 400 or more, or
// none at all because the connection is closed.
func isError(r *caddyhttp.StaticResponse) bool {
	status, err := strconv.Atoi(string(r.StatusCode))
	return r.Abort || err == nil && status >= 400
}

// warnOfHidden warns of endpoints behind another one that answers every request.
func (a *App) warnOfHidden(list caddyhttp.RouteList, by string) {
	for _, route := range list {
		for _, handler := range route.Handlers {
			switch handler := handler.(type) {
			case *Handler:
				if by != "" {
					a.logger.Warn("no request reaches the endpoint: the one before it has no matcher and answers all; give that one a path",
						zap.String("endpoint", handler.Name), zap.String("before", by))
				} else if handler.asynchronous() && !narrow(route) {
					by = handler.Name
				}
			case *caddyhttp.Subroute:
				a.warnOfHidden(handler.Routes, by)
			}
		}
	}
}

// fate returns the fate of a request that matches none of the matchers in a list of
// routes. Routes of the group are skipped, because another one of it has run.
func fate(list caddyhttp.RouteList, group string, after behind) behind {
	for _, route := range list {
		if narrow(route) || group != "" && route.Group == group {
			continue
		}
		for _, handler := range route.Handlers {
			switch handler := handler.(type) {
			case *reverseproxy.Handler:
				return proxied
			case *caddyhttp.Subroute:
				if f := fate(handler.Routes, "", lost); f != lost {
					return f
				}
			case *Handler:
				if handler.asynchronous() {
					return answered
				}
			default:
				if !middleware[caddy.GetModuleName(handler)] {
					return answered
				}
			}
		}
	}
	return after
}

// middleware names Caddy's own handlers that leave the answer to the next one. Any
// other handler counts as one that answers.
var middleware = map[string]bool{
	"authentication": true, "encode": true, "headers": true, "intercept": true, "log_append": true, "map": true,
	"push": true, "request_body": true, "rewrite": true, "templates": true, "tracing": true, "vars": true,
	"webhook_gateway_tracing": true,
}

// narrow reports whether a route matches by more than the host. The host only separates
// sites from each other.
func narrow(route caddyhttp.Route) bool {
	for _, set := range route.MatcherSets {
		byMore := slices.ContainsFunc(set, func(m any) bool {
			_, byHost := m.(*caddyhttp.MatchHost)
			return !byHost
		})
		if !byMore {
			return false
		}
	}
	return len(route.MatcherSets) > 0
}
