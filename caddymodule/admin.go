package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/hookwicket/hookwicket/adminapi"
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
type adminAPI struct {
	only   []string // the endpoints that are shown; empty: all
	holder *holder  // the owner of the token with which it is asked; nil: of none
}

// CaddyModule returns the Caddy module information.
func (*adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.webhook_gateway", New: func() caddy.Module { return new(adminAPI) }}
}

// Routes returns the one route of the API, behind which it has its own.
func (a *adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: adminapi.Prefix + "/", Handler: caddy.AdminHandlerFunc(a.dispatch())}}
}

// dispatch returns the function that finds the operation for a request.
func (a *adminAPI) dispatch() func(http.ResponseWriter, *http.Request) error {
	mux := http.NewServeMux()
	handle := func(pattern string, serve func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			served := w.(*served)
			served.err = serve(served.ResponseWriter, r)
		})
	}
	methods := make(map[string][]string)
	for _, route := range apiRoutes() {
		if a.holder != nil && !slices.Contains(forListeners, route.id) {
			continue
		}
		path := adminapi.Prefix + route.path
		methods[path] = append(methods[path], route.method)
		handle(route.method+" "+path, func(w http.ResponseWriter, r *http.Request) error {
			if err := route.checkParams(r); err != nil {
				return err
			}
			return apiErrorOf(route.serve(a, w, r))
		})
		if route.method == http.MethodGet && route.answer == nil { // the mux takes HEAD for GET
			handle(http.MethodHead+" "+path, notServed([]string{route.method}))
		}
	}
	for path, allowed := range methods {
		for _, method := range everyMethod { // one by one: /refused/accept without a method conflicts with GET /refused/{id}
			if !slices.Contains(allowed, method) && (method != http.MethodHead || !slices.Contains(allowed, http.MethodGet)) {
				handle(method+" "+path, notServed(allowed))
			}
		}
	}
	handle("/", func(_ http.ResponseWriter, r *http.Request) error {
		return apiFailure(http.StatusNotFound, "there is no %s; %s lists the paths", r.URL.Path, adminapi.Prefix+adminapi.PathOpenAPI)
	})
	return func(w http.ResponseWriter, r *http.Request) error {
		served := &served{ResponseWriter: w}
		mux.ServeHTTP(served, r)
		return served.err
	}
}

// everyMethod are the methods for which a path says which others it has.
var everyMethod = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace,
}

// served carries the error of an operation through the mux to Caddy, which
// answers with it.
type served struct {
	http.ResponseWriter
	err error
}

// notServed refuses the methods that a path does not have.
func notServed(allowed []string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return apiFailure(http.StatusMethodNotAllowed, "%s is served by %s, not by %s", r.URL.Path, strings.Join(allowed, " and "), r.Method)
	}
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
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil { // the pairs that cannot be read would be left out
		return apiFailure(http.StatusBadRequest, "the query is malformed: write & between parameters, and %%XX for bytes that are not allowed")
	}
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
