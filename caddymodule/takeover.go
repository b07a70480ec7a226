package caddymodule

import (
	"fmt"
	"slices"

	"github.com/hookwicket/hookwicket/queue/pebble"
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
	if err := s.settle(b); err != nil {
		r.logger.Error("the store still has the settings of a configuration that could not be loaded: " + err.Error())
	}
}

// settleStore gives the store this configuration's settings. It is called at the start
// and not when the store is opened: the store may be open already, or a request to a
// stopped configuration may have opened it.
func (r *running) settleStore() error {
	r.shared.settling.Lock()
	defer r.shared.settling.Unlock()
	return r.shared.settle(r)
}

// settle is settleStore with settling held. Keys are exchanged only if they differ,
// because a store on a full disk cannot exchange them.
func (s *shared) settle(r *running) error {
	set := r.settings
	if sealed, ok := s.store.(interface{ SetKeys([][]byte) error }); ok && !slices.EqualFunc(s.keys, set.Keys, slices.Equal[[]byte]) {
		if err := sealed.SetKeys(set.Keys); err != nil {
			return fmt.Errorf("exchanging the keys of encrypt: %w", err)
		}
		s.keys = set.Keys
	}
	if limited, ok := s.store.(interface{ SetMaxBacklog(int64) }); ok {
		limited.SetMaxBacklog(set.MaxBacklog)
	}
	if limited, ok := s.store.(interface{ SetMaxRetained(int64) }); ok {
		limited.SetMaxRetained(set.MaxRetained)
	}
	for destination, age := range r.retentions {
		s.store.Retain(destination, age)
	}
	return nil
}

var _ interface {
	SetMaxBacklog(int64)
	SetMaxRetained(int64)
} = (*pebble.Store)(nil)
