package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(lightspark) }

func lightspark() verifiers.Provider {
	scheme := overBody("hex", "lightspark-signature")
	scheme.EventID = []string{"{json:event_id}"}
	scheme.EventType = []string{"{json:event_type}"}
	return verifiers.Provider{
		Name:  "lightspark",
		Title: "Lightspark",
		Docs: []string{
			"https://github.com/lightsparkdev/go-sdk/blob/main/webhooks/webhooks.go",
			"https://github.com/lightsparkdev/go-sdk/blob/main/webhooks/test/webhooks_test.go",
		},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "signing key", Where: "the Lightspark dashboard, at the webhook"},
		Freshness: verifiers.Freshness{Why: "The only time is in the body and is that of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Sample: verifiers.Sample{
			Body: `{"event_type":"PAYMENT_FINISHED","event_id":"{id}","timestamp":"{time}","entity_id":"OutgoingPayment:{uuid}"}`,
		},
	}
}
