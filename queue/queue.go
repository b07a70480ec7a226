// Package queue keeps what was accepted until it is delivered.
//
// Start with [Store], which makes a message durable and decides, in the same
// step, whether it had been accepted before, and with [Worker], which delivers
// what a store holds. A store is in package
// [github.com/hookwicket/hookwicket/queue/pebble]; package
// [github.com/hookwicket/hookwicket/queue/queuetest] holds the suite that every
// store has to pass.
package queue

import (
	"context"
	"errors"
	"time"
)

// A Store is a durable queue with a memory for what it has seen. All methods
// are safe for concurrent use. Times are the caller's: a store reads the clock
// only to find out what is due.
type Store interface {
	// Accept makes m durable with one delivery for each route in to, and records id
	// in the same commit. When it returns [New] or [Replayed] without an error, m
	// survives kill -9 and a power failure. Without a route the message is kept
	// for the retention, as [StateUnrouted] under the name of its endpoint.
	//
	// When id was recorded before and its window is not over, nothing of m is
	// written. If less than half of the window is left, the window starts anew, so
	// that a captured request which is sent again and again stays known.
	//
	// Two calls with the same id never both return New, and neither returns
	// before the one that was New is durable. A call that fails records nothing
	// that could make a later call a duplicate of a message that was lost.
	//
	// The error wraps [ErrFull] or [ErrUnavailable] where the sender had better
	// try again later. Accept returns when ctx is done, even if the disk hangs.
	Accept(ctx context.Context, m *Message, id Identity, to ...Route) (Accepted, error)

	// Seen tells what Accept would decide on id at now, and records nothing new.
	// It renews the window of what it finds, as Accept does.
	Seen(ctx context.Context, id Identity, now time.Time) (Verdict, error)

	// Mark records id durably from now on, without a message. It does not ask
	// whether id is recorded already: that is for Seen, before.
	Mark(ctx context.Context, id Identity, now time.Time) error

	// Claim waits until a delivery for the destination is due and hands it to
	// the caller alone. A claim has no lifetime: it ends by one of its methods,
	// or when the process does, after which the delivery is due again at once.
	Claim(ctx context.Context, destination string) (Claim, error)

	// Retain says how long what has ended stays in a destination: delivered,
	// cancelled and unrouted messages with their attempts. 0: not at all. It holds
	// for what is there as well. Default: [DefaultRetention].
	Retain(destination string, age time.Duration)

	// Stats counts what waits, by destination. It is cheap enough to be called
	// for every scrape of the metrics.
	Stats() Stats

	// Backlog is how many bytes of messages wait or are dead letters in some
	// destinations. It is cheap enough to be called for every message.
	Backlog(destinations ...string) int64

	// Close waits for commits under way and releases the files. Claims that are
	// still held become due when the store is opened again.
	Close() error
}

// A Claim is a delivery held by one worker. Exactly one of Done, Retry, Release
// and Bury ends it.
type Claim interface {
	Delivery() *Delivery
	// Done ends the delivery as delivered by this attempt. It stays for the
	// retention; where there is none, it goes, and the message with its last
	// delivery. A crash soon after may repeat the attempt.
	Done(Attempt) error
	// Retry counts a failed attempt, to be repeated at the given time.
	Retry(at time.Time, a Attempt) error
	// Release gives the delivery back without counting an attempt; it is due at once.
	Release() error
	// Bury counts the attempt and makes the delivery a dead letter, which is kept
	// with its message until a person decides.
	Bury(Attempt) error
}

// DefaultRetention is how long what has ended is kept.
const DefaultRetention = 24 * time.Hour

// Route is where a message is to be delivered, and how.
type Route struct {
	Destination string
	// Ordered holds the delivery back until those that were received before it, to
	// the same destination and under the same OrderKey, have ended: delivered,
	// cancelled or buried.
	Ordered  bool
	OrderKey string
	// OrderRule names the rule that made the OrderKey. A delivery with an OrderKey is
	// also held back until all deliveries to the destination have ended that were
	// received before it and under another rule or without an order: when the rule
	// changes, nobody knows any more which of them belong together.
	OrderRule string
	// Hold hands the delivery to the caller of Accept as a claim, unless others of
	// its order are before it.
	Hold bool
}

