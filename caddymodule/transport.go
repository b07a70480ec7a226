package caddymodule

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap/zapcore"
)

func init() { caddy.RegisterModule(&Transport{}) }

// Transport stands between reverse_proxy and its own transport, wherever an event can
// reach that handler. Requests that are not events pass through unchanged.
//
// reverse_proxy makes the fields of a log line of the request that it gave to its
// transport, with all headers, for each round trip and at any log level. Transport sends
// the original and leaves reverse_proxy a request without credentials. Without debug
// lines it leaves it none of the headers, because encoding them costs forty allocations.
// It also repeats an event if the upstream closed the idle connection; see
// [exchange.send].
//
// It needs no configuration: endpoints put it into the routes while these are loaded.
type Transport struct {
	// Of is the transport that reverse_proxy was configured with. Default: http.
	Of json.RawMessage `json:"of,omitempty" caddy:"namespace=http.reverse_proxy.transport inline_key=protocol"`

	base  http.RoundTripper
	debug bool // reverse_proxy writes debug lines
}

// CaddyModule returns the Caddy module information.
func (*Transport) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.transport.webhook_gateway",
		New: func() caddy.Module { return new(Transport) },
	}
}

// Provision loads the transport behind this one.
func (t *Transport) Provision(ctx caddy.Context) error {
	t.debug = ctx.Logger(new(reverseproxy.Handler)).Core().Enabled(zapcore.DebugLevel)
	if t.Of == nil {
		base := new(reverseproxy.HTTPTransport)
		t.base = base
		return base.Provision(ctx)
	}
	mod, err := ctx.LoadModule(t, "Of")
	if err != nil {
		return err
	}
	t.base = mod.(http.RoundTripper)
	return nil
}

// RoundTrip sends a request.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	x, ok := caddyhttp.GetVar(r.Context(), exchangeVar).(*exchange)
	if !ok {
		return t.base.RoundTrip(r)
	}
	out := r.WithContext(r.Context())
	red := x.endpoint.redacting()
	r.RequestURI = red.uri(r.RequestURI)
	if t.debug {
		r.Header = red.logged(r.Header)
	} else {
		r.Header = nil // reverse_proxy reads no header of it after the round trip, but for the log
	}
	resp, err := x.send(t.base, out)
	return resp, red.failure(err)
}

// The optional methods of a transport go to the one behind.

// ProxyProtocolEnabled passes the question on.
func (t *Transport) ProxyProtocolEnabled() bool {
	base, ok := t.base.(reverseproxy.ProxyProtocolTransport)
	return ok && base.ProxyProtocolEnabled()
}

// OverrideHealthCheckScheme passes the question on.
func (t *Transport) OverrideHealthCheckScheme(u *url.URL, port string) {
	if base, ok := t.base.(reverseproxy.HealthCheckSchemeOverriderTransport); ok {
		base.OverrideHealthCheckScheme(u, port)
	}
}

// RequiresContentLength passes the question on.
func (t *Transport) RequiresContentLength() bool {
	base, ok := t.base.(reverseproxy.ContentLengthRequiredTransport)
	return ok && base.RequiresContentLength()
}

// DefaultBufferSizes passes the question on.
func (t *Transport) DefaultBufferSizes() (request, response int64) {
	if base, ok := t.base.(reverseproxy.BufferedTransport); ok {
		return base.DefaultBufferSizes()
	}
	return 0, 0
}

// RequestHeaderOps passes the question on.
func (t *Transport) RequestHeaderOps() *headers.HeaderOps {
	if base, ok := t.base.(reverseproxy.RequestHeaderOpsTransport); ok {
		return base.RequestHeaderOps()
	}
	return nil
}

// throughTransport puts a Transport into each reverse_proxy of routes whose handlers
// have not been loaded yet. Caddy loads the routes of a server one after the other. The
// routes behind an endpoint can therefore still be changed while it is provisioned.
func throughTransport(routes caddyhttp.RouteList) {
	for _, route := range routes {
		for i, raw := range route.HandlersRaw {
			route.HandlersRaw[i] = withTransport(raw)
		}
	}
}

