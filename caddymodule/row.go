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
	case h.asynchronous() && h.row.Synchronous != "":
		return errors.New("forward answers the sender before your app does, and here the app's own answer is needed: " +
			h.row.Synchronous + " Leave `forward` out and let the next handler answer")
	}
	endpoint := zap.String("endpoint", h.Name)
	if !h.row.Confirmed && len(h.row.Docs) > 0 {
		h.logger.Warn("this provider's way of signing is unconfirmed: what is known of it does not come from the provider itself, "+
			"so that genuine requests may be refused; try it with real ones before you rely on it", endpoint,
			zap.String("provider", h.row.Name))
	}
	if h.provider != nil {
		for i, secret := range h.provider.secrets {
			if what := doubtful(secret); what != "" {
				h.logger.Warn("the secret has "+what+", which counts as part of it; is it meant so?", endpoint, zap.Int("secret", i+1))
			}
		}
	}
	h.warnOfScheme()
	if s, ok := h.row.Scheme.(interface{ Unaddressed() []string }); ok {
		if missing := s.Unaddressed(); len(missing) > 0 {
			h.logger.Warn("a request that the provider has signed for somebody else, or for another endpoint, would be accepted "+
				"here as well; say for whom it has to be with `"+strings.Join(missing, "` or `")+"`", endpoint)
		}
	}
	return nil
}
