package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(integratedFinance) }

func integratedFinance() verifiers.Provider {
	return verifiers.Provider{
		Name:  "integrated-finance",
		Title: "Integrated Finance",
		Docs:  []string{"https://developer.integrated.finance/docs/webhook-authentication"},
		Why: "The signed text has the SHA-512 of the body, which is computed here: the header X-Webhook-Content-Digest is not " +
			"trusted. X-Webhook-Key-Version names the key; give all that are in use.",
		Confirmed: true,
		Scheme: verifiers.PublicKey{
			Algorithm: "ed25519",
			Signature: verifiers.Signature{Names: []string{"X-Webhook-Signature"}, Encoding: "base64"},
			Content: "{body.sha512.base64}|{id}|{header:X-Webhook-Event-Timestamp}|" +
				"{header:X-Webhook-Request-Id}|{timestamp}|{header:X-Webhook-Key-Version}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-Webhook-Request-Timestamp}", Format: "rfc3339"},
				EventID:   []string{"{header:X-Webhook-Event-Id}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "public key", Where: "the developer portal, one for each key version"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "It is the time of the request and is renewed on each.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The event's ID is signed beside the body.",
		},
		AttemptID: "X-Webhook-Request-Id",
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Webhook-Event-Timestamp": "{time}", "X-Webhook-Request-Id": "{uuid}", "X-Webhook-Key-Version": "1"},
			Body:   `{"type":"transaction.completed","data":{"id":"example-1001","amount":"100.00","currency":"GBP"}}`,
		},
	}
}
