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
	h.dropHop(r.Header)
	repl := caddy.NewReplacer()
	about.placeholders(repl)
	r = caddyhttp.PrepareRequest(r, repl, w, h.server)
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, m.ClientIP)
	caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, m.TrustedProxy)
	h.exchanging(r, m.Body)
	return r, nil
}

// stored is the request of a stored message, to look at and not to answer.
func (h *Handler) stored(ctx context.Context, m *queue.Message, about *facts) (*http.Request, error) {
	return h.prepare(ctx, m, about, &recorder{header: make(http.Header)})
}

// routeStored decides anew, as the configuration stands today, to which forwards
// a stored message goes.
func (h *Handler) routeStored(ctx context.Context, m *queue.Message) ([]queue.Route, error) {
	about := factsOf(&queue.Delivery{Message: m})
	r, err := h.stored(ctx, m, about)
	if err != nil {
		return nil, err
	}
	return h.route(r, about, m.Body), nil
}

// destinations are those of the endpoint's forwards.
func (h *Handler) destinations() []string {
	names := make([]string, 0, len(h.Forwards))
	for _, f := range h.Forwards {
		names = append(names, f.destination)
	}
	return names
}
