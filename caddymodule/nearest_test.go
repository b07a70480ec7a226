package caddymodule

import (
	"strings"
	"testing"
)

func TestDidYouMean(t *testing.T) {
	names := append(providerNames(), subdirectives()...)
	for typed, want := range map[string]string{
		"stripee":           " (did you mean stripe?)",
		"Stripe":            " (did you mean stripe?)",
		"standardwebhooks":  " (did you mean standard-webhooks?)",
		"standard_webhooks": " (did you mean standard-webhooks?)",
		"tolerence":         " (did you mean tolerance?)",
		"acme":              "",
		"a":                 "",
		"":                  "",
	} {
		if got := didYouMean(typed, names); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

// TestSubdirectives: a mistyped line is compared with all lines of an endpoint.
func TestSubdirectives(t *testing.T) {
	for _, name := range subdirectives() {
		_, err := adapt(":8080\nwebhook_gateway hmac {\n\t" + name + "\n}\n")
		if err != nil && strings.Contains(err.Error(), "unknown subdirective") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
