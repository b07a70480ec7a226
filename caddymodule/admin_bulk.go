package caddymodule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// chunk is one bounded piece of work on the selection of a filter. For the rest, a client
// calls again with the cursor and the time of the last answer. Neither side has more
// than one piece in memory.
type chunk struct {
	*opened
	ask    adminapi.Bulk
	filter queue.Filter
	limit  int
	done   adminapi.Done
	mu     sync.Mutex

	reached []queue.Destination // by redelivered deliveries
	states  map[queue.State]int // of the deliveries of the one message that the filter names
}

// begin reads and checks the request for a chunk of at most so many. The caller
// releases it.
func (a *adminAPI) begin(r *http.Request, most int) (*chunk, error) {
	c := &chunk{limit: most}
	if err := readJSON(r, &c.ask); err != nil {
		return nil, err
	}
	if n := c.ask.Limit; n != 0 {
		if n < 1 || n > most {
			return nil, badRequest("limit: it is a number from 1 to %d", most)
		}
		c.limit = n
	}
	var err error
	if c.opened, err = a.open(); err != nil {
		return nil, err
	}
	now := time.Now()
	if c.filter, err = c.settle(c.ask.Filter, now); err != nil {
		c.release()
		return nil, err
	}
	// Times are in milliseconds, as in IDs; events of this millisecond are new.
	c.done.Until = now.UTC()
	if !c.filter.Until.IsZero() {
		c.done.Until = c.filter.Until.UTC()
	}
	c.filter.Until = c.done.Until
	return c, nil
}

// finish answers with the result of the chunk.
func (c *chunk) finish(ctx context.Context, w http.ResponseWriter, err error) error {
	if err != nil {
		if c.done.Changed > 0 {
			return fmt.Errorf("%w; %d of this chunk were done, and to repeat it does no harm", err, c.done.Changed)
		}
		return err
	}
	c.done.Held = c.heldOf(c.reached)
	if c.ask.Filter.ID == "" {
		c.done.Note = c.noteOf(ctx, c.filter, pageOf{c.done.Matched, c.done.Next, c.ask.After})
	} else if c.done.Matched == 0 {
		c.done.Note = cmp.Or(noteOfStates(c.filter.States, c.states, false), noMatch)
	}
	return writeJSON(w, c.done)
}

// reasonOf says why something was skipped; empty: the work has to stop.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, queue.ErrBusy):
		return "busy"
	case errors.Is(err, queue.ErrState):
		return "state"
	case errors.Is(err, queue.ErrNotFound):
		return "gone"
	case errors.Is(err, errNowhere):
		return "nowhere"
	case errors.Is(err, errOrphaned):
		return "orphaned"
	case errors.Is(err, errUnreadable):
		return "damaged"
	case errors.Is(err, queue.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ""
	}
	return "damaged" // one such record does not keep the others back
}

// each does the same to all of a page, many at once, so that they share the
// disk's commits.
func each[T any](c *chunk, page []T, change func(T) error) error {
	var group sync.WaitGroup
	var failed error
	slots := make(chan struct{}, atOnce)
	for _, one := range page {
		slots <- struct{}{}
		c.mu.Lock()
		stop := failed != nil
		c.mu.Unlock()
		if stop {
			break
		}
		group.Go(func() {
			defer func() { <-slots }()
			err := recovered(change, one)
			c.mu.Lock()
			defer c.mu.Unlock()
			reason := ""
			if err != nil {
				reason = reasonOf(err)
			}
			switch {
			case err == nil:
				c.done.Changed++
			case reason == "":
				failed = err
			default:
				c.skip(reason)
			}
		})
	}
	group.Wait()
	return failed
}

// recovered makes an error of a panic, which would end the process.
func recovered[T any](change func(T) error, one T) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it panicked: %v", r)
		}
	}()
	return change(one)
}

func (c *chunk) skip(reason string) {
	c.done.Skipped++
	if c.done.SkippedBy == nil {
		c.done.SkippedBy = make(map[string]int)
	}
	c.done.SkippedBy[reason]++
}

// onDeliveries does the same to the deliveries of a chunk.
func (c *chunk) onDeliveries(ctx context.Context, change func(queue.Entry) error) error {
	if c.ask.Filter.ID != "" {
		entries, err := c.byID(ctx)
		if err != nil {
			return err
		}
		c.done.Matched = len(entries)
		return each(c, entries, change)
	}
	return c.pages(func(after queue.Cursor, n int) (int, queue.Cursor, error) {
		page, err := c.store.Walk(ctx, c.filter, after, n)
		if err != nil {
			return 0, "", err
		}
		return len(page.Entries), page.Next, each(c, page.Entries, change)
	})
}

// pages goes through pages until the chunk is full, the list is over, or it has
// taken long enough.
func (c *chunk) pages(next func(after queue.Cursor, n int) (int, queue.Cursor, error)) error {
	enough := time.Now().Add(longestRequest)
	c.done.Next = c.ask.After
	for c.done.Matched < c.limit {
		n, after, err := next(c.done.Next, min(adminapi.MaxPage, c.limit-c.done.Matched))
		if err != nil {
			return err
		}
		c.done.Matched += n
		c.done.Next = after
		if after == "" || time.Now().After(enough) {
			break
		}
	}
	return nil
}

