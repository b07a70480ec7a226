package queuetest

import (
	"context"
	"errors"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

func (b *bench) pause(destination string, paused bool) {
	b.Helper()
	b.ok(b.looker().Pause(b.Context(), dest(destination), paused))
	if got := b.store.Stats().Destinations[dest(destination)].Paused; got != paused {
		b.Fatalf("%s: paused is %v", destination, got)
	}
}

// idle makes sure that nothing can be claimed, though something waits: a claim
// that has begun before is still waiting when another destination has been
// served.
func (b *bench) idle(destination string) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	result := b.claimed(ctx, destination)
	b.accept("other", queue.Identity{}, "idle: other")
	b.ok(b.next("idle: other", "other").Done(queue.Attempt{}))
	cancel()
	if err := b.receive(result); !errors.Is(err, context.Canceled) {
		b.Fatalf("%s: a claim got %v", destination, err)
	}
}

func (b *bench) pauses() {
	b.accept("under way", queue.Identity{}, "a")
	held := b.next("a", "under way")
	b.accept("waits", queue.Identity{}, "a", "b")
	b.acceptTo("in line", queue.Route{Destination: dest("a"), Ordered: true})
	b.pause("a", true)
	b.pause("a", true)
	b.idle("a")
	b.ok(b.next("b", "waits").Done(queue.Attempt{}))
	b.ok(held.Done(queue.Attempt{}))
	b.accept("later", queue.Identity{}, "a")
	b.idle("a")
	b.reopen()
	if !b.store.Stats().Destinations[dest("a")].Paused {
		b.Error("reopened, it is not paused any more")
	}
	b.idle("a")
	b.waiting("a", 3)

	// Those who waited meanwhile are woken, each of them.
	var results []<-chan error
	for range 3 {
		results = append(results, b.claimed(b.Context(), "a"))
	}
	b.pause("a", false)
	for _, r := range results {
		b.ok(b.receive(r))
	}
	b.waiting("a", 0)
	b.reopen()
	if b.store.Stats().Destinations[dest("a")].Paused {
		b.Error("reopened, it is paused again")
	}
}

func (b *bench) pausesUnknown() {
	b.pause("nobody", true)
	b.reopen()
	if !b.store.Stats().Destinations[dest("nobody")].Paused {
		b.Error("a destination without deliveries did not stay paused")
	}
	b.accept("body", queue.Identity{}, "nobody")
	b.idle("nobody")
	b.pause("nobody", false)
	b.ok(b.next("nobody", "body").Done(queue.Attempt{}))
}

// pausesRetries: what falls due meanwhile waits as well.
func (b *bench) pausesRetries() {
	b.accept("body", queue.Identity{}, "a")
	c := b.next("a", "body")
	b.pause("a", true)
	b.ok(c.Retry(b.clock.Now().Add(time.Minute), queue.Attempt{At: b.clock.Now(), Error: "failed"}))
	b.advance(time.Hour)
	b.idle("a")
	b.pause("a", false)
	b.ok(b.next("a", "body").Done(queue.Attempt{}))
}
