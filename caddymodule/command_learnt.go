package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble"
)

func learntCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "learnt --endpoint NAME [--store DIR] [--forget]",
		Short: "Prints the secrets that an endpoint has learnt while it said enrol",
		Long: `
Prints the secrets that a provider has handed over to an endpoint, one a line,
the oldest first: some providers want to see theirs again before they send. It
reads the store's folder, so that the gateway has to be stopped meanwhile. With
--forget they are removed, and requests signed with them are refused again.`,
		Args: noArgs,
		RunE: run(showLearnt),
	}
	cmd.Flags().String("endpoint", "", "the endpoint's name")
	cmd.Flags().String("store", "", "the store's folder (default: the one in Caddy's data directory)")
	cmd.Flags().Bool("forget", false, "remove them")
	return cmd
}

func showLearnt(fl caddycmd.Flags) (err error) {
	endpoint, dir := fl.String("endpoint"), fl.String("store")
	if endpoint == "" {
		return errors.New("--endpoint is missing: the name of the endpoint, which is the provider's unless it was given another")
	}
	if dir == "" {
		dir = filepath.Join(caddy.AppDataDir(), "webhook_gateway")
	}
	if there, _ := filepath.Glob(filepath.Join(dir, "MANIFEST-*")); len(there) == 0 { // opening it would make one
		return fmt.Errorf("there is no store in %s; --store is the folder that the gateway's configuration names", dir)
	}
	store, err := pebble.Open(pebble.Options{Dir: dir})
	if errors.Is(err, queue.ErrLocked) {
		return fmt.Errorf("%w; stop the gateway first", err)
	} else if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	ctx, cancel := context.WithTimeout(context.Background(), acceptTimeout)
	defer cancel()
	secrets, err := store.Learnt(ctx, endpoint)
	if err != nil {
		return err
	}
	if len(secrets) == 0 {
		return fmt.Errorf("the endpoint %q has learnt nothing", endpoint)
	}
	for _, secret := range secrets {
		if fl.Bool("forget") {
			if err := store.Forget(ctx, endpoint, secret); err != nil {
				return err
			}
		}
		fmt.Println(secret)
	}
	return nil
}
