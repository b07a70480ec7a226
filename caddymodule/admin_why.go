package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// worker returns the worker of a destination; nil: there is none.
func (o *opened) worker(destination queue.Destination) *queue.Worker {
	run := o.app.run()
	if run == nil {
		return nil
	}
	return run.delivering[destination]
}

// whyHeld returns the reason why a destination gets no delivery at the moment; nil: it
// gets some.
func (o *opened) whyHeld(stats queue.DestinationStats, to queue.Destination, now time.Time) *adminapi.Why {
	w := o.worker(to)
	switch {
	case stats.Paused:
		return &adminapi.Why{Reason: "paused"}
	case o.forwardTo(to) == nil:
		return &adminapi.Why{Reason: "orphaned"}
	case w == nil:
		return &adminapi.Why{Reason: "stopped"}
	}
	switch h := w.Health(); {
	case h.Circuit == queue.CircuitOpen && h.Probe.After(now):
		return &adminapi.Why{Reason: "circuit_open", Until: utc(h.Probe)}
	case h.Circuit == queue.CircuitHalfOpen:
		return &adminapi.Why{Reason: "circuit_half_open"}
	}
	return nil
}

// whyWaits returns the reason why a delivery waits; nil: it does not, or an attempt is
// under way.
func (o *opened) whyWaits(stats queue.DestinationStats, d queue.DeliveryState, now time.Time) *adminapi.Why {
	if d.State != queue.StateWaiting || d.Claimed {
		return nil
	}
	held := o.whyHeld(stats, d.Destination, now)
	switch due := d.Next.After(now); {
	case held != nil && (held.Until.IsZero() || !due || held.Until.After(d.Next)):
		return held
	case d.Behind != queue.ID{}:
		return &adminapi.Why{Reason: "order", Behind: d.Behind.String()}
	case due:
		return &adminapi.Why{Reason: "due", Until: utc(d.Next)}
	}
	switch h := o.worker(d.Destination).Health(); {
	case h.InFlight >= h.Allowed && h.InFlight > 0:
		return &adminapi.Why{Reason: "concurrency"}
	case !h.Rate.IsZero():
		return &adminapi.Why{Reason: "rate", Until: utc(h.Rate)}
	}
	return &adminapi.Why{Reason: "soon"}
}

// circuitOpen says until when the forward's circuit is open; nil: it is not.
func (f *Forward) circuitOpen(now time.Time) *adminapi.Why {
	run := f.endpoint.app.run()
	if run == nil || run.delivering[f.destination] == nil {
		return nil
	}
	if h := run.delivering[f.destination].Health(); h.Circuit == queue.CircuitOpen && h.Probe.After(now) {
		return &adminapi.Why{Reason: "circuit_open", Until: utc(h.Probe)}
	}
	return nil
}

// heldBack returns those forwards of an event whose circuit is open.
func (q *request) heldBack() map[string]adminapi.Why {
	var held map[string]adminapi.Why
	for _, route := range q.routes {
		f := q.endpoint.forward(route.Destination.Forward)
		if f == nil {
			continue
		}
		if why := f.circuitOpen(q.facts.receivedAt); why != nil {
			if held == nil {
				held = make(map[string]adminapi.Why)
			}
			held[route.Destination.String()] = *why
		}
	}
	return held
}

// heldOf returns those of the destinations that get no delivery at the moment.
func (o *opened) heldOf(destinations []queue.Destination) map[string]adminapi.Why {
	if len(destinations) == 0 {
		return nil
	}
	stats, now := o.shared.store.Stats().Destinations, time.Now()
	held := make(map[string]adminapi.Why)
	for _, d := range destinations {
		if why := o.whyHeld(stats[d], d, now); why != nil {
			held[d.String()] = *why
		}
	}
	return held
}

