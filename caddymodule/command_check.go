package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble"
)

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [--store DIR] [--encrypt-key KEY] [--json]",
		Short: "Reads a whole store and reports what is in it and what is wrong",
		Long: `
Reads the folder of a store from end to end and reports what waits in it, and
what is damaged or belongs to nothing. It changes nothing, and the gateway has to
be stopped meanwhile. It exits with 1 where something is wrong.

Without the key an encrypted store's messages are counted and not read. Give the
key as in the configuration, such as --encrypt-key '{env.WEBHOOK_KEY}'.`,
		Args: noArgs,
		RunE: run(checkStore),
	}
	storeFlags(cmd)
	cmd.Flags().Bool("json", false, "print the report as JSON")
	return cmd
}

// storeFlags are the flags of commands that read a store which no gateway uses.
func storeFlags(cmd *cobra.Command) {
	cmd.Flags().String("store", "", "the store's folder (default: the one in Caddy's data directory)")
	cmd.Flags().StringArray("encrypt-key", nil, "a key of encrypt, as a placeholder such as {env.KEY} or {file./run/secrets/key}")
}

// storeOf is the folder that is meant, in which there has to be a store, and the
// keys that were given.
func storeOf(fl caddycmd.Flags) (dir string, keys [][]byte, err error) {
	if dir = fl.String("store"); dir == "" {
		dir = filepath.Join(caddy.AppDataDir(), "webhook_gateway")
	}
	if there, _ := filepath.Glob(filepath.Join(dir, "MANIFEST-*")); len(there) == 0 { // opening it would make one
		return "", nil, fmt.Errorf("there is no store in %s; --store is the folder that the gateway's configuration names", dir)
	}
	for _, text := range list(fl, "encrypt-key") {
		key, err := encryptionKey(text)
		if err != nil {
			return "", nil, fmt.Errorf("--encrypt-key: %w", err)
		}
		keys = append(keys, key)
	}
	return dir, keys, nil
}

// inUse adds what to do to an error of opening a store.
func inUse(err error) error {
	if errors.Is(err, queue.ErrLocked) {
		return fmt.Errorf("%w; stop the gateway first", err)
	}
	return err
}

func checkStore(fl caddycmd.Flags) error {
	dir, keys, err := storeOf(fl)
	if err != nil {
		return err
	}
	p := newProgress("checking", 0)
	report, err := pebble.Check(dir, keys, func(done, total int64) {
		p.total = total
		p.step(done)
	})
	p.end()
	if err != nil {
		return inUse(err)
	}
	if fl.Bool("json") {
		err = printJSON(os.Stdout, report, "  ")
	} else {
		err = printReport(os.Stdout, report, time.Now())
	}
	if err == nil && !report.Sound() {
		err = fmt.Errorf("something is wrong in %s", dir)
	}
	return err
}

// printReport shows what was found to a person.
func printReport(w io.Writer, r pebble.Report, now time.Time) error {
	fmt.Fprintf(w, "%s: %s, %s on disk\n", printable(r.Dir), printable(r.Format), inBytes(r.DiskBytes))
	fmt.Fprintf(w, "%s of %s, %s sealed; %s, %s, %s\n", plural(r.Messages, "event", "events"), inBytes(r.Bytes), humanize.Comma(r.Sealed),
		plural(r.Attempts, "attempt", "attempts"), plural(r.Keys, "dedupe key", "dedupe keys"), plural(r.Secrets, "learnt secret", "learnt secrets"))
	if len(r.Destinations) > 0 {
		fmt.Fprintln(w)
		t := newTable("FORWARD", "WAITING", "OLDEST", "DEAD", "DELIVERED", "CANCELLED", "UNROUTED")
		for _, d := range r.Destinations {
			of := func(s queue.State) string { return humanize.Comma(d.Deliveries[s]) }
			t.row(cell(d.Name, 28)+when(d.Paused, " (paused)"), of(queue.StateWaiting), ago(d.Oldest, now), of(queue.StateDead),
				of(queue.StateDelivered), of(queue.StateCancelled), of(queue.StateUnrouted))
		}
		if err := t.print(w); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	if r.Sound() {
		fmt.Fprintln(w, "Nothing is wrong.")
		return nil
	}
	if r.Damaged > 0 {
		fmt.Fprintf(w, "%s set aside that could not be read; the others are delivered.\n", plural(r.Damaged, "record", "records"))
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "%s: %s, such as %s\n", printable(p.What), humanize.Comma(p.Count), printable(strings.Join(p.Examples, ", ")))
	}
	return nil
}
