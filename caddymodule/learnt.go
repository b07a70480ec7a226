package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/hookwicket/hookwicket/queue"
)

// learnt has the secrets that endpoints have learnt, as the store has them. They belong
// to the store and not to a configuration, so all handlers of an endpoint have a new
// secret at once.
type learnt struct {
	mu      sync.RWMutex
	secrets map[string]*[]string // by endpoint; absent: not read yet
}

var errNoKeeper = errors.New("this store keeps no secrets")

// learntBy returns the secrets of an endpoint. The pointer is the same until
// there is another one.
func (s *shared) learntBy(ctx context.Context, endpoint string) (*[]string, error) {
	s.learnt.mu.RLock()
	known := s.learnt.secrets[endpoint]
	s.learnt.mu.RUnlock()
	if known != nil {
		return known, nil
	}
	s.learnt.mu.Lock()
	defer s.learnt.mu.Unlock()
	return s.readLearntLocked(ctx, endpoint)
}

// readLearntLocked reads the secrets of an endpoint from the store.
func (s *shared) readLearntLocked(ctx context.Context, endpoint string) (*[]string, error) {
	keeper, ok := s.store.(queue.Keeper)
	if !ok {
		return nil, errNoKeeper
	}
	all, err := keeper.Learnt(ctx, endpoint)
	if err != nil {
		return nil, fmt.Errorf("reading the secrets that were learnt: %w", err)
	}
	if s.learnt.secrets == nil {
		s.learnt.secrets = make(map[string]*[]string)
	}
	s.learnt.secrets[endpoint] = &all
	return &all, nil
}

// learn keeps a secret, durably, and makes it known.
func (s *shared) learn(ctx context.Context, endpoint, secret string) error {
	keeper, ok := s.store.(queue.Keeper)
	if !ok {
		return errNoKeeper
	}
	if err := keeper.Learn(ctx, endpoint, secret); err != nil {
		return fmt.Errorf("keeping a secret: %w", err)
	}
	s.learnt.mu.Lock()
	defer s.learnt.mu.Unlock()
	_, err := s.readLearntLocked(ctx, endpoint)
	return err
}

// current returns the checker with the configured secrets, and for providers that send
// theirs, with the learnt ones.
func (h *Handler) current(ctx context.Context, shared *shared) (*checker, error) {
	if h.provider == nil || !h.row.Secret.Learnt {
		return &h.checker, nil
	}
	secrets, err := shared.learntBy(ctx, h.Name)
	if err != nil {
		return nil, err
	}
	if c := h.taught.Load(); c != nil && c.learnt == secrets {
		return c, nil
	}
	// Two requests may both build it; the outcome is the same.
	provider, err := h.provider.with(*secrets)
	if err != nil {
		return nil, err
	}
	c := checkerOf(provider)
	c.learnt = secrets
	h.taught.Store(&c)
	return &c, nil
}
