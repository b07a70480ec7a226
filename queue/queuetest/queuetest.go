// Package queuetest is the suite that every [queue.Store] has to pass.
package queuetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// Options are what the suite asks of the store that it wants opened.
type Options struct {
	// Dir is the same for stores that are the same store reopened.
	Dir string
	// Now is the clock.
	Now func() time.Time
	// Settings are the store's at the start.
	Settings queue.Settings
}

// Sweeper is implemented by stores that can be asked to remove at once what has
// expired. The others are given time for it.
type Sweeper interface {
	Sweep(context.Context) (int, error)
}

// Waker is implemented by stores that cannot see that their clock was set.
type Waker interface{ Wake() }

// patience bounds the wait for what has to come. Nothing waits that long unless
// the test fails.
const patience = 10 * time.Second

// retention is the retention of a store with default settings.
var retention = queue.DefaultSettings().Retention

// tick is the least by which receipts differ in their IDs.
const tick = time.Microsecond

// Run runs the suite. open fails the test if the store cannot be opened; the
// suite closes what it opens.
func Run(t *testing.T, open func(t *testing.T, o Options) queue.Store) {
	for _, test := range []struct {
		name string
		run  func(*bench)
	}{
		{"Delivers what was accepted", (*bench).delivers},
		{"Knows duplicates", (*bench).duplicates},
		{"Knows replays", (*bench).replays},
		{"Refuses replays", (*bench).refusesReplays},
		{"Accepts without a key", (*bench).keyless},
		{"Forgets after the window", (*bench).windows},
		{"Remembers for as long as it is repeated", (*bench).slides},
		{"Reserves, takes and drops", (*bench).reserves},
		{"Reserves for one twin at a time", (*bench).reservesOnce},
		{"Reserve ends with its context and the store", (*bench).reserveEnds},
		{"Lets one twin pass", (*bench).twins},
		{"Lets one twin pass with several keys", (*bench).crossedTwins},
		{"Claims exclusively", (*bench).exclusive},
		{"Claims in order", (*bench).order},
		{"Retries when due", (*bench).retries},
		{"Keeps the last error", (*bench).lastError},
		{"Releases uncounted", (*bench).releases},
		{"Buries", (*bench).buries},
		{"Ends a claim once", (*bench).endsOnce},
		{"Delivers to each destination", (*bench).destinations},
		{"Names a destination once", (*bench).twiceNamed},
		{"Reopens with what waits", (*bench).reopens},
		{"Remembers keys when reopened", (*bench).reopensKeys},
		{"Holds many", (*bench).many},
		{"Refuses above the limit", (*bench).full},
		{"Applies new settings", (*bench).configures},
		{"Claim ends with its context", (*bench).claimCancelled},
		{"Claim wakes on accept", (*bench).claimWakes},
		{"Claim wakes when due", (*bench).claimWakesWhenDue},
		{"Claim wakes for each of many", (*bench).claimWakesMany},
		{"Accept ends with its context", (*bench).acceptCancelled},
		{"Orders by key", (*bench).ordered},
		{"Wakes for the next of a line", (*bench).orderedWakes},
		{"Keeps a line behind its head", (*bench).orderedRetries},
		{"Orders by receipt", (*bench).orderedReceipt},
		{"Delivers what waits otherwise ordered", (*bench).orderedMixed},
		{"Orders by another rule after those of before", (*bench).ordersAnew},
		{"Orders under load", (*bench).orderedMany},
		{"Hands what it holds to who accepts", (*bench).holds},
		{"Holds nothing out of turn", (*bench).holdsNothing},
		{"Holds for one alone", (*bench).holdsAlone},
		{"Pauses and resumes", (*bench).pauses},
		{"Pauses an unknown destination", (*bench).pausesUnknown},
		{"Pauses what falls due", (*bench).pausesRetries},
		{"Keeps for the retention", (*bench).keeps},
		{"Keeps nothing without retention", (*bench).keepsNothing},
		{"Keeps what matched no route", (*bench).keepsUnrouted},
		{"Keeps the last attempts", (*bench).keepsAttempts},
		{"Keeps so many bytes", (*bench).keepsBounded},
		{"Keeps each destination for its time", (*bench).keepsEach},
		{"Counts the backlog of some", (*bench).backlogs},
		{"Redelivers", (*bench).redelivers},
		{"Redelivers to another destination", (*bench).redeliversElsewhere},
		{"Cancels and buries", (*bench).cancels},
		{"Purges", (*bench).purges},
		{"Is busy during an attempt", (*bench).busy},
		{"Operates in a line", (*bench).operatesInLine},
		{"Leaves lines free", (*bench).leavesLinesFree},
		{"Operates beside workers", (*bench).crowd},
		{"Checks the state again", (*bench).checksState},
		{"Walks by receipt", (*bench).walks},
		{"Walks while all changes", (*bench).walksWhileChanging},
		{"Filters by any time and text", (*bench).filtersAnything},
		{"Forgets a key", (*bench).forgetsKey},
		{"Learns secrets", (*bench).learns},
		{"Learns so many secrets", (*bench).learnsBounded},
		{"Waits for a key until a reload", (*bench).waitsForKeyReloaded},
		{"Waits for a key until it is reopened", (*bench).waitsForKeyReopened},
		{"Refuses a strange key", (*bench).strangeKey},
		{"Seals attempts", (*bench).sealsAttempts},
		{"Seals learnt secrets", (*bench).sealsSecrets},
		{"Refuses when closed", (*bench).closed},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := &bench{T: t, open: open, dir: t.TempDir(), settings: queue.DefaultSettings(), clock: &clock{now: time.Unix(1_800_000_000, 0)}}
			b.reopen()
			t.Cleanup(func() { b.store.Close() })
			test.run(b)
		})
	}
}

