package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(helius) }

func helius() verifiers.Provider {
	return verifiers.Provider{
		Name:  "helius",
		Title: "Helius",
		Docs:  []string{"https://github.com/helius-labs/helius-sdk/blob/main/src/types/webhooks.ts"},
		Why: "Helius signs nothing: it sends the header Authorization exactly as it was typed when the webhook was made, so only TLS " +
			"protects it. A request brings a list of transactions; its type is that of the first.",
		Confirmed: true,
		Scheme: verifiers.Token{
			Names: []string{"Authorization"},
			Facts: verifiers.Facts{EventType: []string{"{json:0.type}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "authentication header", Where: "the webhook's settings: the whole value that you typed there"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "A list has no ID of its own. Its transactions have signatures, which never repeat.",
		},
		Sample: verifiers.Sample{
			Body: `[{"signature":"{uuid}","type":"NFT_SALE","source":"MAGIC_EDEN","timestamp":{unix},"slot":148277128,"fee":5000}]`,
		},
	}
}
