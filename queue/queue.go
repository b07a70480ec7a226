// Package queue keeps accepted messages until they are delivered.
//
// Start with two types. A [Store] makes a message durable and decides in the same step
// whether it was accepted before. A [Worker] delivers the messages of one destination.
//
// A message is stored once. Each of its deliveries, one for each destination, has a
// state of its own:
//
//	waiting ── Claim ── Done ──────▶ delivered ── retention over ──▶ removed
//	   ▲                 │
//	   │                 ├─ Retry ─▶ waiting, due later
//	   │                 ├─ Release ▶ waiting, due at once, not counted
//	   │                 └─ Bury ──▶ dead letter, until a person decides
//	   └──── Redeliver, by a person, from any state
//
// A person can also cancel, bury and purge; see [Inspector]. A message is removed with
// its last delivery.
//
// To write a store, implement [Store], and [Inspector] and [Keeper] if it can. The
// comments of these interfaces are the contract, and package
// [github.com/hookwicket/hookwicket/queue/queuetest] is the suite that a store must
// pass. [github.com/hookwicket/hookwicket/queue/pebble] is the store on a local disk.
package queue

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"
)

// A Store is a durable queue that also remembers the events it has accepted.
//
//   - All methods are safe for concurrent use.
//   - "Durable" means that a record survives kill -9 and a power failure.
//   - Receipts and the times of keys are given by the caller. A store reads its clock
//     to find due deliveries and expired records.
//   - A delivery is claimed at most once at a time. An attempt can be repeated after a
//     crash, so deliveries arrive at least once.
type Store interface {
	// Accept makes m durable with one delivery for each destination in to, and records
	// id in the same commit. When it returns [New] or [Replayed] without an error, m is
	// durable. A message without an ID gets one.
	//
	// A delivery is due at once. Routes with the same destination make one delivery; the
	// first counts. Without a route the message is kept for the retention of its
	// endpoint, as [StateUnrouted] with its endpoint as destination. Without a
	// retention it is not kept, but id is recorded.
	//
	// If id.Key was recorded before and its window is not over, the verdict is
	// [Duplicate] and m is not written. If id.Digest was recorded under another key, it
	// is [Replayed], and m is written unless id.RefuseReplays is set. In both cases, if
	// less than half of the window is left, the window of the known keys starts anew. So
	// a captured request that is sent again and again stays known.
	//
	// Two calls with the same id never both return New, and neither returns before the
	// one with New is durable. A call that fails leaves no key that could make a later
	// call the duplicate of a lost message.
	//
	// The error wraps [ErrFull] if the message would exceed the limit on the backlog,
	// and [ErrUnavailable] if it cannot be written now. Accept returns when ctx is
	// done, even if the disk hangs; the message may then have been accepted or not.
	Accept(ctx context.Context, m *Message, id Identity, to ...Route) (Accepted, error)

	// Seen returns the verdict of Accept on id at now, and records nothing new. It
	// renews the window of a known key, as Accept does. A verdict other than New is
	// returned only once the key is durable.
	Seen(ctx context.Context, id Identity, now time.Time) (Verdict, error)

	// Reserve decides at now, as Accept does, on an event that is to be recorded only if it
	// succeeds elsewhere, as with an upstream that answers the sender. If the event goes on,
	// the caller gets a reservation and must end it. The event goes on if it is [New], or
	// [Replayed] without id.RefuseReplays.
	//
	// Meanwhile its twins wait in Reserve, on every node. Twins have the same id.Key, or the
	// same id.Digest if id.RefuseReplays is set. After Take they are known events. After Drop
	// one of them gets the reservation.
	//
	// A reservation is not durable. That of a process that has died ends by itself.
	//
	// Reserve returns the cause of ctx when ctx is done.
	Reserve(ctx context.Context, id Identity, now time.Time) (Verdict, Reservation, error)

	// Claim waits until a delivery for the destination is due and gives it to the caller
	// alone. Among due deliveries the one that became due first comes first, within the
	// order of [Route]. Claim returns the cause of ctx when ctx is done, and an error
	// that wraps [ErrUnavailable] when the store cannot read.
	//
	// A claim has no lifetime. It ends by one of its methods, or with the process; the
	// delivery is then due at once. A message that cannot be read must not be returned:
	// a damaged one becomes a dead letter, one without its key waits.
	Claim(ctx context.Context, destination Destination) (Claim, error)

	// Configure exchanges the settings that the store was opened with. The error wraps
	// [ErrUnavailable] if the encryption keys cannot be exchanged now; the other settings
	// then apply all the same.
	Configure(Settings) error

	// Retain sets the retention of a destination in place of Settings.Retention: how long
	// delivered, cancelled and unrouted deliveries stay there with their attempts. 0: not
	// at all. It also applies to the ended deliveries that are already there. A store may
	// remove the oldest ones earlier to limit their bytes. Dead letters have no retention.
	Retain(destination Destination, age time.Duration)

	// Stats counts the deliveries by destination. It must be cheap enough for every
	// scrape of the metrics, so it must not read the disk.
	Stats() Stats

	// Backlog returns the bytes of waiting deliveries and dead letters in the given
	// destinations together. It must be cheap enough to be called for every message.
	Backlog(destinations ...Destination) int64

	// Close waits for commits under way and releases the files. Deliveries that are
	// still claimed are due when the store is opened again. Afterwards every method
	// returns an error that wraps [ErrUnavailable], and a waiting Claim ends with it.
	Close() error
}

