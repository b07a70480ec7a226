package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(phonepeV1) }

func phonepeV1() verifiers.Provider {
	return verifiers.Provider{
		Name:  "phonepe-v1",
		Title: "PhonePe (v1, X-VERIFY)",
		Docs: []string{
			"https://developer.phonepe.com/v1/reference/server-to-server-callback-5",
			"https://developer.phonepe.com/v1/reference/python-callback-verification",
			"https://github.com/juspay/connector-service",
		},
		Confirmed: true,
		Why: "A plain SHA-256 with the salt key at its end, not an HMAC. One integrator puts the path of the URL between the two; " +
			"the documents do not.",
		Scheme: verifiers.HMAC{
			Digest: true,
			Signature: verifiers.Signature{
				Names:     []string{"X-VERIFY"},
				Separator: "###",
				Keys:      []string{"0"},
				Layout:    "{signature}###1",
			},
			KeyID:   "{param:1}",
			Content: "{json:response}{secret}",
		},
		Secret: verifiers.SecretInfo{Name: "salt key", Where: "the business dashboard, Developer Settings"},
		Options: []verifiers.Option{{
			Name:    "key",
			What:    "the salt index of each secret, in their order, as the dashboard shows it beside the salt key",
			Paired:  true,
			Pattern: `[0-9]+`,
			Example: "1",
		}},
		Freshness: verifiers.Freshness{Why: "There is no time outside the body."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "The signed response, a document in base64, has no ID on the outside and is the same on a retry.",
		},
		Sample: verifiers.Sample{
			Body: `{"response":"eyJzdWNjZXNzIjp0cnVlLCJjb2RlIjoiUEFZTUVOVF9TVUNDRVNTIn0="}`,
		},
	}
}
