package caddymodule

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/hookwicket/hookwicket/queue"
)

// jsonPlaceholder matches {json.<path>} and {http.webhook_gateway.json.<path>} in the
// expression of `when`. Caddy replaces its own placeholders in expressions by a call,
// but not if they contain signs such as #, which paths need. Therefore provisionWhen
// makes the call.
var jsonPlaceholder = regexp.MustCompile(`(^|[^\\])\{(?:` + regexp.QuoteMeta(placeholderPrefix) + `)?json\.([^{}"\\\n]+)\}`)

// provisionWhen compiles the expression.
func (f *Forward) provisionWhen(ctx caddy.Context) error {
	if f.When == "" {
		return nil
	}
	f.when = &caddyhttp.MatchExpression{
		Expr: jsonPlaceholder.ReplaceAllString(f.When, "${1}"+caddyhttp.CELPlaceholderFuncName+"("+
			caddyhttp.CELRequestVarName+`, "`+placeholderPrefix+`json.${2}")`),
	}
	err := f.when.Provision(ctx)
	if err != nil && strings.HasSuffix(err.Error(), "not google.protobuf.Any") {
		err = fmt.Errorf("%w; compare the value, as in `{json.paid} == true`", err)
	}
	return err
}

// route decides to which forwards a verified event goes. An expression reads the
// event's placeholders, and the path and headers as the sender sent them. The routes are
// appended to an empty slice.
func (h *Handler) route(r *http.Request, about *facts, routes []queue.Route) []queue.Route {
	for _, f := range h.Forwards {
		if f.matches(r, about) {
			routes = append(routes, f.routeOf(r.Header, about))
		}
	}
	return routes
}

// routeStored decides by the present configuration to which forwards a stored message
// goes.
func (h *Handler) routeStored(ctx context.Context, m *queue.Message) ([]queue.Route, error) {
	about := factsOf(&queue.Delivery{Message: m})
	r, err := h.stored(ctx, m, about)
	if err != nil {
		return nil, err
	}
	return h.route(r, about, nil), nil
}

// destinations returns the destinations of the endpoint's forwards.
func (h *Handler) destinations() []queue.Destination {
	all := make([]queue.Destination, 0, len(h.Forwards))
	for _, f := range h.Forwards {
		all = append(all, f.destination)
	}
	return all
}

// routeOf returns the route of an event to this forward.
func (f *Forward) routeOf(header http.Header, about *facts) queue.Route {
	to := queue.Route{Destination: f.destination}
	if o := f.effective.Order; o != nil && !o.Off {
		to.Ordered, to.OrderKey, to.OrderRule = true, o.key(header, about), o.rule()
	}
	return to
}

// rule names the way in which order keys are made. Keys of different rules are
// different.
func (o *Order) rule() string {
	switch {
	case o.JSON != "":
		return "json " + o.JSON
	case o.Header != "":
		return "header " + http.CanonicalHeaderKey(o.Header)
	case o.EventType:
		return "event_type"
	}
	return "all"
}

// key returns the order key of an event. Events without the value have the empty key
// in common.
func (o *Order) key(header http.Header, about *facts) string {
	switch {
	case o.JSON != "":
		return valueAt(about.body, o.JSON).String()
	case o.Header != "":
		return header.Get(o.Header)
	case o.EventType:
		return about.eventType
	}
	return ""
}

// matches reports whether an event goes to this forward. If the expression fails, the
// event goes there too, and the log says why. Otherwise the event would be lost.
func (f *Forward) matches(r *http.Request, about *facts) bool {
	if len(f.On) > 0 && !slices.ContainsFunc(f.On, func(pattern string) bool { return queue.Match(pattern, about.eventType) }) {
		return false
	}
	if f.when == nil {
		return true
	}
	matched, err := f.evaluate(r, about)
	if err != nil {
		line := remark{zapcore.WarnLevel, "when could not be evaluated; the event goes to this forward all the same", f.String()}
		f.endpoint.note(line, about, func() []zap.Field { return []zap.Field{zap.Stringer("to", f), zap.Error(err)} })
		return true
	}
	return matched
}

// evaluate runs the expression. A panic of a matcher in it becomes an error.
func (f *Forward) evaluate(r *http.Request, about *facts) (matched bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	about.exact = true
	defer func() { about.exact = false }()
	r.Body = io.NopCloser(bytes.NewReader(about.body)) // it has been read; {http.request.body} reads it again
	return f.when.MatchWithError(r)
}
