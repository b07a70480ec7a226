package caddymodule

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/hookwicket/hookwicket/queue"
)

// prepare makes a stored message a request again, with its placeholders, for the
// routes to run on it or an expression to be evaluated.
func (h *Handler) prepare(ctx context.Context, m *queue.Message, about *facts, w http.ResponseWriter) (*http.Request, error) {
	r, err := rebuild(ctx, m, about)
	if err != nil {
		return nil, err
	}
	repl := caddy.NewReplacer()
	about.placeholders(repl)
	r = caddyhttp.PrepareRequest(r, repl, w, h.server)
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, m.ClientIP)
	caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, m.TrustedProxy)
	return r, nil
}

// routeStored decides anew, as the configuration stands today, to which forwards
// a stored message goes.
func (h *Handler) routeStored(ctx context.Context, m *queue.Message) ([]queue.Route, error) {
	about := factsOf(&queue.Delivery{Message: m})
	r, err := h.prepare(ctx, m, about, &recorder{header: make(http.Header)})
	if err != nil {
		return nil, err
	}
	return h.route(r, about, m.Body), nil
}

// routeTo is the route of a stored message to one destination, whether or not it
// matches. One that the configuration does not have keeps no order.
func (h *Handler) routeTo(destination string, m *queue.Message) queue.Route {
	for _, f := range h.Forwards {
		if f.destination == destination {
			return f.routeOf(m.Header, factsOf(&queue.Delivery{Message: m}), m.Body)
		}
	}
	return queue.Route{Destination: destination}
}

// destinations are those of the endpoint's forwards.
func (h *Handler) destinations() []string {
	names := make([]string, 0, len(h.Forwards))
	for _, f := range h.Forwards {
		names = append(names, f.destination)
	}
	return names
}

// orders tells whether a destination is delivered to in an order.
func (h *Handler) orders(destination string) bool {
	for _, f := range h.Forwards {
		if f.destination == destination {
			return f.effective.Order != nil && !f.effective.Order.Off
		}
	}
	return false
}
