package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(stripe) }

// Compared in November 2026: stripe 23.1.0 is the newest and judges this row.
func stripe() verifiers.Provider {
	return verifiers.Provider{
		Name:  "stripe",
		Title: "Stripe",
		Docs: []string{
			"https://docs.stripe.com/webhooks#verify-manually",
			"https://docs.stripe.com/webhooks#retries",
		},
		Why: "The whole of whsec_… is the key, undecoded. While a secret is being rolled there are several v1. " +
			"The version v0 is for test events only and is ignored, so that nobody can ask for the weaker one.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"Stripe-Signature"},
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
		Secret: verifiers.SecretInfo{Name: "signing secret", Where: "Stripe Dashboard > Developers > Webhooks > the endpoint > Signing secret; it starts with whsec_", Prefix: "whsec_"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Stripe makes a new time and signature for each attempt; its libraries allow 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       96 * time.Hour,
			UniqueBodies: true,
			Why:          "The ID (evt_…) stands in the signed body and is the same on every attempt. Live events are tried for three days.",
		},
		Retries: verifiers.Retries{Horizon: 72 * time.Hour},
		Sources: verifiers.Sources{
			Retries: "https://docs.stripe.com/webhooks",
			Answers: "https://docs.stripe.com/webhooks",
			Repeats: "https://docs.stripe.com/webhooks",
		},
		Sample: verifiers.Sample{
			IDPrefix: "evt_",
			Body: `{"id":"{id}","object":"event","api_version":"2024-06-20","created":{unix},"data":{"object":{"id":"pi_1001",` +
				`"object":"payment_intent","amount":2000,"currency":"usd","status":"succeeded"}},"livemode":false,` +
				`"pending_webhooks":1,"request":{"id":null,"idempotency_key":null},"type":"payment_intent.succeeded"}`,
		},
	}
}
