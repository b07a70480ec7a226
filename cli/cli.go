// Package cli has the commands that operate a running gateway: status, events,
// show, tail, redeliver, pause, resume, cancel, bury, purge and forget.
//
// They go through the admin API alone, with the client of package adminapi, so
// that they do nothing that a script cannot do. The package does not import the
// gateway.
package cli

import "github.com/spf13/cobra"

// Commands returns the subcommands of caddy webhook that ask a running gateway.
func Commands() []*cobra.Command {
	return []*cobra.Command{
		statusCommand(), eventsCommand(), showCommand(), tailCommand(), redeliverCommand(),
		pauseCommand(), resumeCommand(), cancelCommand(), buryCommand(), purgeCommand(), forgetCommand(),
	}
}