// A Reservation is an event that is under way: its keys belong to the caller of
// [Store.Reserve]. The first call of Take or Drop ends it, and later ones do nothing.
type Reservation interface {
	// Take records the keys durably. Their window begins at the time of Reserve. After an
	// error it is unknown whether they are recorded, and the next twin gets its turn.
	Take(ctx context.Context) error
	// Drop records nothing. It does not wait for the store.
	Drop()
}

// A Claim is a delivery held by one worker. Done, Retry, Release or Bury ends it. When one
// of them returns an error, the claim is still held, and any of them may be called again;
// after an error that wraps [ErrUnavailable] the same call may succeed later. After one that
// wraps [ErrLost] the claim has ended. A claim that has ended returns an error.
//
// Done, Retry and Bury are durable soon after they return. A crash before that repeats
// the attempt.
type Claim interface {
	Delivery() *Delivery
	// Context is done when this process may no longer attempt the delivery: the store is
	// closed, or its node has lost the destination. Another node may begin an attempt then.
	// The claim itself goes on, and Release ends it. The end of a claim does not end its
	// context.
	Context() context.Context
	// Done counts the attempt and ends the delivery as delivered. The delivery stays for
	// the retention. Without one it is removed, and the message with its last delivery.
	Done(Attempt) error
	// Retry counts a failed attempt. The delivery is due again at the given time.
	Retry(at time.Time, a Attempt) error
	// Release gives the delivery back without counting an attempt. It keeps its due time,
	// so it is due at once.
	Release() error
	// Bury counts the attempt and makes the delivery a dead letter, which is kept with
	// its message until a person redelivers or purges it.
	Bury(Attempt) error
}

// Settings are the limits and the encryption keys of a store.
type Settings struct {
	// MaxBacklog limits the bytes of waiting deliveries and dead letters. Beyond it
	// Accept returns [ErrFull]. 0: no limit.
	MaxBacklog int64
	// MaxRetained limits the bytes of ended deliveries. Beyond it the oldest are
	// removed. 0: no limit.
	MaxRetained int64
	// Retention is the retention of destinations without a call of [Store.Retain]. 0:
	// ended deliveries are not kept.
	Retention time.Duration
	// Keys encrypt messages, the texts of attempts and learnt secrets. Each has 32
	// bytes. The first seals, all open. None: nothing is encrypted. Names of
	// endpoints, event IDs and types, sizes and times stay readable.
	Keys [][]byte
}

