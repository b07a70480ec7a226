package caddymodule

import (
	"context"
	"slices"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/hookwicket/hookwicket/verifiers"
)

// These are providers of somebody else's: one is a row, the other has code.
func init() {
	caddy.RegisterModule(NewProvider(verifiers.Provider{
		Name: "foreign-row", Title: "Foreign",
		Scheme: verifiers.HMAC{Signature: verifiers.Signature{Names: []string{"X-Foreign"}}, Content: "{body}"},
		Sample: verifiers.Sample{Body: `{"id":"{id}"}`},
	}))
	caddy.RegisterModule(foreignCode{})
}

type foreignCode struct{}

func (foreignCode) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "webhook_gateway.verifiers.foreign-code", New: func() caddy.Module { return foreignCode{} }}
}

func (foreignCode) Verify(context.Context, *verifiers.Request) (verifiers.Event, error) {
	return verifiers.Event{}, verifiers.WrongSignature
}

func (foreignCode) Row() verifiers.Provider { return verifiers.Provider{Name: "foreign-code"} }

func TestRegistered(t *testing.T) {
	names := providerNames()
	for _, name := range []string{"stripe", "foreign-row", "foreign-code"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not listed", name)
		}
	}
	if p, ok := registeredProvider("foreign-row"); !ok || p.Row().Title != "Foreign" {
		t.Error("a foreign row is not found")
	}
	if _, ok := registeredProvider("foreign-code"); ok {
		t.Error("code of its own is taken for a row")
	}
}
