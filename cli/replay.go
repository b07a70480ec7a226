package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

func replayCommand(sign NewSigner) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay ID... --to URL",
		Short: "Sends chosen events to a URL of your own",
		Long: `
Sends events to a URL, byte for byte as they were received. An ID is that of a
message, its beginning, or an event ID. The gateway's own deliveries stay as
they are.

Requests contain the sender's signatures and personal data. Values that the
configuration redacts stay hidden.`,
		Example: `  caddy webhook replay evt_1 --to http://localhost:3000/hooks/stripe \
    --sign-with 'stripe={env.DEV_SECRET}'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("an ID is needed; `caddy webhook events` lists them")
			}
			return nil
		},
		RunE: asking(func(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
			return replay(ctx, c, fl, sign)
		}),
	}
	cmd.ValidArgsFunction = completeMessages
	listenerFlags(cmd)
	localFlags(cmd)
	cmd.Flags().String("to", "", "the URL; {endpoint} and {path} stand for those of the event")
	return cmd
}

func replay(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, sign NewSigner) error {
	l, err := newLocal(ctx, c, fl, sign)
	if err != nil {
		return err
	}
	switch to := fl.String("to"); {
	case to != "":
		if err := l.to(to); err != nil {
			return fmt.Errorf("--to: %w", err)
		}
	case l.folder == "":
		return errors.New("--to is missing: the URL to send them to")
	}
	failed := 0
	for _, id := range fl.Args() {
		e, err := rawMessage(ctx, c, id)
		if err != nil {
			return err
		}
		p, err := l.play(ctx, e)
		if err != nil {
			return err
		}
		if err := p.print(os.Stdout, fl.Bool("json"), true); err != nil {
			return err
		}
		if !p.taken() {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %s not taken", failed, terminal.Plural(int64(fl.NArg()), "event was", "events were"))
	}
	return nil
}

// rawMessage finds a message by an ID as show takes it.
func rawMessage(ctx context.Context, c *adminapi.Client, given string) (*adminapi.Heard, error) {
	id, err := messageID(ctx, c, given)
	if err != nil {
		return nil, err
	}
	e := new(adminapi.Heard)
	return e, c.Get(ctx, adminapi.PathOfMessage(id)+"/raw", nil, e)
}