// To makes plain routes to destinations.
func To(destinations ...string) []Route {
	routes := make([]Route, len(destinations))
	for i, d := range destinations {
		routes[i].Destination = d
	}
	return routes
}

// Accepted is what became of a message.
type Accepted struct {
	Verdict Verdict
	Held    Claim // of the first route with Hold; nil: none is held
}

// Errors of a [Store]. After either the sender should try again later.
var (
	// ErrFull: the backlog has reached its limit.
	ErrFull = errors.New("the backlog is full")
	// ErrUnavailable: the disk is full or faulty, or the store is closed.
	ErrUnavailable = errors.New("the store is unavailable")
	// ErrLocked: another process holds the store.
	ErrLocked = errors.New("the store is in use by another process")
)

// Key is the digest under which an event is remembered. The zero Key is none.
type Key [16]byte

// Identity is what an event is recognised by.
type Identity struct {
	// Key identifies the event. Zero: nothing is recorded, every call is New.
	Key Key
	// Digest, unless zero, is recorded beside Key. A message with a new Key but a
	// known Digest is a replay: old content under a fresh ID.
	Digest Key
	// RefuseReplays makes Accept keep nothing of a replay; else it is accepted.
	RefuseReplays bool
	// Window is how long Key and Digest are remembered, counted from the first
	// receipt or from a later one that renewed it.
	Window time.Duration
}

// Verdict is what a store decided on an event.
type Verdict int

// The verdicts.
const (
	New       Verdict = iota // not seen before
	Duplicate                // Key was recorded before: nothing was kept
	Replayed                 // Digest was recorded under another Key; kept unless the Identity refuses replays
)

// String returns the word for logs and metrics.
func (v Verdict) String() string {
	return [...]string{"accepted", "duplicate", "replayed"}[v]
}

// Delivery is one message on its way to one destination.
type Delivery struct {
	Message     *Message // shared: not to be changed
	Destination string
	Attempts    int       // made before this one
	Last        *Attempt  // the one before; nil: there was none
	Redelivered time.Time // by a person; zero: never. The age counts from it
}

// Began is when the age of a delivery began to count.
func (d *Delivery) Began() time.Time {
	if d.Redelivered.IsZero() {
		return d.Message.ReceivedAt
	}
	return d.Redelivered
}

// Stats is a picture of what a store holds.
type Stats struct {
	Bytes        int64  // of waiting messages and dead letters
	Limit        int64  // on Bytes; 0: none
	Retained     int64  // bytes of what has ended and is kept; -1: being counted
	Available    bool   // false while the disk is full or faulty, or files are damaged
	Cause        string // why it is not available, as far as that is known
	Full         bool   // the disk or its quota is full; events are refused
	Free         int64  // bytes free on the disk; -1: unknown, as with a quota
	Needed       int64  // while Full: the free bytes at which events are accepted again
	Keys         int64  // dedupe keys remembered, approximately; -1: unknown
	Damaged      int64  // records set aside because they cannot be read
	Destinations map[string]DestinationStats
}

// DestinationStats counts the deliveries of one destination.
type DestinationStats struct {
	Waiting     int64     // due now or later, claimed ones included
	Claimed     int64     // of those, in the hands of a worker
	DeadLetters int64     // buried
	Bytes       int64     // of both
	Paused      bool      // by a person
	Oldest      time.Time // when the oldest waiting message was received; zero: none waits
}

// A Keeper is a [Store] that also keeps the secrets which providers hand over in
// handshakes. It is an interface of its own, so that a store may do without.
type Keeper interface {
	// Learn makes a secret of the endpoint durable: when it returns without an
	// error, the secret survives what a message does. One that is kept already is
	// not kept twice. The error wraps [ErrTooMany] beyond [MaxLearnt] secrets, and
	// those of Accept otherwise.
	Learn(ctx context.Context, endpoint, secret string) error
	// Learnt returns the endpoint's secrets, the oldest first.
	Learnt(ctx context.Context, endpoint string) ([]string, error)
	// Forget removes a secret of the endpoint, if it is there.
	Forget(ctx context.Context, endpoint, secret string) error
}

// MaxLearnt is how many secrets are kept for one endpoint. Each of them costs a
// hash for every forged request.
const MaxLearnt = 100

// ErrTooMany: the endpoint has learnt as many secrets as are kept.
var ErrTooMany = errors.New("too many secrets have been learnt")
