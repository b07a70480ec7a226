package caddymodule

import (
	"context"
	"maps"
	"slices"
)

// allSecrets are the secrets of all endpoints, as redactors for people search for them.
// Making the needles takes longer than a search, so they are kept until a secret is
// learnt.
type allSecrets struct {
	endpoints int
	learnt    []*[]string // of the endpoints that learn, in the order of their names
	needles   []string
}

// showing returns the redactor of an endpoint's requests and events for people. It hides
// the secrets of all endpoints, because a stranger can send any of them to any endpoint,
// and a reader may be restricted to one. For an endpoint that the configuration does not
// have, it hides no places but those that are always hidden.
func (a *App) showing(endpoint string) *redactor {
	var r *redactor
	if h := a.endpoints[endpoint]; h != nil {
		r = h.places()
	} else {
		r = newRedactor(nil)
		r.hide(a.Redact)
	}
	r.secrets = a.needles()
	return r
}

// needles returns the needles of all secrets. Appending to them makes a copy.
func (a *App) needles() []string {
	now := allSecrets{endpoints: len(a.endpoints)}
	var shared *shared
	var names []string
	for name, h := range a.endpoints {
		if h.row.Secret.Learnt {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		if s, release, err := a.use(); err == nil {
			defer release()
			shared = s
			slices.Sort(names)
			for _, name := range names {
				learnt, _ := s.learntBy(context.Background(), name)
				now.learnt = append(now.learnt, learnt)
			}
		}
	}
	if made := a.secrets.Load(); made != nil && made.endpoints == now.endpoints && slices.Equal(made.learnt, now.learnt) {
		return made.needles
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(a.endpoints)) {
		all = append(all, a.endpoints[name].secrets(context.Background(), shared)...)
	}
	slices.Sort(all)
	var r redactor
	for _, secret := range slices.Compact(all) {
		r.hideSecret(secret)
	}
	now.needles = slices.Clip(r.secrets)
	a.secrets.Store(&now)
	return now.needles
}
