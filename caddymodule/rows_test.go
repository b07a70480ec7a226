package caddymodule

import (
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/hookwicket/hookwicket/verifiers"
)

// The rows of this file belong to no provider. Each has one feature, after which it is
// named: test-<feature>.
func init() {
	for _, row := range []verifiers.Provider{
		testRow("test-options", func(p *verifiers.Provider) {
			p.Secret = verifiers.SecretInfo{Name: "signing key", Where: "Settings > Webhooks"}
			p.Options = []verifiers.Option{
				{Name: "webhook_id", Required: true, Pattern: "wh_[a-z0-9]+", Example: "wh_1a2b", What: "the ID that is shown beside the webhook's URL"},
				{Name: "verify_token", Secret: true, Many: true, What: "the token that you chose"},
				{Name: "account", What: "the number of your account"},
				{Name: "key", Paired: true, What: "the name of each secret"},
			}
			scheme := p.Scheme.(verifiers.HMAC)
			scheme.Addressee = []verifiers.Condition{{Of: "{json:account}", Is: []string{"{option:account}"}}}
			p.Scheme = scheme
			p.Handshakes = []verifiers.Handshake{{
				Name: "subscription", Method: "GET",
				When:  []verifiers.Condition{{Of: "{query:mode}", Is: []string{"subscribe"}}},
				Guard: []verifiers.Condition{{Of: "{query:token}", Is: []string{"{option:verify_token}"}}},
				Body:  "{query:challenge}",
			}, {
				Name: "origin", Method: "OPTIONS",
				When:   []verifiers.Condition{{Of: "{header:WebHook-Request-Origin}"}},
				Header: map[string]string{"WebHook-Allowed-Origin": "{header:WebHook-Request-Origin}", "WebHook-Allowed-Rate": "{header:WebHook-Request-Rate}"},
			}, {
				Name: "reachable", Method: "HEAD",
			}, {
				Name: "ping", Verified: true,
				When: []verifiers.Condition{{Of: "{json:type}", Is: []string{"1"}}},
				Type: "application/json", Body: `{{"type":1,"echo":"{json:echo}"}}`,
			}}
		}),
		testRow("test-learning", func(p *verifiers.Provider) {
			p.Secret = verifiers.SecretInfo{Learnt: true}
			p.Handshakes = []verifiers.Handshake{{
				Name:   "secret",
				When:   []verifiers.Condition{{Of: "{header:X-Hook-Secret}"}},
				Header: map[string]string{"X-Hook-Secret": "{header:X-Hook-Secret}"},
				Enrols: "{header:X-Hook-Secret}",
			}}
		}),
		testRow("test-confirming", func(p *verifiers.Provider) {
			p.Handshakes = []verifiers.Handshake{{
				Name: "confirmation", Verified: true,
				When:    []verifiers.Condition{{Of: "{json:type}", Is: []string{"confirm"}}},
				Confirm: "{json:url}", Pin: []string{`https://sns\.example\.com/.*`},
			}}
		}),
		testRow("test-synchronous", func(p *verifiers.Provider) {
			p.Synchronous = "A person waits for what the command says."
		}),
		testRow("test-unconfirmed", func(p *verifiers.Provider) { p.Confirmed = false }),
		testRow("test-optional", func(p *verifiers.Provider) {
			p.Secret = verifiers.SecretInfo{Optional: true}
			p.Scheme = fetchingScheme{}
		}),
	} {
		caddy.RegisterModule(&Provider{row: row})
	}
}

func testRow(name string, change func(*verifiers.Provider)) verifiers.Provider {
	p := verifiers.Provider{
		Name: name, Title: "Test", Confirmed: true, Docs: []string{"https://hooks.example.com/docs"},
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Test-Signature"}},
			Content:   "{body}",
			Facts:     verifiers.Facts{EventID: []string{"{json:id}"}, EventType: []string{"{header:X-Test-Type}"}},
		},
		Dedupe: verifiers.Dedupe{By: verifiers.ByID, Window: 24 * time.Hour},
	}
	change(&p)
	return p
}
