package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(retell) }

func retell() verifiers.Provider {
	return verifiers.Provider{
		Name:  "retell",
		Title: "Retell AI",
		Docs: []string{
			"https://docs.retellai.com/features/secure-webhook",
			"https://github.com/RetellAI/retell-typescript-sdk/blob/main/src/lib/webhook_auth.ts",
		},
		Why:       "The time follows the body in the signed content, with nothing between.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"x-retell-signature"},
				Separator: ",",
				Assign:    "=",
				Keys:      []string{"d"},
			},
			Content: "{body}{timestamp}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{param:v}", Format: "unix_ms"},
				EventType: []string{"{json:event}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "API key", Where: "Dashboard > API Keys, the key that is marked for webhooks"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Retell's library allows 5 minutes to both sides.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why: "There is no ID. A call has an event of a kind once, or with more in its transcript each time. " +
				"The body holds the call as it then is.",
		},
		Sample: verifiers.Sample{
			Body: `{"event":"call_ended","call":{"call_id":"call_{id}","agent_id":"agent_1001","call_status":"ended","end_timestamp":{unix}000}}`,
		},
	}
}
