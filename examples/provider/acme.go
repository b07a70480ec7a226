// Package acme is a provider as a Caddy module of its own: what to write for a
// sender that is in no catalogue and that no description in a Caddyfile can
// express. See README.md.
package acme

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/hookwicket/hookwicket/caddymodule"
	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { caddy.RegisterModule(&Acme{}) }

// Acme verifies the webhooks of a sender that signs with a key for each account:
// the HMAC of the account's name under the secret. The rest is an HMAC as many
// have it, so the engine does it.
//
//	webhook_gateway /acme acme {
//		secret  {env.ACME_SECRET}
//		account shop-17
//		forward app:8080
//	}
type Acme struct {
	// Secrets are what Acme shows. Any of them may have signed.
	Secrets []string `json:"secrets,omitempty"`

	// Account is the name of the account whose events are meant.
	Account string `json:"account,omitempty"`

	verifier verifiers.Verifier
}

// scheme is how Acme signs, but for the key, which is given in hex.
var scheme = verifiers.HMAC{
	Signature: verifiers.Signature{Names: []string{"X-Acme-Signature"}, Prefix: "sha256="},
	Secret:    verifiers.SecretFormat{Encoding: "hex"},
	Content:   "{timestamp}.{body}",
	Facts: verifiers.Facts{
		Timestamp: verifiers.Timestamp{From: "{header:X-Acme-Timestamp}"},
		EventID:   []string{"{json:id}"},
		EventType: []string{"{json:type}"},
	},
}

// CaddyModule returns the Caddy module information. The last part of the ID is
// the name in a Caddyfile.
func (*Acme) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "webhook_gateway.verifiers.acme",
		New: func() caddy.Module { return new(Acme) },
	}
}

// UnmarshalOption reads the lines of the block that the gateway does not know.
func (a *Acme) UnmarshalOption(d *caddyfile.Dispenser) error {
	switch name, args := d.Val(), d.RemainingArgs(); {
	case name == "secret" && len(args) > 0:
		a.Secrets = append(a.Secrets, args...)
	case name == "account" && len(args) == 1:
		a.Account = args[0]
	default:
		return d.ArgErr()
	}
	return nil
}

// Provision makes the verifier.
func (a *Acme) Provision(caddy.Context) error {
	repl := caddy.NewReplacer()
	if a.Account == "" {
		return errors.New("acme: no account; Acme shows its name beside the secret")
	}
	var keys []string
	for i, text := range a.Secrets {
		secret, err := repl.ReplaceOrErr(text, true, true) // an empty one would let everybody in
		if err != nil {
			return fmt.Errorf("acme: secret %d: %w", i+1, err)
		}
		keys = append(keys, keyOf(secret, a.Account))
	}
	var err error
	a.verifier, err = scheme.Verifier(keys...) // fails without any
	return err
}

// keyOf returns an account's key in hex.
func keyOf(secret, account string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(account))
	return hex.EncodeToString(mac.Sum(nil))
}

// Verify checks one request.
func (a *Acme) Verify(ctx context.Context, r *verifiers.Request) (verifiers.Event, error) {
	return a.verifier.Verify(ctx, r)
}

// Row tells the gateway how Acme behaves.
func (*Acme) Row() verifiers.Provider {
	return verifiers.Provider{
		Name:      "acme",
		Title:     "Acme",
		Confirmed: true,
		Scheme:    scheme,
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: verifiers.Tolerance{Past: 5 * time.Minute, Future: 5 * time.Minute},
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       72 * time.Hour,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Answers: verifiers.Answers{Success: verifiers.Answer{Status: 202}},
	}
}

var (
	_ caddy.Provisioner        = (*Acme)(nil)
	_ caddymodule.Catalogued   = (*Acme)(nil)
	_ caddymodule.Configurable = (*Acme)(nil)
)
