package caddymodule

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/hookwicket/hookwicket/verifiers"
)

// registered returns the rows of all providers in this binary, sorted by name:
// the catalogue's, and those that somebody else's modules bring.
func registered() []verifiers.Provider {
	var rows []verifiers.Provider
	for _, info := range caddy.GetModules("webhook_gateway.verifiers") {
		if c, ok := info.New().(Catalogued); ok {
			rows = append(rows, c.Row())
		}
	}
	slices.SortFunc(rows, func(a, b verifiers.Provider) int { return strings.Compare(a.Name, b.Name) })
	return rows
}

// registeredProvider returns a fresh module for a provider that is a row. What is
// verified by a module with code of its own cannot be signed here.
func registeredProvider(name string) (*Provider, bool) {
	info, err := caddy.GetModule("webhook_gateway.verifiers." + name)
	if err != nil {
		return nil, false
	}
	p, ok := info.New().(*Provider)
	return p, ok
}
