package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// Every row of the catalogue is a Caddy module of its own,
// webhook_gateway.verifiers.<slug>, so that a typo in a provider's name is an
// unknown module and a third party can add one by registering a module there.
func init() {
	for _, row := range providers.All() {
		caddy.RegisterModule(NewProvider(row))
	}
}

// NewProvider makes a module of a row, for a module that ships a provider of its own:
//
//	func init() { caddy.RegisterModule(caddymodule.NewProvider(row)) }
//
// Its name has to be one that the catalogue does not have.
func NewProvider(row verifiers.Provider) *Provider { return &Provider{row: row} }

// A Catalogued verifier is a guest module that brings a row: how its provider
// behaves, from which an endpoint takes its defaults.
type Catalogued interface {
	verifiers.Verifier
	Row() verifiers.Provider
}

// Provider is a built-in provider at one endpoint: a row of the catalogue, what
// the configuration overrides of its scheme, and the endpoint's secrets. In
// JSON the provider's options and the scheme's fields stand beside the secrets.
type Provider struct {
	Secrets []string
	Probe   []string                   // methods of unsigned requests that are answered with 200; see probes
	Options map[string]json.RawMessage // the provider's own, and fields of its scheme by JSON name

	seen       map[string]bool    // lines that UnmarshalOption has read
	row        verifiers.Provider // with the overrides, once provisioned
	given      map[string]string  // the provider's options, resolved
	app        *App               // nil for the commands
	secrets    []string           // resolved
	verifier   verifiers.Verifier
	handshakes *verifiers.Handshakes
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
	for name, list := range map[string]*[]string{"secrets": &p.Secrets, "probe": &p.Probe} {
		if s, ok := p.Options[name]; ok {
			delete(p.Options, name)
			if err := json.Unmarshal(s, list); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
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
	for name, list := range map[string][]string{"secrets": p.Secrets, "probe": p.Probe} {
		if list == nil {
			continue
		}
		raw, err := json.Marshal(list)
		if err != nil {
			return nil, err
		}
		fields[name] = raw
	}
	return json.Marshal(fields)
}

// Provision joins the scheme with the options and the secrets, whose
// placeholders it resolves.
func (p *Provider) Provision(ctx caddy.Context) (err error) {
	if p.app, err = appOf(ctx); err != nil {
		return err
	}
	secrets := make([]string, len(p.Secrets))
	for i, s := range p.Secrets {
		if secrets[i], err = resolve(s); err != nil {
			return fmt.Errorf("provider %s: secret %d of %d: %w; set it, or take it off the `secret` line; it has to be %s",
				p.row.Name, i+1, len(p.Secrets), err, p.row.SecretName())
		}
	}
	if err := p.settle(resolve, len(secrets)); err != nil {
		return err
	}
	return p.join(secrets...)
}

// settle applies the options to the row. Callers that need no verifier use it without
// join.
func (p *Provider) settle(resolve func(string) (string, error), secrets int) error {
	given, fields, err := p.splitOptions(resolve, secrets)
	if err != nil {
		return fmt.Errorf("provider %s: %w", p.row.Name, err)
	}
	if len(given) > 0 {
		if fields["options"], err = json.Marshal(given); err != nil {
			return err
		}
	}
	if p.row.Scheme, err = override(p.row.Scheme, fields); err != nil {
		return fmt.Errorf("provider %s: %w", p.row.Name, err)
	}
	if s, ok := p.row.Scheme.(verifiers.Fetching); ok {
		p.row.Scheme = s.WithKeySource(p.app.keySource())
	}
	p.given = given
	return nil
}

// join builds the verifier; with settle it is all of Provision that does not
// need Caddy.
func (p *Provider) join(secrets ...string) (err error) {
	if err := p.checkSecrets(secrets); err != nil {
		return fmt.Errorf("provider %s: %w; it has to be %s", p.row.Name, err, p.row.SecretName())
	}
	switch {
	case len(secrets) > 0 || p.needsNoSecret():
		if p.verifier, err = p.row.Scheme.Verifier(secrets...); err != nil {
			return fmt.Errorf("provider %s: %w%s", p.row.Name, err, p.secretHint(err))
		}
	case p.row.Secret.Learnt:
		p.verifier = untaught{}
	default:
		return fmt.Errorf("provider %s: no secret; add `secret {env.YOUR_SECRET}`, with %s", p.row.Name, p.row.SecretName())
	}
	probes, err := p.probes()
	if err != nil {
		return fmt.Errorf("provider %s: %w", p.row.Name, err)
	}
	if p.handshakes, err = verifiers.CompileHandshakes(append(slices.Clip(p.row.Handshakes), probes...), p.given, secrets...); err != nil {
		return fmt.Errorf("provider %s: %w", p.row.Name, err)
	}
	p.secrets = secrets
	return nil
}

// needsNoSecret reports whether keys are known without a secret: from the row, or from
// the URL that the endpoint names.
func (p *Provider) needsNoSecret() bool {
	return p.row.Secret.Optional || verifiers.DescriptionOf(p.row.Scheme).HasKeys
}

// with returns the provider with further secrets, which were learnt.
func (p *Provider) with(learnt []string) (*Provider, error) {
	taught := *p
	return &taught, taught.join(append(slices.Clone(p.secrets), learnt...)...)
}

// checkSecrets refuses secrets that no scheme can use: blank ones, and keys in PEM for a
// scheme with a shared secret, which would take them as text.
func (p *Provider) checkSecrets(secrets []string) error {
	shared := verifiers.DescriptionOf(p.row.Scheme).Shared
	for i, s := range secrets {
		switch {
		case s != "" && strings.TrimSpace(s) == "":
			return fmt.Errorf("secret %d of %d: it is nothing but white space", i+1, len(secrets))
		case shared && isPEM(s):
			return fmt.Errorf("secret %d of %d: it is a key in PEM, where a shared secret is due", i+1, len(secrets))
		}
	}
	return nil
}

// doubtful names the part of a secret that probably does not belong to it.
func doubtful(secret string) string {
	trimmed := strings.TrimSpace(secret)
	switch n := len(trimmed); {
	case isPEM(trimmed) || strings.HasPrefix(trimmed, "{"): // keys, of which white space is no part
		return ""
	case trimmed != secret:
		return "white space around it"
	case n > 1 && strings.ContainsAny(trimmed[:1], `"'`) && trimmed[0] == trimmed[n-1]:
		return "quotation marks around it"
	}
	return ""
}

// secretHint returns the provider's description of its secret for an error about it.
func (p *Provider) secretHint(err error) string {
	if p.row.Secret.Name == "" || !strings.HasPrefix(err.Error(), "secret ") && !strings.HasPrefix(err.Error(), "no secret") {
		return ""
	}
	return "; it has to be " + p.row.SecretName()
}

// untaught is the verifier of an endpoint that has not learnt its secret yet.
type untaught struct{}

func (untaught) Verify(context.Context, *verifiers.Request) (verifiers.Event, error) {
	return verifiers.Event{}, fmt.Errorf("%w: the endpoint has not learnt a secret yet; it does while it says `enrol`", verifiers.WrongSignature)
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

// Plausible reports whether a request can carry a signature of the scheme.
func (p *Provider) Plausible(r *verifiers.Request) bool {
	v, ok := p.verifier.(verifiers.Plausible)
	return !ok || v.Plausible(r)
}

// Handshake lets a scheme answer handshakes that data cannot describe.
func (p *Provider) Handshake(r *verifiers.Request) (verifiers.HandshakeReply, bool, error) {
	if s, ok := p.verifier.(verifiers.Handshaker); ok {
		return s.Handshake(r)
	}
	return verifiers.HandshakeReply{}, false, nil
}

// Row returns the provider's row, with the scheme as overridden.
func (p *Provider) Row() verifiers.Provider { return p.row }

var (
	_ caddy.Provisioner    = (*Provider)(nil)
	_ Catalogued           = (*Provider)(nil)
	_ verifiers.Handshaker = (*Provider)(nil)
	_ json.Marshaler       = (*Provider)(nil)
	_ json.Unmarshaler     = (*Provider)(nil)
)