// DefaultSettings returns the settings of a gateway that sets none: 10 GiB of backlog,
// 1 GiB of ended deliveries, 24 hours of retention, and no encryption.
func DefaultSettings() Settings {
	return Settings{MaxBacklog: 10 << 30, MaxRetained: 1 << 30, Retention: 24 * time.Hour}
}

// Route is where a message is to be delivered, and how.
type Route struct {
	Destination Destination
	// Ordered delays the delivery until all deliveries that were received before it have
	// ended, with the same destination and the same OrderKey. Ended means delivered,
	// cancelled, buried or purged.
	Ordered  bool
	OrderKey string
	// OrderRule names the rule that made the OrderKey. An ordered delivery also waits for
	// earlier deliveries to the destination with another rule or without an order. After
	// a change of the rule, their keys cannot be compared.
	OrderRule string
	// Hold returns the delivery to the caller of Accept as a claim, unless an earlier
	// delivery of its order has not ended or the destination is paused. Where another node
	// delivers to the destination, that node makes the attempt; see [Accepted].
	Hold bool
}

// To makes plain routes to destinations.
func To(destinations ...Destination) []Route {
	routes := make([]Route, len(destinations))
	for i, d := range destinations {
		routes[i].Destination = d
	}
	return routes
}

// Accepted is the result of [Store.Accept].
type Accepted struct {
	Verdict Verdict
	Held    Claim // of the first route with Hold; nil: none is held
	// Answer, unless nil, waits until the node that delivers to the first route with Hold has
	// made the first attempt, and returns the answer from there; see [Clustered]. nil: there is
	// none, or ctx is done. It must be called once.
	Answer func(ctx context.Context) []byte
}

// Errors of a [Store]. After ErrFull and ErrUnavailable the sender should try again
// later. ErrLocked and ErrMoved are returned by opening a store.
var (
	// ErrFull: the backlog has reached its limit.
	ErrFull = errors.New("the backlog is full")
	// ErrUnavailable: the disk is full or faulty, or the store is closed.
	ErrUnavailable = errors.New("the store is unavailable")
	// ErrLost: another node has changed the delivery of a claim, and the claim has ended. Only
	// a store of several nodes returns it.
	ErrLost = errors.New("the claim is lost")
	// ErrLocked: another process holds the store.
	ErrLocked = errors.New("the store is in use by another process")
	// ErrMoved: everything in the store was moved to another one, which delivers it.
	ErrMoved = errors.New("the store was moved")
)

// Key is a digest under which an event of one endpoint is remembered: half of a SHA-256
// digest, so no two events share one. The zero Key is no key.
type Key [16]byte

// Identity contains the keys by which an event is recognised.
type Identity struct {
	// Key identifies the event. Zero: nothing is recorded, every call is New.
	Key Key
	// Digest, unless zero, is recorded beside Key. A message with a new Key but a
	// known Digest is a replay: old content under a fresh ID.
	Digest Key
	// RefuseReplays makes Accept write nothing of a replay. Otherwise it is accepted.
	RefuseReplays bool
	// Window is how long Key and Digest are remembered, from the first receipt or from a
	// later one that renewed them. 0 or less: nothing is recorded.
	Window time.Duration
}

// Recorded returns id without the keys that a store does not record: all keys if there is
// no window, and a Digest that is the Key.
func (id Identity) Recorded() Identity {
	if id.Window <= 0 {
		id.Key, id.Digest = Key{}, Key{}
	}
	if id.Digest == id.Key {
		id.Digest = Key{}
	}
	return id
}