// bench is a store on a test's bench.
type bench struct {
	*testing.T
	open  func(*testing.T, Options) queue.Store
	dir   string
	clock *clock
	store queue.Store

	settings queue.Settings
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (b *bench) advance(d time.Duration) {
	b.clock.mu.Lock()
	b.clock.now = b.clock.now.Add(d)
	b.clock.mu.Unlock()
	if w, ok := b.store.(Waker); ok {
		w.Wake()
	}
}

// at sets the clock.
func (b *bench) at(t time.Time) { b.advance(t.Sub(b.clock.Now())) }

func (b *bench) reopen() {
	b.Helper()
	if b.store != nil {
		b.ok(b.store.Close())
	}
	b.store = b.open(b.T, Options{Dir: b.dir, Now: b.clock.Now, Settings: b.settings})
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) message(body string) *queue.Message {
	now := b.clock.Now()
	return &queue.Message{
		ID: queue.NewID(now), ReceivedAt: now, Endpoint: "endpoint", Provider: "provider", EventID: "event",
		Method: "POST", URI: "/hook?a=b", Header: map[string][]string{"X-One": {"1", "2"}}, Body: []byte(body),
	}
}

// key makes an identity that is remembered for an hour.
func key(k byte) queue.Identity {
	return queue.Identity{Key: queue.Key{k}, Window: time.Hour}
}

func (b *bench) accept(body string, id queue.Identity, destinations ...string) queue.Verdict {
	b.Helper()
	a, err := b.store.Accept(b.Context(), b.message(body), id, routesTo(destinations...)...)
	b.ok(err)
	return a.Verdict
}

func (b *bench) want(got, want queue.Verdict) {
	b.Helper()
	if got != want {
		b.Fatalf("verdict: got %v, want %v", got, want)
	}
}

func (b *bench) claim(destination string) queue.Claim {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	c, err := b.store.Claim(ctx, dest(destination))
	b.ok(err)
	return c
}

// next claims and compares the body.
func (b *bench) next(destination, body string) queue.Claim {
	b.Helper()
	c := b.claim(destination)
	if got := string(c.Delivery().Message.Body); got != body {
		b.Fatalf("claimed %q, want %q", got, body)
	}
	return c
}

// nothing makes sure that nothing is due, without waiting: a message of our own
// comes out instead. It is behind all that is due, as it was accepted last.
func (b *bench) nothing(destination string) {
	b.Helper()
	b.advance(tick)
	b.accept("sentinel", queue.Identity{}, destination)
	b.ok(b.next(destination, "sentinel").Done(queue.Attempt{}))
}

func (b *bench) waiting(destination string, want int64) {
	b.Helper()
	if got := b.store.Stats().Destinations[dest(destination)].Waiting; got != want {
		b.Fatalf("%d deliveries wait for %s, want %d", got, destination, want)
	}
}

// dest makes a destination of its text.
func dest(s string) queue.Destination { return queue.ParseDestination(s) }

// routesTo makes plain routes to destinations.
func routesTo(destinations ...string) []queue.Route {
	routes := make([]queue.Route, len(destinations))
	for i, d := range destinations {
		routes[i].Destination = dest(d)
	}
	return routes
}
