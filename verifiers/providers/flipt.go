package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(flipt) }

func flipt() verifiers.Provider {
	scheme := overBody("hex", "X-Flipt-Webhook-Signature")
	scheme.EventType = []string{"{json:type}.{json:action}"}
	return verifiers.Provider{
		Name:  "flipt",
		Title: "Flipt (audit events)",
		Docs: []string{
			"https://github.com/flipt-io/flipt/blob/v1.50.0/internal/server/audit/webhook/client.go",
			"https://github.com/flipt-io/flipt/blob/v1.50.0/internal/server/audit/events.go",
		},
		Why:       "Only a webhook with a url is signed. One with templates sends the headers and the body of its author.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "signing_secret", Where: "the key audit.sinks.webhook.signing_secret of Flipt's configuration"},
		Freshness: verifiers.Freshness{Why: "The only time is in the body and is that of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no event ID. The body has the change and its time.",
		},
		Retries: verifiers.Retries{Horizon: 15 * time.Second},
		Sources: verifiers.Sources{
			Retries: "https://docs.flipt.io/configuration/auditing/webhooks",
			Answers: "https://docs.flipt.io/configuration/auditing/webhooks",
		},
		Sample: verifiers.Sample{
			Body: `{"version":"0.2","type":"flag","action":"update","metadata":{"actor":{"authentication":"none","ip":"192.0.2.1"}},` +
				`"payload":{"key":"{id}","name":"A flag","enabled":true},"timestamp":"{time}","status":"success"}`,
		},
	}
}