func (a *adminAPI) probe(w http.ResponseWriter, r *http.Request) error {
	var target adminapi.Target
	if err := readJSON(r, &target); err != nil {
		return err
	}
	if target.Endpoint == "" && target.Forward != nil {
		return badRequest("forward: say of which endpoint it is")
	}
	o, err := a.open()
	if err != nil {
		return err
	}
	defer o.release()
	var destinations []queue.Destination
	if target.Endpoint != "" {
		if destinations, err = o.checkTarget(target.Endpoint, target.Forward); err != nil {
			return err
		}
	} else {
		for _, list := range o.known() {
			destinations = append(destinations, list...)
		}
	}
	stats := o.shared.store.Stats().Destinations
	answer := adminapi.Probed{Destinations: []string{}, Skipped: make(map[string]string)}
	for _, d := range destinations {
		if why := o.unprobed(stats[d], d); why != "" {
			answer.Skipped[d.String()] = why
			continue
		}
		due, err := o.awaitDue(r.Context(), d)
		if err != nil {
			return err
		}
		if !due {
			answer.Skipped[d.String()] = "busy"
			continue
		}
		o.worker(d).Probe()
		answer.Destinations = append(answer.Destinations, d.String())
	}
	return writeJSON(w, answer)
}

// unprobed says why a destination cannot be probed; empty: it can.
func (o *opened) unprobed(stats queue.DestinationStats, to queue.Destination) string {
	w := o.worker(to)
	switch {
	case o.forwardTo(to) == nil:
		return "orphaned"
	case w == nil:
		return "stopped"
	case stats.Paused:
		return "paused"
	case stats.Elsewhere:
		return "elsewhere"
	}
	switch state := w.Health().Circuit; {
	case state != queue.CircuitOpen:
		return string(state)
	case stats.Waiting == 0:
		return "idle"
	}
	return ""
}

// busyFor is how long a probe waits for a delivery that can be made due.
const busyFor = 2 * time.Second

// awaitDue calls makeDue until a delivery is due, for at most busyFor. A circuit opens
// before the failed attempt is marked in the store. Until then the delivery is claimed,
// and all those of its order key wait behind it.
func (o *opened) awaitDue(ctx context.Context, to queue.Destination) (bool, error) {
	for end := time.Now().Add(busyFor); ; {
		due, err := o.makeDue(ctx, to)
		if due || err != nil || time.Now().After(end) {
			return due, err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// makeDue makes the delivery to a destination due that is due first, unless one is due
// already: a probe needs one. It reports false if all of them are claimed.
func (o *opened) makeDue(ctx context.Context, to queue.Destination) (bool, error) {
	f := queue.Filter{Endpoint: to.Endpoint, Destination: to, States: []queue.State{queue.StateWaiting}}
	page, err := o.store.Deliveries(ctx, f, "", 64)
	if err != nil {
		return false, err
	}
	for _, e := range page.Entries {
		if e.Claimed {
			continue
		}
		// The list may have been read before the mark that ended the claim.
		found, err := o.store.Look(ctx, e.ID)
		if err == nil && behindOf(found, to) != (queue.ID{}) {
			found, err = o.store.Look(ctx, behindOf(found, to)) // the head of its order key goes first
		}
		if err == nil && dueNow(found, to) {
			return true, nil
		}
		if err == nil {
			err = o.redeliverTo(ctx, found, to, queue.StateWaiting)
		}
		if !errors.Is(err, queue.ErrBusy) && !errors.Is(err, queue.ErrState) && !errors.Is(err, queue.ErrNotFound) {
			return err == nil, err
		}
	}
	return false, nil
}

// deliveryTo returns the delivery of a message to a destination; nil: it has none.
func deliveryTo(found *queue.Inspection, to queue.Destination) *queue.DeliveryHistory {
	for i := range found.Deliveries {
		if found.Deliveries[i].Destination == to {
			return &found.Deliveries[i]
		}
	}
	return nil
}

func behindOf(found *queue.Inspection, to queue.Destination) (id queue.ID) {
	if d := deliveryTo(found, to); d != nil {
		id = d.Behind
	}
	return id
}

// dueNow reports whether the delivery of a message to a destination can be claimed.
func dueNow(found *queue.Inspection, to queue.Destination) bool {
	d := deliveryTo(found, to)
	return d != nil && d.State == queue.StateWaiting && !d.Claimed && !d.Next.After(time.Now())
}
