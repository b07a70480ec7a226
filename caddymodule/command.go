package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "webhook",
		Usage: "COMMAND",
		Short: "Operates the webhook gateway; signs, sends and verifies webhooks",
		Long: `
Tools around the webhook gateway.

Those that operate it talk to a running gateway through Caddy's admin endpoint,
which they find as caddy reload does. check and learnt read the store of one that
is stopped. The others need no gateway.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args = noArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			addGroup(cmd, "operating", "See and mend a running gateway:",
				statusCommand(), eventsCommand(), showCommand(), tailCommand(), redeliverCommand(),
				pauseCommand(), resumeCommand(), cancelCommand(), buryCommand(), purgeCommand(), forgetCommand())
			addGroup(cmd, "store", "Look into a stopped one:", checkCommand(), learntCommand())
			addGroup(cmd, "catalogue", "Providers and their signatures:",
				providersCommand(), signCommand(), sendCommand(), verifyCommand())
		},
	})
}

// addGroup adds commands under a heading in the help.
func addGroup(parent *cobra.Command, id, title string, commands ...*cobra.Command) {
	parent.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, cmd := range commands {
		cmd.GroupID = id
		parent.AddCommand(cmd)
	}
}

// verifierFlags are the flags that say whose request it is.
func verifierFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringP("provider", "p", "", "the provider, as in a Caddyfile")
	f.StringArrayP("secret", "s", nil, "the secret that the provider shows for the webhook")
	f.StringArrayP("option", "o", nil, "an option of the provider, as name=value")
	f.String("url", "", "the URL as the provider knows it")
	f.String("now", "", "the time of receipt, in RFC 3339 (default: now)")
}

// command is what the flags of verifierFlags amount to.
type command struct {
	provider *Provider
	secrets  []string
	url      string
	wire     string // the URL of the request that is verified, as it stands there
	now      time.Time
}

func newCommand(fl caddycmd.Flags) (*command, error) {
	name := fl.String("provider")
	if name == "" {
		return nil, fmt.Errorf("--provider is missing; `caddy webhook providers` lists them")
	}
	provider, ok := registeredProvider(name)
	if !ok {
		return nil, unknownProvider(name)
	}
	c := &command{provider: provider, url: fl.String("url"), now: time.Now()}
	for _, o := range list(fl, "option") {
		if err := c.provider.optionFlag(o); err != nil {
			name, _, _ := strings.Cut(o, "=")
			return nil, fmt.Errorf("--option %s: %s", name, strings.TrimSuffix(err.Error(), ", at --option:1"))
		}
	}
	c.secrets = list(fl, "secret")
	if err := c.provider.settle(nil, len(c.secrets)); err != nil {
		if missing := (missingOption{}); errors.As(err, &missing) {
			err = fmt.Errorf("--option %s is missing; add `--option %s=%s`: %s", missing.Name, missing.Name, exampleOf(missing.Option), missing.What)
		}
		return nil, err
	}
	if len(c.secrets) == 0 && !c.provider.needsNoSecret() {
		return nil, fmt.Errorf("--secret is missing: %s", secretOf(provider.row))
	}
	if now := fl.String("now"); now != "" {
		var err error
		if c.now, err = time.Parse(time.RFC3339, now); err != nil {
			return nil, fmt.Errorf("--now %q is not a time in RFC 3339, such as 2026-01-15T10:30:00Z", now)
		}
	}
	return c, nil
}

func unknownProvider(name string) error {
	if slices.Contains(providerNames(), name) {
		return fmt.Errorf("%s is verified by a module with code of its own, which only an endpoint can run", name)
	}
	return fmt.Errorf("unknown provider %q%s; `caddy webhook providers` lists them", name, didYouMean(name, providerNames()))
}

// list returns the values of a flag that may be given several times, untouched:
// pflag's own getter goes through CSV, where an empty value is none at all and
// a CRLF becomes a newline.
func list(fl caddycmd.Flags, name string) []string {
	return fl.Lookup(name).Value.(interface{ GetSlice() []string }).GetSlice()
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
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, printableJSON(b.String()))
	return err
}

// run makes a command of a function that fails with an error. The error is for
// the person who typed the command, so it is printed plainly and not logged.
func run(f func(caddycmd.Flags) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		return f(caddycmd.Flags{FlagSet: cmd.Flags()})
	}
}

// noArgs refuses arguments in the words of somebody who has mistyped a command.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		return fmt.Errorf("unknown command %q; `%s` lists them", args[0], cmd.CommandPath())
	}
	return fmt.Errorf("%q is not expected here; `%s --help` says what is", args[0], cmd.CommandPath())
}
