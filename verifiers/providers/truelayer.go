package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(truelayer) }

func truelayer() verifiers.Provider {
	return verifiers.Provider{
		Name:  "truelayer",
		Title: "TrueLayer",
		Docs: []string{
			"https://docs.truelayer.com/docs/verify-webhooks",
			"https://github.com/TrueLayer/truelayer-signing",
		},
		Why: "The signature is a detached token that names its key and the headers it covers; the method, the path and the body are covered always. " +
			"A proxy that rewrites the path or the Content-Type breaks it: then give public_url. Where its keys are, the token says itself, and " +
			"only TrueLayer's two addresses are trusted; environment says which of them this endpoint takes.",
		Confirmed: true,
		Scheme: truelayerScheme{Facts: verifiers.Facts{
			Timestamp: verifiers.Timestamp{From: "{header:X-Tl-Webhook-Timestamp}", Format: "rfc3339"},
			EventID:   []string{"{json:event_id}"},
			EventType: []string{"{json:event_type}", "{json:type}"},
		}},
		Secret: verifiers.SecretInfo{
			Name:     "public key",
			Where:    "https://webhooks.truelayer.com/.well-known/jwks; without one it is fetched from there",
			Optional: true,
		},
		Options: []verifiers.Option{{
			Name: "environment", What: "production, or sandbox: the one whose events are taken; without it both are",
			Pattern: "production|sandbox", Example: "production",
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: withinWeek,
			Why:       "TrueLayer does not say whether an attempt renews the signed time, and it tries for three days. A week outlasts them.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body and is the same on every attempt.",
		},
		Retries: verifiers.Retries{Horizon: 72 * time.Hour},
		Sample: verifiers.Sample{
			Body: `{"type":"payment_executed","event_version":1,"event_id":"{id}","payment_id":"{uuid}","payment_method":{"type":"bank_transfer"},` +
				`"executed_at":"{time}"}`,
		},
	}
}
