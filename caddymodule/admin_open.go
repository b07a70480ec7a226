package caddymodule

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/hookwicket/hookwicket/queue"
)

// opened is the running app and its open store, for one request to the API.
type opened struct {
	app     *App
	shared  *shared
	store   queue.Inspector
	release func()
	only    []string // the endpoints that are shown; empty: all

	redactors map[string]*redactor // by endpoint, made as they are needed
}

// open finds the running app. The caller calls release in the end.
func (a *adminAPI) open() (*opened, error) {
	app := runningApp()
	if app == nil {
		return nil, apiFailure(http.StatusServiceUnavailable, "the running configuration has no webhook_gateway endpoint, so no store is open")
	}
	s, release, err := app.use()
	if err != nil {
		return nil, apiFailure(http.StatusServiceUnavailable, "opening the store: %w", err)
	}
	store, ok := s.store.(queue.Inspector)
	if !ok {
		release()
		return nil, apiFailure(http.StatusServiceUnavailable, "the store %s cannot be looked into", s.location)
	}
	return &opened{app: app, shared: s, store: store, release: release, only: a.only}, nil
}

// runningApp is the app of the active configuration, or nil: not the one that is
// being loaded.
func runningApp() *App {
	mod, err := caddy.ActiveContext().AppIfConfigured("webhook_gateway")
	if err != nil {
		return nil
	}
	app, ok := mod.(*App)
	if !ok || len(app.endpoints) == 0 {
		return nil
	}
	return app
}

// shows reports whether the caller may see an endpoint.
func (o *opened) shows(endpoint string) bool {
	return len(o.only) == 0 || slices.Contains(o.only, endpoint)
}

// known are the destinations by endpoint: those of the configuration, and those
// that the store has something of. Endpoints that the caller may not see are left out.
func (o *opened) known() map[string][]queue.Destination {
	all := make(map[string][]queue.Destination)
	for name, h := range o.app.endpoints {
		all[name] = h.destinations()
	}
	for d := range o.shared.store.Stats().Destinations {
		if !slices.Contains(all[d.Endpoint], d) {
			all[d.Endpoint] = append(all[d.Endpoint], d)
		}
	}
	maps.DeleteFunc(all, func(name string, _ []queue.Destination) bool { return !o.shows(name) })
	for _, list := range all {
		slices.SortFunc(list, queue.Destination.Compare)
	}
	return all
}

// checkTarget finds out whether there is such an endpoint, and such a forward of
// it, and returns the destinations that are meant.
func (o *opened) checkTarget(endpoint string, forward *string) ([]queue.Destination, error) {
	known := o.known()
	list, ok := known[endpoint]
	if !ok {
		names := slices.Sorted(maps.Keys(known))
		return nil, apiFailure(http.StatusNotFound, "there is no endpoint %q%s; there are %s", endpoint, didYouMean(endpoint, names), someOf(names))
	}
	if forward == nil {
		return list, nil
	}
	one := queue.Destination{Endpoint: endpoint, Forward: *forward}
	if slices.Contains(list, one) {
		return []queue.Destination{one}, nil
	}
	names := make([]string, 0, len(list))
	for _, d := range list {
		if d.Forward != "" {
			names = append(names, d.Forward)
		}
	}
	switch {
	case *forward == "":
		return nil, apiFailure(http.StatusNotFound, "endpoint %s has no forward without a name; it has %s", endpoint, someOf(names))
	case len(names) == 0:
		return nil, apiFailure(http.StatusNotFound, "endpoint %s has no forward %q: none of its forwards has a name", endpoint, *forward)
	}
	return nil, apiFailure(http.StatusNotFound, "endpoint %s has no forward %q%s; it has %s", endpoint, *forward, didYouMean(*forward, names), someOf(names))
}

// someOf lists names for an error, as many as a person will read.
func someOf(names []string) string {
	const most = 20
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
