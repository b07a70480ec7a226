package caddymodule

import (
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// TestIdentifyAt: an event whose token outlives the window is remembered longer.
func TestIdentifyAt(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	h := &Handler{Name: "pay", window: 24 * time.Hour}
	event := verifiers.Event{ID: "evt_1", Signed: verifiers.Fields{ID: true}}
	for life, want := range map[time.Duration]time.Duration{
		time.Hour:                 24 * time.Hour,
		30 * 24 * time.Hour:       30*24*time.Hour + time.Minute,
		10 * 366 * 24 * time.Hour: maxWindow,
	} {
		event.Expires = noon.Add(life)
		if got := h.identifyAt(event, noon).Window; got != want {
			t.Errorf("a token of %v: window %v, want %v", life, got, want)
		}
	}
}
