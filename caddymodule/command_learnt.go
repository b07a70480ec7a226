package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/internal/terminal"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble"
)

func learntCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "learnt --endpoint NAME [--store DIR|DSN] [--forget]",
		Short: "Prints the secrets that an endpoint has learnt while it said enrol",
		Long: `
Prints the secrets that a provider has handed over to an endpoint, one a line,
the oldest first: some providers want to see theirs again before they send. It
reads the store's folder, so the gateway has to be stopped meanwhile; or the
database of store postgres, whose gateways go on. With --forget they are
removed, and requests signed with them are refused again.`,
		Args: terminal.NoArgs,
		RunE: run(showLearnt),
	}
	cmd.Flags().String("endpoint", "", "the endpoint's name")
	storeFlags(cmd)
	cmd.Flags().Bool("forget", false, "remove them")
	return cmd
}

func showLearnt(fl caddycmd.Flags) (err error) {
	endpoint := fl.String("endpoint")
	if endpoint == "" {
		return errors.New("--endpoint is missing: the name of the endpoint, which is the provider's unless it was given another")
	}
	ctx, cancel := context.WithTimeout(context.Background(), acceptTimeout)
	defer cancel()
	store, err := openSecrets(ctx, fl, endpoint)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
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

// openSecrets opens the learnt secrets in the store that is meant.
func openSecrets(ctx context.Context, fl caddycmd.Flags, endpoint string) (interface {
	queue.Keeper
	io.Closer
}, error) {
	if o, place, ok, err := databaseOf(fl); err != nil {
		return nil, err
	} else if ok {
		return databaseSecrets(ctx, fl, o, place)
	}
	dir, keys, err := storeOf(fl)
	if err != nil {
		return nil, err
	}
	settings := queue.DefaultSettings()
	settings.Keys, settings.Retention = keys, math.MaxInt64 // opening the store must not remove events
	store, err := pebble.Open(pebble.Options{Dir: dir, Settings: settings})
	if errors.Is(err, queue.ErrLocked) {
		return nil, fmt.Errorf("%w; stop the gateway first. `caddy webhook status %s` says how many secrets it has learnt", err, terminal.Word(endpoint))
	}
	if err != nil {
		return nil, err
	}
	return store, nil
}
