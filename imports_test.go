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

// TestMistypedFlag: the error names the flag that is meant, and where the flags are listed.
func TestMistypedFlag(t *testing.T) {
	for typed, want := range map[string]string{
		"events --sate waiting":     "unknown flag: --sate (did you mean --state?); `caddy webhook events --help` lists the flags",
		"events --stat waiting":     "unknown flag: --stat (did you mean --state?); `caddy webhook events --help` lists the flags",
		"refused show --wrie 1":     "unknown flag: --wrie (did you mean --wire?); `caddy webhook refused show --help` lists the flags",
		"redeliver --endponit=a":    "unknown flag: --endponit (did you mean --endpoint?); `caddy webhook redeliver --help` lists the flags",
		"verify --colour":           "unknown flag: --colour; `caddy webhook verify --help` lists the flags",
		"status --jsn":              "unknown flag: --jsn (did you mean --json?); `caddy webhook status --help` lists the flags",
		"status -x":                 "unknown shorthand flag: 'x' in -x",
		"redeliver --watch=maybe a": `invalid argument "maybe" for "--watch" flag: must be true or false`,
	} {
		cmd := webhook(t)
		cmd.Root().SetArgs(append([]string{"webhook"}, strings.Fields(typed)...))
		cmd.Root().SilenceErrors, cmd.Root().SilenceUsage = true, true
		if err := cmd.Root().Execute(); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", typed, err, want)
		}
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
