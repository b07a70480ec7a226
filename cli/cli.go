// Package cli has the commands that operate a running gateway: status, health, events,
// show, tail, listen, replay, ui, redeliver, pause, resume, probe, cancel, bury, purge,
// forget and refused.
//
// They go through the admin API alone, with the client of package adminapi, so
// that they do nothing that a script cannot do. The package does not import the
// gateway.
package cli

import "github.com/spf13/cobra"

// Commands returns the subcommands of caddy webhook that ask a running gateway. To sign
// requests takes the catalogue of providers, so the caller gives the function for it.
func Commands(sign NewSigner) []*cobra.Command {
	return []*cobra.Command{
		statusCommand(), healthCommand(), eventsCommand(), showCommand(), tailCommand(), listenCommand(sign), replayCommand(sign), uiCommand(), redeliverCommand(),
		pauseCommand(), resumeCommand(), probeCommand(), cancelCommand(), buryCommand(), purgeCommand(), forgetCommand(),
		refusedCommand(),
	}
}
