package caddymodule

import (
	"maps"
	"slices"

	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/queue"
)

// An orphan is a destination with a backlog or dead letters, but without a forward in
// the configuration. The store keeps its deliveries until a person decides.

// orphans returns the orphans that the store has now.
func (r *running) orphans() map[queue.Destination]queue.DestinationStats {
	found := make(map[queue.Destination]queue.DestinationStats)
	for name, d := range r.shared.store.Stats().Destinations {
		if r.delivering[name] == nil && d.Waiting+d.DeadLetters > 0 {
			found[name] = d
		}
	}
	return found
}

// warnOfOrphans warns of orphans when a configuration is loaded.
func (r *running) warnOfOrphans(endpoints map[string]*Handler) {
	orphans := r.orphans()
	for _, name := range slices.SortedFunc(maps.Keys(orphans), queue.Destination.Compare) {
		d := orphans[name]
		fields := []zap.Field{
			zap.String("endpoint", name.Endpoint), zap.String("forward", name.Forward),
			zap.Int64("waiting", d.Waiting), zap.Int64("dead_letters", d.DeadLetters), zap.Int64("bytes", d.Bytes),
		}
		if !d.Oldest.IsZero() {
			fields = append(fields, zap.Time("oldest", d.Oldest))
		}
		missing := "the configuration has no endpoint of this name"
		switch h := endpoints[name.Endpoint]; {
		case h == nil:
		case len(h.Forwards) == 0:
			missing = "this endpoint has no forward any more"
		case name.Forward == "":
			missing = "all forwards of this endpoint have names now"
		default:
			missing = "this endpoint has no forward of this name"
		}
		r.logger.Warn("deliveries are kept that nobody makes: "+missing+"; give it back under its old name to deliver them, "+
			"or decide with `caddy webhook redeliver`, `cancel` or `purge`", fields...)
	}
}
