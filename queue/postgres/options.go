package postgres

import (
	"log/slog"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// Options configure a [Store]. DSN is required.
type Options struct {
	// DSN is a connection string as PostgreSQL's clients read it. Of several hosts, the one
	// that can be written to is used.
	DSN string
	// Schema has the tables. Default: hookwicket.
	Schema string
	// Node is a name for people. Nodes of one name are different nodes all the same.
	Node string
	// Durability is how many copies an accepted event must have; see [Store.Stats]. 0: whatever
	// the database does.
	Durability int
	// Lease is how long a silent node keeps its destinations. At least 1 s. Default: 4 s.
	Lease time.Duration
	// Pool is the largest number of connections. At least 4. Default: 12.
	Pool int
	// NoListen polls instead of listening, as behind PgBouncer in transaction mode.
	NoListen bool
	// NoMigrate makes Open fail instead of creating the tables.
	NoMigrate bool

	// Committed is called for each batch of acceptances that the database has committed.
	// Default: nobody is told.
	Committed func(events int, took time.Duration)

	steps []step // default: those of this program

	Settings queue.Settings
	Now      func() time.Time // default: time.Now
	Logger   *slog.Logger     // default: none
}

const (
	poll      = 250 * time.Millisecond // between two looks for messages of other nodes
	freshSize = 16 << 20               // bytes of messages between receipt and claim
)

func (o Options) withDefaults() Options {
	if o.Schema == "" {
		o.Schema = "hookwicket"
	}
	if o.Lease == 0 {
		o.Lease = 4 * time.Second
	}
	o.Lease = max(o.Lease, time.Second)
	if o.Pool == 0 {
		o.Pool = 12
	}
	o.Pool = max(o.Pool, 4)
	if o.steps == nil {
		o.steps = steps
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// format is the version of the tables and functions that this program uses.
func (o *Options) format() int { return firstFormat + len(o.steps) }

// beatEvery is the pause between two renewals of the lease.
func (o *Options) beatEvery() time.Duration { return o.Lease / 4 }

// surveyEvery is the pause between two looks at the statistics of the database.
func (o *Options) surveyEvery() time.Duration { return 5 * o.Lease / 2 }
