package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/internal/terminal"
)

// Commands returns the subcommands of caddy webhook that work on a store themselves, and
// those that need the catalogue of providers. Those that ask a running gateway
// are in package cli.
func Commands() (store, catalogue []*cobra.Command) {
	return []*cobra.Command{checkCommand(), learntCommand(), migrateCommand(), moveCommand()},
		[]*cobra.Command{providersCommand(), signCommand(), sendCommand(), verifyCommand()}
}

// verifierFlags adds the flags for the provider and its secrets.
func verifierFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringP("provider", "p", "", "the provider, as in a Caddyfile")
	f.StringArrayP("secret", "s", nil, "the secret that the provider shows for the webhook; also {env.NAME} or {file./path}")
	f.StringArrayP("option", "o", nil, "an option of the provider, as name=value")
	f.String("url", "", "the URL as the provider knows it")
	f.String("now", "", "the time of signing, or of receipt, in RFC 3339 (default: now)")
	cmd.RegisterFlagCompletionFunc("provider", completeProviders)
}

// completeProviders offers the names of the providers to a shell.
func completeProviders(_ *cobra.Command, args []string, typed string) (names []string, _ cobra.ShellCompDirective) {
	for _, name := range providerNames() {
		if len(args) == 0 && strings.HasPrefix(name, typed) {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// command has the values of the flags of verifierFlags.
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
	provider, ok := registeredProvider(name)
	if !ok {
		return nil, unknownProvider(name)
	}
	c := &command{provider: provider, url: fl.String("url"), now: time.Now()}
	for _, o := range terminal.List(fl.FlagSet, "option") {
		if err := c.provider.optionFlag(o); err != nil {
			name, _, _ := strings.Cut(o, "=")
			return nil, fmt.Errorf("--option %s: %s", name, strings.TrimSuffix(err.Error(), ", at --option:1"))
		}
	}
	var err error
	if c.secrets, err = secretFlags(terminal.List(fl.FlagSet, "secret")); err != nil {
		return nil, err
	}
	if err := c.provider.settle(nil, len(c.secrets)); err != nil {
		if missing := (missingOption{}); errors.As(err, &missing) {
			err = fmt.Errorf("--option %s is missing; add `--option %s=%s`: %s", missing.Name, missing.Name, exampleOf(missing.Option), missing.What)
		}
		return nil, err
	}
	if len(c.secrets) == 0 && !c.provider.needsNoSecret() {
		return nil, fmt.Errorf("--secret is missing: %s", provider.row.SecretName())
	}
	if now := fl.String("now"); now != "" {
		if c.now, err = time.Parse(time.RFC3339, now); err != nil {
			return nil, fmt.Errorf("--now %q is not a time in RFC 3339, such as 2026-01-15T10:30:00Z", now)
		}
	}
	return c, nil
}

// placeholder is the form of a placeholder such as {env.NAME}. A key in JSON, which
// begins with a brace too, is none.
var placeholder = regexp.MustCompile(`\{[A-Za-z$][^{}\s"]*\}`)

// secretFlags replaces the placeholders in secrets of the command line, as in a
// configuration. The errors show nothing of a secret.
func secretFlags(given []string) ([]string, error) {
	secrets := make([]string, len(given))
	for i, s := range given {
		secrets[i] = s
		if !placeholder.MatchString(s) {
			continue
		}
		var err error
		if secrets[i], err = resolve(s); err == nil {
			continue
		}
		if !strings.Contains(s, "{env.") && !strings.Contains(s, "{file.") {
			err = errors.New("it has braces around something that is no placeholder; {env.NAME} and {file./path} are, so put the secret there")
		}
		return nil, fmt.Errorf("--secret %d of %d: %w", i+1, len(given), err)
	}
	return secrets, nil
}

func unknownProvider(name string) error {
	if slices.Contains(providerNames(), name) {
		return fmt.Errorf("%s is verified by a module with code of its own, which only an endpoint can run", name)
	}
	return fmt.Errorf("unknown provider %q%s; `caddy webhook providers` lists them", name, didYouMean(name, providerNames()))
}

// readFile reads a file, or standard input for "-".
func readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(name)
}

// run makes a command of a function that fails with an error. The error is for
// the person who typed the command, so it is printed plainly and not logged.
func run(f func(caddycmd.Flags) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		return f(caddycmd.Flags{FlagSet: cmd.Flags()})
	}
}
