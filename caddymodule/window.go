package caddymodule

import (
	"time"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/verifiers"
)

// maxWindow bounds the window of a token that lives for years.
const maxWindow = 366 * 24 * time.Hour

// identifyAt is identify for a request that was just received. An event whose token
// lives longer than the window is remembered for as long as the token lives, or a
// captured request would outlive its key.
func (h *Handler) identifyAt(event verifiers.Event, received time.Time) queue.Identity {
	id := h.identify(event)
	if id.Window > 0 {
		id.Window = max(id.Window, min(h.freshness.Life(event, received), maxWindow))
	}
	return id
}
