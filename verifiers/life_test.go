package verifiers

import (
	"testing"
	"time"
)

// TestLife: an event is remembered until the end of its token is enforced.
func TestLife(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ends := Event{Expires: noon.Add(48 * time.Hour)}
	for _, c := range []struct {
		name  string
		fresh Freshness
		event Event
		want  time.Duration
	}{
		{"a token", Freshness{}, ends, 48*time.Hour + DefaultLeeway},
		{"with a leeway of its own", Freshness{Leeway: time.Hour}, ends, 49 * time.Hour},
		{"whose end is not enforced", Freshness{Leeway: -1}, ends, 0},
		{"without an end", Freshness{}, Event{}, 0},
		{"that has ended", Freshness{}, Event{Expires: noon.Add(-time.Hour)}, 0},
	} {
		got := c.fresh.Life(c.event, noon)
		if got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if got > 0 && c.fresh.Check(c.event, noon.Add(got)) == nil {
			t.Errorf("%s: it is accepted when its life is over", c.name)
		}
	}
}
