// Package move copies everything in a store into another one, such as a folder into a
// database.
//
// Start with [Run]. It reads a [Source] record by record and gives the records to a
// [Target]. Both are parts of a store that no gateway uses meanwhile, and neither knows the
// other one.
//
// A move is complete or has no effect. A target keeps nothing before [Target.Commit], which
// succeeds only if the target contains as many records as it was given. The source is marked
// afterwards. If the process is killed in between, the next run finds that the target has
// everything of this source, and only marks the source.
package move

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/seal"
	"github.com/hookwicket/hookwicket/queue/window"
)

// A Source is a store whose contents are read out. The gateways are kept away from it until
// Close.
type Source interface {
	// Place names the store for people, without a password.
	Place() string
	// Identity is the same whenever the store is opened, until a gateway has used it.
	Identity() string
	// Counts returns how many records there are.
	Counts() Counts
	// Copy gives all records to a sink: first messages and then removals, each in the order
	// of their IDs, then dedupe keys in their order, then secrets, those of an endpoint with
	// the oldest first, then paused destinations. It ends with the first error of the sink.
	Copy(ctx context.Context, to Sink) error
	// Retire makes gateways refuse the store, since its contents are elsewhere now.
	Retire(ctx context.Context, to string) error
	Close() error
}

// A Target is an empty store that is filled. Gateways are kept away from it until Close,
// which discards all that was not committed.
type Target interface {
	Sink
	// Place names the store for people, without a password.
	Place() string
	// Begin prepares the store. origin is the identity of the source. done means that an
	// earlier move from that source was committed. The error wraps [ErrNotEmpty] if anything
	// else is in the store.
	Begin(ctx context.Context, origin string) (done bool, err error)
	// Commit makes everything durable, if the store contains as many records as want says.
	Commit(ctx context.Context, want Counts) error
	Close() error
}

// A Sink takes records.
type Sink interface {
	Message(ctx context.Context, m *Message) error
	Gone(ctx context.Context, g *queue.GoneError) error
	Key(ctx context.Context, k Key) error
	Secret(ctx context.Context, s Secret) error
	Paused(ctx context.Context, d queue.Destination) error
}

// Message is a message with its deliveries. It belongs to the sink.
type Message struct {
	Message    *queue.Message
	Size       int64 // of its record in the source
	Deliveries []Delivery
}

// Delivery is a delivery of a message.
type Delivery struct {
	Destination queue.Destination
	State       queue.State
	Size        int64            // its share of Message.Size
	Due         int64            // nanoseconds since 1970, of a waiting one
	Order       *window.OrderKey // of a waiting one; nil: it has no order key
	Attempts    int              // counted since the receipt or the last redelivery
	History     []queue.Attempt  // the attempts that are kept, the oldest first
	Ended       time.Time
	Redelivered time.Time
}

// MaxHistory is how many attempts a store keeps of a delivery.
const MaxHistory = 100

// Kept returns the attempts of the history that a store keeps, the last ones.
func (d *Delivery) Kept() []queue.Attempt { return d.History[max(0, len(d.History)-MaxHistory):] }

// SizeOf returns the share of a delivery in a record of another size.
func (m *Message) SizeOf(d *Delivery, size int64) int64 {
	if m.Size == size || m.Size <= 0 {
		return d.Size
	}
	return int64(float64(d.Size) / float64(m.Size) * float64(size))
}

// Key is a dedupe key that has not expired.
type Key struct {
	Key     queue.Key
	Expires int64 // nanoseconds since 1970
}

// Secret is a learnt secret of an endpoint.
type Secret struct {
	Endpoint string
	Secret   string
}

// Counts are the numbers of records.
type Counts struct {
	Messages    int64 `json:"messages"`
	Waiting     int64 `json:"waiting"`
	Delivered   int64 `json:"delivered"`
	DeadLetters int64 `json:"dead_letters"`
	Cancelled   int64 `json:"cancelled"`
	Unrouted    int64 `json:"unrouted"`
	Attempts    int64 `json:"attempts"`
	Gone        int64 `json:"removed"` // messages whose removal is recorded
	Keys        int64 `json:"keys"`
	Secrets     int64 `json:"secrets"`
	Paused      int64 `json:"paused"` // destinations
}

// Of returns the count of the deliveries in a state; nil: there is no such state.
func (c *Counts) Of(s queue.State) *int64 {
	switch s {
	case queue.StateWaiting:
		return &c.Waiting
	case queue.StateDelivered:
		return &c.Delivered
	case queue.StateDead:
		return &c.DeadLetters
	case queue.StateCancelled:
		return &c.Cancelled
	case queue.StateUnrouted:
		return &c.Unrouted
	}
	return nil
}