// throughTransports calls throughTransport for all routes that an endpoint's requests
// can reach, its server's error routes included. The first endpoint of a server or
// subroute does it for all. Otherwise the time of a load would grow with the square of
// the number of endpoints.
func (h *Handler) throughTransports(ctx caddy.Context) {
	if h.app.changes(h.server) {
		throughTransport(h.server.Routes)
		if h.server.Errors != nil {
			throughTransport(h.server.Errors.Routes)
		}
		for _, route := range h.server.NamedRoutes {
			throughTransport(caddyhttp.RouteList{*route})
		}
	}
	for _, mod := range ctx.Modules() {
		around, ok := mod.(*caddyhttp.Subroute)
		if !ok {
			continue
		}
		changes := h.app.changes(around)
		if changes {
			throughTransport(around.Routes)
		}
		if around.Errors != nil {
			h.guardedErrors = true
			if changes {
				throughTransport(around.Errors.Routes)
			}
		}
	}
}

// changes reports, once for each server or subroute, that its routes are to be changed.
func (a *App) changes(routes any) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.changed[routes] {
		return false
	}
	if a.changed == nil {
		a.changed = make(map[any]bool)
	}
	a.changed[routes] = true
	return true
}

// withTransport changes the JSON of a handler, which may contain other handlers. It also
// puts a [Tracing] around each handler tracing. It
// leaves JSON that it cannot read unchanged, and Caddy reports the error.
func withTransport(raw json.RawMessage) json.RawMessage {
	if !bytes.Contains(raw, []byte("reverse_proxy")) && !bytes.Contains(raw, []byte(`"tracing"`)) {
		return raw
	}
	var object map[string]json.RawMessage
	var list []json.RawMessage
	switch {
	case json.Unmarshal(raw, &object) == nil && object != nil:
		switch string(object["handler"]) {
		case `"webhook_gateway_tracing"`:
			return raw
		case `"tracing"`:
			return marshalled(map[string]json.RawMessage{"handler": json.RawMessage(`"webhook_gateway_tracing"`), "of": raw}, raw)
		}
		for name, value := range object {
			object[name] = withTransport(value)
		}
		if string(object["handler"]) == `"reverse_proxy"` {
			object["transport"] = transportOf(object["transport"])
		}
		return marshalled(object, raw)
	case json.Unmarshal(raw, &list) == nil && list != nil:
		for i, value := range list {
			list[i] = withTransport(value)
		}
		return marshalled(list, raw)
	}
	return raw
}

// transportOf returns the JSON of a Transport around another one. nil: the default one.
func transportOf(configured json.RawMessage) json.RawMessage {
	var t struct {
		Protocol string `json:"protocol"`
	}
	if json.Unmarshal(configured, &t) == nil && t.Protocol == "webhook_gateway" {
		return configured
	}
	object := map[string]json.RawMessage{"protocol": json.RawMessage(`"webhook_gateway"`)}
	if configured != nil && string(configured) != "null" {
		object["of"] = configured
	}
	return marshalled(object, configured)
}

// marshalled returns v as JSON, or the original if that fails.
func marshalled(v any, original json.RawMessage) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return original
	}
	return b
}

var (
	_ caddy.Provisioner                                = (*Transport)(nil)
	_ http.RoundTripper                                = (*Transport)(nil)
	_ reverseproxy.ProxyProtocolTransport              = (*Transport)(nil)
	_ reverseproxy.HealthCheckSchemeOverriderTransport = (*Transport)(nil)
	_ reverseproxy.ContentLengthRequiredTransport      = (*Transport)(nil)
	_ reverseproxy.BufferedTransport                   = (*Transport)(nil)
	_ reverseproxy.RequestHeaderOpsTransport           = (*Transport)(nil)
)
