package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(nylas) }

func nylas() verifiers.Provider {
	scheme := overBody("hex", "X-Nylas-Signature")
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "nylas",
		Title: "Nylas",
		Docs: []string{
			"https://developer.nylas.com/docs/v3/notifications/",
			"https://developer.nylas.com/docs/cookbook/use-cases/build/retry-failed-webhooks/",
			"https://github.com/nylas/cli/blob/main/docs/commands/webhooks.md",
		},
		Confirmed: true,
		Why: "Leave compressed_delivery off: of a compressed body neither ID nor type can be read, and it is refused. " +
			"The secret exists only after Nylas's challenge was answered, so start with any secret and give Nylas's afterwards.",
		Scheme: scheme,
		Secret: verifiers.SecretInfo{Name: "webhook secret", Where: "the webhook's page in the Nylas Dashboard, or webhook_secret in the answer that made it"},
		Handshakes: []verifiers.Handshake{{
			Name:   "challenge",
			Method: "GET",
			When:   []verifiers.Condition{{Of: "{query:challenge}"}},
			Guard:  []verifiers.Condition{{Of: "{query:challenge}", Like: "[A-Za-z0-9_-]{1,256}"}},
			Body:   "{query:challenge}",
		}},
		Freshness: verifiers.Freshness{Why: "The only time is in the body and is that of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body. Nylas says to recognise duplicates by it.",
		},
		Retries: verifiers.Retries{Deadline: 10 * time.Second},
		Sample: verifiers.Sample{
			Body: `{"specversion":"1.0","type":"message.created","source":"/google/emails/realtime","id":"{id}","time":{unix},` +
				`"data":{"application_id":"{uuid}","object":{"id":"message-1001","grant_id":"{uuid}","object":"message"}}}`,
		},
	}
}
