package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// standardScheme is the symmetric scheme of Standard Webhooks under header names
// that start with any of starts. Signatures of other versions (v1a, ed25519) are
// skipped.
func standardScheme(starts ...string) verifiers.HMAC {
	return verifiers.HMAC{
		Signature: verifiers.Signature{
			Names:     []string{"*signature"},
			Separator: " ",
			Assign:    ",",
			Keys:      []string{"v1"},
			Encoding:  "base64",
		},
		Secret:  verifiers.SecretFormat{Prefixes: []string{"whsec_"}, Encoding: "base64"},
		Content: "{id}.{timestamp}.{body}",
		Facts: verifiers.Facts{
			Timestamp: verifiers.Timestamp{From: "{header:*timestamp}"},
			EventID:   []string{"{header:*id}"},
			EventType: []string{"{json:type}"},
		},
		Variants: starts,
	}
}

const standardWhy = "The time is that of the attempt and is signed anew on each. " +
	"The ID stays the same on all of them and is signed beside the body."

func init() { register(standardWebhooks) }

func standardWebhooks() verifiers.Provider {
	return verifiers.Provider{
		Name:      "standard-webhooks",
		Title:     "Standard Webhooks",
		Docs:      []string{"https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"},
		Confirmed: true,
		Scheme:    standardScheme("webhook-"),
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "the sender's page for the endpoint; it starts with whsec_, or is the part after that"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "The specification's libraries allow 5 minutes to both sides.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			// A sender may put anything into a body, so two events can look alike.
			UniqueBodies: false,
			Why:          standardWhy,
		},
		Retries: verifiers.Retries{ // the specification's example: 0, 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h
			Deadline: 15 * time.Second,
			Attempts: 10,
			Horizon:  75*time.Hour + 36*time.Minute,
		},
		Sources: verifiers.Sources{
			Answers: "standard-webhooks/standard-webhooks, spec/standard-webhooks.md",
			Repeats: "standard-webhooks/standard-webhooks, spec/standard-webhooks.md",
		},
		Sample: verifiers.Sample{
			IDPrefix: "msg_",
			Body:     `{"type":"contact.created","timestamp":"{time}","data":{"id":"1f81eb52-5198-4599-803e-771906343485","type":"contact"}}`,
		},
	}
}
