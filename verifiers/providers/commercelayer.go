package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(commercelayer) }

func commercelayer() verifiers.Provider {
	scheme := overBody("base64", "X-CommerceLayer-Signature")
	scheme.EventID = []string{"{header:X-CommerceLayer-Topic}:{json:data.id}"}
	scheme.EventType = []string{"{header:X-CommerceLayer-Topic}"}
	return verifiers.Provider{
		Name:  "commercelayer",
		Title: "Commerce Layer",
		Docs: []string{
			"https://docs.commercelayer.io",
			"https://www.npmjs.com/package/commercelayer-webhooks",
			"https://github.com/commercelayer/commercelayer-docs-api/blob/master/callbacks-security.md",
		},
		Confirmed: true,
		Why:       "The topic is in a header only, outside the signature.",
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "shared secret", Where: "shared_secret of the webhook"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "There is no event ID. The topic and the resource count together with the body: two topics may carry the same state " +
				"of one resource.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-CommerceLayer-Topic": "orders.place"},
			Body: `{"data":{"id":"wBXVhKzrnq","type":"orders","attributes":{"number":"1001","status":"placed","currency_code":"EUR",` +
				`"updated_at":"{time}","reference":"{id}"}}}`,
		},
	}
}
