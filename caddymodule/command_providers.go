package caddymodule

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

func providersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "providers",
		Short: "Lists the providers that the gateway knows",
		Args:  noArgs,
		RunE:  run(listProviders),
	}
	cmd.Flags().Bool("json", false, "print the whole catalogue as JSON")
	return cmd
}

// listing is a row of the catalogue as it is shown.
type listing struct {
	Name      string           `json:"name"`
	Title     string           `json:"title"`
	Scheme    string           `json:"scheme"`
	Options   verifiers.Scheme `json:"options"`
	Confirmed bool             `json:"confirmed"`
	Time      string           `json:"time"` // attempt, event or empty
	Tolerance tolerances       `json:"tolerance"`
	Dedupe    dedupeListing    `json:"dedupe"`
	MaxBody   int64            `json:"max_body"`
	Methods   []string         `json:"methods"`
	Retries   retriesListing   `json:"retries"`
	Why       string           `json:"why,omitempty"`
	Docs      []string         `json:"docs,omitempty"`
}

type tolerances struct {
	Past   string `json:"past,omitempty"`
	Future string `json:"future,omitempty"`
}

type dedupeListing struct {
	By      string `json:"by"`
	Window  string `json:"window"`
	Replays string `json:"replays"`
	Why     string `json:"why,omitempty"`
}

type retriesListing struct {
	Deadline string `json:"deadline,omitempty"`
	Attempts int    `json:"attempts,omitempty"`
	Horizon  string `json:"horizon,omitempty"`
}

func listingOf(p verifiers.Provider) listing {
	replays := "allow"
	if p.Dedupe.UniqueBodies {
		replays = "refuse"
	}
	methods := p.Methods
	if methods == nil {
		methods = []string{"POST"}
	}
	return listing{
		Name: p.Name, Title: p.Title, Confirmed: p.Confirmed, Options: p.Scheme,
		Scheme:    strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", p.Scheme), "verifiers.")),
		Time:      string(p.Freshness.Origin),
		Tolerance: tolerances{span(p.Freshness.Tolerance.Past), span(p.Freshness.Tolerance.Future)},
		Dedupe:    dedupeListing{string(p.Dedupe.By), span(p.Dedupe.Window), replays, p.Dedupe.Why},
		MaxBody:   cmp.Or(p.MaxBody, defaultMaxBody), Methods: methods,
		Retries: retriesListing{span(p.Retries.Deadline), p.Retries.Attempts, span(p.Retries.Horizon)},
		Why:     p.Why, Docs: p.Docs,
	}
}

// span writes a duration without the zero units at its end.
func span(d time.Duration) string {
	if d == 0 {
		return ""
	}
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

func listProviders(fl caddycmd.Flags) error {
	var all []listing
	for _, p := range providers.All() {
		all = append(all, listingOf(p))
	}
	if fl.Bool("json") {
		return printJSON(os.Stdout, all, "  ")
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROVIDER\tNAME\tSCHEME\tTOLERANCE\tDEDUPE\tCONFIRMED")
	for _, l := range all {
		confirmed := "yes"
		if !l.Confirmed {
			confirmed = "no"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s %s\t%s\n",
			l.Name, l.Title, l.Scheme, cmp.Or(l.Tolerance.Past, "-"), l.Dedupe.By, l.Dedupe.Window, confirmed)
	}
	return w.Flush()
}
