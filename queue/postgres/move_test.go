package postgres

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/internal/pgtest"
)

// unmoved are the columns that a move does not fill by COPY, and why.
var unmoved = map[string]string{
	"meta.one": "of the tables", "meta.format": "of the tables", "meta.oldest": "of the tables", "meta.keys": "counted anew", "meta.moved_to": "of the move", "meta.moved_from": "of the move",
	"node": "gateways that run", "answer": "of an attempt for a sender that waits", "inbox": "read with the backlog by the first owner", "command": "of a person who waits for the answer", "canary": "of the target's key",
	"destination.id": "given anew", "destination.name": "inserted", "destination.paused": "updated", "destination.owner": "gateways that run", "destination.epoch": "gateways that run",
	"destination.waiting": "counted anew", "destination.claimed": "counted anew", "destination.dead": "counted anew", "destination.bytes": "counted anew",
	"destination.retained": "counted anew", "destination.oldest": "counted anew",
	"delivery.version": "the fence of claims, of which there are none", "key.until": "of a reservation", "key.holder": "of a reservation",
	"secret.endpoint": "inserted", "secret.digest": "inserted", "secret.seq": "given anew", "secret.secret": "inserted", "secret.sealed": "inserted",
}

// TestMoveKnowsColumns: each column is moved, or there is a reason.
func TestMoveKnowsColumns(t *testing.T) {
	o := Options{DSN: pgtest.DSN(t), Schema: pgtest.Schema(t)}
	if _, err := Migrate(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), o.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), "select table_name, column_name from information_schema.columns where table_schema = $1", o.Schema)
	if err != nil {
		t.Fatal(err)
	}
	var table, column string
	n := 0
	_, err = pgx.ForEachRow(rows, []any{&table, &column}, func() error {
		n++
		name := table + "." + column
		moved := false
		for _, c := range copied {
			moved = moved || c.table == table && slices.Contains(c.columns, column)
		}
		if _, known := unmoved[name]; !moved && !known && unmoved[table] == "" {
			t.Errorf("%s is new: let a move copy it (copied), or write here why not", name)
		}
		if unmoved[name] != "" && moved {
			t.Errorf("%s is moved after all", name)
		}
		return nil
	})
	if err != nil || n < 40 {
		t.Errorf("%d columns: %v", n, err)
	}
}
