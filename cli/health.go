package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

func healthCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health [--live | --url URL] [--timeout 5s] [--json]",
		Short: "Says by its exit code whether a gateway is ready",
		Long: `
Exits with 0 if the gateway can accept webhooks now, and with 1 if it cannot or
does not answer: while it starts or shuts down, while its disk is full, or while
its database is away. It prints one line, with the reason.

With --live it exits with 0 if the gateway answers at all. With --url it asks a
site that has the handler webhook_gateway_health instead of the admin endpoint.`,
		Example: `  caddy webhook health
  caddy webhook health --url http://127.0.0.1:8081/readyz`,
		Args: terminal.NoArgs,
		RunE: checkHealth,
	}
	clientFlags(cmd)
	f := cmd.Flags()
	f.Bool("live", false, "only ask whether it answers")
	f.String("url", "", "ask this URL, which is ready if its status is 2xx")
	f.Duration("timeout", 5*time.Second, "how long to wait for the answer")
	f.Bool("json", false, "print the answer as JSON")
	for _, name := range []string{"address", "config", "adapter", "live"} {
		cmd.MarkFlagsMutuallyExclusive("url", name)
	}
	return cmd
}

// checkHealth needs no client of the admin API if it has a URL.
func checkHealth(cmd *cobra.Command, args []string) error {
	fl := caddycmd.Flags{FlagSet: cmd.Flags()}
	timeout := fl.Duration("timeout")
	if timeout <= 0 {
		return errors.New("--timeout is longer than 0s, such as 5s")
	}
	parent := cmd.Context()
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithTimeout(parent, timeout)
	defer cancel()
	cmd.SetContext(ctx)
	var err error
	if fl.String("url") != "" {
		err = healthAt(ctx, fl)
	} else {
		err = asking(healthOf)(cmd, args)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %v", timeout)
	}
	return err
}

func healthOf(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	var h adminapi.Health
	if err := c.Get(ctx, adminapi.PathHealth, nil, &h); err != nil {
		return err
	}
	if fl.Bool("live") {
		return sayHealth(fl, live, "live", nil)
	}
	return sayHealth(fl, h, "ready", unready(h))
}

// live is the answer to --live.
var live = map[string]bool{"live": true}

// healthAt asks a URL. Its status decides; the reason is the one of webhook_gateway_health.
func healthAt(ctx context.Context, fl caddycmd.Flags) error {
	target, err := url.Parse(fl.String("url"))
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return errors.New("--url is a URL such as http://127.0.0.1:8081/readyz")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	r.Header.Set("User-Agent", terminal.UserAgent)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	a, err := client.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("no answer from %s: %s", terminal.Printable(target.Redacted()), terminal.Failure(err))
	}
	defer a.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(a.Body, 64<<10))
	var said struct {
		adminapi.Health
		Live bool `json:"live"`
	}
	read := json.Unmarshal(text, &said)
	said.Ready = a.StatusCode/100 == 2
	switch {
	case said.Ready && said.Live:
		return sayHealth(fl, live, "live", nil)
	case said.Ready:
		return sayHealth(fl, adminapi.Health{Ready: true}, "ready", nil)
	case read == nil && said.Reason != "":
		return sayHealth(fl, said.Health, "", unready(said.Health))
	}
	return fmt.Errorf("not ready: %s answers %s", terminal.Printable(target.Redacted()), terminal.Printable(a.Status))
}

// sayHealth prints one line, or an object for scripts. The error is the exit code.
func sayHealth(fl caddycmd.Flags, answer any, word string, err error) error {
	if fl.Bool("json") {
		return errors.Join(terminal.PrintJSON(os.Stdout, answer, ""), err)
	}
	if err == nil {
		fmt.Println(word)
	}
	return err
}

func unready(h adminapi.Health) error {
	if h.Ready {
		return nil
	}
	text, known := map[string]string{
		"shutting_down":     "it is shutting down",
		"starting":          "it is starting",
		"no_endpoint":       "the configuration has no webhook_gateway endpoint, so no store is open",
		"disk_full":         "the disk is full; `caddy webhook status` says how much space is needed",
		"lease_expired":     "it has lost touch with the database; `caddy webhook status` says why",
		"store_unavailable": "the store is not available; `caddy webhook status` says why",
	}[h.Reason]
	if !known {
		text = terminal.Printable(h.Reason)
	}
	return errors.New("not ready: " + text)
}
