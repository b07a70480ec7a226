package caddymodule

import (
	"strings"
	"testing"
)

// TestBehind: the load warns where a request that misses an endpoint's matcher is
// lost or reaches an app unverified, and says nothing where it does not.
func TestBehind(t *testing.T) {
	const (
		kept   = "{\n secret s3cret-of-a-test\n forward 127.0.0.1:1\n}\n"
		passed = "{\n secret s3cret-of-a-test\n}\n"
		fine   = ""
		lost   = "get Caddy's empty 200"
		app    = "reach the app behind unverified"
	)
	for name, c := range map[string]struct{ site, warning string }{
		"nothing behind":           {"webhook_gateway /generic generic " + kept, lost},
		"a fallback":               {"webhook_gateway /generic generic " + kept + "respond 404", fine},
		"a fallback for some":      {"webhook_gateway /generic generic " + kept + "respond /x 404", lost},
		"only middleware":          {"webhook_gateway /generic generic " + kept + "header X-A b\nvars a b", lost},
		"no matcher":               {"webhook_gateway generic " + kept, fine},
		"no matcher, and an app":   {"webhook_gateway generic " + passed + "reverse_proxy 127.0.0.1:1", fine},
		"an app for everything":    {"webhook_gateway /generic generic " + passed + "reverse_proxy 127.0.0.1:1", app},
		"an app for some":          {"webhook_gateway /generic generic " + passed + "reverse_proxy /generic 127.0.0.1:1\nrespond 404", fine},
		"handles":                  {"handle /generic {\n webhook_gateway generic " + passed + "reverse_proxy 127.0.0.1:1\n}\nhandle {\n respond 404\n}", fine},
		"a handle alone":           {"handle /generic {\n webhook_gateway generic " + passed + "reverse_proxy 127.0.0.1:1\n}", lost},
		"a handle and an app":      {"handle /generic {\n webhook_gateway generic " + kept + "\n}\nhandle {\n reverse_proxy 127.0.0.1:1\n}", app},
		"a matcher in a handle":    {"handle /g* {\n webhook_gateway /generic generic " + kept + "\n}\nhandle {\n respond 404\n}", lost},
		"a fallback after a route": {"route /g* {\n webhook_gateway /generic generic " + kept + "\n}\nrespond 404", fine},
		"an error":                 {"webhook_gateway /generic generic " + kept + "error 404", fine},
		"another endpoint":         {"webhook_gateway /generic generic " + kept + "webhook_gateway stripe " + strings.Replace(kept, "secret ", "secret whsec_", 1), fine},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, setup{site: "handle /hookwicket-other {\n respond 204\n}\nroute {\n" + c.site + "\n}"})
			for _, warning := range []string{lost, app} {
				if got, want := len(g.logs.lines(`"warn"`, warning, `"generic"`)), 0; c.warning == warning {
					if got != 1 {
						t.Errorf("%d warnings say %q, want 1", got, warning)
					}
				} else if got != want {
					t.Errorf("a warning says %q", warning)
				}
			}
		})
	}
}

// TestHiddenEndpoint: the load warns of an endpoint that no request can reach.
func TestHiddenEndpoint(t *testing.T) {
	const endpoint = " {\n secret whsec_of_a_test\n forward 127.0.0.1:1\n}\n"
	for site, want := range map[string]int{
		"webhook_gateway stripe" + endpoint + "webhook_gateway generic" + endpoint:                                   1,
		"webhook_gateway stripe" + endpoint + "handle /g {\n webhook_gateway generic" + endpoint + "}":               1,
		"webhook_gateway /s stripe" + endpoint + "webhook_gateway generic" + endpoint:                                0,
		"handle /s {\n webhook_gateway stripe" + endpoint + "}\nhandle {\n webhook_gateway generic" + endpoint + "}": 0,
	} {
		g := start(t, setup{site: "route {\n" + site + "\n}"})
		if got := len(g.logs.lines(`"warn"`, "no request reaches the endpoint", `"endpoint":"generic"`, `"before":"stripe"`)); got != want {
			t.Errorf("%d warnings, want %d:\n%s", got, want, site)
		}
		g.stop()
	}
}
