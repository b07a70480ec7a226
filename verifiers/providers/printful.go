package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(printful) }

func printful() verifiers.Provider {
	scheme := overBody("hex", "X-Pf-Webhook-Signature")
	scheme.EventType = []string{"{json:type}"}
	scheme.Secret.Encoding = "hex"
	scheme.KeyID = "{header:X-Pf-Webhook-Public-Key}"
	return verifiers.Provider{
		Name:   "printful",
		Title:  "Printful (API v2)",
		Docs:   []string{"https://developers.printful.com/docs/v2-beta/"},
		Why:    "The key is hex and is decoded first. Webhooks of API v1 are not signed.",
		Scheme: scheme,
		Secret: verifiers.SecretInfo{Name: "secret key", Where: "the answer that made the webhook configuration, in hex"},
		Options: []verifiers.Option{{
			Name:    "key",
			What:    "the public key of each secret, in their order, as the webhook configuration shows it",
			Paired:  true,
			Example: "pk_example",
		}},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no event ID. A retry changes the counter in the body, so it counts as another event: better than to lose one.",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"shipment_sent","occurred_at":"{time}","retries":0,"store_id":12,"data":{"shipment":{"id":1001,` +
				`"tracking_number":"{id}"}}}`,
		},
	}
}
