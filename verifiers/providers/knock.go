package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(knock) }

func knock() verifiers.Provider {
	return verifiers.Provider{
		Name:      "knock",
		Title:     "Knock (outbound webhooks)",
		Docs:      []string{"https://docs.knock.app/developer-tools/outbound-webhooks/overview"},
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"X-Knock-Signature"},
				Separator: ",",
				Assign:    "=",
				Keys:      []string{"s"},
				Encoding:  "base64",
			},
			Content: "{timestamp}.{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{param:t}", Format: "unix_ms"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signing key", Where: "Developers > Webhooks > the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Knock suggests 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "The body has the event's time and the message it is about, which distinguish bodies.",
		},
		Retries: verifiers.Retries{Attempts: 8},
		Sources: verifiers.Sources{
			Retries: "knocklabs/docs, content/developer-tools/outbound-webhooks/overview.mdx",
			Answers: "knocklabs/docs, content/developer-tools/outbound-webhooks/overview.mdx",
		},
		Sample: verifiers.Sample{
			Body: `{"__typename":"Event","type":"message.sent","created_at":"{time}","data":{"__typename":"Message","id":"{id}",` +
				`"channel_id":"10ca5a6e-6b24-4f5c-a1c9-2e6c4b1e6e1a","status":"sent","source":{"key":"welcome"}}}`,
		},
	}
}
