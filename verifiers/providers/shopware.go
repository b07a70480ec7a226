package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(shopware) }

func shopware() verifiers.Provider {
	scheme := overBody("hex", "shopware-shop-signature")
	scheme.EventID = []string{"{json:source.eventId}"}
	scheme.EventType = []string{"{json:data.event}"}
	return verifiers.Provider{
		Name:  "shopware",
		Title: "Shopware (apps)",
		Docs: []string{
			"https://developer.shopware.com/docs/guides/plugins/apps/webhook.html",
			"https://github.com/shopware/app-sdk-js",
		},
		Why: "Every shop has a secret of its own, which the app hands to it when it is registered. So an endpoint serves one shop, or has " +
			"the secrets of several. The registration itself is not a webhook and stays with the app.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "shop secret", Where: "the app's own store of shops; the app makes it in the registration"},
		Freshness: verifiers.Freshness{Why: "The only time is in the body and is that of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body, beside the shop.",
		},
		Sample: verifiers.Sample{
			Body: `{"data":{"payload":[{"entity":"product","operation":"update","primaryKey":"7b04ebe416db4ebc93de4d791325e1d9","updatedFields":["name"]}],` +
				`"event":"product.written"},"source":{"url":"https://shop.example.com","appVersion":"1.0.0","shopId":"dgrH7nLU6tlE","eventId":"{id}"},` +
				`"timestamp":{unix}}`,
		},
	}
}
