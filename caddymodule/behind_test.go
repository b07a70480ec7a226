package caddymodule

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
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

// TestNothingTakes: the load warns of an endpoint without a forward whose events no
// handler takes.
func TestNothingTakes(t *testing.T) {
	const endpoint = "webhook_gateway /generic generic {\n secret s3cret-of-a-test\n}\n"
	for site, want := range map[string]int{
		endpoint + "respond 404":                                                               1,
		endpoint + "respond /generic 404":                                                      1,
		endpoint + "abort":                                                                     1,
		endpoint + "error 404":                                                                 1,
		endpoint + "header X-A b\nrespond 404":                                                 1,
		"handle /generic {\n" + endpoint + "}\nrespond 404":                                    1,
		endpoint + "respond 204":                                                               0,
		endpoint + "respond {http.vars.status}":                                                0,
		endpoint + "reverse_proxy /generic 127.0.0.1:1\nrespond 404":                           0,
		endpoint + "handle /generic {\n reverse_proxy 127.0.0.1:1\n}\nrespond 404":             0,
		"route /g* {\n" + endpoint + "}\nreverse_proxy 127.0.0.1:1":                            0,
		strings.Replace(endpoint, "secret", "forward 127.0.0.1:1\n secret", 1) + "respond 404": 0,
	} {
		g := start(t, setup{site: "route {\n" + site + "\n}"})
		if got := len(g.logs.lines(`"warn"`, "no handler behind them takes an event", `"endpoints":["generic"]`)); got != want {
			t.Errorf("%d warnings, want %d:\n%s", got, want, site)
		}
		g.stop()
	}
	refused := make(map[string]bool)
	alone := caddyhttp.Route{Handlers: []caddyhttp.MiddlewareHandler{&Handler{Name: "alone"}}, Group: "g"}
	other := caddyhttp.Route{Handlers: []caddyhttp.MiddlewareHandler{&reverseproxy.Handler{}}, Group: "g"}
	if findRefused(caddyhttp.RouteList{alone, other}, false, refused); !refused["alone"] {
		t.Error("an endpoint with no handler behind it, but in another `handle`, is not found")
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
