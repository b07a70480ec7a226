package caddymodule

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	otelattribute "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/hookwicket/hookwicket/queue"
)

func init() { caddy.RegisterModule(&Tracing{}) }

// lateAttempt is how long after the receipt of its event an attempt still belongs to the trace of
// the request. Most backends close a trace after some minutes.
const lateAttempt = time.Minute

// Tracing stands around Caddy's handler tracing, wherever an event can reach it. The span of a
// first attempt is a child of the request that brought the event. The span of a late one begins
// a trace of its own and has a link to that request. Requests that are no attempts pass through
// unchanged.
//
// The request's context of tracing is its header traceparent. Caddy writes it before the event is
// stored, so it outlives restarts.
//
// It needs no configuration: endpoints put it into the routes while these are loaded, as they do
// with [Transport].
type Tracing struct {
	// Of is Caddy's handler.
	Of json.RawMessage `json:"of,omitempty" caddy:"namespace=http.handlers inline_key=handler"`

	of caddyhttp.MiddlewareHandler
}

// CaddyModule returns the Caddy module information.
func (*Tracing) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.webhook_gateway_tracing",
		New: func() caddy.Module { return new(Tracing) },
	}
}

// Provision loads Caddy's handler.
func (t *Tracing) Provision(ctx caddy.Context) error {
	mod, err := ctx.LoadModule(t, "Of")
	if err != nil {
		return err
	}
	t.of = mod.(caddyhttp.MiddlewareHandler)
	return nil
}

// ServeHTTP makes the span of an attempt. Within another span it changes nothing.
func (t *Tracing) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	x, ok := caddyhttp.GetVar(r.Context(), exchangeVar).(*exchange)
	if !ok || x.about.attempt == 0 || oteltrace.SpanContextFromContext(r.Context()).IsValid() {
		return t.of.ServeHTTP(w, r, next)
	}
	var origin oteltrace.SpanContext // of a late attempt
	if x.about.attempt > 1 || time.Since(x.about.receivedAt) > lateAttempt {
		origin = traceOf(r.Header)
		r.Header.Del("Traceparent")
		r.Header.Del("Tracestate")
	}
	return t.of.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		span := oteltrace.SpanFromContext(r.Context())
		if origin.IsValid() {
			span.AddLink(oteltrace.Link{SpanContext: origin})
		}
		x.about.describe(r.Context())
		err := next.ServeHTTP(w, r)
		if err != nil {
			span.SetStatus(codes.Error, string(queue.FailureOf(plainly(err))))
		}
		return err
	}))
}

// describe adds attributes to the span of a request or an attempt. Without one it costs no
// allocation.
func (f *facts) describe(ctx context.Context) {
	span := oteltrace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(otelattribute.String("webhook_gateway.endpoint", f.endpoint), otelattribute.String("webhook_gateway.message_id", f.messageID))
	if f.attempt > 0 {
		span.SetAttributes(otelattribute.String("webhook_gateway.forward", f.forward), otelattribute.Int("webhook_gateway.attempt", f.attempt))
	}
}

// traceOf reads the context of tracing that a stored request has in its headers. It is not valid
// where there is none.
func traceOf(h http.Header) oteltrace.SpanContext {
	return oteltrace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(h)))
}

// traceID returns the ID of the trace of a stored request; empty: it has none.
func traceID(h http.Header) string {
	if origin := traceOf(h); origin.IsValid() {
		return origin.TraceID().String()
	}
	return ""
}

var (
	_ caddy.Provisioner           = (*Tracing)(nil)
	_ caddyhttp.MiddlewareHandler = (*Tracing)(nil)
)
