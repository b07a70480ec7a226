package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/internal/terminal"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

// migrateLimit is how long the command migrate waits for the database.
const migrateLimit = 30 * time.Second

func migrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate (--store DSN | --print) [--schema NAME]",
		Short: "Makes the tables of store postgres, or prints their statements",
		Long: `
Makes the tables of store postgres in the schema of a database. A gateway does
that itself, unless its configuration says migrate off, as for a role that may
not create tables. Tables that are there already stay as they are.

With --print it prints the statements, and connects to nothing. Run them as the
owner of the database, in one transaction.`,
		Args: terminal.NoArgs,
		RunE: run(migrate),
	}
	cmd.Flags().String("store", "", "the database, as in the configuration; also {env.DSN} or {file./run/secrets/dsn}")
	schemaFlag(cmd)
	cmd.Flags().Bool("print", false, "print the statements")
	cmd.MarkFlagsMutuallyExclusive("store", "print")
	return cmd
}

func migrate(fl caddycmd.Flags) error {
	if fl.String("schema") == "" {
		return errors.New("--schema is empty: leave it out for hookwicket")
	}
	if fl.Bool("print") {
		fmt.Print(postgres.Statements(postgres.Options{Schema: fl.String("schema")}))
		return nil
	}
	o, place, ok, err := databaseOf(fl)
	switch {
	case err != nil:
		return err
	case !ok:
		return errors.New("--store is missing: the database, as in `store postgres` of the configuration. --print connects to none")
	}
	ctx, cancel := context.WithTimeout(context.Background(), migrateLimit)
	defer cancel()
	made, err := postgres.Migrate(ctx, o)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", place, err)
	case made:
		fmt.Println("made the tables in", place)
	default:
		fmt.Println("the tables are there already:", place)
	}
	return nil
}
