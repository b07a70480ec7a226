package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/hookwicket/hookwicket/queue"
)

// learnt are the secrets that endpoints have learnt, as the store has them. They
// belong to the store and not to a configuration, so that what one handler of an
// endpoint learns, all know at once.
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
	return s.readLearnt(ctx, endpoint)
}

// readLearnt reads the secrets of an endpoint anew; the mutex is held.
func (s *shared) readLearnt(ctx context.Context, endpoint string) (*[]string, error) {
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
	_, err := s.readLearnt(ctx, endpoint)
	return err
}

// current returns what the endpoint judges with at the moment: the configured
// secrets, and for providers that hand theirs over, what was learnt besides.
func (h *Handler) current(ctx context.Context, shared *shared) (*guest, error) {
	if h.provider == nil || !h.row.Secret.Learnt {
		return &h.guest, nil
	}
	secrets, err := shared.learntBy(ctx, h.Name)
	if err != nil {
		return nil, err
	}
	if g := h.taught.Load(); g != nil && g.learnt == secrets {
		return g, nil
	}
	// Two requests may both build it; the outcome is the same.
	provider, err := h.provider.with(*secrets)
	if err != nil {
		return nil, err
	}
	g := guestOf(provider)
	g.learnt = secrets
	h.taught.Store(&g)
	return &g, nil
}
