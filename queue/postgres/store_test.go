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
func opener(dsn string) func(*testing.T, queuetest.Options) queue.Store {
	schemas := make(map[string]string)
	return func(t *testing.T, o queuetest.Options) queue.Store {
		if schemas[o.Dir] == "" {
			schemas[o.Dir] = pgtest.Schema(t)
		}
		s, err := postgres.Open(postgres.Options{DSN: dsn, Schema: schemas[o.Dir], Node: "test", Lease: 3 * time.Second, Now: o.Now, Settings: o.Settings, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func TestMain(m *testing.M) { os.Exit(pgtest.Tests{M: m}.Run()) }

func TestStore(t *testing.T) { queuetest.Run(t, opener(pgtest.DSN(t))) }

func TestNodes(t *testing.T) { queuetest.RunNodes(t, opener(pgtest.DSN(t))) }
