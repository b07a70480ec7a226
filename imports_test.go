package hookwicket

import (
	"bytes"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/internal/terminal"
)

// webhook is `caddy webhook` as Caddy makes it.
func webhook(t *testing.T) *cobra.Command {
	t.Helper()
	c, ok := caddycmd.Commands()["webhook"]
	if !ok {
		t.Fatal("it is not registered")
	}
	cmd := &cobra.Command{Use: c.Name + " " + c.Usage, Short: c.Short, Long: c.Long}
	c.CobraFunc(cmd)
	(&cobra.Command{Use: "caddy"}).AddCommand(cmd)
	return cmd
}

// each calls f for a command and all below it.
func each(cmd *cobra.Command, f func(*cobra.Command)) {
	f(cmd)
	for _, c := range cmd.Commands() {
		each(c, f)
	}
}

// TestHelp: the help of each command fits a terminal and has no word twice.
func TestHelp(t *testing.T) {
	n := 0
	each(webhook(t), func(cmd *cobra.Command) {
		n++
		var out bytes.Buffer
		cmd.SetOut(&out)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if line = strings.TrimSuffix(line, "\n"); terminal.Width(line) > helpWidth {
				t.Errorf("%s: a line of %d columns: %s", cmd.CommandPath(), terminal.Width(line), line)
			}
		}
		words := strings.Fields(out.String())
		for i, w := range words[1:] {
			if w == words[i] && strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") == "" {
				t.Errorf("%s: %q is there twice", cmd.CommandPath(), w)
			}
		}
		if strings.Contains(out.String(), "caddyserver.com") || !strings.Contains(out.String(), "docs/operating.md") {
			t.Errorf("%s does not lead to our documentation", cmd.CommandPath())
		}
	})
	if n < 20 {
		t.Errorf("only %d commands", n)
	}
}
