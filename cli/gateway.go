package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
)

// clientFlags are the flags that say where the admin endpoint is.
func clientFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.String("address", "", "where Caddy's admin endpoint listens (default: as in the configuration, else "+caddy.DefaultAdminListen+")")
	f.StringP("config", "c", "", "the configuration that names it (default: a Caddyfile in this folder)")
	f.String("adapter", "", "the adapter of that configuration")
}

// asking makes a command of a function that talks to a running gateway until it
// is done or interrupted.
func asking(f func(context.Context, *adminapi.Client, caddycmd.Flags) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		fl := caddycmd.Flags{FlagSet: cmd.Flags()}
		c, err := newAdminClient(fl)
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
		target, _, _ = strings.Cut(parsed.Host, "|") // what follows is the socket's mode
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
		return "", fmt.Errorf("%s says `admin off`: without the admin endpoint nobody can look into a running gateway; --address names another one", file)
	}
	return address, nil
}
