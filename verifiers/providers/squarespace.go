package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(squarespace) }

func squarespace() verifiers.Provider {
	scheme := overBody("hex", "Squarespace-Signature")
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:topic}"}
	scheme.Secret.Encoding = "hex"
	return verifiers.Provider{
		Name:  "squarespace",
		Title: "Squarespace",
		Docs: []string{
			"https://developers.squarespace.com/webhooks/overview",
			"https://developers.squarespace.com/webhooks/verifying-notifications",
		},
		Confirmed: true,
		Why:       "The key is hex and is decoded first.",
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "the answer that made the webhook subscription, in hex"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "Whether the body's ID stays the same on a retry was not confirmed; the body has its own time.",
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","websiteId":"website-1001","subscriptionId":"subscription-1001","topic":"order.create","createdOn":"{time}",` +
				`"data":{"orderId":"order-1001"}}`,
		},
	}
}
