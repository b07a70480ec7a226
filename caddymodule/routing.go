package caddymodule

import (
	"bytes"
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

// jsonPlaceholder is a value of the body, as when has it, in its short form or whole.
// A path has signs, such as # for all of a list, that Caddy's own placeholders in
// expressions cannot have; so it becomes here the call that they become.
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

// route decides to which forwards a verified event goes. The request carries the
// placeholders of the event; what an expression reads of it, such as the path, is
// what the sender sent.
func (h *Handler) route(r *http.Request, about *facts, body []byte) []queue.Route {
	var routes []queue.Route
	for _, f := range h.Forwards {
		if f.matches(r, about, body) {
			routes = append(routes, f.routeOf(r.Header, about, body))
		}
	}
	return routes
}

// routeOf is this forward as a route for an event.
func (f *Forward) routeOf(header http.Header, about *facts, body []byte) queue.Route {
	to := queue.Route{Destination: f.destination}
	if o := f.effective.Order; o != nil && !o.Off {
		to.Ordered, to.OrderKey, to.OrderRule = true, o.key(header, about, body), o.rule()
	}
	return to
}

// rule tells one way of making keys from another.
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

// key is what the events of one line have in common. Events without the value are
// a line of their own.
func (o *Order) key(header http.Header, about *facts, body []byte) string {
	switch {
	case o.JSON != "":
		return valueAt(body, o.JSON).String()
	case o.Header != "":
		return header.Get(o.Header)
	case o.EventType:
		return about.eventType
	}
	return ""
}

// matches tells whether an event goes to this forward. An expression that fails
// must not cost an event: it goes there, and a person reads why.
func (f *Forward) matches(r *http.Request, about *facts, body []byte) bool {
	if len(f.On) > 0 && !slices.ContainsFunc(f.On, func(pattern string) bool { return queue.Match(pattern, about.eventType) }) {
		return false
	}
	if f.when == nil {
		return true
	}
	matched, err := f.evaluate(r, about, body)
	if err != nil {
		f.endpoint.note(zapcore.WarnLevel, "when could not be evaluated; the event goes to this forward all the same",
			f.String(), about, func() []zap.Field { return []zap.Field{zap.Stringer("to", f), zap.Error(err)} })
		return true
	}
	return matched
}

// evaluate runs the expression. What a matcher within it leaves in the request or
// panics with must not reach further.
func (f *Forward) evaluate(r *http.Request, about *facts, body []byte) (matched bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	about.exact = true
	defer func() { about.exact = false }()
	r.Body = io.NopCloser(bytes.NewReader(body)) // it has been read; {http.request.body} reads it again
	return f.when.MatchWithError(r)
}
