package caddymodule

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// TestDoubledLines: a line that replaces the value of an earlier one is an error in
// every block.
func TestDoubledLines(t *testing.T) {
	doubled(t, globalBlock)
	doubled(t, endpointBlock)
	doubled(t, forwardBlock)
	doubled(t, retryBlock)
	doubled(t, circuitBlock)
	doubled(t, providerBlock)
	doubled(t, alertBlock)
}

func doubled[T any](t *testing.T, b block[T]) {
	t.Helper()
	names := make(map[string]bool)
	for _, l := range b.lines {
		if names[l.name] {
			t.Errorf("%s%s is in the table twice", b.title, l.name)
		}
		names[l.name] = true
		if l.many {
			continue
		}
		d := caddyfile.NewTestDispenser(l.name)
		d.Next()
		var to T
		found, err := b.readLine(to, d, map[string]bool{l.name: true})
		if !found || err == nil || !strings.Contains(err.Error(), l.name+" is given twice"+l.twice) {
			t.Errorf("%s%s: found %t, error %v", b.title, l.name, found, err)
		}
	}
}
