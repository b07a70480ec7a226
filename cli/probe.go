package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

func probeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "probe [ENDPOINT[/FORWARD]] [--wait 1m] [--json]",
		Short: "Tries an upstream now whose circuit is open",
		Long: `
Attempts one waiting delivery of each open circuit at once, instead of at the
end of the circuit's pause, and prints how it ended. If it succeeds, the circuit
closes and the backlog follows. If it fails, the circuit stays open for its next
pause. Without an argument it tries all open circuits.

If no delivery is due, the one that is due first becomes due, and its attempts
are forgotten. It exits with 1 if a probe fails.`,
		Example: `  caddy webhook probe stripe/billing
  caddy webhook probe`,
		Args:              terminal.MaxArgs(1, "ENDPOINT or ENDPOINT/FORWARD"),
		ValidArgsFunction: onlyFirst(completeTargets),
		RunE:              asking(probe),
	}
	clientFlags(cmd)
	cmd.Flags().Duration("wait", time.Minute, "how long to wait for the outcome; 0 does not wait")
	cmd.Flags().Bool("json", false, "print the result as JSON")
	return cmd
}

func probe(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	target := targetOf(fl.Arg(0))
	wait := fl.Duration("wait")
	if wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, wait, errNoOutcome)
		defer cancel()
	}
	query := url.Values{"outcome": {"delivered,retry,dead_letter,released"}}
	if target.Endpoint != "" {
		query.Set("endpoint", target.Endpoint)
	}
	stream, err := c.Open(ctx, http.MethodGet, adminapi.PathTail, query, nil) // before the probe, whose outcome it has
	if err != nil {
		return err
	}
	defer stream.Body.Close()
	var probed adminapi.Probed
	if err := c.Post(ctx, adminapi.PathProbe, target, &probed); err != nil {
		return err
	}
	if fl.Bool("json") {
		if err := terminal.PrintJSON(os.Stdout, probed, ""); err != nil {
			return err
		}
	} else {
		printUnprobed(&probed, fl.Arg(0) != "")
	}
	if wait <= 0 || len(probed.Destinations) == 0 {
		return nil
	}
	left := make(map[string]bool)
	for _, d := range probed.Destinations {
		left[d] = true
	}
	failed := 0
	lines := liner{out: os.Stdout}
	err = eachEvent(stream.Body, func(s streamed) error {
		var e adminapi.Event
		if s.name != "attempt" || json.Unmarshal(s.data, &e) != nil || !left[whereOf(&e)] {
			return nil
		}
		delete(left, whereOf(&e))
		if e.Outcome != "delivered" {
			failed++
		}
		if fl.Bool("json") {
			err = terminal.PrintJSON(os.Stdout, json.RawMessage(s.data), "")
		} else {
			_, err = fmt.Println(lines.lineOf(&e))
		}
		if len(left) == 0 && err == nil {
			err = errEnough
		}
		return err
	})
	switch {
	case errors.Is(err, errEnough):
	case context.Cause(ctx) != nil && len(left) > 0:
		return fmt.Errorf("%w: %s", context.Cause(ctx), terminal.Printable(strings.Join(slices.Sorted(maps.Keys(left)), ", ")))
	case err != nil:
		return err
	case len(left) > 0:
		return errors.New("the gateway has ended the stream, so the outcome is unknown; `caddy webhook status` shows it")
	}
	if failed > 0 {
		return fmt.Errorf("%s failed", terminal.Plural(int64(failed), "probe", "probes"))
	}
	return nil
}

var (
	errEnough    = errors.New("enough")
	errNoOutcome = errors.New("no outcome yet; `caddy webhook tail` shows it")
)

// printUnprobed says why destinations are not probed: each that was named, and of all
// endpoints only those whose circuit is not closed.
func printUnprobed(probed *adminapi.Probed, named bool) {
	said := false
	for _, d := range slices.Sorted(maps.Keys(probed.Skipped)) {
		reason := probed.Skipped[d]
		if !named && reason != "paused" && reason != "half_open" && reason != "busy" {
			continue
		}
		said = true
		fmt.Fprintf(os.Stderr, "%s is not probed: %s\n", terminal.Printable(d), unprobedWords(reason))
	}
	if len(probed.Destinations) == 0 && !said {
		fmt.Fprintln(os.Stderr, "No circuit is open with a delivery waiting.")
	}
}

func unprobedWords(reason string) string {
	if text, ok := map[string]string{
		"closed":    "its circuit is closed, and deliveries are attempted when they are due",
		"half_open": "a probe is under way",
		"elsewhere": "another gateway delivers: run the command there",
		"paused":    "it is paused; resume it first",
		"idle":      "nothing waits",
		"busy":      "its deliveries are being attempted or changed; try again",
		"orphaned":  "the configuration does not have it",
		"stopped":   "the configuration is being stopped",
	}[reason]; ok {
		return text
	}
	return terminal.Printable(reason)
}
