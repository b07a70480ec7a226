package queuetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hookwicket/hookwicket/queue"
)

// keeper skips the test for a store that keeps no secrets.
func (b *bench) keeper() queue.Keeper {
	b.Helper()
	k, ok := b.store.(queue.Keeper)
	if !ok {
		b.Skip("the store keeps no secrets")
	}
	return k
}

func (b *bench) knows(endpoint string, want ...string) {
	b.Helper()
	got, err := b.keeper().Learnt(b.Context(), endpoint)
	b.ok(err)
	if !slices.Equal(got, want) {
		b.Fatalf("%s: %d secrets %q, want %q", endpoint, len(got), got, want)
	}
}

func (b *bench) learns() {
	ctx := b.Context()
	b.knows("one")
	for _, secret := range []string{"zulu", "alpha", "zulu", "mike"} { // the clock stands still
		b.ok(b.keeper().Learn(ctx, "one", secret))
	}
	b.ok(b.keeper().Learn(ctx, "other", "alpha"))
	b.knows("one", "zulu", "alpha", "mike")
	b.knows("other", "alpha")
	b.knows("on")

	b.reopen()
	b.knows("one", "zulu", "alpha", "mike")
	b.ok(b.keeper().Forget(ctx, "one", "alpha"))
	b.ok(b.keeper().Forget(ctx, "one", "never learnt"))
	b.knows("one", "zulu", "mike")
	b.knows("other", "alpha")
	b.reopen()
	b.knows("one", "zulu", "mike")

	// Deliveries and keys are none of their business.
	b.want(b.accept("first", key(1), "one"), queue.New)
	b.ok(b.next("one", "first").Done(queue.Attempt{}))
	b.ok(b.store.Close())
	if err := b.store.(queue.Keeper).Learn(ctx, "one", "late"); !errors.Is(err, queue.ErrUnavailable) {
		b.Fatalf("closed: %v", err)
	}
}

func (b *bench) learnsBounded() {
	for i := range queue.MaxLearnt {
		b.ok(b.keeper().Learn(b.Context(), "one", fmt.Sprint("secret ", i)))
	}
	if err := b.keeper().Learn(b.Context(), "one", "one more"); !errors.Is(err, queue.ErrTooMany) {
		b.Fatalf("got %v", err)
	}
	b.ok(b.keeper().Learn(b.Context(), "one", "secret 0"))
	b.ok(b.keeper().Learn(b.Context(), "other", "one more"))
	b.ok(b.keeper().Forget(b.Context(), "one", "secret 7"))
	b.ok(b.keeper().Learn(b.Context(), "one", "one more"))
}
