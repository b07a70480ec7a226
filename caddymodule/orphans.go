package caddymodule

import (
	"maps"
	"slices"

	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/queue"
)

// An orphan is a destination of which the store has deliveries that wait or lie
// as dead letters, and that no forward of the configuration delivers to. It stays
// until a person decides.

// orphans returns the destinations that nobody delivers to. It follows the store:
// one that has been cleared is none any more.
func (r *running) orphans() map[string]queue.DestinationStats {
	found := make(map[string]queue.DestinationStats)
	for name, d := range r.shared.store.Stats().Destinations {
		if r.delivering[name] == nil && d.Waiting+d.DeadLetters > 0 {
			found[name] = d
		}
	}
	return found
}

// warnOfOrphans tells at load what waits for nobody.
func (r *running) warnOfOrphans(endpoints map[string]*Handler) {
	orphans := r.orphans()
	for _, name := range slices.Sorted(maps.Keys(orphans)) {
		endpoint, forward := splitDestination(name)
		d := orphans[name]
		fields := []zap.Field{
			zap.String("endpoint", endpoint), zap.String("forward", forward),
			zap.Int64("waiting", d.Waiting), zap.Int64("dead_letters", d.DeadLetters), zap.Int64("bytes", d.Bytes),
		}
		if !d.Oldest.IsZero() {
			fields = append(fields, zap.Time("oldest", d.Oldest))
		}
		missing := "the configuration has no endpoint of this name"
		switch h := endpoints[endpoint]; {
		case h == nil:
		case !h.asynchronous():
			missing = "this endpoint has no forward any more"
		case forward == "":
			missing = "all forwards of this endpoint have names now"
		default:
			missing = "this endpoint has no forward of this name"
		}
		r.logger.Warn("deliveries are kept that nobody makes: "+missing+"; give it back under its old name to deliver them, "+
			"or decide with `caddy webhook redeliver`, `cancel` or `purge`", fields...)
	}
}
