package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/internal/terminal"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/check"
)

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [--store DIR|DSN] [--salvage DIR | --disk DIR]",
		Short: "Reads a whole store and reports its contents and its damage",
		Long: `
Reads the folder of a store from end to end and reports the backlog, and records
that are damaged or belong to nothing. It changes nothing, and the gateway has
to be stopped meanwhile. It exits with 1 if something is wrong. A database can
be read beside its gateways; see below.

With --salvage it copies all readable records of a damaged store into a new
folder, reports the unreadable ones, and changes nothing in the old folder. Then
put the new folder in the place of the old one. Some events may be delivered
once more; no readable event is left out.

With --disk it measures how long a sync takes in a folder, and reads no store.
The gateway syncs before each 2xx. A sync of less than 0.05 ms is a warning:
most disks that fast lose their latest writes with the power.

Without its key, the messages of an encrypted store are counted and not read.
Give the key as in the configuration, such as --encrypt-key '{env.WEBHOOK_KEY}'.

--store can also be the database of store postgres, as in the configuration:
--store '{file./run/secrets/dsn}'. The gateways go on meanwhile. The report has
the settings that decide how safe an acknowledged event is, and the gateways.`,
		Args: terminal.NoArgs,
		RunE: run(checkStore),
	}
	storeFlags(cmd)
	cmd.Flags().String("salvage", "", "a folder, not there yet, for all that can be read")
	cmd.Flags().String("disk", "", "a folder on the disk to be measured, such as the store's")
	cmd.Flags().Bool("json", false, "print the report as JSON")
	cmd.MarkFlagDirname("disk")
	cmd.MarkFlagsMutuallyExclusive("salvage", "disk")
	cmd.MarkFlagsMutuallyExclusive("store", "disk")
	return cmd
}

// storeFlags are the flags of commands that read a store themselves.
func storeFlags(cmd *cobra.Command) {
	cmd.Flags().String("store", "", "the store's folder (default: the one in Caddy's data directory), or the DSN of its database")
	cmd.MarkFlagDirname("store")
	schemaFlag(cmd)
	keyFlag(cmd)
}

// keyFlag is of commands that read records.
func keyFlag(cmd *cobra.Command) {
	cmd.Flags().StringArray("encrypt-key", nil, "a key of encrypt, as a placeholder such as {env.KEY} or {file./run/secrets/key}")
}

// storeOf is the folder that is meant, in which there has to be a store, and the
// keys that were given.
func storeOf(fl caddycmd.Flags) (dir string, keys [][]byte, err error) {
	if dir = fl.String("store"); dir == "" {
		dir = defaultFolder()
	}
	if !check.IsStore(dir) { // opening it would make one
		return "", nil, fmt.Errorf("there is no store in %s; --store is the folder that the gateway's configuration names", dir)
	}
	keys, err = encryptionKeys(fl)
	return dir, keys, err
}

