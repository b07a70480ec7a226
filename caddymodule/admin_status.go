package caddymodule

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/refused"
)

// processBegan is when the counters did.
var processBegan = time.Now()

func (a *adminAPI) status(w http.ResponseWriter, r *http.Request) error {
	o, err := a.open()
	if err != nil {
		return err
	}
	defer o.release()
	stats := o.shared.store.Stats()
	answer := adminapi.Status{
		Now: time.Now().UTC(), Since: processBegan.UTC(), Listeners: outcomes.listeners(),
		Store: adminapi.Store{
			Location: o.shared.location, Available: stats.Available, Cause: stats.Cause,
			DiskFull: stats.Full, DiskFree: ifCounted(stats.Free), DiskNeeded: stats.Needed,
			BacklogBytes: stats.Bytes, BacklogLimit: stats.Limit,
			RetainedBytes: ifCounted(stats.Retained), DedupeKeys: ifCounted(stats.Keys), Damaged: stats.Damaged,
			Cluster: o.describeCluster(stats.Cluster),
		},
		Limits: adminapi.Limits{
			InFlightBytes: o.shared.room.total.Load(), InFlightLimit: o.app.MaxInFlight, WaitingTwins: o.shared.window.Waiting(),
		},
	}
	if kept := o.shared.refused.Stats(); !kept.Off {
		l := &answer.Limits
		l.RefusedEntries, l.RefusedBytes, l.RefusedLimit = kept.Entries, kept.Bytes, kept.Size
	}
	if len(o.only) > 0 {
		o.restrict(&answer)
	}
	t := &answer.Totals
	for _, e := range o.describe(stats, "") {
		if e.Kind != "orphaned" {
			t.Endpoints++
		}
		if len(o.only) > 0 {
			answer.Store.BacklogBytes += e.Bytes
		}
		t.Waiting, t.Claimed, t.DeadLetters = t.Waiting+e.Waiting, t.Claimed+e.Claimed, t.DeadLetters+e.DeadLetters
		t.AcceptedLately, t.RefusedLately = t.AcceptedLately+e.Recent.Accepted, t.RefusedLately+e.Recent.Refused
		for _, f := range e.Forwards {
			t.Forwards++
			t.DeliveredLately, t.FailedLately = t.DeliveredLately+f.Recent.Delivered, t.FailedLately+f.Recent.Failed
			if f.Paused {
				t.Paused++
			}
			if f.Orphaned {
				t.Orphaned++
			}
			if f.Circuit != nil && f.Circuit.State != queue.CircuitClosed {
				t.Open++
			}
		}
	}
	return writeJSON(w, answer)
}

// restrict leaves out what is not of the endpoints that the caller may see: where the store
// is, its other gateways, and the figures of all endpoints together. The totals, which the
// caller adds up, are theirs already.
func (o *opened) restrict(s *adminapi.Status) {
	s.Listeners = 0
	s.Store = adminapi.Store{Available: s.Store.Available, DiskFull: s.Store.DiskFull, BacklogLimit: s.Store.BacklogLimit}
	s.Limits = adminapi.Limits{
		InFlightLimit: s.Limits.InFlightLimit, RefusedLimit: s.Limits.RefusedLimit, RefusedEntries: len(o.refusedList(refused.Filter{}, s.Now)),
	}
}

// ifCounted is a count, or nil where the store says that it does not know it yet.
func ifCounted(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

func (a *adminAPI) endpoints(w http.ResponseWriter, r *http.Request) error {
	o, err := a.open()
	if err != nil {
		return err
	}
	defer o.release()
	return writeJSON(w, adminapi.Endpoints{Endpoints: o.describe(o.shared.store.Stats(), "")})
}

func (a *adminAPI) endpoint(w http.ResponseWriter, r *http.Request) error {
	o, err := a.open()
	if err != nil {
		return err
	}
	defer o.release()
	name := r.PathValue("endpoint")
	if _, err := o.checkTarget(name, nil); err != nil {
		return err
	}
	e := o.describe(o.shared.store.Stats(), name)[0]
	if h := o.app.endpoints[name]; h != nil {
		e.Settings = h.settings()
		for i := range e.Forwards {
			if f := h.forward(e.Forwards[i].Name); f != nil {
				e.Forwards[i].Settings = f.settings()
			}
		}
	}
	return writeJSON(w, e)
}

// describe returns all endpoints, sorted by name, or one of them.
func (o *opened) describe(stats queue.Stats, only string) []adminapi.Endpoint {
	counts := countersByEndpoint()
	known, now := o.known(), uptime()
	all := make([]adminapi.Endpoint, 0, len(known))
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if only != "" && name != only {
			continue
		}
		h := o.app.endpoints[name]
		e := adminapi.Endpoint{Name: name, Kind: "orphaned", Requests: counts.requests(name), Unrouted: counts.unrouted[name], Forwards: make([]adminapi.Forward, 0, len(known[name]))}
		if h != nil {
			o.describeConfigured(&e, h)
		}
		e.Requests.RefusedLately = o.shared.refused.Recent(name, time.Now())
		e.Requests.LastAccepted, e.Requests.LastRefused = outcomes.lastRequests(name)
		e.Recent, e.Latency = outcomes.of(name).recentRequests(now), outcomes.of(name).recentRequest.latency(now)
		for _, d := range known[name] {
			f := o.describeForward(stats.Destinations[d], d, counts)
			if f.Orphaned && idle(stats.Destinations[d]) {
				continue // only ended or unrouted deliveries
			}
			e.Forwards = append(e.Forwards, f)
			e.Waiting, e.Claimed, e.DeadLetters, e.Bytes = e.Waiting+f.Waiting, e.Claimed+f.Claimed, e.DeadLetters+f.DeadLetters, e.Bytes+f.Bytes
			if !f.Oldest.IsZero() && (e.Oldest.IsZero() || f.Oldest.Before(e.Oldest)) {
				e.Oldest = f.Oldest
			}
		}
		if h == nil && len(e.Forwards) == 0 && only == "" {
			continue // there was such an endpoint, and nothing of it is left to do
		}
		all = append(all, e)
	}
	return all
}

// idle reports whether a destination needs no display: it has no waiting deliveries and no
// dead letters, and is not paused.
func idle(d queue.DestinationStats) bool { return d.Waiting == 0 && d.DeadLetters == 0 && !d.Paused }

func (o *opened) describeForward(d queue.DestinationStats, to queue.Destination, counts *counterValues) adminapi.Forward {
	f := adminapi.Forward{
		Name: to.Forward, Destination: to.String(), Owner: d.Owner, Elsewhere: d.Elsewhere, Orphaned: o.forwardTo(to) == nil,
		Paused: d.Paused, Waiting: d.Waiting, Claimed: d.Claimed, DeadLetters: d.DeadLetters, Bytes: d.Bytes,
		Oldest: utc(d.Oldest), Attempts: counts.attempts(to.Endpoint, to.Forward),
	}
	f.LastSuccess, f.LastFailure, f.LastError = outcomes.lastAttempts(to)
	last, now := outcomes.of(to.String()), uptime()
	f.Recent, f.Latency = last.recentAttempts(now), last.recentAttempt.latency(now)
	if !d.Elsewhere {
		f.Circuit = o.circuit(to)
	}
	return f
}
