package caddymodule

import "testing"

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
