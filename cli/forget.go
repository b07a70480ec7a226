package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

func forgetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forget ID | --endpoint E --event-id I",
		Short: "Lets an event be accepted once more",
		Long: `
Forgets that an event was accepted, so that it is accepted once more when its
sender sends it again. The event is named by the ID of its message, or by its
endpoint and its event ID. It asks first. To deliver an event that the gateway
has kept, use redeliver.`,
		Args:              terminal.MaxArgs(1, "ID"),
		ValidArgsFunction: onlyFirst(completeMessages),
		RunE:              asking(forget),
	}
	clientFlags(cmd)
	cmd.Flags().StringP("endpoint", "e", "", "the endpoint's name")
	cmd.Flags().String("event-id", "", "the provider's ID of the event")
	cmd.Flags().BoolP("yes", "y", false, "do not ask")
	cmd.RegisterFlagCompletionFunc("endpoint", completeEndpoints)
	return cmd
}

func forget(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	query := make(url.Values)
	switch id, endpoint, event := fl.Arg(0), fl.String("endpoint"), fl.String("event-id"); {
	case id != "" && endpoint == "" && event == "":
		id, err := messageID(ctx, c, id)
		if err != nil {
			return err
		}
		query.Set("message", id)
	case id == "" && endpoint != "" && event != "":
		query.Set("endpoint", endpoint)
		query.Set("event_id", event)
	default:
		return errors.New("either the ID of a message is needed, or --endpoint and --event-id")
	}
	const question = "Forget that this event was accepted? The upstream gets it again when its sender repeats it."
	if err := terminal.Confirm(question, fl.Bool("yes")); err != nil {
		return err
	}
	var done adminapi.Forgotten
	if err := c.Call(ctx, http.MethodDelete, adminapi.PathKeys, query, nil, &done); err != nil {
		return err
	}
	if !done.Forgotten {
		fmt.Fprintln(os.Stderr, nothing(cmp.Or(done.Note, "it was not remembered")))
		return nil
	}
	fmt.Println("forgotten: the event is accepted when it comes again")
	return nil
}
