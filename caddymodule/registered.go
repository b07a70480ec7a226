package caddymodule

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/hookwicket/hookwicket/verifiers"
)

// registered returns the rows of all providers in this binary, sorted by name: those
// of the catalogue and of other modules.
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

// registeredProvider returns a new module for a provider that is a row. The commands
// cannot sign for a provider whose module has code of its own.
func registeredProvider(name string) (*Provider, bool) {
	info, err := caddy.GetModule("webhook_gateway.verifiers." + name)
	if err != nil {
		return nil, false
	}
	p, ok := info.New().(*Provider)
	return p, ok
}
