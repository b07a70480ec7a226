package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

// WithEndpoint gives the command send the flag --endpoint: a running gateway then makes
// the event itself, so that the secret stays there.
func WithEndpoint(send *cobra.Command) {
	send.Use = "send --provider P --secret S --to URL | --endpoint E"
	send.Long += `

With --endpoint a running gateway makes and signs the event itself, with that
endpoint's provider, lines and secret, and takes it as if it had been received.
The secret stays in the gateway. The app gets the event with the header
Webhook-Gateway-Test.`
	send.Example = `  caddy webhook send --provider stripe --secret '{env.SECRET}' \
    --to http://localhost:8080/stripe
  caddy webhook send --endpoint stripe --type invoice.paid`
	clientFlags(send)
	send.Flags().StringP("endpoint", "e", "", "let a running gateway send a test event to this endpoint of its own")
	send.RegisterFlagCompletionFunc("endpoint", completeEndpoints)
	send.RegisterFlagCompletionFunc("type", completeTypes)
	for _, flag := range []string{"provider", "secret", "option", "to", "url", "now", "body", "header", "tamper", "insecure"} {
		send.MarkFlagsMutuallyExclusive("endpoint", flag)
	}
	elsewhere := send.RunE
	send.RunE = func(cmd *cobra.Command, args []string) error {
		if !cmd.Flags().Changed("endpoint") {
			return elsewhere(cmd, args)
		}
		return asking(sendTests)(cmd, args)
	}

}

func sendTests(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags) error {
	endpoint, count := fl.String("endpoint"), fl.Int("count")
	switch {
	case endpoint == "":
		return errors.New("--endpoint is empty")
	case count < 1:
		return errors.New("--count has to be 1 or more")
	}
	refused := 0
	for range count {
		var t adminapi.Tested
		if err := c.Post(ctx, adminapi.PathOfTest(endpoint), adminapi.TestAsk{Type: fl.String("type"), ID: fl.String("id")}, &t); err != nil {
			return err
		}
		if t.Outcome == "refused" {
			refused++
		}
		if fl.Bool("json") {
			if err := terminal.PrintJSON(os.Stdout, t, ""); err != nil {
				return err
			}
			continue
		}
		fmt.Println(testedWords(&t))
	}
	if refused > 0 {
		return fmt.Errorf("%d of %s not accepted", refused, terminal.Plural(int64(count), "event was", "events were"))
	}
	return nil
}

// testedWords says what became of a test event.
func testedWords(t *adminapi.Tested) string {
	words := []string{t.Outcome}
	for _, text := range []string{t.EventType, t.EventID, t.Reason, t.Detail} {
		if text != "" {
			words = append(words, terminal.Cell(text, 200))
		}
	}
	line := strings.Join(words, ", ")
	if t.MessageID == "" {
		return line
	}
	to := "kept"
	if len(t.Destinations) > 0 {
		to = "→ " + terminal.Printable(strings.Join(t.Destinations, ", "))
	}
	return line + "  " + t.MessageID + "  " + to
}
