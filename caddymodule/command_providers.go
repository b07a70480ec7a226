package caddymodule

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func providersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "providers [--provider P] [--json]",
		Short: "Lists the providers that the gateway knows, or shows one of them",
		Long: `
Lists the providers that the gateway knows. With --provider it shows for one of
them what is signed, what an endpoint has to be given, and how it behaves.`,
		Args: noArgs,
		RunE: run(listProviders),
	}
	cmd.Flags().StringP("provider", "p", "", "show this one")
	cmd.Flags().Bool("json", false, "print all that is known of them as JSON")
	return cmd
}

func listProviders(fl caddycmd.Flags) error {
	var all []listing
	name := fl.String("provider")
	for _, p := range registered() {
		if name == "" || name == p.Name {
			all = append(all, listingOf(p))
		}
	}
	switch {
	case len(all) == 0:
		return unknownProvider(name)
	case fl.Bool("json"):
		return printJSON(os.Stdout, all, "  ")
	case name != "":
		return all[0].print(os.Stdout)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROVIDER\tNAME\tSCHEME\tTOLERANCE\tDEDUPE\tCONFIRMED")
	for _, l := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s %s\t%s\n",
			l.Name, l.Title, l.Scheme, cmp.Or(l.Tolerance.Past, "-"), l.Dedupe.By, l.Dedupe.Window, yesNo(l.Confirmed))
	}
	return w.Flush()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// print shows a row to a person.
func (l listing) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name string, words ...string) {
		if text := strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), ", "); text != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, text)
		}
	}
	line("provider", l.Name, l.Title)
	line("scheme", l.Scheme)
	line("signed", l.Signed)
	line("confirmed", yesNo(l.Confirmed))
	line("secret", l.Secret.Name, l.Secret.Where, when(l.Secret.Optional, "optional"), when(l.Secret.Learnt, "learnt while the endpoint says enrol"))
	for _, o := range l.Given {
		line("option", o.Name, when(o.Required, "required"), when(o.Many, "one or more"), when(o.Paired, "one for each secret"), o.What)
	}
	line("time", l.Time, when(l.Tolerance.Past != "", l.Tolerance.Past+" past"), when(l.Tolerance.Future != "", l.Tolerance.Future+" future"))
	line("dedupe", l.Dedupe.By, l.Dedupe.Window, "replays "+l.Dedupe.Replays)
	line("methods", l.Methods...)
	for _, h := range l.Handshakes {
		line("handshake", h.Name, h.Method, when(h.Verified, "signed"), when(h.Enrols, "hands the secret over"), when(h.Confirms, "calls the provider back"))
	}
	line("synchronous", l.Synchronous)
	line("retries", when(l.Retries.Attempts > 0, fmt.Sprintf("%d attempts", l.Retries.Attempts)),
		when(l.Retries.Horizon != "", "within "+l.Retries.Horizon), when(l.Retries.Deadline != "", "each answered within "+l.Retries.Deadline))
	for _, why := range []string{l.Why, l.TimeWhy, l.Dedupe.Why} {
		line("why", why)
	}
	for _, j := range l.JudgedBy {
		line("judged by", j.Kind, j.By, j.Does, j.Weakness)
	}
	for _, url := range l.Docs {
		line("docs", url)
	}
	return w.Flush()
}

func when(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}
