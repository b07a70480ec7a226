package caddymodule

import (
	"fmt"
	"slices"

	"github.com/hookwicket/hookwicket/queue/pebble"
)

// takeOver makes this configuration's word count, once its workers are there. Its
// settings have to be the store's by then.
func (r *running) takeOver() {
	s := r.shared
	s.settling.Lock()
	defer s.settling.Unlock()
	if r.before = s.latest.Swap(r); r.before != nil {
		r.before.before = nil // or every configuration would keep all those before it
	}
}

// handBack lets the word of the configuration before count again, if that one is
// still running when this one is stopped: another part of this one could not be
// started.
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
		r.logger.Error("the store keeps to settings of a configuration that could not be loaded: " + err.Error())
	}
}

// settleStore gives the store this configuration's settings. That is at its start
// and not when the store is opened: it may be open already, and a request to a
// configuration that is gone opens it, too.
func (r *running) settleStore() error {
	r.shared.settling.Lock()
	defer r.shared.settling.Unlock()
	return r.shared.settle(r)
}

// settle is settleStore for who holds settling. Keys are exchanged only where
// they differ, since a store on a full disk cannot do that.
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