// Exclusive returns the keys that only one event at a time can have reserved, in order;
// see [Store.Reserve].
func (id Identity) Exclusive() (keys []Key) {
	id = id.Recorded()
	if id.Key != (Key{}) {
		keys = append(keys, id.Key)
	}
	if id.Digest != (Key{}) && id.RefuseReplays {
		keys = append(keys, id.Digest)
	}
	slices.SortFunc(keys, func(a, b Key) int { return bytes.Compare(a[:], b[:]) })
	return keys
}

// GoesOn reports whether an event with this verdict is accepted. The others are dropped.
func (id Identity) GoesOn(v Verdict) bool {
	return v == New || v == Replayed && !id.RefuseReplays
}

// Verdict is the decision of a store on an event.
type Verdict int

// The verdicts.
const (
	New       Verdict = iota // not seen before
	Duplicate                // Key was recorded before: the message was not written
	Replayed                 // Digest was recorded under another Key; written unless Identity.RefuseReplays
)

// String returns the word for logs and metrics.
func (v Verdict) String() string {
	return [...]string{"accepted", "duplicate", "replayed"}[v]
}

// Delivery is one message on its way to one destination, as a claim returns it.
type Delivery struct {
	Message     *Message // shared: not to be changed
	Destination Destination
	Attempts    int       // counted since the receipt or the last redelivery, before this one
	Last        *Attempt  // the attempt before, without its excerpt; nil: there was none
	Redelivered time.Time // by a person; the age counts from it; zero: never
}

// Began returns the time from which the age of a delivery counts.
func (d *Delivery) Began() time.Time {
	if d.Redelivered.IsZero() {
		return d.Message.ReceivedAt
	}
	return d.Redelivered
}

// Stats are the counts and the state of a store at one moment.
type Stats struct {
	Bytes        int64  // of the backlog: waiting deliveries and dead letters
	Limit        int64  // on Bytes; 0: none
	Retained     int64  // bytes of ended deliveries; -1: being counted
	Available    bool   // false while the disk is full or faulty, or files are damaged
	Cause        string // of not being available; empty if that is not known
	Full         bool   // the disk or its quota is full; events are refused
	Free         int64  // bytes free on the disk; -1: unknown, as with a quota
	Needed       int64  // while Full: the free bytes at which events are accepted again
	Keys         int64  // dedupe keys remembered, approximately; -1: unknown
	Damaged      int64  // records set aside because they cannot be read
	Destinations map[Destination]DestinationStats
	Cluster      *Cluster // of a store that several nodes share
}

// DestinationStats counts the deliveries of one destination.
type DestinationStats struct {
	Waiting     int64 // due now or later, claimed ones included
	Claimed     int64 // of the waiting ones, those that are claimed
	DeadLetters int64
	Bytes       int64     // of waiting deliveries and dead letters
	Paused      bool      // by a person
	Oldest      time.Time // when the oldest waiting message was received; zero: none waits
	Owner       string    // the node that delivers, of a store that several nodes share; empty: none at the moment
	Elsewhere   bool      // this node does not deliver; its counts are those that the owner has published
}

// A Keeper is a [Store] that also keeps the secrets which providers send in handshakes.
// A store need not be one.
type Keeper interface {
	// Learn makes a secret of the endpoint durable before it returns without an error.
	// A known secret is not kept twice. The error wraps [ErrTooMany] beyond [MaxLearnt]
	// secrets, and [ErrUnavailable] otherwise.
	Learn(ctx context.Context, endpoint, secret string) error
	// Learnt returns the endpoint's secrets, the oldest first.
	Learnt(ctx context.Context, endpoint string) ([]string, error)
	// Forget removes a secret of the endpoint, if it is there.
	Forget(ctx context.Context, endpoint, secret string) error
}

// MaxLearnt is how many secrets are kept for one endpoint. Each forged request costs one
// hash for each of them.
const MaxLearnt = 100

// ErrTooMany: the endpoint has [MaxLearnt] secrets already.
var ErrTooMany = errors.New("too many secrets have been learnt")
