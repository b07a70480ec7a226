package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(primer) }

func primer() verifiers.Provider {
	scheme := overBody("base64", "X-Signature-Primary")
	scheme.EventType = []string{"{json:eventType}"}
	return verifiers.Provider{
		Name:      "primer",
		Title:     "Primer",
		Docs:      []string{"https://primer.io/docs"},
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "the dashboard, Developers > Webhooks"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no event ID. A body has the payment, its status and the time.",
		},
		Sample: verifiers.Sample{
			Body: `{"eventType":"PAYMENT.STATUS","date":"{time}","version":"2.4","payment":{"id":"{id}","status":"AUTHORIZED","amount":1000,` +
				`"currencyCode":"EUR","orderId":"order-1001"}}`,
		},
	}
}
