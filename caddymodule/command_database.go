package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/internal/terminal"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

// databaseLimit is how long a command waits for a database.
const databaseLimit = 5 * time.Minute

// connectionString tells a DSN from a folder.
var connectionString = regexp.MustCompile(`^postgres(ql)?://|(^|\s)(host|hostaddr|dbname|user|service)\s*=`)

// databaseOf is the database that --store names. ok is false if it names a folder, or nothing.
func databaseOf(fl caddycmd.Flags) (o postgres.Options, place string, ok bool, err error) {
	dsn, err := resolve(fl.String("store"))
	if err != nil {
		return o, "", false, fmt.Errorf("--store: %w", err)
	}
	if !connectionString.MatchString(dsn) {
		if fl.Changed("schema") && fl.String("store") != "" {
			return o, "", false, errors.New("--schema is for a database, and --store names none: write its DSN, such as {file./run/secrets/dsn}")
		}
		return o, "", false, nil
	}
	o = postgres.Options{DSN: dsn, Schema: fl.String("schema"), Settings: queue.DefaultSettings()}
	about, err := postgres.Describe(o)
	if err != nil {
		return o, "", false, fmt.Errorf("--store: %w", err)
	}
	return o, about.Place, true, nil
}

// schemaFlag is of commands that take a database.
func schemaFlag(cmd *cobra.Command) {
	cmd.Flags().String("schema", "hookwicket", "the schema of the tables, in a database")
}

// checkDatabase reports on a database that gateways share.
func checkDatabase(fl caddycmd.Flags, o postgres.Options, place string) error {
	ctx, cancel := context.WithTimeout(context.Background(), databaseLimit)
	defer cancel()
	r, err := postgres.Check(ctx, o)
	if err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	if fl.Bool("json") {
		err = terminal.PrintJSON(os.Stdout, r, "  ")
	} else {
		err = printDatabase(os.Stdout, r)
	}
	if err == nil && !r.Sound() {
		err = fmt.Errorf("something is wrong in %s", place)
	}
	return err
}

func printDatabase(w io.Writer, r *postgres.Report) error {
	fmt.Fprintf(w, "%s: format %d, on %s\n", terminal.Printable(r.Database), r.Format, terminal.Printable(r.Server))
	if r.PoolMode != "" {
		fmt.Fprintf(w, "through a pooler: %s mode\n", r.PoolMode)
	}
	fmt.Fprintf(w, "%s of %s; %s\n", terminal.Plural(r.Messages, "event", "events"), terminal.InBytes(r.Bytes), terminal.Plural(r.Keys, "dedupe key", "dedupe keys"))
	of := func(s queue.State) string { return humanize.Comma(r.Deliveries[string(s)]) }
	fmt.Fprintf(w, "deliveries: %s waiting, %s dead letters, %s delivered, %s cancelled, %s unrouted\n",
		of(queue.StateWaiting), of(queue.StateDead), of(queue.StateDelivered), of(queue.StateCancelled), of(queue.StateUnrouted))
	fmt.Fprintf(w, "a 2xx stands for %s by these settings:\n", terminal.Plural(r.Copies, "copy", "copies"))
	for _, x := range r.Settings {
		fmt.Fprintf(w, "  %s = %s\n", x.Name, terminal.Cell(x.Value, 60))
	}
	for _, x := range r.Standbys {
		fmt.Fprintf(w, "  standby %s: %s\n", terminal.Cell(x.Name, 40), terminal.Printable(x.Sync))
	}
	if len(r.Nodes) > 0 {
		fmt.Fprintln(w)
		t := terminal.NewTable("GATEWAY", "SEEN", "FORWARDS")
		for _, x := range r.Nodes {
			t.Row(terminal.Cell(x.Name, 40), terminal.Short(time.Duration(x.Silent*float64(time.Second)))+" ago", humanize.Comma(x.Owns))
		}
		if err := t.Print(w); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	for _, text := range r.Warnings {
		terminal.Paragraph(w, "warning: ", text)
	}
	for _, p := range r.Inconsistent {
		fmt.Fprintf(w, "%s: %s\n", p.What, humanize.Comma(p.Count))
	}
	if r.Sound() {
		fmt.Fprintln(w, "Nothing is wrong in the tables.")
	}
	return nil
}

// databaseSecrets opens the learnt secrets of a database.
func databaseSecrets(ctx context.Context, fl caddycmd.Flags, o postgres.Options, place string) (postgres.Secrets, error) {
	keys, err := encryptionKeys(fl)
	if err != nil {
		return nil, err
	}
	o.Settings.Keys = keys
	s, err := postgres.OpenSecrets(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	return s, nil
}
