package caddymodule

import (
	"fmt"

	"github.com/hookwicket/hookwicket/queue"
)

// takeOver makes this configuration the active one. Its workers must be running, and
// settleStore must have succeeded.
func (r *running) takeOver() {
	s := r.shared
	s.settling.Lock()
	defer s.settling.Unlock()
	if r.before = s.latest.Swap(r); r.before != nil {
		r.before.before = nil // otherwise each configuration would keep all earlier ones in memory
	}
}

// handBack makes the previous configuration active again, if it is still running when
// this one is stopped. That happens when another app of this configuration failed to
// start.
func (r *running) handBack() {
	s := r.shared
	s.settling.Lock()
	defer s.settling.Unlock()
	b := r.before
	if b == nil || b.claiming.Err() != nil || s.latest.Load() != r {
		return
	}
	s.latest.Store(b)
	if err := s.settleLocked(b); err != nil {
		r.logger.Error("the store still has the settings of a configuration that could not be loaded: " + err.Error())
	}
}

// settleStore gives the store this configuration's settings. It is called at the start
// and not when the store is opened: the store may be open already, or a request to a
// stopped configuration may have opened it.
func (r *running) settleStore() error {
	r.shared.settling.Lock()
	defer r.shared.settling.Unlock()
	return r.shared.settleLocked(r)
}

// settleLocked is settleStore with settling held.
func (s *shared) settleLocked(r *running) error {
	if err := s.store.Configure(r.settings); err != nil {
		return fmt.Errorf("exchanging the keys of encrypt: %w", err)
	}
	for destination, age := range r.retentions {
		s.store.Retain(destination, age)
	}
	s.keepRefused(r)
	if c, ok := s.store.(queue.Clustered); ok {
		c.Announce(r.configuration)
	}
	return nil
}
