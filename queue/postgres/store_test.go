package postgres_test

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/postgres"
	"github.com/hookwicket/hookwicket/queue/queuetest"
)

// opener opens stores whose lease is short, each folder of the suite being a schema.
func opener(open func(*testing.T, postgres.Options) queue.Store) func(*testing.T, queuetest.Options) queue.Store {
	schemas := make(map[string]string)
	return func(t *testing.T, o queuetest.Options) queue.Store {
		if schemas[o.Dir] == "" {
			schemas[o.Dir] = pgtest.Schema(t)
		}
		return open(t, postgres.Options{
			DSN: pgtest.DSN(t), Schema: schemas[o.Dir], Node: "test", Lease: 3 * time.Second, Now: o.Now, Settings: o.Settings,
			Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		})
	}
}

func open(t *testing.T, o postgres.Options) queue.Store {
	s, err := postgres.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wired is a node whose wire to the database can be cut.
type wired struct {
	*postgres.Store
	wire *wire
}

func (w *wired) Stall(stalled bool) { w.wire.hold(stalled) }

func openWired(t *testing.T, o postgres.Options) queue.Store {
	var w *wire
	w, o.DSN = through(t, o.DSN)
	return &wired{open(t, o).(*postgres.Store), w}
}

func TestMain(m *testing.M) { os.Exit(pgtest.Tests{M: m}.Run()) }

func TestStore(t *testing.T) { queuetest.Run(t, opener(open)) }

func TestNodes(t *testing.T) { queuetest.RunNodes(t, opener(openWired)) }
