package terminal

import (
	"fmt"
	"strings"

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
		for _, meant := range commandMeant[strings.ToLower(args[0])] {
			if found, _, err := cmd.Find([]string{meant}); err == nil && found != cmd {
				return fmt.Errorf("unknown command %q (did you mean %s?); `%s` lists them", args[0], meant, cmd.CommandPath())
			}
		}
		cmd.SuggestionsMinimumDistance = 2
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return fmt.Errorf("unknown command %q (did you mean %s?); `%s` lists them", args[0], near[0], cmd.CommandPath())
		}
		return fmt.Errorf("unknown command %q; `%s` lists them", args[0], cmd.CommandPath())
	}
	return fmt.Errorf("%q is not expected here; `%s --help` says what is", args[0], cmd.CommandPath())
}

// commandMeant are commands under other words that people use. Of several the first that
// there is counts.
var commandMeant = map[string][]string{
	"retry": {"redeliver", "accept"}, "resend": {"redeliver"}, "requeue": {"redeliver"}, "redrive": {"redeliver"}, "redeliver": {"accept"},
	"list": {"events"}, "ls": {"events"}, "messages": {"events"}, "deliveries": {"events"}, "event": {"events"},
	"get": {"show"}, "inspect": {"show"}, "view": {"show"}, "info": {"show"}, "describe": {"show"}, "why": {"show"},
	"logs": {"tail"}, "log": {"tail"}, "watch": {"tail"}, "follow": {"tail"}, "stream": {"tail"},
	"stop": {"pause"}, "start": {"resume"}, "unpause": {"resume"}, "continue": {"resume"}, "try": {"probe"},
	"delete": {"purge", "clear"}, "remove": {"purge", "clear"}, "rm": {"purge", "clear"}, "purge": {"clear"}, "kill": {"bury"}, "dead": {"bury"},
	"unlearn": {"learnt"}, "learned": {"learnt"}, "secrets": {"learnt"}, "fsck": {"check"}, "dedupe": {"forget"},
	"test": {"send"}, "trigger": {"send"}, "dashboard": {"ui"}, "inspector": {"ui"}, "rejected": {"refused"}, "denied": {"refused"},
	"replays": {"replay"}, "health": {"status"}, "endpoints": {"status"}, "forwards": {"status"}, "stats": {"status"},
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
