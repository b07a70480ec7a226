package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/hookwicket/hookwicket/queue"
)

func init() {
	caddy.RegisterModule(&adminAPI{})
}

// adminAPI serves /webhook_gateway/… under Caddy's admin endpoint, which guards
// it: by default it listens on this machine alone and checks hosts and origins.
//
// It holds no state and asks for the running app at each request. Caddy makes
// the admin endpoint of a configuration before its apps, and keeps it even
// where the apps then fail to start.
type adminAPI struct{}

// CaddyModule returns the Caddy module information.
func (*adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.webhook_gateway", New: func() caddy.Module { return new(adminAPI) }}
}

// Routes returns the one route of the API, behind which it has its own.
func (a *adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: apiPrefix + "/", Handler: caddy.AdminHandlerFunc(a.dispatch())}}
}

// dispatch finds the operation for a request.
func (a *adminAPI) dispatch() func(http.ResponseWriter, *http.Request) error {
	routes := apiRoutes()
	return func(w http.ResponseWriter, r *http.Request) error {
		var allowed []string
		for _, route := range routes {
			if !route.matches(r) {
				continue
			}
			if r.Method == route.method || r.Method == http.MethodHead && route.method == http.MethodGet && route.answer != nil {
				if err := route.checkParams(r); err != nil {
					return err
				}
				return apiErrorOf(route.serve(a, w, r))
			}
			allowed = append(allowed, route.method)
		}
		if allowed != nil {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			return apiFailure(http.StatusMethodNotAllowed, "%s is served by %s, not by %s", r.URL.Path, strings.Join(allowed, " and "), r.Method)
		}
		return apiFailure(http.StatusNotFound, "there is no %s; %s/openapi.json lists what there is", r.URL.Path, apiPrefix)
	}
}

// matches compares the path and sets its values. Names may hold whatever can be
// escaped in a URL.
func (route *apiRoute) matches(r *http.Request) bool {
	want := strings.Split(apiPrefix+route.path, "/")
	got := strings.Split(r.URL.Path, "/")
	if len(want) != len(got) {
		return false
	}
	for i, w := range want {
		if !strings.HasPrefix(w, "{") && w != got[i] || got[i] == "" && i > 0 {
			return false
		}
	}
	for i, w := range want {
		if strings.HasPrefix(w, "{") {
			r.SetPathValue(strings.Trim(w, "{}"), got[i])
		}
	}
	return true
}

// checkParams refuses parameters that the operation does not have: a filter that
// is not understood must not select everything.
func (route *apiRoute) checkParams(r *http.Request) error {
	var names []string
	for _, p := range route.params {
		if !p.path {
			names = append(names, p.name)
		}
	}
	query := r.URL.Query()
	for name, values := range query {
		switch {
		case !slices.Contains(names, name) && len(names) == 0:
			return apiFailure(http.StatusBadRequest, "unknown parameter %q: this has none", name)
		case !slices.Contains(names, name):
			return apiFailure(http.StatusBadRequest, "unknown parameter %q%s; there are %s", name, didYouMean(name, names), strings.Join(names, ", "))
		case len(values) > 1:
			return apiFailure(http.StatusBadRequest, "parameter %q is there %d times", name, len(values))
		}
	}
	return nil
}

// apiFailure is an error that the client reads.
func apiFailure(status int, format string, args ...any) error {
	return caddy.APIError{HTTPStatus: status, Err: fmt.Errorf(format, args...)}
}

// apiErrorOf gives errors of the store the status that they mean.
func apiErrorOf(err error) error {
	var known caddy.APIError
	var gone *queue.GoneError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.As(err, &gone):
		return apiFailure(http.StatusGone, "%w", err)
	case errors.Is(err, queue.ErrNotFound):
		return apiFailure(http.StatusNotFound, "%w", err)
	case errors.Is(err, queue.ErrBusy):
		return apiFailure(http.StatusConflict, "%w", err)
	case errors.Is(err, queue.ErrState):
		return apiFailure(http.StatusUnprocessableEntity, "%w", err)
	case errors.Is(err, queue.ErrCursor):
		return apiFailure(http.StatusBadRequest, "after: %w", err)
	case errors.Is(err, queue.ErrUnavailable), errors.Is(err, queue.ErrFull):
		return apiFailure(http.StatusServiceUnavailable, "%w", err)
	}
	return apiFailure(http.StatusInternalServerError, "%w", err)
}

var _ caddy.AdminRouter = (*adminAPI)(nil)
