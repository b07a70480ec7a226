package caddymodule

import (
	"errors"
	"fmt"
	"strings"

	"go.uber.org/zap"
)

// settleRow holds the endpoint against what its provider's row says, and warns
// of what a person should know before events depend on it.
func (h *Handler) settleRow() error {
	switch {
	case h.Enrol && (h.provider == nil || !h.row.Secret.Learnt):
		return fmt.Errorf("enrol: %s hands no secret over; give it with `secret`", h.row.Title)
	case h.Forward != nil && h.row.Synchronous != "":
		return errors.New("forward answers the sender before your app does, and here the app's own answer is needed: " +
			h.row.Synchronous + " Leave `forward` out and let the next handler answer")
	}
	endpoint := zap.String("endpoint", h.Name)
	if !h.row.Confirmed && len(h.row.Docs) > 0 {
		h.logger.Warn("this provider's way of signing is unconfirmed: what is known of it does not come from the provider itself, "+
			"so that genuine requests may be refused; try it with real ones before you rely on it", endpoint,
			zap.String("provider", h.row.Name))
	}
	if s, ok := h.row.Scheme.(interface{ Unaddressed() []string }); ok {
		if missing := s.Unaddressed(); len(missing) > 0 {
			h.logger.Warn("the provider signs for all of its customers with one key, so that a request to another one "+
				"would be accepted here as well; say who you are with `"+strings.Join(missing, "` or `")+"`", endpoint)
		}
	}
	return nil
}
