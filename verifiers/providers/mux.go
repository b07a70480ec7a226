package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(mux) }

func mux() verifiers.Provider {
	return verifiers.Provider{
		Name:  "mux",
		Title: "Mux",
		Docs: []string{
			"https://www.mux.com/docs/core/verify-webhook-signatures",
			"https://github.com/muxinc/mux-node-sdk/blob/master/tests/api-resources/webhooks.test.ts",
		},
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"Mux-Signature"},
				Separator: ",",
				Assign:    "=",
				Keys:      []string{"v1"},
			},
			Content: "{timestamp}.{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{param:t}"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signing secret", Where: "Settings > Webhooks > the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Mux's library allows 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body. The body also lists the attempts made, so a digest of it is no key.",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"video.asset.ready","id":"{id}","created_at":"{time}","object":{"type":"asset","id":"asset_1001"},` +
				`"data":{"id":"asset_1001","status":"ready","duration":42.5},"attempts":[]}`,
		},
	}
}
