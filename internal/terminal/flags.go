package terminal

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// List returns the values of a flag that may be given several times, untouched:
// pflag's own getter goes through CSV, where an empty value is none at all and
// a CRLF becomes a newline.
func List(fl *pflag.FlagSet, name string) []string {
	return fl.Lookup(name).Value.(interface{ GetSlice() []string }).GetSlice()
}

// NoArgs refuses arguments with an error for a mistyped command.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		// Cobra suggests only for commands whose arguments it checks itself.
		if meant := commandMeant[args[0]]; meant != "" {
			return fmt.Errorf("unknown command %q (did you mean %s?); `%s` lists them", args[0], meant, cmd.CommandPath())
		}
		cmd.SuggestionsMinimumDistance = 2
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return fmt.Errorf("unknown command %q (did you mean %s?); `%s` lists them", args[0], near[0], cmd.CommandPath())
		}
		return fmt.Errorf("unknown command %q; `%s` lists them", args[0], cmd.CommandPath())
	}
	return fmt.Errorf("%q is not expected here; `%s --help` says what is", args[0], cmd.CommandPath())
}

// commandMeant are commands under other words that people use.
var commandMeant = map[string]string{
	"retry": "redeliver", "resend": "redeliver", "requeue": "redeliver",
	"list": "events", "ls": "events", "messages": "events", "deliveries": "events",
	"logs": "tail", "log": "tail", "watch": "tail", "stop": "pause", "delete": "purge", "test": "send",
}

// MaxArgs refuses more than n arguments, and names them by what.
func MaxArgs(n int, what string) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return fmt.Errorf("%q is not expected here: only one %s can be given; `%s --help` says more", args[n], what, cmd.CommandPath())
	}
}
