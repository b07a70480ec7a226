// Package hookwicket plugs the webhook gateway into Caddy:
//
//	xcaddy build --with github.com/hookwicket/hookwicket
//
// It registers the command `caddy webhook` and nothing else. The modules are in
// package caddymodule. The commands that ask a running gateway are in package
// cli, which uses package adminapi and not the gateway. Packages adminapi,
// verifiers (how each provider signs), dedupe and queue (accepted events) do
// not depend on Caddy and can be used without it.
package hookwicket

import (
	"errors"
	"fmt"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookwicket/hookwicket/caddymodule"
	"github.com/hookwicket/hookwicket/cli"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "webhook",
		Usage: "COMMAND",
		Short: "Operates the webhook gateway; signs, sends and verifies webhooks",
		Long: `
Tools around the webhook gateway.

Those that operate it talk to a running gateway through Caddy's admin endpoint,
which they find as caddy reload does. check, learnt and move read the store of
one that is stopped, and migrate prepares a database. The others need none.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args = terminal.NoArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			pointToDocs(cmd)
			nameFlags(cmd)
			store, catalogue := caddymodule.Commands()
			for _, c := range catalogue {
				if c.Name() == "send" {
					cli.WithEndpoint(c)
				}
			}
			addGroup(cmd, "operating", "See and mend a running gateway:", cli.Commands(caddymodule.SignAnew))
			addGroup(cmd, "store", "Look into a stopped one, or prepare its store:", store)
			addGroup(cmd, "catalogue", "Providers and their signatures:", catalogue)
			offerNoFiles(cmd)
		},
	})
}

// nameFlags names the flag that is meant in the error about a mistyped one.
func nameFlags(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		unknown, ok := errors.AsType[*pflag.NotExistError](err)
		if !ok || len(unknown.GetSpecifiedName()) < 2 { // a letter says too little
			return err
		}
		meant := ""
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if meant == "" && near(f.Name, unknown.GetSpecifiedName()) {
				meant = fmt.Sprintf(" (did you mean --%s?)", f.Name)
			}
		})
		return fmt.Errorf("%w%s; `%s --help` lists the flags", err, meant, c.CommandPath())
	})
}

// near reports whether one of two names becomes the other by changing, adding or removing
// a letter, or by interchanging two that stand together, or is its beginning.
func near(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	same := 0
	for same < len(b) && a[same] == b[same] {
		same++
	}
	restA, restB := a[same:], b[same:]
	switch {
	case restB == "":
		return len(b) > 2 || len(restA) < 2
	case len(a) == len(b):
		swapped := len(restA) > 1 && restA[0] == restB[1] && restA[1] == restB[0] && restA[2:] == restB[2:]
		return restA[1:] == restB[1:] || swapped
	}
	return restA[1:] == restB
}

// offerNoFiles has a shell complete file names only where a command takes a file.
func offerNoFiles(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		offerNoFiles(c)
		if c.ValidArgsFunction == nil {
			c.ValidArgsFunction = cobra.NoFileCompletions
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			_, completed := c.GetFlagCompletionFunc(f.Name)
			_, file := f.Annotations[cobra.BashCompFilenameExt]
			_, folder := f.Annotations[cobra.BashCompSubdirsInDir]
			if !completed && !file && !folder && f.Value.Type() != "bool" {
				_ = c.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions)
			}
		})
	}
}

// helpWidth is how long a line of the help is at most.
const helpWidth = 80

// pointToDocs makes the help of a command and its subcommands name our documentation
// instead of Caddy's, show one line of usage, and fit into helpWidth.
func pointToDocs(cmd *cobra.Command) {
	cmd.SetHelpTemplate(new(cobra.Command).HelpTemplate() + "\nAll commands:\n  https://github.com/hookwicket/hookwicket/blob/main/docs/operating.md\n")
	cmd.SetUsageTemplate(strings.NewReplacer(
		"{{if .HasAvailableSubCommands}}\n  {{.CommandPath}} [command]{{end}}", "",
		`Use "{{.CommandPath}} [command] --help" for more information about a command.`, `"{{.CommandPath}} COMMAND --help" says more about one of them.`,
		".LocalFlags.FlagUsages", fmt.Sprint(".LocalFlags.FlagUsagesWrapped ", helpWidth),
	).Replace(cmd.UsageTemplate()))
}

// addGroup adds commands under a heading in the help.
func addGroup(parent *cobra.Command, id, title string, commands []*cobra.Command) {
	parent.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, cmd := range commands {
		cmd.GroupID = id
		parent.AddCommand(cmd)
	}
}