// Records returns the number of steps in which a store is copied.
func (c *Counts) Records() int64 { return c.Messages + c.Gone + c.Keys + c.Secrets + c.Paused }

// Check returns an error that names the first number which is not as wanted.
func (c Counts) Check(want Counts) error {
	for _, n := range []struct {
		what      string
		got, want int64
	}{
		{"messages", c.Messages, want.Messages}, {"waiting deliveries", c.Waiting, want.Waiting}, {"delivered ones", c.Delivered, want.Delivered},
		{"dead letters", c.DeadLetters, want.DeadLetters}, {"cancelled deliveries", c.Cancelled, want.Cancelled},
		{"unrouted messages", c.Unrouted, want.Unrouted}, {"attempts", c.Attempts, want.Attempts}, {"removals", c.Gone, want.Gone},
		{"dedupe keys", c.Keys, want.Keys}, {"learnt secrets", c.Secrets, want.Secrets}, {"paused forwards", c.Paused, want.Paused},
	} {
		if n.got != n.want {
			return fmt.Errorf("there are %d %s instead of %d", n.got, n.what, n.want)
		}
	}
	return nil
}

// Errors of a move.
var (
	// ErrNotEmpty: the target contains something that is not of this move.
	ErrNotEmpty = errors.New("the target is not empty")
	// ErrRunning: a gateway uses the store.
	ErrRunning = errors.New("a gateway is running")
	// ErrNoKey: a key of the source is missing.
	ErrNoKey = seal.ErrNoKey
)

// Report is the result of a move.
type Report struct {
	From string `json:"from"`
	To   string `json:"to"`
	Counts
	// Already: an earlier run had committed the target, and this one marked the source.
	Already bool `json:"already"`
}

// Run moves everything from a store to another one. progress is called for each record.
func Run(ctx context.Context, from Source, to Target, progress func(done, total int64)) (r Report, err error) {
	r = Report{From: from.Place(), To: to.Place(), Counts: from.Counts()}
	if r.From == r.To {
		return r, errors.New("the source and the target are the same store")
	}
	if r.Already, err = to.Begin(ctx, from.Identity()); err != nil {
		return r, fmt.Errorf("%s: %w", r.To, err)
	}
	if !r.Already {
		c := &counter{Sink: to, total: r.Records(), progress: progress}
		if err := from.Copy(ctx, c); err != nil {
			return r, fmt.Errorf("copying: %w", err)
		}
		if err := c.counts.Check(r.Counts); err != nil {
			return r, fmt.Errorf("%s was not read completely: %w", r.From, err)
		}
		ctx = context.WithoutCancel(ctx) // somebody who interrupts it now would not know the outcome
		if err := to.Commit(ctx, r.Counts); err != nil {
			return r, fmt.Errorf("%s: %w", r.To, err)
		}
	}
	if err := from.Retire(ctx, r.To); err != nil {
		return r, fmt.Errorf("%s has everything, but %s could not be marked as moved; run the command again: %w", r.To, r.From, err)
	}
	return r, nil
}

// counter counts the records on their way to a target.
type counter struct {
	Sink
	counts      Counts
	done, total int64
	progress    func(done, total int64)
}

func (c *counter) step(n *int64, err error) error {
	if err != nil {
		return err
	}
	*n++
	if c.done++; c.progress != nil {
		c.progress(c.done, c.total)
	}
	return nil
}

func (c *counter) Message(ctx context.Context, m *Message) error {
	for i := range m.Deliveries {
		d := &m.Deliveries[i]
		n := c.counts.Of(d.State)
		if n == nil {
			return fmt.Errorf("message %s: a delivery to %s is in the state %q, which is not known", m.Message.ID, d.Destination, d.State)
		}
		*n++
		c.counts.Attempts += int64(len(d.Kept()))
	}
	return c.step(&c.counts.Messages, c.Sink.Message(ctx, m))
}

func (c *counter) Gone(ctx context.Context, g *queue.GoneError) error {
	return c.step(&c.counts.Gone, c.Sink.Gone(ctx, g))
}

func (c *counter) Key(ctx context.Context, k Key) error {
	return c.step(&c.counts.Keys, c.Sink.Key(ctx, k))
}

func (c *counter) Secret(ctx context.Context, s Secret) error {
	return c.step(&c.counts.Secrets, c.Sink.Secret(ctx, s))
}

func (c *counter) Paused(ctx context.Context, d queue.Destination) error {
	return c.step(&c.counts.Paused, c.Sink.Paused(ctx, d))
}
