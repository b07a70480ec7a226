package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(logto) }

func logto() verifiers.Provider {
	scheme := overBody("hex", "Logto-Signature-Sha-256")
	scheme.EventType = []string{"{json:event}"}
	return verifiers.Provider{
		Name:  "logto",
		Title: "Logto",
		Docs: []string{
			"https://docs.logto.io/developers/webhooks/secure-webhooks",
			"https://github.com/logto-io/logto/blob/master/packages/core/src/utils/sign.test.ts",
		},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "signing key", Where: "Console > Webhooks > the webhook"},
		Freshness: verifiers.Freshness{Why: "The only time is in the body and is that of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no event ID: hookId is the webhook's. The body has the event's time and its subject.",
		},
		Sample: verifiers.Sample{
			Body: `{"hookId":"hook-1001","event":"User.Created","createdAt":"{time}","userAgent":"Mozilla/5.0",` +
				`"data":{"id":"{id}","username":"ada","primaryEmail":"ada@example.com"}}`,
		},
	}
}
