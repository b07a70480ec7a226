package queue

import "testing"

// dest makes a destination of its text.
func dest(s string) Destination { return ParseDestination(s) }

func TestDestination(t *testing.T) {
	for text, want := range map[string]Destination{
		"":               {},
		"stripe":         {Endpoint: "stripe"},
		"stripe/billing": {Endpoint: "stripe", Forward: "billing"},
	} {
		if got := ParseDestination(text); got != want || got.String() != text {
			t.Errorf("%q became %#v, and that %q", text, got, got.String())
		}
	}
}
