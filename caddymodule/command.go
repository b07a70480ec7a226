package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/verifiers/providers"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "webhook",
		Usage: "providers|sign|send|verify",
		Short: "Signs, sends and verifies webhooks",
		Long: `
Tools around the webhook gateway. They need no running gateway.

providers lists the senders that the gateway knows. sign makes a request signed
as the provider would sign it, send sends it as well, and verify tells whether
the gateway would accept a captured request, and if not, why.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.AddCommand(providersCommand(), signCommand(), sendCommand(), verifyCommand())
		},
	})
}

// verifierFlags are the flags that say whose request it is.
func verifierFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringP("provider", "p", "", "the provider, as in a Caddyfile")
	f.StringArrayP("secret", "s", nil, "the secret that the provider shows for the webhook")
	f.StringArrayP("option", "o", nil, "an option of the provider, as name=value")
	f.String("url", "", "the URL as the provider knows it")
	f.String("now", "", "the time to take for the present, in RFC 3339")
}

// command is what the flags of verifierFlags amount to.
type command struct {
	provider *Provider
	secrets  []string
	url      string
	now      time.Time
}

func newCommand(fl caddycmd.Flags) (*command, error) {
	name := fl.String("provider")
	if name == "" {
		return nil, fmt.Errorf("--provider is missing; `caddy webhook providers` lists them")
	}
	row, ok := providers.Lookup(name)
	if !ok {
		return nil, fmt.Errorf("unknown provider %q; `caddy webhook providers` lists them", name)
	}
	c := &command{provider: &Provider{row: row}, url: fl.String("url"), now: time.Now()}
	options, err := fl.GetStringArray("option")
	if err != nil {
		return nil, err
	}
	for _, o := range options {
		if err := c.provider.optionFlag(o); err != nil {
			return nil, err
		}
	}
	if c.secrets, err = fl.GetStringArray("secret"); err != nil {
		return nil, err
	}
	if len(c.secrets) == 0 {
		return nil, fmt.Errorf("--secret is missing")
	}
	if err := c.provider.join(c.secrets...); err != nil {
		return nil, err
	}
	if now := fl.String("now"); now != "" {
		if c.now, err = time.Parse(time.RFC3339, now); err != nil {
			return nil, fmt.Errorf("--now: %w", err)
		}
	}
	return c, nil
}

// readFile reads a file, or standard input for "-".
func readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(name)
}

// printJSON prints v for scripts.
func printJSON(w io.Writer, v any, indent string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	return enc.Encode(v)
}

// run makes a command of a function that fails with an error.
func run(f func(caddycmd.Flags) error) func(*cobra.Command, []string) error {
	return caddycmd.WrapCommandFuncForCobra(func(fl caddycmd.Flags) (int, error) {
		if err := f(fl); err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		return caddy.ExitCodeSuccess, nil
	})
}
