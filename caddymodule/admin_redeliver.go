package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

var (
	errNowhere    = errors.New("it matches no forward of its endpoint; name one with forward")
	errOrphaned   = errors.New("its endpoint is not in the configuration, so its forwards are unknown")
	errUnreadable = errors.New("the message is damaged")
)

func (a *adminAPI) redeliver(w http.ResponseWriter, r *http.Request) error {
	c, err := a.begin(r, adminapi.MaxPage)
	if err != nil {
		return err
	}
	defer c.release()
	if c.ask.Forward == nil {
		if err := c.named("redeliver"); err != nil {
			return err
		}
		return c.finish(r.Context(), w, c.onDeliveries(r.Context(), func(e queue.Entry) error {
			sent, err := c.again(r.Context(), &queue.Inspection{Summary: e.Summary}, e.DeliveryState, c.filter.States...)
			c.sent(sent, err)
			return err
		}))
	}
	to, err := c.target()
	if err != nil {
		return err
	}
	return c.finish(r.Context(), w, c.onMessages(r.Context(), func(m queue.MessageEntry) error {
		err := c.redeliverTo(r.Context(), &queue.Inspection{Summary: m.Summary}, to, stateIn(m, to))
		c.sent([]queue.Destination{to}, err)
		return err
	}))
}

// sent notes where redelivered deliveries go.
func (c *chunk) sent(destinations []queue.Destination, err error) {
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range destinations {
		if !slices.Contains(c.reached, d) {
			c.reached = append(c.reached, d)
		}
	}
}

// target is the destination that the selected messages go to.
func (c *chunk) target() (to queue.Destination, err error) {
	if c.ask.Filter.Endpoint == "" {
		return to, badRequest("forward: say in the filter of which endpoint it is")
	}
	if _, err := c.checkTarget(c.ask.Filter.Endpoint, c.ask.Forward); err != nil {
		return to, err
	}
	return queue.Destination{Endpoint: c.ask.Filter.Endpoint, Forward: *c.ask.Forward}, nil
}

// onMessages does the same to the messages of a chunk; without change it counts
// them.
func (c *chunk) onMessages(ctx context.Context, change func(queue.MessageEntry) error) error {
	if _, err := c.target(); err != nil {
		return err
	}
	if c.ask.Filter.ID != "" {
		return badRequest("filter.id: a single message is sent to a forward by messages/{id}/redeliver")
	}
	return c.pages(func(after queue.Cursor, n int) (int, queue.Cursor, error) {
		page, err := c.store.Messages(ctx, c.filter, after, n)
		if err == nil && change != nil {
			err = each(c, page.Messages, change)
		}
		return len(page.Messages), page.Next, err
	})
}

// again makes a delivery once more and returns where the message goes. One that
// matched no forward is routed anew, as its endpoint's routing stands today.
func (o *opened) again(ctx context.Context, found *queue.Inspection, d queue.DeliveryState, only ...queue.State) ([]queue.Destination, error) {
	if d.State != queue.StateUnrouted {
		return []queue.Destination{d.Destination}, o.redeliverTo(ctx, found, d.Destination, only...)
	}
	h := o.app.endpoints[found.Endpoint]
	if h == nil {
		return nil, errOrphaned
	}
	m, err := o.read(ctx, found)
	if err != nil {
		return nil, err
	}
	routes, err := h.routeStored(ctx, m)
	if err != nil {
		return nil, err
	}
	if len(routes) == 0 {
		return nil, errNowhere
	}
	if err := o.store.Reroute(ctx, m.ID, routes...); err != nil {
		return nil, err
	}
	sent := make([]queue.Destination, len(routes))
	for i, route := range routes {
		sent[i] = route.Destination
	}
	return sent, nil
}

// redeliverTo makes the delivery to one destination once more, or for the first
// time, in the order that the forward keeps.
func (o *opened) redeliverTo(ctx context.Context, found *queue.Inspection, to queue.Destination, only ...queue.State) error {
	route := queue.Route{Destination: to}
	if f := o.forwardTo(to); f != nil && f.effective.Order != nil {
		m, err := o.read(ctx, found)
		if err != nil {
			return err
		}
		route = f.routeOf(m.Header, factsOf(&queue.Delivery{Message: m}))
	}
	return o.store.Redeliver(ctx, found.ID, route, only...)
}

// stateIn is the state of a message's delivery to a destination.
func stateIn(m queue.MessageEntry, to queue.Destination) queue.State {
	for _, d := range m.Deliveries {
		if d.Destination == to {
			return d.State
		}
	}
	return queue.StateNone
}

// read returns the message of an inspection, which may have come from a list.
func (o *opened) read(ctx context.Context, found *queue.Inspection) (*queue.Message, error) {
	if found.Message == nil && found.Err == nil {
		var err error
		if found, err = o.store.Look(ctx, found.ID); err != nil {
			return nil, err
		}
	}
	if found.Message == nil {
		return nil, errUnreadable
	}
	return found.Message, nil
}

func (a *adminAPI) pause(w http.ResponseWriter, r *http.Request) error {
	return a.setPaused(w, r, true)
}

func (a *adminAPI) resume(w http.ResponseWriter, r *http.Request) error {
	return a.setPaused(w, r, false)
}

func (a *adminAPI) setPaused(w http.ResponseWriter, r *http.Request, paused bool) error {
	var target adminapi.Target
	if err := readJSON(r, &target); err != nil {
		return err
	}
	if target.Endpoint == "" {
		return badRequest("endpoint: say which one")
	}
	o, err := a.open()
	if err != nil {
		return err
	}
	defer o.release()
	destinations, err := o.checkTarget(target.Endpoint, target.Forward)
	if err != nil {
		return err
	}
	if target.Forward == nil { // without destinations that are gone and idle
		stats := o.shared.store.Stats().Destinations
		destinations = slices.DeleteFunc(destinations, func(d queue.Destination) bool { return o.forwardTo(d) == nil && idle(stats[d]) })
	}
	if len(destinations) == 0 {
		return badRequest("endpoint %s passes events on while the sender waits: it has no deliveries to pause", target.Endpoint)
	}
	for _, d := range destinations {
		if err := o.store.Pause(r.Context(), d, paused); err != nil {
			return err
		}
	}
	return writeJSON(w, adminapi.Paused{Paused: paused, Destinations: textsOf(destinations)})
}

// textsOf returns destinations as the API shows them.
func textsOf(destinations []queue.Destination) []string {
	texts := make([]string, len(destinations))
	for i, d := range destinations {
		texts[i] = d.String()
	}
	return texts
}
