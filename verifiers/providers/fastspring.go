package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(fastspring) }

func fastspring() verifiers.Provider {
	scheme := overBody("base64", "X-FS-Signature")
	scheme.EventType = []string{"{json:events.0.type}"}
	return verifiers.Provider{
		Name:  "fastspring",
		Title: "FastSpring",
		Docs: []string{
			"https://developer.fastspring.com/docs/message-security",
			"https://developer.fastspring.com/docs/webhooks-overview",
		},
		Why:       "A webhook is only signed if it has a secret. A request brings a list of events; its type is that of the first.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "HMAC SHA256 secret", Where: "Developer Tools > Webhooks > the webhook"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "The events of a list have IDs, the list has none. A retry by hand brings new IDs and counts as new.",
		},
		Sample: verifiers.Sample{
			Body: `{"events":[{"id":"{id}","processed":false,"created":{unix}000,"type":"order.completed","live":false,` +
				`"data":{"order":"order-1001","reference":"EX1001","currency":"USD","total":49.95}}]}`,
		},
	}
}
