package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

// clientFlags are the flags that say where the admin endpoint is.
func clientFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.String("address", "", "where Caddy's admin endpoint listens (default: as in the configuration, else "+caddy.DefaultAdminListen+")")
	f.StringP("config", "c", "", "the configuration that names it (default: a Caddyfile in this folder)")
	f.String("adapter", "", "the adapter of that configuration")
	cmd.MarkFlagFilename("config")
}

// tokenVariable is the environment variable of --token.
const tokenVariable = "WEBHOOK_GATEWAY_TOKEN"

// listenerFlags are those of commands that can also ask an inspector, with a token.
func listenerFlags(cmd *cobra.Command) {
	clientFlags(cmd)
	f := cmd.Flags()
	f.String("gateway", "", "instead of an admin endpoint: the URL of an inspector's page, such as https://hooks-admin.example.com/hooks")
	f.String("token", "", "the token for it, which can be {env.NAME} or {file.PATH} (default: the environment variable "+tokenVariable+")")
	for _, name := range []string{"address", "config", "adapter"} {
		cmd.MarkFlagsMutuallyExclusive("gateway", name)
	}
}

// newClient makes the client that the flags name.
func newClient(fl caddycmd.Flags) (*adminapi.Client, error) {
	if fl.Lookup("gateway") == nil || fl.String("gateway") == "" {
		if fl.Lookup("token") != nil && fl.String("token") != "" {
			return nil, errors.New("--token is for an inspector: --gateway says where it is")
		}
		return newAdminClient(fl)
	}
	page, err := url.Parse(fl.String("gateway"))
	if err != nil || page.Host == "" || page.Scheme != "http" && page.Scheme != "https" || page.User != nil || page.RawQuery != "" || page.Fragment != "" {
		return nil, fmt.Errorf("--gateway: %q is not the URL of a page such as https://hooks-admin.example.com/hooks", fl.String("gateway"))
	}
	token := os.Getenv(tokenVariable)
	if text := fl.String("token"); text != "" {
		if token, err = caddy.NewReplacer().ReplaceOrErr(text, true, true); err != nil {
			return nil, fmt.Errorf("--token: %w", err)
		}
	}
	if token = strings.TrimSpace(token); token == "" {
		return nil, errors.New("--gateway needs a token: --token '{env.NAME}', or the environment variable " + tokenVariable)
	}
	if page.Scheme == "http" && !isHere(page.Hostname()) {
		fmt.Fprintf(os.Stderr, "Note: %s is not https, so the token and the events can be read on the way.\n", terminal.Printable(page.Host))
	}
	return adminapi.NewTokenClient(page, token), nil
}

// asking makes a command of a function that talks to a running gateway until it
// is done or interrupted.
func asking(f func(context.Context, *adminapi.Client, caddycmd.Flags) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		fl := caddycmd.Flags{FlagSet: cmd.Flags()}
		c, err := newClient(fl)
		if err != nil {
			return err
		}
		ctx := cmd.Context()
		if ctx == nil {
			ctx = context.Background()
		}
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop) // a second signal ends the process
		err = f(ctx, c, fl)
		if errors.Is(err, context.Canceled) {
			return errors.New("interrupted")
		}
		return err
	}
}

func newAdminClient(fl caddycmd.Flags) (*adminapi.Client, error) {
	address, err := adminAddress(fl.String("address"), fl.String("config"), fl.String("adapter"))
	if err != nil {
		return nil, err
	}
	parsed, err := caddy.ParseNetworkAddress(address)
	if err != nil || parsed.PortRangeSize() > 1 || parsed.IsFdNetwork() {
		return nil, fmt.Errorf("%q is not an address of an admin endpoint, such as localhost:2019 or unix//run/caddy-admin.sock", address)
	}
	target := parsed.JoinHostPort(0)
	if parsed.IsUnixNetwork() {
		target, _, _ = strings.Cut(parsed.Host, "|") // the socket's mode follows
	}
	return adminapi.NewClient(address, parsed.Network, target), nil
}

// adminAddress finds the admin endpoint where `caddy reload` finds it, without
// that one's log lines.
func adminAddress(address, file, adapter string) (string, error) {
	if address != "" {
		return address, nil
	}
	file, given := cmp.Or(file, "Caddyfile"), file != ""
	config, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !given:
		return caddy.DefaultAdminListen, nil
	case err != nil:
		return "", err
	}
	if adapter == "" && !strings.HasSuffix(file, ".json") {
		adapter = "caddyfile"
	}
	if adapter != "" {
		a := caddyconfig.GetAdapter(adapter)
		if a == nil {
			return "", fmt.Errorf("--adapter %s: there is no such adapter", adapter)
		}
		if config, _, err = a.Adapt(config, map[string]any{"filename": file}); err != nil {
			return "", fmt.Errorf("%s, read for the admin endpoint's address (or give --address): %w", file, err)
		}
	}
	address, err = caddycmd.DetermineAdminAPIAddress("", config, file, "")
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	var off struct {
		Admin struct {
			Disabled bool `json:"disabled"`
		} `json:"admin"`
	}
	if json.Unmarshal(config, &off) == nil && off.Admin.Disabled {
		return "", fmt.Errorf("%s says `admin off`: commands reach a running gateway through the admin endpoint; --address names another one", file)
	}
	return address, nil
}
