package caddymodule

import (
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/adminapi"
)

// TestForRelay: what goes through the database has no secret, and nothing that an encrypted
// store seals.
func TestForRelay(t *testing.T) {
	const site = "webhook_gateway /stripe stripe {\n secret whsec_relayed_secret\n forward 127.0.0.1:1\n}"
	for _, c := range []struct {
		name, app, endpoint string
		texts               bool
	}{
		{"plain", "", "stripe", true},
		{"encrypted", "encrypt " + strings.Repeat("ab", 32), "stripe", false},
		{"an endpoint that is gone", "", "gone", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := start(t, setup{app: c.app, site: site})
			defer g.stop()
			e := adminapi.Event{
				Endpoint: c.endpoint, EventID: "evt_1", Reason: "wrong_signature", ClientIP: "192.0.2.1", Detail: "a detail",
				Error: "HTTP status 500: whsec_relayed_secret", URI: "/stripe?key=whsec_relayed_secret",
			}
			forRelay(&e)
			all := strings.Join([]string{e.Error, e.Detail, e.URI, e.ClientIP}, "")
			if (all != "") != c.texts || strings.Contains(all, "whsec_relayed") || e.EventID != "evt_1" || e.Reason != "wrong_signature" {
				t.Errorf("%+v", e)
			}
			long := adminapi.Event{Endpoint: c.endpoint, Error: strings.Repeat("x", 5000), URI: "/" + strings.Repeat("x", 1500)}
			if forRelay(&long); len(long.Error)+len(long.URI) > 1024 {
				t.Errorf("%d and %d bytes", len(long.Error), len(long.URI))
			}
		})
	}
}
