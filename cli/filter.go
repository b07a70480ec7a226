package cli

import (
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
	f.StringP("endpoint", "e", "", "of this endpoint; or ENDPOINT/FORWARD")
	f.StringP("forward", "f", "", "of this forward; '' is the one without a name")
	f.StringSlice("state", nil, strings.Join(adminapi.StateNames(), ", ")+"; or all")
	f.String("type", "", "of this event type; * stands for any text, as in payment.*")
	f.String("event-id", "", "with this event ID")
	f.String("since", "", "received then or later: 14:00, yesterday, 2026-01-31, a time in RFC 3339, or how long ago, such as 2h")
	f.String("until", "", "received before: as --since")
	f.String("after", "", "go on behind this place of a list")
	cmd.RegisterFlagCompletionFunc("state", completeList(append(adminapi.StateNames(), "all")...))
	cmd.RegisterFlagCompletionFunc("type", completeTypes)
	cmd.RegisterFlagCompletionFunc("forward", completeForwards)
	cmd.RegisterFlagCompletionFunc("endpoint", completeTargets)
}

// flagFilter returns the filter that the flags of filterFlags describe.
func flagFilter(fl caddycmd.Flags) adminapi.Filter {
	target := flagTarget(fl)
	return adminapi.Filter{
		Endpoint: target.Endpoint, Forward: target.Forward, Type: fl.String("type"), EventID: fl.String("event-id"),
		State: strings.ReplaceAll(strings.Join(terminal.List(fl.FlagSet, "state"), ","), "-", "_"),
		Since: timeFlag(fl.String("since")), Until: timeFlag(fl.String("until")),
	}
}

// flagTarget reads --endpoint, which may have a forward behind a slash, and --forward.
func flagTarget(fl caddycmd.Flags) adminapi.Target {
	target := targetOf(fl.String("endpoint"))
	if fl.Changed("forward") {
		target.Forward = new(fl.String("forward"))
	}
	return target
}

// timeFlag writes a time of the zone of this machine so that the gateway, which may be
// elsewhere, takes it for the same. What is no time, the gateway refuses.
func timeFlag(s string) string {
	t, err := adminapi.ParseTime(s, time.Now())
	if err != nil || t.IsZero() {
		return s
	}
	return t.Format(time.RFC3339Nano)
}

// again returns the command line that was given, with some flags changed, so that a
// person can continue with it.
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

// sameGateway returns the flags by which another command reaches the same gateway, with
// a space before each.
func sameGateway(fl caddycmd.Flags) string {
	text := ""
	for _, name := range []string{"address", "config", "adapter"} {
		if fl.Changed(name) {
			text += " --" + name + " " + terminal.Word(fl.String(name))
		}
	}
	return text
}
