package cli

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
)

// filterFlags are the flags that select messages and deliveries.
func filterFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringP("endpoint", "e", "", "of this endpoint")
	f.StringP("forward", "f", "", "of this forward; '' is the one without a name")
	f.StringSlice("state", nil, strings.Join(adminapi.StateNames(), ", ")+"; or all")
	f.String("type", "", "of this event type; * stands for any text, as in payment.*")
	f.String("event-id", "", "with this event ID")
	f.String("since", "", "received then or later: a time in RFC 3339, or how long ago, such as 2h")
	f.String("until", "", "received before: as --since")
	f.String("after", "", "go on behind this place of a list")
	cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(append(adminapi.StateNames(), "all"), cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("endpoint", completeEndpoints)
}

// flagFilter is what the flags of filterFlags amount to.
func flagFilter(fl caddycmd.Flags) adminapi.Filter {
	filter := adminapi.Filter{
		Endpoint: fl.String("endpoint"), Type: fl.String("type"), EventID: fl.String("event-id"),
		State: strings.ReplaceAll(strings.Join(terminal.List(fl.FlagSet, "state"), ","), "-", "_"),
		Since: fl.String("since"), Until: fl.String("until"),
	}
	if fl.Changed("forward") {
		filter.Forward = new(fl.String("forward"))
	}
	return filter
}

// again is the command line that was given, with some flags changed: what a
// person can type to go on.
func again(fl caddycmd.Flags, command string, change map[string]string) string {
	words := []string{"caddy webhook " + command}
	add := func(name, value string) { words = append(words, "--"+name+" "+terminal.Word(value)) }
	fl.Visit(func(f *pflag.Flag) {
		if _, changed := change[f.Name]; changed {
			return
		}
		switch v := f.Value.(type) {
		case pflag.SliceValue:
			add(f.Name, strings.Join(v.GetSlice(), ","))
		default:
			if f.Value.Type() == "bool" {
				words = append(words, "--"+f.Name)
				return
			}
			add(f.Name, f.Value.String())
		}
	})
	for _, name := range slices.Sorted(maps.Keys(change)) {
		if change[name] != "" {
			add(name, change[name])
		}
	}
	return strings.Join(words, " ")
}

// completeEndpoints offers the names of a running gateway's endpoints to a shell.
func completeEndpoints(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return endpointNames(cmd, false), cobra.ShellCompDirectiveNoFileComp
}

// completeTargets offers their forwards as well.
func completeTargets(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return endpointNames(cmd, true), cobra.ShellCompDirectiveNoFileComp
}

// endpointNames asks a running gateway. A shell that completes a word gets no
// error.
func endpointNames(cmd *cobra.Command, forwards bool) (names []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	c, err := newAdminClient(caddycmd.Flags{FlagSet: cmd.Flags()})
	if err != nil {
		return nil
	}
	var all adminapi.Endpoints
	if c.Get(ctx, adminapi.PathEndpoints, nil, &all) != nil {
		return nil
	}
	for _, e := range all.Endpoints {
		names = append(names, e.Name)
		for _, f := range e.Forwards {
			if forwards && f.Name != "" {
				names = append(names, f.Destination)
			}
		}
	}
	return names
}