func encryptionKeys(fl caddycmd.Flags) (keys [][]byte, err error) {
	for _, text := range terminal.List(fl.FlagSet, "encrypt-key") {
		key, err := encryptionKey(text)
		if err != nil {
			return nil, fmt.Errorf("--encrypt-key: %w", err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// inUse adds the next step to an error of opening a store.
func inUse(err error) error {
	if errors.Is(err, queue.ErrLocked) {
		return fmt.Errorf("%w; stop the gateway first", err)
	}
	return err
}

func checkStore(fl caddycmd.Flags) error {
	if dir := fl.String("disk"); dir != "" {
		return checkDisk(fl, dir)
	}
	if o, place, ok, err := databaseOf(fl); err != nil {
		return err
	} else if ok && fl.String("salvage") != "" {
		return errors.New("--salvage is for a folder: a database is restored from its backup")
	} else if ok {
		return checkDatabase(fl, o, place)
	}
	dir, keys, err := storeOf(fl)
	if err != nil {
		return err
	}
	if to := fl.String("salvage"); to != "" {
		return salvageStore(fl, dir, to, keys)
	}
	p := terminal.NewProgress("checking", 0)
	report, err := check.Run(check.Options{Dir: dir, Keys: keys, Progress: func(done, total int64) {
		p.Total = total
		p.Step(done)
	}})
	p.End()
	if err != nil {
		return inUse(err)
	}
	if fl.Bool("json") {
		err = terminal.PrintJSON(os.Stdout, report, "  ")
	} else {
		err = printReport(os.Stdout, report, time.Now())
	}
	if err == nil && report.NeedsKey() {
		return fmt.Errorf("%s is encrypted with a key that was not given; give it with --encrypt-key", dir)
	}
	if err == nil && !report.Sound() {
		err = fmt.Errorf("something is wrong in %s", dir)
	}
	return err
}

// salvageStore copies a damaged store.
func salvageStore(fl caddycmd.Flags, dir, to string, keys [][]byte) error {
	p := terminal.NewProgress("copying", 0)
	report, err := check.Salvage(check.Options{Dir: dir, Keys: keys, Progress: func(done, total int64) {
		p.Total = max(total, done)
		p.Step(done)
	}}, to)
	p.End()
	if err != nil {
		return inUse(err)
	}
	if fl.Bool("json") {
		return terminal.PrintJSON(os.Stdout, report, "  ")
	}
	return printSalvage(os.Stdout, report, time.Now())
}

// printSalvage prints the result of a salvage.
func printSalvage(w io.Writer, r check.Salvaged, now time.Time) error {
	for _, f := range r.Files {
		fmt.Fprintf(w, "%s %s\n", terminal.Printable(f.File), terminal.Printable(f.Problem))
	}
	fmt.Fprintf(w, "%s copied; %s could not be read.\n", terminal.Plural(r.Records, "record", "records"), terminal.Plural(r.Holes, "place", "places"))
	if r.Restored > 0 {
		fmt.Fprintf(w, "%s put back into the index of those that wait. Some may have been delivered before.\n", terminal.Plural(r.Restored, "delivery", "deliveries"))
	}
	if r.Lost > 0 {
		fmt.Fprintf(w, "The request of %s is lost; the deliveries become dead letters, which show the event ID.\n", terminal.Plural(r.Lost, "event", "events"))
	}
	fmt.Fprintln(w)
	if err := printReport(w, r.Report, now); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nNow move %s away and %s to its place. A running gateway opens it by itself.\n", terminal.Printable(r.Dir), terminal.Printable(r.To))
	return err
}

// printReport prints a report.
func printReport(w io.Writer, r check.Report, now time.Time) error {
	fmt.Fprintf(w, "%s: %s, %s on disk\n", terminal.Printable(r.Dir), terminal.Printable(r.Format), terminal.InBytes(r.DiskBytes))
	fmt.Fprintf(w, "%s of %s, %s sealed; %s, %s, %s\n", terminal.Plural(r.Messages, "event", "events"), terminal.InBytes(r.Bytes), humanize.Comma(r.Sealed),
		terminal.Plural(r.Attempts, "attempt", "attempts"), terminal.Plural(r.Keys, "dedupe key", "dedupe keys"), terminal.Plural(r.Secrets, "learnt secret", "learnt secrets"))
	if len(r.Destinations) > 0 {
		fmt.Fprintln(w)
		t := terminal.NewTable("FORWARD", "WAITING", "OLDEST", "DEAD", "DELIVERED", "CANCELLED", "UNROUTED")
		for _, d := range r.Destinations {
			of := func(s queue.State) string { return humanize.Comma(d.Deliveries[s]) }
			t.Row(terminal.Cell(d.Name, 28)+terminal.When(d.Paused, " (paused)"), of(queue.StateWaiting), terminal.Ago(d.Oldest, now), of(queue.StateDead),
				of(queue.StateDelivered), of(queue.StateCancelled), of(queue.StateUnrouted))
		}
		if err := t.Print(w); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	if r.Sound() {
		fmt.Fprintln(w, "Nothing is wrong.")
		return nil
	}
	if r.Damaged > 0 {
		fmt.Fprintf(w, "%s set aside that could not be read; the others are delivered.\n", terminal.Plural(r.Damaged, "record", "records"))
	}
	for _, f := range r.Files {
		fmt.Fprintf(w, "%s %s. Copy the readable records with --salvage.\n", terminal.Printable(f.File), terminal.Printable(f.Problem))
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "%s: %s, such as %s\n", terminal.Printable(p.What), humanize.Comma(p.Count), terminal.Printable(strings.Join(p.Examples, ", ")))
	}
	if r.NeedsKey() {
		fmt.Fprintln(w, "The store is encrypted. Give each of its keys with --encrypt-key, as in the configuration: --encrypt-key '{env.WEBHOOK_KEY}'.")
	}
	return nil
}

// checkDisk measures a disk. A doubtful or slow one is no error: the person decides.
func checkDisk(fl caddycmd.Flags, dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	d, err := check.MeasureDisk(ctx, dir)
	if err != nil {
		return err
	}
	if fl.Bool("json") {
		return terminal.PrintJSON(os.Stdout, d, "  ")
	}
	return printDisk(os.Stdout, d)
}

func printDisk(w io.Writer, d check.Disk) error {
	milliseconds := func(d time.Duration) string { return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond)) }
	fmt.Fprintf(w, "%s: a sync takes %s, one in a hundred %s or more (%s measured)\n",
		terminal.Printable(d.Dir), milliseconds(d.Median), milliseconds(d.P99), terminal.Plural(int64(d.Syncs), "sync", "syncs"))
	fmt.Fprintf(w, "One sender alone gets at most %s answers a second. Senders at the same time share a sync.\n",
		humanize.Comma(int64(time.Second/max(d.Median, 1))))
	switch {
	case d.Doubtful():
		_, err := fmt.Fprintln(w, "Only a disk with protection against power loss is that fast. Any other acknowledges too early, "+
			"as does a file system in memory: a power failure then loses acknowledged events.")
		return err
	case d.Slow():
		_, err := fmt.Fprintln(w, "The disk is slow: each sender waits that long for its answer. Put the store on a local SSD.")
		return err
	}
	return nil
}
