package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/caddyserver/caddy/v2"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// Every row of the catalogue is a Caddy module of its own,
// webhook_gateway.verifiers.<slug>, so that a typo in a provider's name is an
// unknown module and a third party can add one by registering a module there.
func init() {
	for _, row := range providers.All() {
		caddy.RegisterModule(&Provider{row: row})
	}
}

// A Catalogued verifier is a guest module that brings a row: how its provider
// behaves, from which an endpoint takes its defaults.
type Catalogued interface {
	verifiers.Verifier
	Row() verifiers.Provider
}

// Provider is a built-in provider at one endpoint: a row of the catalogue, what
// the configuration overrides of its scheme, and the endpoint's secrets. In
// JSON the scheme's fields stand beside the secrets.
type Provider struct {
	Secrets []string
	Options map[string]json.RawMessage // of the scheme, by JSON name

	row      verifiers.Provider // with the overrides, once provisioned
	verifier verifiers.Verifier
}

// CaddyModule returns the Caddy module information.
func (p *Provider) CaddyModule() caddy.ModuleInfo {
	row := p.row
	return caddy.ModuleInfo{
		ID:  caddy.ModuleID("webhook_gateway.verifiers." + row.Name),
		New: func() caddy.Module { return &Provider{row: row} },
	}
}

// UnmarshalJSON takes the secrets out and keeps the rest for the scheme, which
// is checked for unknown keys when the module is provisioned.
func (p *Provider) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &p.Options); err != nil {
		return err
	}
	if s, ok := p.Options["secrets"]; ok {
		delete(p.Options, "secrets")
		if err := json.Unmarshal(s, &p.Secrets); err != nil {
			return fmt.Errorf("secrets: %w", err)
		}
	}
	return nil
}

// MarshalJSON is the inverse of UnmarshalJSON.
func (p *Provider) MarshalJSON() ([]byte, error) {
	fields := maps.Clone(p.Options)
	if fields == nil {
		fields = make(map[string]json.RawMessage)
	}
	if p.Secrets != nil {
		secrets, err := json.Marshal(p.Secrets)
		if err != nil {
			return nil, err
		}
		fields["secrets"] = secrets
	}
	return json.Marshal(fields)
}

// Provision joins the scheme with the secrets, whose placeholders it resolves.
func (p *Provider) Provision(caddy.Context) error {
	repl := caddy.NewReplacer()
	secrets := make([]string, len(p.Secrets))
	for i, s := range p.Secrets {
		var err error
		secrets[i], err = repl.ReplaceOrErr(s, true, true)
		if err != nil {
			return fmt.Errorf("secret %d of %d: %w; set it, or take it off the `secret` line", i+1, len(p.Secrets), err)
		}
	}
	return p.join(secrets...)
}

// join builds the verifier; it is all of Provision that does not need Caddy.
func (p *Provider) join(secrets ...string) (err error) {
	if p.row.Scheme, err = override(p.row.Scheme, p.Options); err != nil {
		return fmt.Errorf("provider %s: %w", p.row.Name, err)
	}
	if len(secrets) == 0 {
		return fmt.Errorf("provider %s: no secret; add `secret {env.YOUR_SECRET}`, "+
			"with what %s shows for this webhook", p.row.Name, p.row.Title)
	}
	if p.verifier, err = p.row.Scheme.Verifier(secrets...); err != nil {
		return fmt.Errorf("provider %s: %w", p.row.Name, err)
	}
	return nil
}

// override applies options of a configuration to a scheme.
func override(preset verifiers.Scheme, options map[string]json.RawMessage) (verifiers.Scheme, error) {
	if len(options) == 0 {
		return preset, nil
	}
	fields, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	return verifiers.Override(preset, fields)
}

// Verify checks one request.
func (p *Provider) Verify(ctx context.Context, r *verifiers.Request) (verifiers.Event, error) {
	return p.verifier.Verify(ctx, r)
}

// Row returns the provider's row, with the scheme as overridden.
func (p *Provider) Row() verifiers.Provider { return p.row }

var (
	_ caddy.Provisioner = (*Provider)(nil)
	_ Catalogued        = (*Provider)(nil)
	_ json.Marshaler    = (*Provider)(nil)
	_ json.Unmarshaler  = (*Provider)(nil)
)
