package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(orb) }

func orb() verifiers.Provider {
	return verifiers.Provider{
		Name:  "orb",
		Title: "Orb",
		Docs: []string{
			"https://github.com/orbcorp/orb-node/blob/main/src/resources/webhooks.ts",
			"https://github.com/orbcorp/orb-node/blob/main/tests/api-resources/webhooks.test.ts",
		},
		Why:       "The signed time is in UTC and has no zone at its end. It is read with a Z behind it.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"X-Orb-Signature"},
				Separator: " ",
				Assign:    "=",
				Keys:      []string{"v1"},
			},
			Content: "v1:{header:X-Orb-Timestamp}:{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-Orb-Timestamp}Z", Format: "rfc3339"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signing secret", Where: "the Orb dashboard, at the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Orb's library allows 5 minutes to both sides.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","created_at":"{time}","type":"subscription.started","properties":{},"subscription":{"id":"sub_1001","status":"active"}}`,
		},
	}
}
