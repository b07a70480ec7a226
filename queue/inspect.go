package queue

import (
	"context"
	"errors"
	"time"
)

// State is the state of a delivery.
type State string

// The states.
const (
	StateWaiting   State = "waiting"     // due now or later, or being attempted
	StateDelivered State = "delivered"   // accepted by the upstream, kept for the retention
	StateDead      State = "dead_letter" // given up, kept until a person decides
	StateCancelled State = "cancelled"   // ended by a person, kept for the retention
	StateUnrouted  State = "unrouted"    // matched no forward, kept for the retention
)

// StateNone is the state of a delivery that does not exist.
const StateNone State = ""

// An Inspector is a [Store] whose messages a person can list and change. A store need not
// be one. A list reads one consistent state for each page.
type Inspector interface {
	// Deliveries lists deliveries. Where f names one state, they come in the order
	// of that state: waiting ones by the time they are due, dead letters by their
	// receipt with the newest first, ended ones by their end with the latest first.
	// Without a state, and with several, they come by receipt, the newest first.
	//
	// A page ends after n entries, or earlier if the filter skips many: the list is over
	// when Next is empty. A page costs the same wherever it begins. Deliveries that
	// arrive between two pages may be missing.
	Deliveries(ctx context.Context, f Filter, after Cursor, n int) (Page, error)
	// Walk lists deliveries by their receipt, the oldest first, whatever the states in
	// f. No operation and no worker changes that order, so a walk meets each delivery
	// once and ends, even if deliveries change meanwhile. To leave out deliveries that
	// arrive during the walk, set f.Until. A page can exceed n by the other deliveries
	// of its last message.
	Walk(ctx context.Context, f Filter, after Cursor, n int) (Page, error)
	// Messages lists messages by their receipt, the newest first, each with all its
	// deliveries. A filter with states selects messages with a delivery in one of them.
	Messages(ctx context.Context, f Filter, after Cursor, n int) (MessagePage, error)
	// Look returns all records of one message. The error is a [*GoneError] for a message
	// that was removed, as far as that is known, and [ErrNotFound] otherwise. A damaged
	// message is returned with its Err and without the rest.
	Look(ctx context.Context, id ID) (*Inspection, error)

	// Redeliver, Cancel, Bury and Purge return [ErrBusy] while an attempt is running,
	// and [ErrNotFound] or [*GoneError] where there is no such message or delivery.
	// They return [ErrState] where the state of the delivery does not allow the
	// change. With only, they also return ErrState if the delivery is in none of these
	// states at the moment of the change. None of these errors comes with a change.

	// Redeliver makes a delivery wait again, due at once and with its attempts
	// forgotten, whatever its state: one that waits becomes due. Its age counts
	// anew. Dedupe keys play no part in it. A message that has no delivery to that
	// destination gets one.
	Redeliver(ctx context.Context, id ID, to Route, only ...State) error
	// Reroute gives an unrouted message its deliveries, all or none of them. ErrState: it
	// is not unrouted.
	Reroute(ctx context.Context, id ID, to ...Route) error
	// Cancel ends a waiting delivery; Bury makes it a dead letter.
	Cancel(ctx context.Context, id ID, destination Destination, only ...State) error
	Bury(ctx context.Context, id ID, destination Destination, only ...State) error
	// Purge removes a delivery in any state, and its message with its last one.
	Purge(ctx context.Context, id ID, destination Destination, only ...State) error

	// Pause keeps deliveries to a destination waiting until it is resumed; attempts
	// under way end. It is durable.
	Pause(ctx context.Context, destination Destination, paused bool) error
	// ForgetKey removes a dedupe key, so that its event is accepted once more. It
	// reports whether there was one.
	ForgetKey(ctx context.Context, key Key) (bool, error)
}

// Errors of an [Inspector].
var (
	// ErrNotFound: there is no such message or delivery.
	ErrNotFound = errors.New("not found")
	// ErrBusy: an attempt is under way.
	ErrBusy = errors.New("an attempt is under way")
	// ErrState: the delivery has ended already.
	ErrState = errors.New("the state of the delivery does not allow it")
	// ErrCursor: the cursor does not belong to this list.
	ErrCursor = errors.New("this is no cursor of such a list")
)

// Cursor is a place in a list. Empty: the beginning. It contains only characters that
// are safe in a URL.
type Cursor string

// Filter selects deliveries and messages. Empty fields select all.
type Filter struct {
	Endpoint    string
	Destination Destination // zero: any
	States      []State
	EventType   string    // a glob: * stands for any text, as in payment.*
	EventID     string    // exact
	Since       time.Time // of the receipt, included
	Until       time.Time // of the receipt, excluded
}

// Entry is a delivery in a list.
type Entry struct {
	Summary
	DeliveryState
}

// Summary is the part of a message that lists show.
type Summary struct {
	ID         ID
	ReceivedAt time.Time // to the precision of the ID
	Endpoint   string
	EventID    string // the first 256 bytes; so is EventType
	EventType  string
	Size       int64 // of the stored record
}

// DeliveryState is the state of one delivery.
type DeliveryState struct {
	Destination Destination
	State       State
	Claimed     bool // an attempt is under way
	Attempts    int  // counted ones
	Last        *Attempt
	Next        time.Time // when a waiting one is due
	Behind      ID        // the waiting delivery of the same order key that goes first; zero: none. Walk does not say it
	Ended       time.Time // when it was delivered, cancelled or given up
	Redelivered time.Time // by a person; zero: never
	Err         error     // the record is damaged
}

// Page is a part of a list.
type Page struct {
	Entries []Entry
	Next    Cursor // empty: the list is over
}

// MessagePage is a part of a list of messages.
type MessagePage struct {
	Messages []MessageEntry
	Next     Cursor
}

// MessageEntry is a message in a list.
type MessageEntry struct {
	Summary
	Deliveries []DeliveryState
}

// Inspection contains all records of one message.
type Inspection struct {
	Summary
	Message    *Message // nil: it cannot be read
	Err        error
	Deliveries []DeliveryHistory
}

// DeliveryHistory is a delivery with its attempts, the oldest first. Of very many
// attempts the oldest are not kept.
type DeliveryHistory struct {
	DeliveryState
	History []Attempt
}

// GoneError is the error for a message that was removed.
type GoneError struct {
	ID  ID
	At  time.Time
	Why string // delivered, aged, crowded, purged
}

func (e *GoneError) Error() string {
	why := map[string]string{
		"delivered": "it was delivered and is not kept",
		"aged":      "its retention was over",
		"crowded":   "the room for delivered events was needed",
		"purged":    "it was purged",
	}[e.Why]
	return "message " + e.ID.String() + " went at " + e.At.UTC().Format(time.RFC3339) + ": " + why
}

// Unwrap makes it an [ErrNotFound], too.
func (e *GoneError) Unwrap() error { return ErrNotFound }
