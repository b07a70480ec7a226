package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(cryptopay) }

func cryptopay() verifiers.Provider {
	scheme := overBody("hex", "X-Cryptopay-Signature")
	scheme.EventType = []string{"{json:type}.{json:event}"}
	return verifiers.Provider{
		Name:  "cryptopay",
		Title: "Cryptopay",
		Docs: []string{
			"https://developers.cryptopay.me/guides/api-basics/callbacks",
			"https://github.com/cryptopay-dev/cryptopay-node/blob/master/src/test/api.spec.ts",
		},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "callback secret", Where: "the project's API settings"},
		Freshness: verifiers.Freshness{Why: "There is no time outside the body."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no event ID. A body has the whole state of its object.",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"Invoice","event":"status_changed","data":{"id":"{id}","status":"completed","price_amount":"10.0",` +
				`"price_currency":"EUR","created_at":"{time}"}}`,
		},
	}
}
