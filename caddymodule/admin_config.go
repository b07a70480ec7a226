package caddymodule

import (
	"context"
	"slices"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
)

// forwardTo returns the forward of a destination; nil: the configuration has none.
func (o *opened) forwardTo(destination queue.Destination) *Forward {
	if h := o.app.endpoints[destination.Endpoint]; h != nil {
		return h.forward(destination.Forward)
	}
	return nil
}

// longestRetention is the longest retention of all endpoints.
func (o *opened) longestRetention() time.Duration {
	longest := o.app.retention()
	for _, h := range o.app.endpoints {
		longest = max(longest, h.retention())
	}
	return longest
}

// circuit returns the circuit of a destination's worker; nil: there is no worker.
func (o *opened) circuit(destination queue.Destination) *adminapi.Circuit {
	w := o.worker(destination)
	if w == nil {
		return nil
	}
	health := w.Health()
	return &adminapi.Circuit{
		State: health.Circuit, Since: utc(health.Since), Probe: utc(health.Probe),
		InFlight: health.InFlight, Allowed: health.Allowed,
		Error: o.redactor(destination.Endpoint).answer(health.Last),
	}
}

// describeConfigured adds the settings of an endpoint from the configuration.
func (o *opened) describeConfigured(e *adminapi.Endpoint, h *Handler) {
	e.Provider, e.Kind, e.Mode = h.row.Name, "pass", h.Mode
	if e.Mode == "" {
		e.Mode = "enforce"
	}
	if h.asynchronous() {
		if e.Kind = "forward"; h.Keep {
			e.Kind = "keep"
		}
		retention := h.retention().Seconds()
		e.Retention = &retention
	}
	e.MaxBacklog, e.MaxInFlight = h.MaxBacklog, h.MaxInFlight
	if h.row.Secret.Learnt {
		if learnt, err := o.shared.learntBy(context.Background(), h.Name); err == nil {
			e.Learnt = new(len(*learnt))
		}
	}
}

// redactor returns the redactor of an endpoint's requests and events for people. See
// [App.showing].
func (o *opened) redactor(endpoint string) *redactor {
	r := o.redactors[endpoint]
	if r == nil {
		if o.redactors == nil {
			o.redactors = make(map[string]*redactor)
		}
		r = o.app.showing(endpoint)
		o.redactors[endpoint] = r
	}
	return r
}

// redactor returns the redactor of this endpoint's messages and of the answers to
// them, which may quote their request. It hides the endpoint's own secrets.
func (h *Handler) redactor(ctx context.Context, s *shared) *redactor {
	r := h.places()
	for _, secret := range h.secrets(ctx, s) {
		r.hideSecret(secret)
	}
	return r
}

// places returns a redactor of the places in this endpoint's messages, without secrets.
func (h *Handler) places() *redactor {
	r := newRedactor(h.row.Scheme, h.row.Confidential...)
	r.hide(h.Redact)
	r.hide(h.app.Redact)
	return r
}

// hide adds the values that a configuration names.
func (r *redactor) hide(named *Redact) {
	if named == nil {
		return
	}
	for _, name := range named.Headers {
		r.hideHeader(name)
	}
	for _, path := range named.JSON {
		r.hideJSON(path)
	}
}

// secrets returns all values of an endpoint that must not be shown.
func (h *Handler) secrets(ctx context.Context, s *shared) (all []string) {
	if h.resigner != nil {
		all = append(all, h.resigner.secrets...)
	}
	for _, f := range h.Forwards {
		if f.resigner != nil {
			all = append(all, f.resigner.secrets...)
		}
	}
	if p := h.provider; p != nil {
		all = append(all, p.secrets...)
		for _, o := range p.row.Options {
			if o.Secret && p.given[o.Name] != "" {
				all = append(all, p.given[o.Name])
			}
		}
	}
	if h.row.Secret.Learnt && s != nil {
		if learnt, err := s.learntBy(ctx, h.Name); err == nil {
			all = append(all, *learnt...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
