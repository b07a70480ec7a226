package caddymodule

import (
	"strings"
	"testing"
)

// TestConfigurationDigest: two gateways with the same lines have the same digests, whatever
// their secrets and machines are. A line that matters makes another one, of its endpoint alone.
func TestConfigurationDigest(t *testing.T) {
	const app, stripe = "max_backlog 1GiB", `
webhook_gateway /stripe stripe {
	secret whsec_aaaaaaaaaaaaaaaa
	sign_with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
	forward {
		as billing
		retry {
			attempts 7
		}
		rate 10/s 5
		order by json data.id
		reverse_proxy 127.0.0.1:1 {
			header_up Authorization "Bearer aaaa"
		}
	}
}
webhook_gateway /hmac hmac {
	name other
	secret aaaaaaaa
	signature header X-Signature encoding hex
	signed {body}
	forward 127.0.0.1:1
}`
	digests := func(app, site string) (options, stripe, other string) {
		t.Helper()
		g := start(t, setup{app: app, site: site})
		defer g.stop()
		c := runningApp().configuration()
		if len(c.Endpoints) != 2 {
			t.Fatalf("%+v", c)
		}
		return c.Options, c.Endpoints["stripe"], c.Endpoints["other"]
	}
	options, first, second := digests(app, stripe)
	for _, c := range []struct {
		name, old, with      string
		app                  string
		options, first, next bool // differ
	}{
		{name: "nothing", app: app},
		{name: "a secret", old: "whsec_aaaaaaaaaaaaaaaa", with: "whsec_bbbbbbbbbbbbbbbb", app: app},
		{name: "a secret of sign_with", old: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", with: "NfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", app: app},
		{name: "a credential for the upstream", old: "Bearer aaaa", with: "Bearer bbbb", app: app},
		{name: "memory of the machine", app: app + "\nmax_in_flight 10MiB"},
		{name: "max_backlog", app: "max_backlog 2GiB", options: true},
		{name: "the common retention", app: app + "\nretention 2h", options: true, first: true, next: true},
		{name: "retention", old: "secret whsec_a", with: "retention 48h\n\tsecret whsec_a", app: app, first: true},
		{name: "mode", old: "secret whsec_a", with: "mode observe\n\tsecret whsec_a", app: app, first: true},
		{name: "attempts", old: "attempts 7", with: "attempts 8", app: app, first: true},
		{name: "burst", old: "10/s 5", with: "10/s 6", app: app, first: true},
		{name: "order", old: "data.id", with: "data.no", app: app, first: true},
		{name: "upstream", old: "reverse_proxy 127.0.0.1:1", with: "reverse_proxy 127.0.0.1:2", app: app, first: true},
		{name: "forward", old: "as billing", with: "as shipping", app: app, first: true},
		{name: "the scheme", old: "X-Signature", with: "X-Sig", app: app, next: true},
	} {
		site := stripe
		if c.old != "" {
			if site = strings.Replace(stripe, c.old, c.with, 1); site == stripe {
				t.Fatalf("%s: %q is not there", c.name, c.old)
			}
		}
		o, f, s := digests(c.app, site)
		if (o != options) != c.options || (f != first) != c.first || (s != second) != c.next {
			t.Errorf("%s: options differ: %v, stripe: %v, other: %v", c.name, o != options, f != first, s != second)
		}
	}
}