// byID are the deliveries of the one message that the filter names.
func (c *chunk) byID(ctx context.Context) (entries []queue.Entry, err error) {
	f := c.ask.Filter
	if f.Type != "" || f.EventID != "" || f.Since != "" || c.ask.After != "" {
		return nil, badRequest("filter: with id there is room for endpoint, forward and state alone")
	}
	id, err := parseID(f.ID)
	if err != nil {
		return nil, err
	}
	found, err := c.look(ctx, id)
	if err != nil {
		return nil, err
	}
	if f.Endpoint != "" && f.Endpoint != found.Endpoint {
		return nil, apiFailure(http.StatusNotFound, "message %s is of endpoint %s, not of %s", id, found.Endpoint, f.Endpoint)
	}
	c.states = make(map[queue.State]int)
	for _, d := range found.Deliveries {
		if c.filter.Destination != (queue.Destination{}) && d.Destination != c.filter.Destination {
			continue
		}
		if c.states[d.State]++; len(c.filter.States) > 0 && !slices.Contains(c.filter.States, d.State) {
			continue
		}
		entries = append(entries, queue.Entry{Summary: found.Summary, DeliveryState: d.DeliveryState})
	}
	return entries, nil
}

// named refuses a filter without states, where a wrong guess could do harm. That
// of a single message is narrow enough.
func (c *chunk) named(doing string) error {
	if c.ask.Filter.State == "" && c.ask.Filter.ID == "" {
		return badRequest("filter.state: say of which states to %s deliveries, such as dead_letter, or all", doing)
	}
	return nil
}

// waiting restricts a filter to waiting deliveries. An empty filter, as of an empty
// request, is an error: it would select all of them.
func (c *chunk) waiting(doing string) error {
	if c.ask.Filter == (adminapi.Filter{}) {
		return badRequest("filter: say which waiting deliveries are to be %s; all of them are {\"state\":\"waiting\"}", doing)
	}
	if len(c.filter.States) > 0 && !slices.Equal(c.filter.States, []queue.State{queue.StateWaiting}) {
		return badRequest("filter.state: only waiting deliveries can be %s; leave the state out, or write waiting", doing)
	}
	if c.ask.Filter.ID == "" {
		c.filter.States = []queue.State{queue.StateWaiting}
	}
	return nil
}

// noForward refuses the field forward, which is of redeliver alone.
func (c *chunk) noForward() error {
	if c.ask.Forward != nil {
		return badRequest("forward: it belongs to redeliver; here say it in the filter")
	}
	return nil
}

// bulk runs one of the operations on deliveries.
func (a *adminAPI) bulk(w http.ResponseWriter, r *http.Request, check func(*chunk) error, change func(*chunk, queue.Entry) error) error {
	c, err := a.begin(r, adminapi.MaxPage)
	if err != nil {
		return err
	}
	defer c.release()
	if err := errors.Join(c.noForward(), check(c)); err != nil {
		return err
	}
	return c.finish(r.Context(), w, c.onDeliveries(r.Context(), func(e queue.Entry) error { return change(c, e) }))
}

func (a *adminAPI) cancel(w http.ResponseWriter, r *http.Request) error {
	return a.bulk(w, r, func(c *chunk) error { return c.waiting("cancelled") }, func(c *chunk, e queue.Entry) error {
		return c.store.Cancel(r.Context(), e.ID, e.Destination, c.filter.States...)
	})
}

func (a *adminAPI) bury(w http.ResponseWriter, r *http.Request) error {
	return a.bulk(w, r, func(c *chunk) error { return c.waiting("buried") }, func(c *chunk, e queue.Entry) error {
		return c.store.Bury(r.Context(), e.ID, e.Destination, c.filter.States...)
	})
}

func (a *adminAPI) purge(w http.ResponseWriter, r *http.Request) error {
	return a.bulk(w, r, func(c *chunk) error { return c.named("purge") }, func(c *chunk, e queue.Entry) error {
		return c.store.Purge(r.Context(), e.ID, e.Destination, c.filter.States...)
	})
}

func (a *adminAPI) count(w http.ResponseWriter, r *http.Request) error {
	c, err := a.begin(r, maxCount)
	if err != nil {
		return err
	}
	defer c.release()
	if c.ask.Forward != nil { // redeliver would send messages to that forward
		return c.finish(r.Context(), w, c.onMessages(r.Context(), nil))
	}
	if c.ask.Filter.ID != "" {
		entries, err := c.byID(r.Context())
		c.done.Matched = len(entries)
		return c.finish(r.Context(), w, err)
	}
	return c.finish(r.Context(), w, c.pages(func(after queue.Cursor, n int) (int, queue.Cursor, error) {
		page, err := c.store.Walk(r.Context(), c.filter, after, n)
		return len(page.Entries), page.Next, err
	}))
}
