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

// NoArgs refuses arguments in the words of somebody who has mistyped a command.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		return fmt.Errorf("unknown command %q; `%s` lists them", args[0], cmd.CommandPath())
	}
	return fmt.Errorf("%q is not expected here; `%s --help` says what is", args[0], cmd.CommandPath())
}
