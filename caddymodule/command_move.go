package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/internal/terminal"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/move"
	"github.com/hookwicket/hookwicket/queue/pebble/check"
	"github.com/hookwicket/hookwicket/queue/pebble/moving"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

func moveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "move --from STORE --to STORE [--schema NAME]",
		Short: "Moves everything from a stopped store into another one",
		Long: `
Moves everything in a store into another one: events with their deliveries and
attempts, dedupe keys, learnt secrets and pauses. A STORE is pebble:DIR, where
pebble: alone is the default folder, or postgres:DSN, which takes placeholders:

  caddy webhook move --from pebble:/var/lib/caddy/webhook_gateway \
    --to 'postgres:{file./run/secrets/dsn}'

Stop the gateways of both. The target must be empty: a folder that is not there
yet, or a schema without events. A move is complete or has no effect. After an
interruption, run it again. It counts the records in the target before it
succeeds.

The source is not changed, but marked as moved: a gateway refuses it then. Do
not use it again, since its events are delivered from the target.

Give the keys as in encrypt of the configuration, such as --encrypt-key
'{env.WEBHOOK_KEY}'. All of them open the source, and the first one seals the
target. --decrypt writes the target in the clear.`,
		Args: terminal.NoArgs,
		RunE: run(moveStore),
	}
	cmd.Flags().String("from", "", "the source: pebble:DIR or postgres:DSN")
	cmd.Flags().String("to", "", "the target: pebble:DIR or postgres:DSN")
	schemaFlag(cmd)
	keyFlag(cmd)
	cmd.Flags().Bool("decrypt", false, "do not encrypt the target")
	cmd.Flags().Bool("json", false, "print the counts as JSON")
	for _, flag := range []string{"from", "to"} {
		cmd.RegisterFlagCompletionFunc(flag, completeStores)
	}
	return cmd
}

// completeStores offers the kinds of stores to a shell.
func completeStores(_ *cobra.Command, _ []string, typed string) (kinds []string, _ cobra.ShellCompDirective) {
	for _, kind := range []string{"pebble:", "postgres:"} {
		if strings.HasPrefix(kind, typed) {
			kinds = append(kinds, kind)
		}
	}
	return kinds, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}

// storePlace is a store that a flag names: a folder, or a database.
type storePlace struct {
	dir      string // empty: it is the database
	database postgres.Options
}

// storePlaceOf reads a flag of the form pebble:DIR or postgres:DSN. Its errors do not contain the
// text, which can have a password.
func storePlaceOf(fl caddycmd.Flags, flag string) (p storePlace, err error) {
	if fl.String(flag) == "" {
		return p, fmt.Errorf("--%s is missing: write pebble:DIR or postgres:DSN", flag)
	}
	text, err := resolve(fl.String(flag))
	if err != nil {
		return p, fmt.Errorf("--%s: %w", flag, err)
	}
	kind, rest, _ := strings.Cut(text, ":")
	switch {
	case kind == "pebble" && rest == "":
		p.dir = filepath.Join(caddy.AppDataDir(), "webhook_gateway")
		return p, nil
	case kind == "pebble":
		p.dir, err = filepath.Abs(rest)
		return p, err
	case strings.HasPrefix(text, "postgres://"), strings.HasPrefix(text, "postgresql://"):
		rest = text
	case kind != "postgres":
		return p, fmt.Errorf("--%s names no store: write pebble:DIR or postgres:DSN", flag)
	}
	p.database = postgres.Options{DSN: rest, Schema: fl.String("schema"), Settings: queue.DefaultSettings()}
	if _, err := postgres.Describe(p.database); err != nil {
		return p, fmt.Errorf("--%s: %w", flag, err)
	}
	return p, nil
}

func moveStore(fl caddycmd.Flags) (err error) {
	from, err := storePlaceOf(fl, "from")
	if err != nil {
		return err
	}
	to, err := storePlaceOf(fl, "to")
	if err != nil {
		return err
	}
	switch {
	case fl.Changed("schema") && from.dir != "" && to.dir != "":
		return errors.New("--schema is for a database, and neither --from nor --to is one")
	case fl.String("schema") == "":
		return errors.New("--schema is empty: leave it out for hookwicket")
	}
	keys, err := encryptionKeys(fl)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	report, err := from.moveTo(ctx, to, keys, fl.Bool("decrypt"))
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted: nothing was moved. Run the command again, or start the gateway again")
	case errors.Is(err, move.ErrNoKey):
		return fmt.Errorf("%w; give each key of encrypt with --encrypt-key", err)
	case err != nil:
		return inUse(err)
	case fl.Bool("json"):
		return terminal.PrintJSON(os.Stdout, report, "  ")
	}
	return printMove(os.Stdout, report)
}

// moveTo opens both stores and moves everything.
func (p storePlace) moveTo(ctx context.Context, to storePlace, keys [][]byte, decrypt bool) (r move.Report, err error) {
	source, err := p.source(ctx, keys)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	if decrypt {
		keys = nil
	}
	target, err := to.target(ctx, keys)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	bar := terminal.NewProgress("moving", 0)
	defer bar.End()
	return move.Run(ctx, source, target, func(done, total int64) {
		bar.Total = total
		bar.Step(done)
	})
}

// source opens a store to read it out.
func (p storePlace) source(ctx context.Context, keys [][]byte) (move.Source, error) {
	if p.dir == "" {
		p.database.Settings.Keys = keys
		return postgres.OpenSource(ctx, p.database)
	}
	if !check.IsStore(p.dir) {
		return nil, fmt.Errorf("there is no store in %s; --from is the folder that the gateway's configuration names", p.dir)
	}
	bar := terminal.NewProgress("checking", 0)
	defer bar.End()
	return moving.OpenSource(moving.Options{Dir: p.dir, Keys: keys, Checking: func(done, total int64) {
		bar.Total = total
		bar.Step(done)
	}})
}

// target opens a store to fill it.
func (p storePlace) target(ctx context.Context, keys [][]byte) (move.Target, error) {
	if p.dir == "" {
		p.database.Settings.Keys = keys
		return postgres.NewTarget(ctx, p.database)
	}
	return moving.NewTarget(moving.Options{Dir: p.dir, Keys: keys})
}

// printMove prints the result of a move.
func printMove(w io.Writer, r move.Report) error {
	fmt.Fprintf(w, "%s → %s\n", terminal.Printable(r.From), terminal.Printable(r.To))
	fmt.Fprintf(w, "%s; deliveries: %s waiting, %s, %s delivered, %s cancelled, %s unrouted\n", terminal.Plural(r.Messages, "event", "events"),
		humanize.Comma(r.Waiting), terminal.Plural(r.DeadLetters, "dead letter", "dead letters"), humanize.Comma(r.Delivered), humanize.Comma(r.Cancelled), humanize.Comma(r.Unrouted))
	fmt.Fprintf(w, "%s, %s, %s, %s, %s\n", terminal.Plural(r.Attempts, "attempt", "attempts"), terminal.Plural(r.Keys, "dedupe key", "dedupe keys"),
		terminal.Plural(r.Secrets, "learnt secret", "learnt secrets"), terminal.Plural(r.Paused, "paused forward", "paused forwards"),
		terminal.Plural(r.Gone, "record of a removed event", "records of removed events"))
	text := "The target has all of them."
	if r.Already {
		text = "The target has all of them since an earlier run, which was interrupted."
	}
	_, err := fmt.Fprintln(w, text, "The source is marked as moved: do not use it again.")
	return err
}
