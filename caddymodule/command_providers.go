package caddymodule

import (
	"cmp"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/internal/terminal"
)

func providersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "providers [PROVIDER] [--json]",
		Short: "Lists the providers that the gateway knows, or shows one of them",
		Long: `
Lists the providers that the gateway knows. With the name of one it shows the
signed content, the values that an endpoint needs, and the behaviour. A source
says where a fact about it was read. Facts without a source are assumed.`,
		Args:              terminal.MaxArgs(1, "PROVIDER"),
		ValidArgsFunction: completeProviders,
		RunE:              run(listProviders),
	}
	cmd.Flags().StringP("provider", "p", "", "show this one, as the argument does")
	cmd.RegisterFlagCompletionFunc("provider", completeProviders)
	cmd.Flags().Bool("json", false, "print all facts about them as JSON")
	return cmd
}

func listProviders(fl caddycmd.Flags) error {
	var all []listing
	name := cmp.Or(fl.String("provider"), fl.Arg(0))
	for _, p := range registered() {
		if name == "" || name == p.Name {
			all = append(all, listingOf(p))
		}
	}
	switch {
	case len(all) == 0:
		return unknownProvider(name)
	case fl.Bool("json"):
		return terminal.PrintJSON(os.Stdout, all, "  ")
	case name != "":
		all[0].print(os.Stdout)
		return nil
	}
	t := terminal.NewTable("PROVIDER", "NAME", "SCHEME", "TOLERANCE", "DEDUPE", "CONFIRMED")
	for _, l := range all {
		title := l.Title
		if terminal.IsTerminal(os.Stdout) { // so that the other columns fit
			title = terminal.Cell(title, 20)
		}
		t.Row(l.Name, title, l.Scheme, cmp.Or(l.Tolerance.Past, "-"), l.Dedupe.By+" "+l.Dedupe.Window, yesNo(l.Confirmed))
	}
	return t.Print(os.Stdout)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// print shows a row to a person.
func (l listing) print(out io.Writer) {
	line := func(name string, words ...string) {
		if text := strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), ", "); text != "" {
			terminal.Paragraph(out, terminal.Pad(name, len("synchronous")+2), text)
		}
	}
	line("provider", l.Name, l.Title)
	line("scheme", l.Scheme)
	line("signed", l.Signed)
	line("confirmed", yesNo(l.Confirmed))
	line("secret", l.Secret.Name, l.Secret.Where, terminal.When(l.Secret.Optional, "optional"), terminal.When(l.Secret.Learnt, "learnt while the endpoint says enrol"))
	for _, o := range l.Given {
		line("option", o.Name, terminal.When(o.Required, "required"), terminal.When(o.Many, "one or more"), terminal.When(o.Paired, "one for each secret"), o.What)
	}
	line("time", l.Time, terminal.When(l.Tolerance.Past != "", l.Tolerance.Past+" past"), terminal.When(l.Tolerance.Future != "", l.Tolerance.Future+" future"))
	line("dedupe", l.Dedupe.By, l.Dedupe.Window, "replays "+l.Dedupe.Replays)
	line("methods", l.Methods...)
	for _, h := range l.Handshakes {
		line("handshake", h.Name, h.Method, terminal.When(h.Verified, "signed"), terminal.When(h.Enrols, "hands the secret over"), terminal.When(h.Confirms, "calls the provider back"))
	}
	line("synchronous", l.Synchronous)
	line("retries", terminal.When(l.Retries.Attempts > 0, terminal.Plural(int64(l.Retries.Attempts), "attempt", "attempts")),
		terminal.When(l.Retries.Horizon != "", "within "+l.Retries.Horizon), terminal.When(l.Retries.Deadline != "", "each answered within "+l.Retries.Deadline))
	line("assumed", l.Assumed...)
	for _, name := range slices.Sorted(maps.Keys(l.Sources)) {
		line("source", name, l.Sources[name])
	}
	for _, why := range []string{l.Why, l.TimeWhy, l.Dedupe.Why} {
		line("why", why)
	}
	for _, j := range l.JudgedBy {
		line("judged by", j.Kind, j.By, j.Does, j.Weakness)
	}
	for _, url := range l.Docs {
		line("docs", url)
	}
}
