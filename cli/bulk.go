package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
	"github.com/hookwicket/hookwicket/queue"
)

// bulk changes the deliveries that a filter selects, step by step.
type bulk struct {
	change
	client *adminapi.Client
	fl     caddycmd.Flags
	filter adminapi.Filter
	to     *string // of redeliver
	after  queue.Cursor
	sum    adminapi.Done // so far
}

// stepSize is how many deliveries one step deals with: few enough to be stopped
// between steps at once, and enough for a step to share its syncs.
const stepSize = 250

// settle fills in the defaults of flags.
func (b *bulk) settle() error {
	b.after = queue.Cursor(b.fl.String("after"))
	if b.verb == redelivering.verb {
		if b.fl.Changed("to") {
			b.to = new(b.fl.String("to"))
		}
		if from := b.fl.String("from"); from != "" {
			if b.filter.Since != "" {
				return errors.New("--from and --since are the same time; --from takes delivered events, too")
			}
			b.filter.Since = timeFlag(from)
			if b.filter.State == "" {
				b.filter.State = strings.Join([]string{string(queue.StateDelivered), string(queue.StateDead), string(queue.StateCancelled), string(queue.StateUnrouted)}, ",")
			}
		}
	}
	if b.filter.State == "" {
		b.filter.State = strings.Join(b.states, ",")
	}
	if b.filter.State == "" {
		return fmt.Errorf("--state is missing: which ones shall go, of %s?", strings.Join(adminapi.StateNames(), ", "))
	}
	return nil
}

func (b *bulk) run(ctx context.Context) error {
	total, err := b.count(ctx)
	if err != nil {
		return err
	}
	if total == 0 {
		return b.result()
	}
	if err := terminal.Confirm(b.question(total), b.fl.Bool("yes")); err != nil {
		return err
	}
	if err := b.steps(ctx, total); err != nil {
		return b.halted(err, total)
	}
	if err := b.result(); err != nil || b.verb != redelivering.verb || !b.fl.Bool("watch") {
		return err
	}
	return b.watch(ctx, int64(b.sum.Changed))
}

// watch waits until none of the redelivered deliveries waits any more, and says how the
// selected ones ended.
func (b *bulk) watch(ctx context.Context, total int64) error {
	err := await(ctx, total, func(ctx context.Context) (int64, error) { return b.inState(ctx, queue.StateWaiting) })
	var sum watched
	if err == nil {
		sum.Delivered, err = b.inState(ctx, queue.StateDelivered)
	}
	if err == nil {
		sum.DeadLetters, err = b.inState(ctx, queue.StateDead)
	}
	if err != nil {
		return err
	}
	return sum.print(b.fl, "that match")
}

// inState counts the deliveries of the selection that are in a state now.
func (b *bulk) inState(ctx context.Context, state queue.State) (n int64, err error) {
	f := b.filter
	f.State = string(state)
	if b.to != nil {
		f.Forward = b.to
	}
	for after := queue.Cursor(""); ; {
		var step adminapi.Done
		if err := b.client.Post(ctx, adminapi.PathCount, adminapi.Bulk{Filter: f, After: after}, &step); err != nil {
			return 0, err
		}
		n += int64(step.Matched)
		if after = step.Next; after == "" {
			return n, nil
		}
	}
}

// count returns how many the filter selects. It also fixes Until to the present: later
// events are not touched, so the work comes to an end.
func (b *bulk) count(ctx context.Context) (int64, error) {
	total, after := int64(0), b.after
	for {
		var step adminapi.Done
		if err := b.client.Post(ctx, adminapi.PathCount, adminapi.Bulk{Filter: b.filter, Forward: b.to, After: after}, &step); err != nil {
			return 0, err
		}
		total += int64(step.Matched)
		b.filter.Until = step.Until.Format(time.RFC3339Nano)
		b.sum.Until, b.sum.Note = step.Until, step.Note
		if after = step.Next; after == "" {
			return total, nil
		}
	}
}

// question returns the question to the person, with the number and the loss.
func (b *bulk) question(total int64) string {
	what := terminal.Plural(total, "delivery", "deliveries")
	if b.to != nil {
		what = terminal.Plural(total, "event", "events")
	}
	text := fmt.Sprintf("%s %s (%s)?", b.what, what, terminal.Printable(strings.ReplaceAll(b.filter.State, ",", ", ")))
	if b.loss != "" {
		text += " " + b.loss
	}
	return text
}

// steps makes all steps. It stops between two steps when ctx is done.
func (b *bulk) steps(ctx context.Context, total int64) error {
	p := terminal.NewProgress(b.doing, total)
	defer p.End()
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var step adminapi.Done
		in := adminapi.Bulk{Filter: b.filter, Forward: b.to, After: b.after, Limit: stepSize}
		if err := b.client.Post(context.WithoutCancel(ctx), "/"+b.verb, in, &step); err != nil {
			return err
		}
		b.add(step)
		p.Step(int64(b.sum.Matched))
		if b.after = step.Next; b.after == "" {
			return nil
		}
	}
}

func (b *bulk) add(step adminapi.Done) {
	b.sum.Matched += step.Matched
	b.sum.Changed += step.Changed
	b.sum.Skipped += step.Skipped
	for reason, n := range step.SkippedBy {
		if b.sum.SkippedBy == nil {
			b.sum.SkippedBy = make(map[string]int)
		}
		b.sum.SkippedBy[reason] += n
	}
	for destination, why := range step.Held {
		if b.sum.Held == nil {
			b.sum.Held = make(map[string]adminapi.Why)
		}
		b.sum.Held[destination] = why
	}
	b.sum.Next = step.Next
}

// halted returns an error with the progress and the command to continue.
func (b *bulk) halted(err error, total int64) error {
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	change := map[string]string{"after": string(b.after), "until": b.filter.Until, "yes": "", "json": ""}
	for _, name := range []string{"since", "from"} {
		if b.fl.Lookup(name) != nil && b.fl.String(name) != "" {
			change[name] = b.filter.Since
		}
	}
	goOn := again(b.fl, b.verb, change)
	return fmt.Errorf("%w after %d of %d, of which %d were %s. To go on: %s", err, b.sum.Matched, total, b.sum.Changed, b.done, goOn)
}

// result prints the outcome. Nothing to do is no failure.
func (b *bulk) result() error {
	d := b.sum
	switch {
	case b.fl.Bool("json"):
		return terminal.PrintJSON(os.Stdout, d, "")
	case d.Matched == 0:
		fmt.Fprintln(os.Stderr, nothing(d.Note))
		return nil
	}
	fmt.Printf("%s %s\n", b.done, terminal.Plural(int64(d.Changed), "delivery", "deliveries"))
	for _, reason := range slices.Sorted(maps.Keys(d.SkippedBy)) {
		fmt.Printf("left %d alone: %s\n", d.SkippedBy[reason], skipReason(reason))
	}
	printHeld(os.Stdout, d.Held, sameGateway(b.fl))
	return nil
}
