package caddymodule

import (
	"fmt"
	"testing"
)

// TestProbe sends probes to an endpoint of each scheme without a provider's row. The app
// gets none of them, and other unsigned requests stay refused.
func TestProbe(t *testing.T) {
	up := newUpstream(t)
	g := start(t, setup{site: fmt.Sprintf(`
		webhook_gateway /hmac hmac {
			signature header X-Sig
			secret s3cret
			probe HEAD GET
			forward %[1]s
		}
		webhook_gateway /token token {
			token header X-Token
			secret s3cret
			probe OPTIONS
		}
		reverse_proxy %[1]s`, up.addr)})
	for _, c := range []struct{ method, path, want string }{
		{"HEAD", "/hmac", `200 "" ""`},
		{"GET", "/hmac?challenge=echo-me", `200 "" ""`},
		{"OPTIONS", "/hmac", `405 "" ""`},
		{"POST", "/hmac", `401 "" ""`},
		{"DELETE", "/hmac", `405 "" ""`},
		{"OPTIONS", "/token", `200 "" ""`},
		{"HEAD", "/token", `405 "" ""`},
		{"POST", "/token", `401 "" ""`},
	} {
		if got := g.send(other(c.method, c.path)).String(); got != c.want {
			t.Errorf("%s %s: answered %s, want %s", c.method, c.path, got, c.want)
		}
	}
	g.drained()
	up.nothing()
}
