package caddymodule

import (
	"maps"
	"slices"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/explain"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// caseOf is a request with everything that the endpoint judges it with, so that package
// explain can say why it was refused. The checker is that of [Handler.current].
func (h *Handler) caseOf(c *checker, r *verifiers.Request, received time.Time) explain.Case {
	about := explain.Case{
		Row: h.row, Request: r, Now: received,
		Keys: h.app.keySource(), Catalogue: providers.All(), Endpoints: h.neighbours(),
	}
	about.Row.Freshness, about.Row.MaxBody, about.Row.Methods = h.freshness, h.MaxBody, h.methods
	if p, ok := c.verifier.(*Provider); ok {
		about.Secrets = p.secrets
	}
	return about
}

// neighbours are the other endpoints of the configuration, by name. Those with code of
// their own are left out.
func (h *Handler) neighbours() (all []explain.Endpoint) {
	if h.app == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(h.app.endpoints)) {
		if other := h.app.endpoints[name]; other.provider != nil && name != h.Name {
			all = append(all, explain.Endpoint{Name: name, Row: other.row, Secrets: other.provider.secrets})
		}
	}
	return all
}
