package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
	"github.com/hookwicket/hookwicket/queue"
)

// watched is how redelivered deliveries ended.
type watched struct {
	Delivered   int64 `json:"delivered"`
	DeadLetters int64 `json:"dead_letters"`
	Others      int64 `json:"others"` // cancelled meanwhile, or not kept any more
}

func (w *watched) add(state queue.State) {
	switch state {
	case queue.StateDelivered:
		w.Delivered++
	case queue.StateDead:
		w.DeadLetters++
	default:
		w.Others++
	}
}

// print says how they ended. They are those of one selection, named by of.
func (w *watched) print(fl caddycmd.Flags, of string) error {
	if fl.Bool("json") {
		return terminal.PrintJSON(os.Stdout, w, "")
	}
	_, err := fmt.Printf("none waits any more; of those %s, %s delivered and %s%s\n", of, terminal.Plural(w.Delivered, "is", "are"),
		terminal.Plural(w.DeadLetters, "is a dead letter", "are dead letters"),
		terminal.When(w.Others > 0, fmt.Sprintf("; %d ended otherwise or are not kept", w.Others)))
	return err
}

// await looks again and again until nothing waits. look returns how many of the total do.
func await(ctx context.Context, total int64, look func(context.Context) (int64, error)) error {
	p := terminal.NewProgress("delivering", total)
	for {
		waiting, err := look(ctx)
		if err == nil && waiting > 0 {
			p.Step(max(total-waiting, 0))
			select {
			case <-time.After(watchPause):
				continue
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		p.End()
		if ctx.Err() != nil && waiting > 0 {
			fmt.Fprintf(os.Stderr, "%s still; caddy webhook status shows them\n", terminal.Plural(waiting, "delivery waits", "deliveries wait"))
		}
		return err
	}
}

// watchMessages waits until none of the redelivered deliveries waits any more, and says
// how they ended.
func watchMessages(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, all []adminapi.Redelivered) error {
	total := 0
	for _, m := range all {
		total += len(m.Destinations)
	}
	if total == 0 {
		return nil
	}
	var sum watched
	left := slices.Clone(all)
	err := await(ctx, int64(total), func(ctx context.Context) (waiting int64, err error) {
		for i := range left {
			if err == nil {
				left[i].Destinations, err = stillWaiting(ctx, c, &left[i], &sum)
			}
			waiting += int64(len(left[i].Destinations))
		}
		return waiting, err
	})
	if err != nil {
		return err
	}
	return sum.print(fl, "that were redelivered")
}

// stillWaiting returns those destinations of a message whose delivery waits, and adds the
// others to sum.
func stillWaiting(ctx context.Context, c *adminapi.Client, m *adminapi.Redelivered, sum *watched) (waiting []string, err error) {
	if len(m.Destinations) == 0 {
		return nil, nil
	}
	var now adminapi.Message
	err = c.Get(ctx, adminapi.PathOfMessage(m.ID.String()), url.Values{"limit": {"1"}}, &now)
	if gone, ok := errors.AsType[*adminapi.RefusedError](err); err != nil && !(ok && gone.Status == http.StatusNotFound) {
		return m.Destinations, err
	}
	for _, to := range m.Destinations {
		i := slices.IndexFunc(now.Deliveries, func(d adminapi.History) bool { return d.Destination == to })
		switch {
		case i < 0:
			sum.add("")
		case now.Deliveries[i].State == queue.StateWaiting:
			waiting = append(waiting, to)
		default:
			sum.add(now.Deliveries[i].State)
		}
	}
	return waiting, nil
}
