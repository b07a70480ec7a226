package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(unitCo) }

// unitCo is Unit, the banking platform at unit.co.
func unitCo() verifiers.Provider {
	scheme := overBody("base64", "X-Unit-Signature")
	scheme.EventType = []string{"{json:data.0.type}"}
	scheme.Hash = "sha1"
	return verifiers.Provider{
		Name:  "unit",
		Title: "Unit",
		Docs:  []string{"https://github.com/unit-finance/unit-node-sdk/blob/main/tests/webhooks.spec.ts"},
		Why: "The hash is SHA-1; Unit has no other. The secret may look like base32 and is used as text. A request brings a list " +
			"of events; its type is that of the first.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "token", Where: "the webhook's settings"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "The events of a list have IDs, the list has none.",
		},
		Sample: verifiers.Sample{
			Body: `{"data":[{"id":"46306092","type":"application.approved","attributes":{"createdAt":"{time}"},` +
				`"relationships":{"application":{"data":{"id":"{id}","type":"individualApplication"}}}}]}`,
		},
	}
}
