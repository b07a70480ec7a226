package cli

import (
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/queue"
)

// TestTimesOf: the beginning of an ID gives the times between which its message was
// received.
func TestTimesOf(t *testing.T) {
	at := time.Date(2026, 1, 15, 10, 30, 0, 123e6, time.UTC)
	id := queue.NewID(at).String()
	for n := 8; n <= shortIDLength; n++ {
		if !beginningOfID.MatchString(id[:n]) {
			t.Errorf("%s is no beginning of an ID", id[:n])
		}
		since, until := timesOf(id[:n])
		from, err := time.Parse(time.RFC3339Nano, since)
		if err != nil {
			t.Fatal(err)
		}
		to, err := time.Parse(time.RFC3339Nano, until)
		if err != nil {
			t.Fatal(err)
		}
		if from.After(at) || !to.After(at) || n >= 13 && to.Sub(from) != time.Millisecond {
			t.Errorf("%s: from %v to %v, want %v between", id[:n], from, to, at)
		}
	}
	for _, far := range []string{"ffffffff", "f"} { // of a year that RFC 3339 cannot write
		for _, text := range timesIn(far) {
			if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
				t.Errorf("%s: %v", far, err)
			}
		}
	}
	for _, other := range []string{"evt_1", "0194d0a", "0194d0a0x", "0194d0a01", ""} {
		if beginningOfID.MatchString(other) {
			t.Errorf("%q is taken for the beginning of an ID", other)
		}
	}
}

func timesIn(beginning string) []string {
	since, until := timesOf(beginning)
	return []string{since, until}
}
