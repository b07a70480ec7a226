package cli

import (
	"context"
	"fmt"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

func pauseCommand() *cobra.Command {
	return pausing("pause", "Stops an endpoint's deliveries", `
Stops deliveries until resume: those of an endpoint, or of one forward of it.
Events are accepted as before and wait. Running attempts finish. The pause lasts
through restarts. "ENDPOINT/" is only the forward without a name.`)
}

func resumeCommand() *cobra.Command {
	return pausing("resume", "Continues paused deliveries", `
Continues the deliveries of an endpoint, or of one forward of it.`)
}

func pausing(verb, short, long string) *cobra.Command {
	cmd := &cobra.Command{
		Use:               verb + " ENDPOINT[/FORWARD]",
		Short:             short,
		Long:              long,
		Args:              oneTarget,
		ValidArgsFunction: onlyFirst(completeTargets),
		RunE: asking(func(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
			return pause(ctx, c, verb, fl.Arg(0))
		}),
	}
	clientFlags(cmd)
	return cmd
}

func oneTarget(cmd *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" || args[0] == "/" {
		return fmt.Errorf("one ENDPOINT or ENDPOINT/FORWARD is needed; `caddy webhook status` lists them")
	}
	return nil
}

func pause(ctx context.Context, c *adminapi.Client, verb, arg string) error {
	t := targetOf(arg)
	var done adminapi.Paused
	if err := c.Post(ctx, "/"+verb, t, &done); err != nil {
		return err
	}
	for _, d := range done.Destinations {
		fmt.Printf("%s: %s\n", terminal.Printable(d), map[bool]string{true: "paused", false: "resumed"}[done.Paused])
	}
	return nil
}

// targetOf reads ENDPOINT or ENDPOINT/FORWARD.
func targetOf(arg string) (t adminapi.Target) {
	endpoint, forward, named := strings.Cut(arg, "/")
	t.Endpoint = endpoint
	if named {
		t.Forward = &forward
	}
	return t
}
