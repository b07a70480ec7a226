package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(transfi) }

func transfi() verifiers.Provider {
	scheme := overBody("hex", "X-Transfi-Hmac-Hash")
	return verifiers.Provider{
		Name:  "transfi",
		Title: "TransFi",
		Docs: []string{
			"https://docs.transfi.com/docs/webhook-signature",
			"https://docs.transfi.com/docs/webhooks",
		},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "webhook secret", Where: "the dashboard, Settings > Integration"},
		Freshness: verifiers.Freshness{Why: "There is no time outside the body."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "No event ID is documented. A body has the order and its status.",
		},
		Retries: verifiers.Retries{Attempts: 9, Horizon: 2 * time.Hour},
		Sources: verifiers.Sources{
			Retries: "https://docs.transfi.com/docs/4️⃣-webhook-retry",
			Answers: "https://docs.transfi.com/docs/4️⃣-webhook-retry",
		},
		Sample: verifiers.Sample{
			Body: `{"entityId":"user-1001","entityType":"individual","status":"fund_settled","order":{"orderId":"{id}","type":"payin"}}`,
		},
	}
}
